/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of the slow path's twins: in each state that a node can be in, and for each address that is
 * something special, a super-frame, a train and begun checksums leave as the very frames that their packets
 * leave as when they come one by one, in the same order, and are counted alike. */
#include "firmware/agent/presence.h"
#include "firmware/agent/replay.h"
#include "firmware/path/path.h"
#include "tests/unit/rig/super_rig.h"

#define PAYLOAD_LEN 10000
#define PIECE_LEN 1400
#define BIG_PIECE_LEN 1448 /* more than the tunnel carries */
#define HANDOVER_ID 9
#define EXPECTED_GUEST (RIG_GUEST + 1)
#define EXPECTED_MAC RIG_MAC(0x26)

/* What is arranged, and how what comes then differs from the usual; 0 and NULL: not at all. */
struct course {
    const char *name;
    void (*configure)(struct rig *rig);
    void (*arrange)(struct path_rig *f);
    void (*change)(struct hm_frame *frame);
    void (*release)(struct path_rig *f); /* what waits */
    uint32_t src, dst;
    struct hm_mac to, from;
    size_t payload_len;
    uint16_t gso_size;
    bool may_fragment;
    bool has_two_ways; /* to two, and either in its order */
    bool is_silent;    /* nothing leaves */
    bool is_answered;  /* by our stack: its identifications go up over all tests */
};

/* What must be the same. */
struct outcome {
    struct kernel_rig sent;
    struct hm_counters counters;
    unsigned largest_len; /* into the tunnel to B: which errors about it are believed */
    uint64_t seen_ms;
    bool awaits_sign;
};

static struct outcome twin, outcome;
static enum hm_encapsulation kind_of_c; /* of the tunnel to the other place */

/* --- states ------------------------------------------------------------------------------------------- */

static struct hm_binding *node(struct path_rig *f)
{
    return hm_binding_lookup(&f->agent.home.bindings, RIG_VM);
}

static struct hm_visitor *guest(struct path_rig *f)
{
    return hm_visitor_by_home(&f->agent.foreign.visitors, RIG_PEER_B, RIG_GUEST);
}

static void stage(struct path_rig *f)
{
    hm_binding_set_staged(node(f), RIG_PEER_C, HANDOVER_ID, 5);
    hm_binding_apply(node(f), HM_BINDING_STAGE, "test");
}

static void stage_with_copies(struct path_rig *f)
{
    stage(f);
    hm_binding_copy_to_staged(node(f), true);
}

static void divert(struct path_rig *f)
{
    stage(f);
    hm_binding_apply(node(f), HM_BINDING_DIVERT, "test");
}

static void be_at_two_places(struct path_rig *f)
{
    assert_true(hm_binding_add_copy(node(f), RIG_PEER_C, 100));
}

/* To the VM, or, as it is changed afterwards, to whom it is wanted. Its newest way stays open: it is never
 * done. */
static struct hm_delivery *begin_delivery(struct path_rig *f, enum hm_handover_role role)
{
    struct hm_handover *handover = hm_handover_add(&f->agent.handovers, HANDOVER_ID, 5, role);
    struct hm_delivery *delivery;

    assert_non_null(handover);
    handover->nodes[0] = guest(f)->node;
    handover->node_count = 1;
    delivery = handover->delivery = hm_delivery_add(&f->agent.deliveries, handover);
    assert_non_null(delivery);
    delivery->needs_end = true;
    delivery->is_closed[HM_WAY_SALVAGE] = delivery->is_closed[HM_WAY_OLD] = true;
    return delivery;
}

static void wait_for_the_node(struct path_rig *f)
{
    struct hm_delivery *delivery = begin_delivery(f, HM_ROLE_DESTINATION);

    delivery->target = HM_TARGET_AGENT;
    delivery->remote_addr = RIG_PEER_C;
    hm_binding_set_delivery(node(f), delivery);
}

static void wait_for_the_guest(struct path_rig *f)
{
    guest(f)->delivery = begin_delivery(f, HM_ROLE_DESTINATION);
}

static void wait_and_go_on(struct path_rig *f)
{
    struct hm_delivery *delivery = begin_delivery(f, HM_ROLE_DESTINATION);

    delivery->target = HM_TARGET_AGENT;
    delivery->remote_addr = RIG_PEER_C;
    guest(f)->delivery = delivery;
}

