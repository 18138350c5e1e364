/* SPDX-License-Identifier: BSD-3-Clause */
/* Conformance, seen on the wire: the foreign agent with its proxy mobility agent (RFC 5944 sections 3.7
 * and 4.2.2, RFC 5563). */
#include "tests/scenario/forge.h"

#include <stdlib.h>

#include "firmware/wire/arp.h"

#define AGENT_A 0x0a010002u
#define AGENT_B 0x0a020002u
#define SHORT_S 30

/* A world in which registrations live for half a minute, with the VM at B. */
static struct hm_sim_world *short_world(void)
{
    const struct hm_sim_world_options options = {.lifetime_s = SHORT_S};
    struct hm_sim_world *world = scenario_create(&options);

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    return world;
}

static void watch_requests(struct meddler *watcher, struct hm_sim_world *world, enum meddling meddling,
                           unsigned limit)
{
    meddler_start(watcher, &world->sites[HM_SIM_B].lan, pattern_registration(HM_MIP_REQUEST), meddling,
                  limit);
    watcher->from = &world->sites[HM_SIM_B].agent.links[0];
}

static unsigned visitor_lifetime(struct hm_sim_world *world)
{
    char text[HM_SIM_VALUE_LEN], ip[HM_IP_TEXT_LEN];

    assert_true(hm_sim_agent_field(&world->sites[HM_SIM_B].agent, "visitors", "home_address",
                                   hm_ip_text(HM_SIM_VM_ADDR, ip), "lifetime_s", text));
    return (unsigned)strtoul(text, NULL, 10);
}

/* Catches the next renewal, which does not arrive, and gives its identification. */
static uint64_t catch_renewal(struct hm_sim_world *world)
{
    struct hm_sim_lan *lan = &world->sites[HM_SIM_B].lan;
    struct meddler watcher;
    size_t len;

    watch_requests(&watcher, world, MEDDLE_DROP, 100);
    for (unsigned i = 0; i < 10 * SHORT_S && watcher.seen == 0; i++) {
        hm_sim_host_ping(&world->correspondent, HM_SIM_VM_ADDR, 56); /* a sign of life of the VM */
        hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    }
    meddler_stop(&watcher, lan);
    const uint8_t *mip = forge_mip_of(&watcher, &len);
    return (uint64_t)forge_u32(mip + 16) << 32 | forge_u32(mip + 20);
}

static void test_f1_x5_nothing_is_sent_when_a_silent_visitors_lifetime_ends(void **state)
{
    struct hm_sim_world *world = short_world();
    struct meddler watcher;

    (void)state;
    hm_sim_host_pause(&world->vm);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    watch_requests(&watcher, world, MEDDLE_WATCH, 0);
    hm_sim_run_for(&world->sim, 2 * SHORT_S * HM_SIM_S);
    meddler_stop(&watcher, &world->sites[HM_SIM_B].lan);
    assert_int_equal(watcher.seen, 0);
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_B].agent, "visitors"), 0);
    hm_sim_world_destroy(world);
}

static void test_x3_a_visit_is_renewed_before_it_expires(void **state)
{
    struct hm_sim_world *world = short_world();
    struct meddler watcher;

    (void)state;
    watch_requests(&watcher, world, MEDDLE_WATCH, 0);
    for (unsigned i = 0; i < 4 * SHORT_S; i++) {
        assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
        hm_sim_run_for(&world->sim, HM_SIM_S);
    }
    meddler_stop(&watcher, &world->sites[HM_SIM_B].lan);
    assert_true(watcher.seen >= 4);
    hm_sim_world_destroy(world);
}

static void test_x5_a_request_older_than_the_newest_is_refused(void **state)
{
    struct hm_sim_world *world = *state;
    uint64_t now = hm_sim_agent_time(&world->sites[HM_SIM_A].agent).ntp;

    assert_int_equal(
        forge_request(world, &(struct forged_request){.lifetime_s = 60, .identification = now}, NULL), 0);
    assert_int_equal(
        forge_request(world,
                      &(struct forged_request){.as = HM_SIM_C, .lifetime_s = 60, .identification = now - 1},
                      NULL),
        133);
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "care_of", "10.2.0.2");
}

