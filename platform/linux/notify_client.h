/* SPDX-License-Identifier: BSD-3-Clause */
/* One dialogue of a hypervisor with its agent: a request, repeated until it is answered or time is out. */
#ifndef HM_LINUX_NOTIFY_CLIENT_H
#define HM_LINUX_NOTIFY_CLIENT_H

#include "firmware/wire/control.h"

struct hm_notify_target {
    uint32_t addr;
    uint16_t port;
    uint32_t key_id;
    struct hm_key key;
};

enum hm_notify_outcome {
    HM_NOTIFY_ANSWERED, /* `reply` is authentic; its code says what came of it */
    HM_NOTIFY_SILENT,   /* nothing authentic came in time */
    HM_NOTIFY_BAD_KEY,  /* nothing authentic came in time, and something said that the key is wrong */
    HM_NOTIFY_CLOCK,    /* the agent went on refusing our clock after one correction */
    HM_NOTIFY_BROKEN,   /* no socket, or a request that cannot be encoded: `error` */
};

struct hm_notify_result {
    enum hm_notify_outcome outcome;
    struct hm_control_message reply; /* HM_NOTIFY_ANSWERED */
    unsigned sent;                   /* datagrams */
    bool is_resynchronised;          /* the agent's clock was taken */
    int64_t clock_offset_ms;         /* the agent's clock minus ours, when the agent has told */
    bool port_closed;                /* the machine answers, and nobody listens there */
    int error;                       /* errno of HM_NOTIFY_BROKEN; 0: not encodable */
};

/* Sends the request (operation and items; the rest is filled in here) and waits up to wait_ms. */
void hm_notify_ask(const struct hm_notify_target *target, const struct hm_control_message *request,
                   uint64_t wait_ms, struct hm_notify_result *result);

#endif
