/* SPDX-License-Identifier: BSD-3-Clause */
/* The contract between the router and its platform: all that the firmware can do to the world.
 *
 * The firmware has no clock, no randomness, no file descriptor of its own: frames, time and datagrams
 * come in through firmware/router.h, and go out through this struct. Both platforms, Linux and the
 * simulator, fill it in. No function here may call back into the router, but for hm_router_unsent. */
#ifndef HM_PORT_H
#define HM_PORT_H

#include <stdbool.h>

#include "firmware/base/frame.h"
#include "firmware/base/log.h"
#include "firmware/router_config.h"

/* The source or destination of a datagram on an address of the host's kernel. */
struct hm_endpoint {
    uint32_t addr;
    uint16_t port;
    unsigned socket; /* which of the configured kernel addresses, from 0 */
};

struct hm_port {
    void *ctx; /* handed back in each call */

    /* Sends the frame on the router's link number `link` (its order in the configuration). The memory
     * is the caller's again on return; bytes may have been changed. 0, or HM_ERR_PLATFORM when the
     * interface did not take it. A platform that collects frames gives 0, and calls hm_router_unsent when it
     * comes to that. They leave in the order of the calls, and before a later datagram. */
    int (*send_frame)(void *ctx, unsigned link, struct hm_frame *frame);

    /* send_frame takes TCP super-frames and begun checksums (frame->offload), and trains of datagrams as
     * tunnel_way says; only then may frames that come in have them. */
    bool takes_super_frames;
    /* With that: the best way into a UDP tunnel that it takes. */
    enum hm_tunnel_way tunnel_way;

    /* Sends a control datagram from a kernel address. Losing it is allowed. */
    void (*send_datagram)(void *ctx, const struct hm_endpoint *to, const void *bytes, size_t len);

    /* This memory is large and will be used at random: pages as large as the platform has make that cheaper.
     * It has not been touched yet. May be NULL. */
    void (*use_large_pages)(void *ctx, void *memory, size_t len);

    /* Fills in unpredictable bytes. */
    void (*random)(void *ctx, void *bytes, size_t len);

    /* One line without its end; the platform adds time and level. */
    void (*log)(void *ctx, enum hm_log_level level, const char *line);

    /* Durable records. NULL, and commit too: nothing is kept, and everything is acknowledged at once. One
     * change of the batch that is being collected: the record of this key is `value` from now on or, with
     * NULL, is gone. All bytes are copied. */
    void (*store)(void *ctx, const void *key, size_t key_len, const void *value, size_t value_len);
    /* The changes since the last commit are one batch: all of it lasts, or nothing. When it is durable, which
     * never is before this call has returned, the platform calls hm_router_stored with the ticket; until then
     * there is no other commit. What cannot be written is tried again, and meanwhile not acknowledged. */
    void (*commit)(void *ctx, uint64_t ticket);
};

#endif
