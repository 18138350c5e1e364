/* SPDX-License-Identifier: BSD-3-Clause */
/* Deliveries: what waits for a VM during a handover, by which way it came, and in which order it goes on. */
#include "firmware/agent/delivery.h"

#include <stdlib.h>

#include "firmware/wire/ethernet.h"

#define PACE_MS 1
#define UP_LEN                                                                                   \
    (64 * 1024) /* of what a VM sends that may not be here yet: anybody on the LAN can send that \
                 */
#define UP_MS 2000
#define FASTER_ROUNDS 250 /* after so many the pace is doubled: it must end some time */
#define SILENCE_MS 300    /* who fetches asks each few milliseconds */
#define PACKET_CAP (HM_FRAME_HEADROOM + HM_BUFFER_PACKET_MAX)

int hm_deliveries_init(struct hm_deliveries *deliveries, struct hm_env *env)
{
    *deliveries = (struct hm_deliveries){.env = env, .packet = malloc(PACKET_CAP)};
    int err = deliveries->packet == NULL ? HM_ERR_MEMORY : HM_OK;
    if (err == HM_OK)
        err = hm_slab_init(&deliveries->slab, sizeof(struct hm_delivery),
                           2 * (size_t)env->config->max_handovers);
    if (err == HM_OK)
        err = hm_buffer_pool_init(&deliveries->pool, env->config->buffers_len);
    return err;
}

void hm_deliveries_fini(struct hm_deliveries *deliveries)
{
    hm_buffer_pool_fini(&deliveries->pool);
    hm_slab_fini(&deliveries->slab);
    free(deliveries->packet);
    deliveries->packet = NULL;
}

static void on_pace(void *arg);
static void on_patience(void *arg);
static void on_silence(void *arg);

struct hm_delivery *hm_delivery_add(struct hm_deliveries *deliveries, void *of)
{
    struct hm_delivery *delivery = hm_slab_take(&deliveries->slab);
    if (delivery == NULL)
        return NULL;
    *delivery = (struct hm_delivery){.owner = deliveries, .next = deliveries->first, .of = of};
    deliveries->first = delivery;
    for (unsigned way = 0; way < HM_WAY_COUNT; way++)
        hm_buffer_init(&delivery->ways[way], &deliveries->pool);
    hm_buffer_init(&delivery->stream, &deliveries->pool);
    hm_buffer_init(&delivery->up, &deliveries->pool);
    hm_timer_init(&delivery->pace, on_pace, delivery);
    hm_timer_init(&delivery->patience, on_patience, delivery);
    hm_timer_init(&delivery->silence, on_silence, delivery);
    return delivery;
}

static void drop_rest(struct hm_delivery *delivery, enum hm_delivery_way way)
{
    struct hm_deliveries *deliveries = delivery->owner;
    while (hm_buffer_has_packet(&delivery->ways[way])) {
        hm_buffer_take(&delivery->ways[way], deliveries->packet, PACKET_CAP);
        delivery->counts.dropped++;
        hm_env_drop(deliveries->env, HM_DROP_BUFFER_ABANDONED, NULL);
    }
    hm_buffer_clear(&delivery->ways[way]);
}

struct hm_delivery_counts hm_delivery_remove(struct hm_delivery *delivery)
{
    struct hm_deliveries *deliveries = delivery->owner;
    struct hm_delivery **link = &deliveries->first;
    while (*link != delivery)
        link = &(*link)->next;
    *link = delivery->next;
    for (unsigned way = HM_WAY_OLD; way < HM_WAY_COUNT; way++)
        drop_rest(delivery, way);
    hm_buffer_clear(&delivery->ways[HM_WAY_SALVAGE]);
    hm_buffer_clear(&delivery->stream);
    hm_buffer_clear(&delivery->up);
    hm_timer_cancel(&deliveries->env->wheel, &delivery->pace);
    hm_timer_cancel(&deliveries->env->wheel, &delivery->patience);
    hm_timer_cancel(&deliveries->env->wheel, &delivery->silence);
    struct hm_delivery_counts counts = delivery->counts;
    hm_slab_give(&deliveries->slab, delivery);
    return counts;
}