static void expect_another_guest(struct path_rig *f)
{
    struct hm_visitor *visitor = path_rig_expected(f, EXPECTED_GUEST, &EXPECTED_MAC);

    visitor->delivery = begin_delivery(f, HM_ROLE_DESTINATION);
    ((struct hm_handover *)visitor->delivery->of)->nodes[0] = visitor->node;
}

static void have_another_guest(struct path_rig *f)
{
    path_rig_present(f, EXPECTED_GUEST, &EXPECTED_MAC);
}

static void keep_what_is_delivered(struct path_rig *f)
{
    struct hm_delivery *delivery = begin_delivery(f, HM_ROLE_SOURCE);

    hm_handover_apply(delivery->of, HM_HANDOVER_STAGED, "test");
    guest(f)->next_handover_id = HANDOVER_ID;
}

static void seek_guest(struct path_rig *f)
{
    hm_presence_init(guest(f));
    guest(f)->awaits_sign = true;
}

static void stop_guest(struct path_rig *f)
{
    hm_visitor_apply(guest(f), HM_VISITOR_STOP, "test");
}

static void stop_guest_behind(struct path_rig *f)
{
    stop_guest(f);
    guest(f)->next_addr = RIG_PEER_C;
}

static void send_after_guest(struct path_rig *f)
{
    guest(f)->next_addr = RIG_PEER_C;
}

static void be_elsewhere(struct path_rig *f)
{
    node(f)->care_of_addr = RIG_PEER_C;
}

static void be_ahead_at_b(struct path_rig *f)
{
    be_elsewhere(f);
    hm_binding_set_staged(node(f), RIG_PEER_B, HANDOVER_ID, 5);
    hm_binding_apply(node(f), HM_BINDING_STAGE, "test");
}

static void hold_upward(struct path_rig *f)
{
    hm_home_hold_upward(&f->agent.home, node(f), RIG_PEER_B);
}

static void have_another_node_away(struct path_rig *f)
{
    hm_neighbour_learn(&f->neighbours, 0, RIG_VM2, &RIG_VM2_MAC); /* it was there once */
    path_rig_absent(f, RIG_VM2, &RIG_VM2_MAC, RIG_PEER_C);
}

static void learn_wan(struct path_rig *f)
{
    hm_neighbour_learn(&f->neighbours, 1, 0xc00002feu, &RIG_ROUTER_MAC);
}

/* --- what releases what waits ------------------------------------------------------------------------- */

static void pass_a_while(struct path_rig *f)
{
    path_rig_pass_ms(f, 400);
}

static void drain(struct path_rig *f)
{
    hm_delivery_drain(f->agent.deliveries.first);
    pass_a_while(f);
}

static void send_up(struct path_rig *f)
{
    struct hm_visitor *visitor = hm_visitor_by_home(&f->agent.foreign.visitors, RIG_PEER_B, EXPECTED_GUEST);

    hm_delivery_send_up(visitor->delivery);
}

static void replay(struct path_rig *f)
{
    hm_replay_deliver(&f->agent, hm_handover_lookup(&f->agent.handovers, HANDOVER_ID, HM_ROLE_SOURCE));
    drain(f);
}

static void learn_router(struct path_rig *f)
{
    hm_neighbour_learn(&f->neighbours, 0, RIG_ROUTER + 200, &RIG_ROUTER_MAC);
}

/* --- configurations and changes ----------------------------------------------------------------------- */

static void be_a_gateway(struct rig *rig)
{
    rig_init_gateway(rig);
}

static void have_a_narrow_lan(struct rig *rig)
{
    rig->config.links[0].mtu = 1200;
}

static void remember_what_was_delivered(struct rig *rig)
{
    rig->config.replay_window_ms = 5000;
}

static void have_an_unknown_router(struct rig *rig)
{
    rig->config.routes[0].gateway = RIG_ROUTER + 200;
}

static void have_no_route(struct rig *rig)
{
    rig->config.routes[0].prefix = (struct hm_prefix){.addr = RIG_PEER_B & 0xffffff00u, .len = 24};
}