static void test_x4_another_agents_request_moves_the_binding(void **state)
{
    struct hm_sim_world *world = *state;
    struct meddler reply;
    size_t len;

    assert_int_equal(forge_request(world, &(struct forged_request){.lifetime_s = 60}, NULL), 0);
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "care_of", "10.2.0.2");
    assert_int_equal(forge_request(world, &(struct forged_request){.as = HM_SIM_C, .lifetime_s = 60}, &reply),
                     0);
    assert_int_equal(forge_u32(forge_mip_of(&reply, &len) + 4), HM_SIM_VM_ADDR);
    assert_row(world, HM_SIM_A, "bindings", HM_SIM_VM_ADDR, "care_of", "10.3.0.2");
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_A].agent, "bindings"), 1);
}

static void test_x6_a_proxy_that_is_not_allowed_stops_asking(void **state)
{
    struct hm_sim_world *world = short_world();
    struct meddler watcher;

    (void)state;
    forge_reply(world, 150, 0, catch_renewal(world));
    watch_requests(&watcher, world, MEDDLE_WATCH, 0);
    hm_sim_run_for(&world->sim, SHORT_S * HM_SIM_S);
    meddler_stop(&watcher, &world->sites[HM_SIM_B].lan);
    assert_int_equal(watcher.seen, 0);
    hm_sim_world_destroy(world);
}

static void test_f2_a_visitor_entry_names_node_home_agent_and_lifetime(void **state)
{
    struct hm_sim_world *world = *state;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "mac", "52:54:00:00:01:05");
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "home_agent", "10.1.0.2");
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "interface", "lan");
    assert_in_range(visitor_lifetime(world), 290, 300);
}

static void test_f5_f11_a_denied_renewal_leaves_the_visitor_as_it_is(void **state)
{
    struct hm_sim_world *world = short_world();
    unsigned before_s;

    (void)state;
    uint64_t identification = catch_renewal(world);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present"); /* while the request is open, too */
    before_s = visitor_lifetime(world);
    forge_reply(world, 130, 0, identification);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_in_range(visitor_lifetime(world), before_s - 1, before_s);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    hm_sim_world_destroy(world);
}

static void test_f11_f17_a_visitors_lifetime_is_never_longer_than_asked(void **state)
{
    struct hm_sim_world *world = short_world();

    (void)state;
    forge_reply(world, 0, 3000, catch_renewal(world));
    assert_in_range(visitor_lifetime(world), SHORT_S - 1, SHORT_S);
    forge_reply(world, 0, 12, catch_renewal(world));
    assert_in_range(visitor_lifetime(world), 11, 12);
    hm_sim_world_destroy(world);
}

static void test_f8_r2_a_request_leaves_from_the_care_of_address_with_ttl_255(void **state)
{
    struct hm_sim_world *world = *state;
    struct meddler watcher;

    watch_requests(&watcher, world, MEDDLE_WATCH, 0);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    meddler_stop(&watcher, &world->sites[HM_SIM_B].lan);
    struct hm_ipv4 ip = forge_ip_of(&watcher);
    assert_int_equal(ip.src, AGENT_B);
    assert_int_equal(ip.dst, AGENT_A);
    assert_int_equal(ip.ttl, 255);
    assert_int_equal(watcher.frame[FORGE_UDP_AT + 2] << 8 | watcher.frame[FORGE_UDP_AT + 3], 434);
}

static void test_f12_a_reply_without_an_open_request_is_dropped(void **state)
{
    struct hm_sim_world *world = short_world();
    uint64_t identification = catch_renewal(world);
    unsigned before_s = visitor_lifetime(world);

    (void)state;
    forge_reply(world, 0, 25, identification ^ 1); /* the low bits of no request */
    assert_int_equal(counter(world, HM_SIM_B, "drop-mip-unexpected"), 1);
    assert_in_range(visitor_lifetime(world), before_s - 1, before_s);
    forge_reply(world, 0, 25, identification);
    forge_reply(world, 129, 0, identification); /* answered already */
    assert_int_equal(counter(world, HM_SIM_B, "drop-mip-unexpected"), 2);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    hm_sim_world_destroy(world);
}

struct arp_count {
    struct hm_sim_tap tap;
    const struct hm_sim_port *from;
    unsigned broadcasts; /* questions for the VM to everybody */
};

