/* SPDX-License-Identifier: BSD-3-Clause */
/* A router: what the platform calls. One process may hold several (the simulator does). */
#ifndef HM_ROUTER_H
#define HM_ROUTER_H

#include "firmware/base/clock.h"
#include "firmware/base/table.h"
#include "firmware/port.h"
#include "firmware/report.h"
#include "firmware/router_config.h"

struct hm_router;

/* Takes all its memory here. config and port are borrowed and outlive the router. 0 and *out, or
 * HM_ERR_MEMORY. */
int hm_router_create(const struct hm_router_config *config, const struct hm_port *port,
                     const struct hm_time *now, struct hm_router **out);
/* Frees everything; NULL is allowed. */
void hm_router_destroy(struct hm_router *router);

/* At the start, before any frame: a record that the platform's store has kept, in the order of their keys (as
 * bytes): whose port is shielded is known before its visitor comes. One of which the agent has no
 * use any more (expired, or not of this configuration) is taken out of the store. HM_OK, or
 * hm_record_decode's error for bytes that are no record. */
int hm_router_load(struct hm_router *router, const void *key, size_t key_len, const void *value,
                   size_t value_len);
/* The batch of that ticket (port.h, commit) is durable. */
void hm_router_stored(struct hm_router *router, uint64_t ticket, const struct hm_time *now);

/* A frame came in on a link. The frame needs HM_FRAME_HEADROOM bytes before its data; its bytes may
 * have changed on return, its memory is the caller's. What goes out may wait for what comes next:
 * hm_router_flush ends each batch. */
void hm_router_frame(struct hm_router *router, unsigned link, struct hm_frame *frame,
                     const struct hm_time *now);

/* A frame that send_frame has taken was not sent after all: its link did not take it. Only counts, and may be
 * called at any time, also by a function of the port. */
void hm_router_unsent(struct hm_router *router, unsigned link, size_t len);

/* How many small frames are worth reading before the first of them is handed over. Each is foreseen in two
 * steps, which fetch what it will be looked up in: the first when it was read, so that it is there after the
 * next ones have been; the second when all were. Nothing changes. */
#define HM_ROUTER_AHEAD 64
void hm_router_foresee(const struct hm_router *router, unsigned link, const struct hm_frame *frame,
                       enum hm_table_step step);

/* There are no more frames just now. */
void hm_router_flush(struct hm_router *router);

/* A control datagram came in on one of the host's kernel addresses. */
void hm_router_datagram(struct hm_router *router, const struct hm_endpoint *from, const void *bytes,
                        size_t len, const struct hm_time *now);

/* So many timers fire in one call, since frames that come meanwhile wait for them: 100 us, when each is the
 * end of a binding. */
#define HM_ROUTER_TIMERS_PER_TICK 64
/* Fires due timers; true when more is due at once. */
bool hm_router_tick(struct hm_router *router, const struct hm_time *now);
/* Monotonic milliseconds by which hm_router_tick wants to be called; UINT64_MAX: never. */
uint64_t hm_router_next_ms(const struct hm_router *router);

/* Writes a report ("status", "bindings", ...) into the sink. HM_ERR_UNKNOWN for another name. */
int hm_router_report(struct hm_router *router, const char *name, const struct hm_report_sink *sink,
                     const struct hm_time *now);

#endif