/* The last hop: of what comes out of a tunnel, or goes into one. */
static void end_ttl(struct hm_frame *frame)
{
    uint8_t *ip = frame->data + HM_ETHERNET_LEN + (frame->offload.gso_type & 0x20 ? OVERHEAD : 0);

    ip[8] = 1;
    kernel_fix_ip(ip, frame->len - (size_t)(ip - frame->data), 0);
}

/* What is in the data message is no IPv4 packet, as it says. */
static void change_next_header(struct hm_frame *frame)
{
    frame->data[43] = 41;
}

/* Four bytes are between the data message's header and the inner packet, which only the offload header knows
 * of. */
static void shift_inner(struct hm_frame *frame)
{
    const size_t at = 14 + OVERHEAD, len = frame->len;
    uint8_t *outer = frame->data + 14;

    memmove(frame->data + at + 4, frame->data + at, len - at);
    frame->len += 4;
    frame->offload.hdr_len += 4;
    frame->offload.csum_start += 4;
    frame->offload.inner_network_at += 4;
    kernel_fix_ip(outer, frame->len - 14, 0);
    kernel_set_u16(outer + 24, frame->len - 34);
    kernel_set_u16(outer + 26, kernel_pseudo(outer, 17, frame->len - 34));
}

/* --- the twins ---------------------------------------------------------------------------------------- */

static void set_up(struct path_rig **f, const struct course *course, enum hm_tunnel_way way)
{
    void *state;

    super_rig_setup_as(&state, way, course->configure);
    *f = state;
    (*f)->agent.deliveries.send_arg = &(*f)->path;
    (*f)->agent.deliveries.send = hm_path_send_waiting;
    hm_security_peer_by_addr(&(*f)->agent.security, RIG_PEER_C)->tunnel = kind_of_c;
    path_rig_pass_ms(*f, 50);
    if (course->arrange != NULL)
        course->arrange(*f);
    super_rig_finish(*f);
    super_rig_sent.count = 0;
    (*f)->env.counters = (struct hm_counters){.events = {0}};
}

static void finish(struct path_rig *f, const struct course *course, struct outcome *to)
{
    struct hm_tunnel_state *tunnel = hm_tunnel_state_find(&f->path.tunnels, RIG_PEER_B);
    void *state = f;

    super_rig_finish(f);
    if (course->release != NULL)
        course->release(f);
    super_rig_finish(f);
    super_rig_hide_ids(&super_rig_sent);
    to->sent = super_rig_sent;
    to->counters = f->env.counters;
    to->largest_len = tunnel != NULL ? tunnel->largest_len : 0;
    to->seen_ms = guest(f)->seen_ms;
    to->awaits_sign = guest(f)->awaits_sign;
    super_rig_teardown(&state);
}

static void expect_twin(const struct course *course)
{
    static const enum hm_counter SAME[] = {HM_COUNT_TUNNEL_IN,    HM_COUNT_TUNNEL_OUT, HM_COUNT_DELIVERED,
                                           HM_COUNT_BUFFERED,     HM_COUNT_REDIRECTED, HM_COUNT_FRAGMENTED,
                                           HM_COUNT_ICMP_TOO_BIG, HM_COUNT_ICMP_OTHER};

    if (course->has_two_ways) {
        super_rig_sort_by_destination(&outcome.sent);
        super_rig_sort_by_destination(&twin.sent);
    }
    if (course->is_answered)
        assert_int_equal(outcome.sent.count, twin.sent.count);
    else
        super_rig_expect_same(&outcome.sent, &twin.sent);
    for (unsigned i = 0; i < UNIT_COUNT(SAME); i++)
        assert_int_equal(outcome.counters.events[SAME[i]], twin.counters.events[SAME[i]]);
    for (unsigned i = 0; i < HM_DROP_COUNT; i++) /* some are of a super-frame as a whole */
        assert_int_equal(outcome.counters.drops[i] > 0, twin.counters.drops[i] > 0);
    assert_int_equal(outcome.counters.events[HM_COUNT_HOME_AGAIN] > 0, /* it counts frames */
                     twin.counters.events[HM_COUNT_HOME_AGAIN] > 0);
    assert_int_equal(outcome.largest_len, twin.largest_len);
    assert_int_equal(outcome.seen_ms, twin.seen_ms);
    assert_int_equal(outcome.awaits_sign, twin.awaits_sign);
    assert_int_equal(twin.sent.count == 0, course->is_silent);
}

