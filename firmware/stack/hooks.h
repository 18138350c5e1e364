/* SPDX-License-Identifier: BSD-3-Clause */
/* lwIP's hooks: where it asks the router. Included by lwIP itself. */
#ifndef HM_STACK_HOOKS_H
#define HM_STACK_HOOKS_H

#include "lwip/ip4_addr.h"

struct netif;
struct pbuf;

/* The interface by which the router at work sends to dest; NULL: no route. */
struct netif *hm_stack_hook_route(const ip4_addr_t *src, const ip4_addr_t *dest);

/* Eats (returns 1) packets addressed to another router of the same process. */
int hm_stack_hook_input(struct pbuf *p, struct netif *input);

#endif