/* --- in ----------------------------------------------------------------------------------------------- */

static bool is_within_limit(const struct hm_delivery *delivery, size_t len)
{
    uint64_t used = hm_buffer_len(&delivery->stream) + HM_BUFFER_RECORD_LEN + len;
    for (unsigned way = 0; way < HM_WAY_COUNT; way++)
        used += hm_buffer_len(&delivery->ways[way]);
    return used <= delivery->owner->env->config->buffer_len;
}

static void advance(struct hm_delivery *delivery);

void hm_delivery_put(struct hm_delivery *delivery, enum hm_delivery_way way, const struct hm_frame *frame)
{
    struct hm_env *env = delivery->owner->env;
    bool is_within = is_within_limit(delivery, frame->len);
    if (!is_within || !hm_buffer_put(&delivery->ways[way], NULL, 0, frame->data, frame->len)) {
        delivery->counts.dropped++;
        hm_env_drop(env, HM_DROP_BUFFER_FULL, "%s",
                    is_within ? "all buffers together" : "the buffer of one VM");
        return;
    }
    delivery->counts.waited[way]++;
    hm_env_count(env, HM_COUNT_BUFFERED);
    advance(delivery);
}

void hm_delivery_put_up(struct hm_delivery *delivery, const struct hm_frame *frame)
{
    uint64_t now_ms = hm_env_ms(delivery->owner->env);
    if (now_ms - delivery->up_ms > UP_MS) /* it, or somebody in its name, was here and went on elsewhere */
        hm_buffer_clear(&delivery->up);
    delivery->up_ms = now_ms;
    if (hm_buffer_len(&delivery->up) + frame->len > UP_LEN ||
        !hm_buffer_put(&delivery->up, NULL, 0, frame->data, frame->len))
        hm_env_drop(delivery->owner->env, HM_DROP_EARLY_FRAME, "no room for what it sends");
}

void hm_delivery_send_up(struct hm_delivery *delivery)
{
    struct hm_deliveries *deliveries = delivery->owner;
    struct hm_frame frame;
    while (hm_buffer_has_packet(&delivery->up)) {
        size_t len =
            hm_buffer_take(&delivery->up, deliveries->packet + HM_FRAME_HEADROOM, HM_BUFFER_PACKET_MAX);
        hm_frame_init(&frame, deliveries->packet, PACKET_CAP, len);
        deliveries->send(deliveries->send_arg, delivery, HM_WAY_UP, &frame);
    }
}

bool hm_delivery_append(struct hm_delivery *delivery, enum hm_delivery_way way, const uint8_t *bytes,
                        size_t len)
{
    if (!is_within_limit(delivery, len) || !hm_buffer_append(&delivery->ways[way], bytes, len))
        return false;
    advance(delivery);
    return true;
}

void hm_delivery_close(struct hm_delivery *delivery, enum hm_delivery_way way)
{
    delivery->is_closed[way] = true;
    if (hm_delivery_is_closed(delivery))
        hm_timer_cancel(&delivery->owner->env->wheel, &delivery->patience);
    advance(delivery);
}

bool hm_delivery_is_closed(const struct hm_delivery *delivery)
{
    return delivery->is_closed[HM_WAY_SALVAGE] && delivery->is_closed[HM_WAY_OLD] &&
           (!delivery->needs_end || delivery->is_closed[HM_WAY_NEW]);
}

void hm_delivery_be_patient(struct hm_delivery *delivery)
{
    struct hm_env *env = delivery->owner->env;
    if (!hm_delivery_is_closed(delivery) && !hm_timer_is_armed(&delivery->patience))
        hm_timer_arm(&env->wheel, &delivery->patience, env->config->marker_wait_ms);
}

static void on_patience(void *arg)
{
    struct hm_delivery *delivery = arg;
    static const char *const NAMES[] = {"salvage", "old path", "path"};
    for (unsigned way = HM_WAY_SALVAGE; way < HM_WAY_COUNT; way++) {
        if (delivery->is_closed[way] || (way == HM_WAY_NEW && !delivery->needs_end))
            continue;
        delivery->is_closed[way] = true;
        delivery->counts.timeouts++;
        hm_env_log(delivery->owner->env, HM_LOG_WARNING, "no marker ended the %s in time", NAMES[way]);
    }
    advance(delivery);
}