static struct segment_rig segment_of(const struct course *course, uint32_t src, uint32_t dst)
{
    return (struct segment_rig){.src = course->src != 0 ? course->src : src,
                                .dst = course->dst != 0 ? course->dst : dst,
                                .seq = 7,
                                .flags = HM_TCP_ACK | HM_TCP_PSH | HM_TCP_CWR,
                                .header_len = 32,
                                .payload_len = course->payload_len != 0 ? course->payload_len : PAYLOAD_LEN,
                                .fragment = course->may_fragment ? 0 : HM_IPV4_DF};
}

static struct hm_mac mac_of(const struct hm_mac *own, const struct hm_mac *usual)
{
    return hm_mac_is_zero(own) ? *usual : *own;
}

static struct hm_frame frame_in(const struct course *course, uint32_t src, uint32_t dst,
                                const struct hm_mac *usual_to, const struct hm_mac *usual_from)
{
    const struct segment_rig segment = segment_of(course, src, dst);
    const struct hm_mac to = mac_of(&course->to, usual_to), from = mac_of(&course->from, usual_from);
    struct hm_frame frame =
        super_rig_frame(&segment, &to, &from, course->gso_size != 0 ? course->gso_size : PIECE_LEN, 0);

    if (course->change != NULL)
        course->change(&frame);
    return frame;
}

/* Into a tunnel, or not: as a super-frame each way, and packet by packet. */
static void check_in(const struct course *course, uint32_t src, uint32_t dst, const struct hm_mac *to,
                     const struct hm_mac *from)
{
    static struct kernel_rig packets;
    struct path_rig *f;
    struct hm_frame frame;

    print_message("%s\n", course->name);
    set_up(&f, course, HM_TUNNEL_WAY_SINGLE);
    frame = frame_in(course, src, dst, to, from);
    packets.count = 0;
    kernel_take(&packets, 0, &frame);
    for (unsigned i = 0; i < packets.count; i++)
        super_rig_hand_in(f, packets.frames[i].bytes, packets.frames[i].len, NULL);
    finish(f, course, &twin);
    for (enum hm_tunnel_way way = HM_TUNNEL_WAY_SINGLE; way < HM_TUNNEL_WAY_COUNT; way++) {
        set_up(&f, course, way);
        frame = frame_in(course, src, dst, to, from);
        super_rig_input(f, &frame);
        finish(f, course, &outcome);
        expect_twin(course);
        set_up(&f, course, way);
        for (unsigned i = 0; i < packets.count; i++)
            super_rig_hand_in(f, packets.frames[i].bytes, packets.frames[i].len, NULL);
        finish(f, course, &outcome);
        expect_twin(course);
    }
}

static struct hm_frame frame_out(const struct course *course, uint32_t src, uint32_t dst)
{
    const struct segment_rig segment = segment_of(course, src, dst);
    struct hm_frame frame = super_rig_tunnelled(&segment, PIECE_LEN);

    if (!hm_mac_is_zero(&course->to))
        memcpy(frame.data, course->to.b, sizeof(course->to.b));
    if (!hm_mac_is_zero(&course->from))
        memcpy(frame.data + 6, course->from.b, sizeof(course->from.b));
    if (course->change != NULL)
        course->change(&frame);
    return frame;
}

/* Out of the tunnel from B: as plain datagrams, and in each other form. */
static void check_out(const struct course *course, uint32_t src, uint32_t dst)
{
    struct path_rig *f;
    struct hm_frame frame;

    print_message("%s\n", course->name);
    for (unsigned arrival = ARRIVAL_COUNT; arrival-- > 0;) {
        set_up(&f, course, arrival == AS_DATAGRAMS ? HM_TUNNEL_WAY_SINGLE : HM_TUNNEL_WAY_WHOLE);
        frame = frame_out(course, src, dst);
        super_rig_arrive(f, (enum super_rig_arrival)arrival, &frame);
        finish(f, course, arrival == AS_DATAGRAMS ? &twin : &outcome);
        if (arrival != AS_DATAGRAMS)
            expect_twin(course);
    }
}

