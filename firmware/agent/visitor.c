/* SPDX-License-Identifier: BSD-3-Clause */
/* Visitors of a foreign agent: the tables and the state machine. */
#include "firmware/agent/visitor.h"

static const char *const STATE_NAMES[] = {"expected", "buffering", "present", "stopped", "leaving"};
_Static_assert(sizeof(STATE_NAMES) / sizeof(STATE_NAMES[0]) == HM_VISITOR_STATE_COUNT,
               "a name for each state");

/* clang-format off */
#define EXPECTED HM_VISITOR_EXPECTED
#define BUFFERING HM_VISITOR_BUFFERING
#define PRESENT HM_VISITOR_PRESENT
#define STOPPED HM_VISITOR_STOPPED
#define LEAVING HM_VISITOR_LEAVING
static const enum hm_visitor_state NEXT[HM_VISITOR_STATE_COUNT][HM_VISITOR_EVENT_COUNT] = {
    /*               STOP       LAND     LEAVE    RESUME */
    [EXPECTED]  = {BUFFERING, PRESENT, LEAVING, EXPECTED},
    [BUFFERING] = {BUFFERING, PRESENT, LEAVING, EXPECTED},
    [PRESENT]   = {STOPPED,   PRESENT, LEAVING, PRESENT},
    [STOPPED]   = {STOPPED,   STOPPED, LEAVING, PRESENT},
    [LEAVING]   = {LEAVING,   LEAVING, LEAVING, LEAVING},
};
/* clang-format on */

const char *hm_visitor_state_name(enum hm_visitor_state state)
{
    return STATE_NAMES[state];
}

enum hm_visitor_state hm_visitor_next(enum hm_visitor_state state, enum hm_visitor_event event)
{
    return NEXT[state][event];
}

static uint64_t home_hash(const struct hm_visitors *visitors, uint32_t home_agent, uint32_t home_addr)
{
    return hm_hash_u64(visitors->env->hash_seed, ((uint64_t)home_agent << 32) | home_addr);
}

static uint64_t mac_hash(const struct hm_visitors *visitors, const struct hm_mac *mac)
{
    return hm_hash_u64(visitors->env->hash_seed, hm_mac_u64(mac));
}

static uint64_t source_hash(const struct hm_visitors *visitors, const struct hm_mac *mac, uint32_t addr)
{
    return hm_hash_u64(visitors->env->hash_seed ^ addr, hm_mac_u64(mac));
}

int hm_visitors_init(struct hm_visitors *visitors, struct hm_env *env)
{
    *visitors = (struct hm_visitors){.env = env};
    size_t capacity = env->config->max_visitors;
    int err = hm_slab_init(&visitors->slab, sizeof(struct hm_visitor), capacity);
    if (err == HM_OK)
        err = hm_table_init(&visitors->by_home, &visitors->slab, offsetof(struct hm_visitor, by_home),
                            offsetof(struct hm_visitor, node.home_addr));
    if (err == HM_OK)
        err = hm_table_init(&visitors->by_source, &visitors->slab, offsetof(struct hm_visitor, by_source),
                            offsetof(struct hm_visitor, node.home_addr));
    if (err == HM_OK)
        err = hm_table_init(&visitors->by_mac, &visitors->slab, offsetof(struct hm_visitor, by_mac),
                            offsetof(struct hm_visitor, node.mac) + HM_MAC_TAIL_AT);
    if (err != HM_OK)
        hm_visitors_fini(visitors);
    return err;
}

void hm_visitors_fini(struct hm_visitors *visitors)
{
    hm_table_fini(&visitors->by_home);
    hm_table_fini(&visitors->by_source);
    hm_table_fini(&visitors->by_mac);
    hm_slab_fini(&visitors->slab);
}

struct hm_visitor *hm_visitor_by_home(const struct hm_visitors *visitors, uint32_t home_agent,
                                      uint32_t home_addr)
{
    uint64_t hash = home_hash(visitors, home_agent, home_addr);
    struct hm_table_node *node = hm_table_first(&visitors->by_home, hash, home_addr);
    for (; node != NULL; node = hm_table_next(&visitors->by_home, node, hash)) {
        struct hm_visitor *visitor = HM_CONTAINER_OF(node, struct hm_visitor, by_home);
        if (visitor->node.home_agent == home_agent && visitor->node.home_addr == home_addr)
            return visitor;
    }
    return NULL;
}