static void see_arp(void *ctx, struct hm_sim_passing *passing)
{
    struct arp_count *count = ctx;
    struct hm_arp arp;

    if (passing->from != count->from || passing->bytes[12] != 8 || passing->bytes[13] != 6 ||
        (passing->bytes[0] & 1) == 0)
        return;
    assert_int_equal(hm_arp_decode(passing->bytes + HM_ETHERNET_LEN, passing->len - HM_ETHERNET_LEN, &arp),
                     0);
    count->broadcasts += arp.op == HM_ARP_REQUEST && arp.target_addr == HM_SIM_VM_ADDR;
}

/* Its MAC is known from the move, as long as it visits: nobody on the foreign LAN is asked for it. */
static void test_f15_no_broadcast_asks_the_foreign_lan_for_a_visitor(void **state)
{
    struct hm_sim_world *world = *state;
    struct arp_count count = {.from = &world->sites[HM_SIM_B].agent.links[0]};

    count.tap = (struct hm_sim_tap){.see = see_arp, .ctx = &count};
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_lan_add_tap(&world->sites[HM_SIM_B].lan, &count.tap);
    for (unsigned i = 0; i < 20; i++) {
        assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
        hm_sim_run_for(&world->sim, 60 * HM_SIM_S);
    }
    hm_sim_lan_remove_tap(&world->sites[HM_SIM_B].lan, &count.tap);
    assert_int_equal(count.broadcasts, 0);
}

static void see_discovery(void *ctx, struct hm_sim_passing *passing)
{
    unsigned *seen = ctx;
    const uint8_t *ip = passing->bytes + HM_ETHERNET_LEN;

    *seen += passing->bytes[12] == 8 && passing->bytes[13] == 0 && passing->len > 34 &&
             ip[9] == HM_IP_PROTO_ICMP && (ip[20] == 9 || ip[20] == 10);
}

static void test_d10_x1_moves_need_no_agent_discovery(void **state)
{
    struct hm_sim_world *world = *state;
    unsigned seen = 0;
    struct hm_sim_tap taps[2];

    for (unsigned i = 0; i < 2; i++) {
        taps[i] = (struct hm_sim_tap){.see = see_discovery, .ctx = &seen};
        hm_sim_lan_add_tap(&world->sites[i].lan, &taps[i]);
    }
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    assert_int_equal(seen, 0);
    for (unsigned i = 0; i < 2; i++)
        hm_sim_lan_remove_tap(&world->sites[i].lan, &taps[i]);
}

/* An unmodified VM that has lost its ARP cache still reaches its home's router and neighbours. */
static void test_x12_the_visitors_arp_for_its_home_is_answered(void **state)
{
    struct hm_sim_world *world = *state;

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_iface_flush(&world->vm.iface);
    assert_ping(world, &world->vm, world->sites[HM_SIM_A].net + 9);
    hm_sim_iface_flush(&world->vm.iface);
    assert_ping(world, &world->vm, FORGE_CORRESPONDENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f1_x5_nothing_is_sent_when_a_silent_visitors_lifetime_ends),
        cmocka_unit_test(test_x3_a_visit_is_renewed_before_it_expires),
        SCENARIO(test_x5_a_request_older_than_the_newest_is_refused),
        SCENARIO(test_x4_another_agents_request_moves_the_binding),
        cmocka_unit_test(test_x6_a_proxy_that_is_not_allowed_stops_asking),
        SCENARIO(test_f2_a_visitor_entry_names_node_home_agent_and_lifetime),
        cmocka_unit_test(test_f5_f11_a_denied_renewal_leaves_the_visitor_as_it_is),
        cmocka_unit_test(test_f11_f17_a_visitors_lifetime_is_never_longer_than_asked),
        SCENARIO(test_f8_r2_a_request_leaves_from_the_care_of_address_with_ttl_255),
        cmocka_unit_test(test_f12_a_reply_without_an_open_request_is_dropped),
        SCENARIO(test_f15_no_broadcast_asks_the_foreign_lan_for_a_visitor),
        SCENARIO(test_d10_x1_moves_need_no_agent_discovery),
        SCENARIO(test_x12_the_visitors_arp_for_its_home_is_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
