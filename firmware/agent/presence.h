/* SPDX-License-Identifier: BSD-3-Clause */
/* Signs of life of visitors: asked for, waited for, and what follows them (a renewal, a landing). */
#ifndef HM_AGENT_PRESENCE_H
#define HM_AGENT_PRESENCE_H

#include "firmware/agent/foreign.h"

/* For a new visitor: its renewals are this module's; whoever arms visitor->renewal says when. */
void hm_presence_init(struct hm_visitor *visitor);

/* Only a frame that comes from now on shows that it is (still) here; it is asked in in_ms. */
void hm_presence_seek(struct hm_foreign *foreign, struct hm_visitor *visitor, uint64_t in_ms);

/* Asks it once, as its home router would. */
void hm_presence_call(const struct hm_foreign *foreign, const struct hm_visitor *visitor);

/* A frame of the visitor came. One that was sought is present with that, or its registration is renewed. */
void hm_presence_seen(struct hm_foreign *foreign, struct hm_visitor *visitor);

/* After a restart: it may have landed while the agent was not there. It is asked now and once more, no
 * oftener: what is sent to a machine that has not landed waits for it there. */
void hm_presence_ask(struct hm_foreign *foreign, struct hm_visitor *visitor);

#endif