static void check_in_by_each_kind(const struct course *course, uint32_t src, uint32_t dst,
                                  const struct hm_mac *to, const struct hm_mac *from)
{
    for (kind_of_c = HM_ENCAPSULATION_IPIP; kind_of_c < HM_ENCAPSULATION_COUNT; kind_of_c++)
        check_in(course, src, dst, to, from);
    kind_of_c = HM_ENCAPSULATION_IPIP;
}

static void check_out_by_each_kind(const struct course *course, uint32_t src, uint32_t dst)
{
    for (kind_of_c = HM_ENCAPSULATION_IPIP; kind_of_c < HM_ENCAPSULATION_COUNT; kind_of_c++)
        check_out(course, src, dst);
    kind_of_c = HM_ENCAPSULATION_IPIP;
}

static void test_down_to_a_node_that_is_away(void **state)
{
    static const struct course COURSES[] = {
        {.name = "as usual"},
        {.name = "another place is prepared", .arrange = stage},
        {.name = "which gets copies", .arrange = stage_with_copies, .has_two_ways = true},
        {.name = "it has stopped, and goes there", .arrange = divert},
        {.name = "it is at two places", .arrange = be_at_two_places, .has_two_ways = true},
        {.name = "what comes for it waits", .arrange = wait_for_the_node, .release = drain},
        {.name = "from a node that is away",
         .arrange = have_another_node_away,
         .src = RIG_VM2,
         .is_silent = true},
        {.name = "from the other agent", .src = RIG_PEER_B, .is_silent = true},
        {.name = "from ourselves", .src = RIG_AGENT, .is_silent = true},
        {.name = "from the LAN", .configure = be_a_gateway, .arrange = learn_wan, .src = 0x0a010007},
        {.name = "from the LAN with another's source",
         .configure = be_a_gateway,
         .arrange = learn_wan,
         .is_silent = true},
        {.name = "with the last hop", .change = end_ttl},
        {.name = "as long as a frame can be", .payload_len = 65460},
        {.name = "fragments", .may_fragment = true, .gso_size = BIG_PIECE_LEN},
        {.name = "no route", .configure = have_no_route},
        {.name = "no known router", .configure = have_an_unknown_router, .release = learn_router},
    };

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(COURSES); i++)
        check_in_by_each_kind(&COURSES[i], RIG_FAR, RIG_VM, &RIG_VM_MAC, &RIG_ROUTER_MAC);
}

static void test_up_from_a_visitor(void **state)
{
    static const struct course COURSES[] = {
        {.name = "as usual"},
        {.name = "a sign of it is waited for", .arrange = seek_guest},
        {.name = "to another visitor's MAC",
         .arrange = have_another_guest,
         .to = EXPECTED_MAC,
         .is_silent = true},
        {.name = "to all of its home", .dst = 0x0a0200ff, .is_silent = true},
        {.name = "to all MACs", .to = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, .is_silent = true},
        {.name = "with another's source", .src = RIG_GUEST + 9, .is_silent = true},
        {.name = "to itself", .dst = RIG_GUEST},
        {.name = "to a node that is away", .dst = RIG_VM},
        {.name = "from ourselves", .src = RIG_AGENT, .is_silent = true},
        {.name = "it has stopped", .arrange = stop_guest},
        {.name = "it is not known to be here",
         .arrange = expect_another_guest,
         .release = send_up,
         .src = EXPECTED_GUEST,
         .from = EXPECTED_MAC},
        {.name = "with the last hop", .change = end_ttl},
        {.name = "fragments", .may_fragment = true, .gso_size = BIG_PIECE_LEN},
    };

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(COURSES); i++)
        check_in_by_each_kind(&COURSES[i], RIG_GUEST, RIG_FAR, &RIG_AGENT_MAC, &RIG_GUEST_MAC);
}