/* --- out ---------------------------------------------------------------------------------------------- */

/* The way whose turn it is; HM_WAY_COUNT when nothing may go now. */
static enum hm_delivery_way turn(const struct hm_delivery *delivery)
{
    for (unsigned way = 0; way < HM_WAY_COUNT; way++) {
        if (hm_buffer_has_packet(&delivery->ways[way]))
            return (enum hm_delivery_way)way;
        if (!delivery->is_closed[way])
            break;
    }
    return HM_WAY_COUNT;
}

static void send_one(struct hm_delivery *delivery, struct hm_buffer *from, enum hm_delivery_way way)
{
    struct hm_deliveries *deliveries = delivery->owner;
    struct hm_frame frame;
    size_t len = hm_buffer_take(from, deliveries->packet + HM_FRAME_HEADROOM, HM_BUFFER_PACKET_MAX);
    if (len == 0) /* an empty record in a hypervisor's stream */
        return;
    if (from == &delivery->ways[HM_WAY_SALVAGE])
        delivery->counts.waited[HM_WAY_SALVAGE]++;
    hm_frame_init(&frame, deliveries->packet, PACKET_CAP, len);
    deliveries->send(deliveries->send_arg, delivery, way, &frame);
}

/* Sends the next packet; false when none may go now. */
static bool send_next(struct hm_delivery *delivery)
{
    enum hm_delivery_way way = turn(delivery);
    if (hm_buffer_has_packet(&delivery->stream))
        send_one(delivery, &delivery->stream, HM_WAY_SALVAGE);
    else if (way != HM_WAY_COUNT)
        send_one(delivery, &delivery->ways[way], way);
    else
        return false;
    return true;
}

/* Sends as much as the pace allows. */
static void drain(struct hm_delivery *delivery)
{
    struct hm_env *env = delivery->owner->env;
    while (delivery->tokens > 0 && send_next(delivery))
        delivery->tokens--;
    if (delivery->tokens == 0 && !hm_timer_is_armed(&delivery->pace))
        hm_timer_arm(&env->wheel, &delivery->pace, PACE_MS);
    if (hm_delivery_is_closed(delivery) && hm_delivery_is_empty(delivery)) {
        delivery->state = HM_DELIVERY_DONE;
        delivery->owner->done(delivery->owner->arg, delivery);
    }
}

static void on_pace(void *arg)
{
    struct hm_delivery *delivery = arg;
    unsigned more = delivery->owner->env->config->drain_per_s * PACE_MS / 1000;
    unsigned doubled = delivery->rounds++ / FASTER_ROUNDS;
    delivery->tokens = (more > 0 ? more : 1) << (doubled < 10 ? doubled : 10);
    advance(delivery);
}

static void advance(struct hm_delivery *delivery)
{
    if (delivery->is_fetched)
        delivery->owner->changed(delivery->owner->arg, delivery);
    else if (delivery->state == HM_DELIVERY_DRAINING)
        drain(delivery);
}

void hm_delivery_drain(struct hm_delivery *delivery)
{
    if (delivery->state != HM_DELIVERY_HOLDING)
        return;
    if (delivery->target == HM_TARGET_VM && delivery->confirmed > delivery->stream.begin)
        hm_buffer_release(&delivery->stream, delivery->confirmed); /* it is in its TAP */
    delivery->state = HM_DELIVERY_DRAINING;
    delivery->tokens = delivery->owner->env->config->drain_burst;
    advance(delivery);
}

void hm_delivery_turn(struct hm_delivery *delivery, uint32_t remote_addr)
{
    hm_delivery_hold(delivery);
    delivery->target = HM_TARGET_AGENT;
    delivery->remote_addr = remote_addr;
    delivery->is_closed[HM_WAY_SALVAGE] = delivery->is_closed[HM_WAY_OLD] = true;
    hm_delivery_drain(delivery);
}

