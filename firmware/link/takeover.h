/* SPDX-License-Identifier: BSD-3-Clause */
/* Takeover: standing in for an absent node on its home LAN, and handing its place back.
 *
 * `takeover = mac`: broadcast announcements whose frame source and sender MAC are the node's own, so
 * that bridges learn the new place and no neighbour's cache changes; refreshed within the bridges' ageing
 * time. `takeover = own`: RFC 5944 section 4.6 with the agent's MAC. */
#ifndef HM_LINK_TAKEOVER_H
#define HM_LINK_TAKEOVER_H

#include "firmware/env.h"

/* In one cache line: each node that is away has one. */
struct hm_takeover {
    struct hm_env *env;
    struct hm_timer timer;
    struct hm_short_ms started;
    struct hm_short_ms defended; /* when the address was last defended; 0: never */
    struct hm_mac mac;           /* the node's */
    uint8_t link;
    uint8_t sent : 4;
    bool paused : 1;
    bool restoring : 1; /* announcing the node's own MAC after its return (takeover = own) */
    uint32_t addr;
};

void hm_takeover_init(struct hm_takeover *takeover, struct hm_env *env);

/* The node left: announce now, a few times, then refresh until told otherwise. */
void hm_takeover_start(struct hm_takeover *takeover, unsigned link, uint32_t addr, const struct hm_mac *mac);

/* A frame of the node was seen at home though nobody sent it back: no announcement and no answer, until it
 * has been silent for ten seconds. */
void hm_takeover_pause(struct hm_takeover *takeover);

/* Its return is announced: it may be back at any moment, and an announcement that crosses its first frame
 * would lead the bridges astray. No quick repetitions any more; the refresh goes on. */
void hm_takeover_settle(struct hm_takeover *takeover);

/* The agent has restarted, and stood in before: announces at once or, when the node may be back, keeps still
 * for as long as after hm_takeover_pause. */
void hm_takeover_restore(struct hm_takeover *takeover, unsigned link, uint32_t addr, const struct hm_mac *mac,
                         bool may_be_back);

/* It is away after all: refreshes go on, if they were paused. */
void hm_takeover_resume(struct hm_takeover *takeover);

/* The node is home again. With takeover = own its MAC is announced for it, as RFC 5944 section 4.6
 * asks; with takeover = mac there is nothing to repair. */
void hm_takeover_hand_back(struct hm_takeover *takeover);

/* Stops at once, silently. */
void hm_takeover_fini(struct hm_takeover *takeover);

/* The MAC by which the agent answers for the node while it is absent. */
const struct hm_mac *hm_takeover_mac(const struct hm_takeover *takeover);

/* Answers an ARP request for the absent node, unless it was seen at home again. */
void hm_takeover_answer(struct hm_takeover *takeover, uint32_t asker_addr, const struct hm_mac *asker_mac);

/* Somebody else uses the absent node's address: one more announcement, at most one in 10 s (RFC 5227 section
 * 2.4 c), none when the node was seen at home again. True when it was sent. */
bool hm_takeover_defend(struct hm_takeover *takeover);

#endif