static void test_out_to_a_visitor(void **state)
{
    static const struct course COURSES[] = {
        {.name = "as usual"},
        {.name = "what comes for it waits", .arrange = wait_for_the_guest, .release = drain},
        {.name = "and goes on to another agent", .arrange = wait_and_go_on, .release = drain},
        {.name = "it is expected", .arrange = expect_another_guest, .dst = EXPECTED_GUEST, .is_silent = true},
        {.name = "what is delivered is kept",
         .configure = remember_what_was_delivered,
         .arrange = keep_what_is_delivered,
         .release = replay},
        {.name = "it has stopped", .arrange = stop_guest, .is_silent = true},
        {.name = "it has stopped, and goes on", .arrange = stop_guest_behind},
        {.name = "it has gone on", .arrange = send_after_guest},
        {.name = "the LAN is narrow", .configure = have_a_narrow_lan},
        {.name = "the LAN is narrow, and fragments", .configure = have_a_narrow_lan, .may_fragment = true},
        {.name = "with the last hop", .change = end_ttl},
        {.name = "from ourselves", .src = RIG_AGENT, .is_silent = true},
        {.name = "from all", .src = 0x0a0100ff, .is_silent = true},
        {.name = "no packet of IPv4", .change = change_next_header, .is_silent = true},
        {.name = "not where it should be", .change = shift_inner, .is_silent = true},
        {.name = "by the MAC of a node that is away", .from = RIG_VM_MAC},
        {.name = "to a MAC that is not ours", .to = RIG_MAC(0x77), .is_silent = true},
    };

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(COURSES); i++)
        check_out_by_each_kind(&COURSES[i], RIG_FAR, RIG_GUEST);
}

static void test_out_of_a_node_that_is_away(void **state)
{
    static const struct course COURSES[] = {
        {.name = "as usual"},
        {.name = "it is elsewhere", .arrange = be_elsewhere, .is_silent = true},
        {.name = "it is on its way there", .arrange = be_ahead_at_b, .release = pass_a_while},
        {.name = "its new way waits for the old one", .arrange = hold_upward, .release = pass_a_while},
        {.name = "to a node that is away", .arrange = have_another_node_away, .dst = RIG_VM2},
        {.name = "to a visitor", .dst = RIG_GUEST},
        {.name = "to a visitor that has stopped", .arrange = stop_guest, .dst = RIG_GUEST},
        {.name = "to a visitor for which it waits",
         .arrange = wait_for_the_guest,
         .release = drain,
         .dst = RIG_GUEST},
        {.name = "to us", .dst = RIG_AGENT, .is_answered = true},
        {.name = "to all of the LAN", .dst = 0x0a0100ff, .is_silent = true},
        {.name = "no route", .configure = have_no_route},
        {.name = "no known router", .configure = have_an_unknown_router, .release = learn_router},
        {.name = "the LAN is narrow", .configure = have_a_narrow_lan, .has_two_ways = true},
        {.name = "with the last hop", .change = end_ttl},
    };

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(COURSES); i++)
        check_out_by_each_kind(&COURSES[i], RIG_VM, RIG_FAR);
}

/* Of one home, and so in one train; the last datagram is shorter. */
static void test_a_train_for_two_visitors(void **state)
{
    static const struct course COURSE = {.name = "for two visitors", .arrange = have_another_guest};
    static const enum super_rig_arrival ARRIVALS[] = {AS_DATAGRAMS, AS_TRAIN};
    static struct kernel_rig datagrams;
    struct course to = COURSE;

    (void)state;
    for (unsigned i = 0; i < UNIT_COUNT(ARRIVALS); i++) {
        struct path_rig *f;
        set_up(&f, &COURSE, HM_TUNNEL_WAY_WHOLE);
        datagrams.count = 0;
        for (unsigned k = 0; k < 2; k++) {
            to.payload_len = k == 0 ? 2 * PIECE_LEN : PIECE_LEN + 100;
            struct hm_frame frame = frame_out(&to, RIG_FAR, k == 0 ? RIG_GUEST : EXPECTED_GUEST);
            kernel_take(&datagrams, 0, &frame);
        }
        assert_int_equal(datagrams.count, 4);
        if (ARRIVALS[i] == AS_TRAIN)
            super_rig_hand_in_train(f, &datagrams);
        for (unsigned k = 0; ARRIVALS[i] == AS_DATAGRAMS && k < datagrams.count; k++)
            super_rig_hand_in_datagram(f, AS_DATAGRAMS, &datagrams.frames[k], 14 + OVERHEAD);
        finish(f, &COURSE, i == 0 ? &twin : &outcome);
    }
    expect_twin(&COURSE);
    assert_int_equal(outcome.sent.count, 4);
}