struct hm_visitor *hm_visitor_by_source(const struct hm_visitors *visitors, const struct hm_mac *mac,
                                        uint32_t addr)
{
    uint64_t hash = source_hash(visitors, mac, addr);
    struct hm_table_node *node = hm_table_first(&visitors->by_source, hash, addr);
    for (; node != NULL; node = hm_table_next(&visitors->by_source, node, hash)) {
        struct hm_visitor *visitor = HM_CONTAINER_OF(node, struct hm_visitor, by_source);
        if (visitor->node.home_addr == addr && hm_mac_equal(&visitor->node.mac, mac))
            return visitor;
    }
    return NULL;
}

struct hm_visitor *hm_visitor_of_mac(const struct hm_visitors *visitors, const struct hm_mac *mac,
                                     const struct hm_visitor *after)
{
    const struct hm_table *table = &visitors->by_mac;
    uint64_t hash = mac_hash(visitors, mac);
    struct hm_table_node *node = after != NULL ? hm_table_next(table, &after->by_mac, hash)
                                               : hm_table_first(table, hash, hm_mac_tail(mac));
    for (; node != NULL; node = hm_table_next(table, node, hash)) {
        struct hm_visitor *visitor = HM_CONTAINER_OF(node, struct hm_visitor, by_mac);
        if (hm_mac_equal(&visitor->node.mac, mac))
            return visitor;
    }
    return NULL;
}

struct hm_visitor *hm_visitor_add(struct hm_visitors *visitors, const struct hm_control_node *node,
                                  unsigned link)
{
    struct hm_visitor *visitor = hm_slab_take(&visitors->slab);
    if (visitor == NULL)
        return NULL;
    visitor->owner = visitors;
    visitor->node = *node;
    visitor->link = link;
    hm_stored_init(&visitor->stored, HM_RECORD_VISITOR);
    hm_table_add(&visitors->by_home, &visitor->by_home,
                 home_hash(visitors, node->home_agent, node->home_addr));
    hm_table_add(&visitors->by_source, &visitor->by_source,
                 source_hash(visitors, &node->mac, node->home_addr));
    hm_table_add(&visitors->by_mac, &visitor->by_mac, mac_hash(visitors, &node->mac));
    return visitor;
}

void hm_visitor_remove(struct hm_visitor *visitor)
{
    struct hm_visitors *visitors = visitor->owner;
    hm_timer_cancel(&visitors->env->wheel, &visitor->lifetime);
    hm_timer_cancel(&visitors->env->wheel, &visitor->renewal);
    hm_timer_cancel(&visitors->env->wheel, &visitor->registration.timer);
    hm_stored_remove(&visitor->stored);
    const struct hm_control_node *node = &visitor->node;
    hm_table_remove(&visitors->by_home, &visitor->by_home,
                    home_hash(visitors, node->home_agent, node->home_addr));
    hm_table_remove(&visitors->by_source, &visitor->by_source,
                    source_hash(visitors, &node->mac, node->home_addr));
    hm_table_remove(&visitors->by_mac, &visitor->by_mac, mac_hash(visitors, &node->mac));
    hm_slab_give(&visitors->slab, visitor);
}

void hm_visitor_apply(struct hm_visitor *visitor, enum hm_visitor_event event, const char *reason)
{
    char text[HM_IP_TEXT_LEN];
    enum hm_visitor_state before = visitor->state;
    visitor->state = hm_visitor_next(before, event);
    hm_stored_mark(&visitor->stored);
    hm_env_log(visitor->owner->env, HM_LOG_INFO, "visitor %s %s: %s -> %s (%s)", visitor->vm,
               hm_ip_text(visitor->node.home_addr, text), hm_visitor_state_name(before),
               hm_visitor_state_name(visitor->state), reason);
}
