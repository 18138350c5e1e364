/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP sockets on addresses of the host's kernel, for control datagrams. */
#ifndef HM_LINUX_KERNEL_SOCKET_H
#define HM_LINUX_KERNEL_SOCKET_H

#include <uv.h>

#include "config/platform_config.h"
#include "firmware/port.h"

#define HM_KERNEL_SOCKET_BUFFER_LEN 2048 /* longer than any control datagram */

struct hm_kernel_socket {
    uv_udp_t udp;
    unsigned number;
    void *ctx;
    void (*on_datagram)(void *ctx, const struct hm_endpoint *from, const void *bytes, size_t len);
    bool is_open;
    char buffer[HM_KERNEL_SOCKET_BUFFER_LEN];
};

/* Binds; datagrams come in on_datagram from the loop. Logs what failed and gives HM_ERR_PLATFORM; or 0.
 * The memory stays until the loop has ended. */
int hm_kernel_socket_open(struct hm_kernel_socket *sock, uv_loop_t *loop, unsigned number,
                          const struct hm_kernel_address *address);
/* Sends at once or not at all. */
void hm_kernel_socket_send(struct hm_kernel_socket *sock, const struct hm_endpoint *to, const void *bytes,
                           size_t len);
void hm_kernel_socket_close(struct hm_kernel_socket *sock);

#endif