/* A source route, in the header before the TCP header. */
static void add_route(struct hm_frame *frame)
{
    static const uint8_t ROUTE[] = {131, 7, 4, 10, 9, 0, 1, 0};
    const bool is_tunnelled = (frame->offload.gso_type & 0x20) != 0;
    uint8_t *outer = frame->data + 14, *ip = outer + (is_tunnelled ? OVERHEAD : 0), *tcp = ip + 20;

    memmove(tcp + sizeof(ROUTE), tcp, frame->len - (size_t)(tcp - frame->data));
    memcpy(tcp, ROUTE, sizeof(ROUTE));
    frame->len += sizeof(ROUTE);
    frame->offload.hdr_len += sizeof(ROUTE);
    frame->offload.csum_start += sizeof(ROUTE);
    ip[0] = 0x47;
    kernel_set_u16(ip + 2, frame->len - (size_t)(ip - frame->data));
    hm_ipv4_fix_checksum(ip, 28);
    if (!is_tunnelled)
        return;
    kernel_fix_ip(outer, frame->len - 14, 0);
    kernel_set_u16(outer + 24, frame->len - 34);
    kernel_set_u16(outer + 26, kernel_pseudo(outer, 17, frame->len - 34));
}

static void test_a_source_route_ends_here_whichever_way(void **state)
{
    static const struct course COURSE = {.name = "with a source route", .change = add_route};

    (void)state;
    for (unsigned i = 0; i < 3 * HM_TUNNEL_WAY_COUNT; i++) {
        struct path_rig *f;
        set_up(&f, &COURSE, (enum hm_tunnel_way)(i / 3));
        struct hm_frame frame = i % 3 == 0 ? frame_in(&COURSE, RIG_FAR, RIG_VM, &RIG_VM_MAC, &RIG_ROUTER_MAC)
                                : i % 3 == 1
                                    ? frame_in(&COURSE, RIG_GUEST, RIG_FAR, &RIG_AGENT_MAC, &RIG_GUEST_MAC)
                                    : frame_out(&COURSE, RIG_FAR, RIG_GUEST);
        super_rig_input(f, &frame);
        finish(f, &COURSE, &outcome);
        assert_int_equal(outcome.sent.count, 0);
        assert_int_equal(outcome.counters.drops[HM_DROP_IP_SOURCE_ROUTE], 8);
    }
}

/* A tunnel so narrow that a super-frame would be thousands of packets: no way does that work. */
static void test_a_super_frame_of_thousands_goes_no_way(void **state)
{
    static const struct course COURSE = {.name = "a narrow tunnel", .payload_len = 64000};

    (void)state;
    for (enum hm_tunnel_way way = HM_TUNNEL_WAY_SINGLE; way < HM_TUNNEL_WAY_COUNT; way++) {
        struct path_rig *f;
        set_up(&f, &COURSE, way);
        struct hm_tunnel_state *tunnel = hm_tunnel_state_use(&f->path.tunnels, RIG_PEER_B);
        assert_true(hm_tunnel_state_lower(&f->path.tunnels, tunnel, 68, 1500));
        struct hm_frame frame = frame_in(&COURSE, RIG_FAR, RIG_VM, &RIG_VM_MAC, &RIG_ROUTER_MAC);
        super_rig_input(f, &frame);
        finish(f, &COURSE, &outcome);
        assert_int_equal(outcome.sent.count, 0);
        assert_int_equal(outcome.counters.drops[HM_DROP_OFFLOAD], 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_down_to_a_node_that_is_away),
        cmocka_unit_test(test_up_from_a_visitor),
        cmocka_unit_test(test_out_to_a_visitor),
        cmocka_unit_test(test_out_of_a_node_that_is_away),
        cmocka_unit_test(test_a_train_for_two_visitors),
        cmocka_unit_test(test_a_source_route_ends_here_whichever_way),
        cmocka_unit_test(test_a_super_frame_of_thousands_goes_no_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