void hm_delivery_take_back(struct hm_delivery *delivery)
{
    struct hm_deliveries *deliveries = delivery->owner;
    struct hm_buffer back;
    hm_buffer_init(&back, &deliveries->pool);
    while (hm_buffer_has_packet(&delivery->stream)) {
        bool is_salvage = delivery->stream.begin < delivery->salvage_end;
        size_t len = hm_buffer_take(&delivery->stream, deliveries->packet, HM_BUFFER_PACKET_MAX);
        if (!is_salvage &&
            !hm_buffer_put(&back, NULL, 0, deliveries->packet + HM_ETHERNET_LEN, len - HM_ETHERNET_LEN))
            delivery->counts.dropped++;
    }
    hm_buffer_clear(&delivery->stream);
    while (hm_buffer_has_packet(&delivery->ways[HM_WAY_OLD])) {
        size_t len = hm_buffer_take(&delivery->ways[HM_WAY_OLD], deliveries->packet, HM_BUFFER_PACKET_MAX);
        if (!hm_buffer_put(&back, NULL, 0, deliveries->packet, len))
            delivery->counts.dropped++;
    }
    delivery->ways[HM_WAY_OLD] = back;
}

void hm_delivery_hold(struct hm_delivery *delivery)
{
    hm_timer_cancel(&delivery->owner->env->wheel, &delivery->pace);
    delivery->state = HM_DELIVERY_HOLDING;
}

/* --- to be fetched ------------------------------------------------------------------------------------ */

/* The Ethernet header that an IP packet gets in the stream. */
static size_t make_header(const struct hm_delivery *delivery, enum hm_delivery_way way,
                          const struct hm_frame *packet, uint8_t header[HM_ETHERNET_LEN])
{
    struct hm_deliveries *deliveries = delivery->owner;
    if (way == HM_WAY_SALVAGE)
        return 0;
    struct hm_ethernet ethernet = {.dst = *deliveries->mac_for(delivery, packet),
                                   .src = deliveries->env->config->links[delivery->link].mac,
                                   .type = HM_ETHERTYPE_IPV4};
    hm_ethernet_encode(header, &ethernet);
    return HM_ETHERNET_LEN;
}

static void on_silence(void *arg)
{
    struct hm_delivery *delivery = arg;
    delivery->counts.timeouts++;
    hm_env_log(delivery->owner->env, HM_LOG_WARNING,
               "the destination's hypervisor fetches no more: what waits is delivered over the LAN");
    hm_delivery_end_fetching(delivery);
}

void hm_delivery_be_fetched(struct hm_delivery *delivery)
{
    delivery->is_fetched = true;
    hm_timer_arm(&delivery->owner->env->wheel, &delivery->silence, SILENCE_MS);
}

void hm_delivery_end_fetching(struct hm_delivery *delivery)
{
    hm_timer_cancel(&delivery->owner->env->wheel, &delivery->silence);
    delivery->is_fetched = false;
    advance(delivery);
}

void hm_delivery_fill_stream(struct hm_delivery *delivery)
{
    struct hm_deliveries *deliveries = delivery->owner;
    uint8_t header[HM_ETHERNET_LEN], *body = deliveries->packet + HM_FRAME_HEADROOM;
    struct hm_frame packet;
    enum hm_delivery_way way;
    while (!delivery->is_final && (way = turn(delivery)) != HM_WAY_COUNT) {
        size_t len = hm_buffer_take(&delivery->ways[way], body, HM_BUFFER_PACKET_MAX);
        hm_frame_init(&packet, deliveries->packet, PACKET_CAP, len);
        size_t header_len = make_header(delivery, way, &packet, header);
        if (len == 0)
            continue;
        if (way == HM_WAY_SALVAGE)
            delivery->counts.waited[way]++;
        if (header_len + len <= HM_BUFFER_PACKET_MAX &&
            hm_buffer_put(&delivery->stream, header, header_len, body, len)) {
            if (way == HM_WAY_SALVAGE)
                delivery->salvage_end = delivery->stream.end;
            continue;
        }
        delivery->counts.dropped++;
        hm_env_drop(deliveries->env, HM_DROP_BUFFER_FULL, "all buffers together");
    }
}
