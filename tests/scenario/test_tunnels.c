/* SPDX-License-Identifier: BSD-3-Clause */
/* Moves by tunnels of each kind: nothing is lost, doubled or reordered while the tunnel is agreed on, used,
 * and left; and tunnels through a network that is narrower than those at its ends. */
#include "platform/sim/migration.h"
#include "tests/scenario/forge.h"

#define RATE 1000
#define WIDE 1500
#define NARROW 1300
#define LARGE 1408 /* fits WIDE in any tunnel, and NARROW in none */
#define ECHO_LEN (HM_IPV4_LEN + 8)
#define GROW_S 600 /* after which an agent tries larger packets again, RFC 1191 section 6.3 */

static const struct hm_sim_migration_options USUAL = {.has_watch_there = true};

static void move(struct hm_sim_world *world, enum hm_sim_site_number from, enum hm_sim_site_number to)
{
    struct hm_sim_migration migration;
    struct hm_sim_site *here = &world->sites[from], *there = &world->sites[to];

    hm_sim_migration_start(&migration, &world->vm, &here->hypervisor, &there->hypervisor, &there->lan,
                           there->host_name, &USUAL);
    hm_sim_migration_wait(&migration);
    assert_true(hm_sim_migration_is_done(&migration));
    hm_sim_run_for(&world->sim, HM_SIM_S);
    hm_sim_migration_fini(&migration);
}

static unsigned seen_at(struct hm_sim_world *world, enum hm_sim_site_number site, uint8_t protocol)
{
    struct ip_watch watch;

    ip_watch_start(&watch, world, site, protocol);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    ip_watch_stop(&watch, world, site);
    return watch.seen;
}

static void round_trip(enum hm_encapsulation tunnel)
{
    struct hm_sim_world *world = scenario_create(&(struct hm_sim_world_options){.tunnel = tunnel});
    uint8_t protocol = hm_encapsulation_protocol(tunnel);
    struct probes probes;

    probes_start(&probes, &world->correspondent, &world->vm, RATE);
    move(world, HM_SIM_A, HM_SIM_B);
    assert_true(seen_at(world, HM_SIM_A, protocol) > 0);
    assert_true(seen_at(world, HM_SIM_B, protocol) > 0);
    move(world, HM_SIM_B, HM_SIM_C);
    assert_true(seen_at(world, HM_SIM_C, protocol) > 0);
    move(world, HM_SIM_C, HM_SIM_A);
    assert_true(tunnel == HM_ENCAPSULATION_UDP || seen_at(world, HM_SIM_A, protocol) == 0);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
    assert_tables_empty(world);
    hm_sim_world_destroy(world);
}

static void test_t1_nothing_is_lost_by_ip_in_ip(void **state)
{
    (void)state;
    round_trip(HM_ENCAPSULATION_IPIP);
}

static void test_u8_nothing_is_lost_by_udp(void **state)
{
    (void)state;
    round_trip(HM_ENCAPSULATION_UDP);
}

static void test_g1_nothing_is_lost_by_gre(void **state)
{
    (void)state;
    round_trip(HM_ENCAPSULATION_GRE);
}

/* --- a narrow network between the agents -----------------------------------------------------------------
 */

/* One direction of a visit: who sends through the tunnel, and where the gate can make it narrow. */
struct way {
    struct hm_sim_world *world;
    struct hm_sim_host *sender;
    uint32_t to;
    unsigned iface;
};

/* Sends an echo request of this whole length that must not be cut. */
static void send_whole(const struct way *way, size_t len)
{
    way->sender->must_not_fragment = true;
    hm_sim_host_ping(way->sender, way->to, len - ECHO_LEN);
    hm_sim_run_for(&way->world->sim, 200 * HM_SIM_MS);
}

static void assert_passes(const struct way *way, size_t len)
{
    uint64_t answered = way->sender->pings_answered, errors = way->sender->icmp_errors;

    send_whole(way, len);
    assert_int_equal(way->sender->pings_answered, answered + 1);
    assert_int_equal(way->sender->icmp_errors, errors);
}

/* The sender is told the largest packet that the tunnel carries; by the agent alone when that knows it. */
static void assert_told(const struct way *way, size_t len, uint16_t mtu, bool is_known)
{
    uint64_t errors = way->sender->icmp_errors, asked = way->world->gate.too_big;

    send_whole(way, len);
    assert_int_equal(way->sender->icmp_errors, errors + 1);
    assert_int_equal(way->sender->icmp_type, 3);
    assert_int_equal(way->sender->icmp_code, 4);
    assert_int_equal(way->sender->icmp_mtu, mtu);
    assert_int_equal(way->world->gate.too_big, asked + (is_known ? 0 : 1));
}

static void check_narrow(const struct way *way, enum hm_encapsulation tunnel)
{
    uint16_t mtu = (uint16_t)(NARROW - hm_encapsulation_len(tunnel));

    assert_passes(way, LARGE);
    way->world->gate.mtu[way->iface] = NARROW;
    assert_told(way, LARGE, mtu, false);
    assert_told(way, LARGE, mtu, true);
    assert_told(way, mtu + 1u, mtu, true);
    assert_passes(way, mtu);
    way->world->gate.mtu[way->iface] = WIDE;
    hm_sim_run_for(&way->world->sim, (GROW_S - 10) * HM_SIM_S);
    assert_told(way, LARGE, mtu, true);
    hm_sim_run_for(&way->world->sim, 10 * HM_SIM_S);
    assert_passes(way, LARGE);
}

static void through_a_narrow_network(enum hm_encapsulation tunnel)
{
    struct hm_sim_world *world = scenario_create(&(struct hm_sim_world_options){.tunnel = tunnel});
    const struct way forward = {
        .world = world, .sender = &world->correspondent, .to = HM_SIM_VM_ADDR, .iface = 1 + HM_SIM_B};
    const struct way reverse = {.world = world,
                                .sender = &world->vm,
                                .to = hm_sim_host_addr(&world->correspondent),
                                .iface = 1 + HM_SIM_A};

    move(world, HM_SIM_A, HM_SIM_B);
    check_narrow(&forward, tunnel);
    check_narrow(&reverse, tunnel);
    hm_sim_world_destroy(world);
}

static void test_i5_i7_i8_i9_senders_learn_the_mtu_of_ip_in_ip_both_ways_and_it_is_forgotten(void **state)
{
    (void)state;
    through_a_narrow_network(HM_ENCAPSULATION_IPIP);
}

static void test_i7_i8_u9_senders_learn_the_mtu_of_udp_both_ways_and_it_is_forgotten(void **state)
{
    (void)state;
    through_a_narrow_network(HM_ENCAPSULATION_UDP);
}

static void test_i7_i8_senders_learn_the_mtu_of_gre_both_ways_and_it_is_forgotten(void **state)
{
    (void)state;
    through_a_narrow_network(HM_ENCAPSULATION_GRE);
}

/* What may be cut is cut before it enters, and not by the narrow network. */
static void test_i8_what_may_be_cut_is_cut_to_a_narrow_tunnel(void **state)
{
    struct hm_sim_world *world = *state;
    const struct way way = {
        .world = world, .sender = &world->correspondent, .to = HM_SIM_VM_ADDR, .iface = 1 + HM_SIM_B};

    move(world, HM_SIM_A, HM_SIM_B);
    world->gate.mtu[way.iface] = NARROW;
    assert_told(&way, LARGE, NARROW - HM_IPV4_LEN, false);
    world->correspondent.must_not_fragment = false;
    hm_sim_host_ping(&world->correspondent, HM_SIM_VM_ADDR, LARGE - ECHO_LEN);
    hm_sim_run_for(&world->sim, 200 * HM_SIM_MS);
    assert_int_equal(world->vm.fragments, 2);
    assert_int_equal(world->vm.corrupt, 0);
    assert_int_equal(world->gate.too_big, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_t1_nothing_is_lost_by_ip_in_ip),
        cmocka_unit_test(test_u8_nothing_is_lost_by_udp),
        cmocka_unit_test(test_g1_nothing_is_lost_by_gre),
        cmocka_unit_test(test_i5_i7_i8_i9_senders_learn_the_mtu_of_ip_in_ip_both_ways_and_it_is_forgotten),
        cmocka_unit_test(test_i7_i8_u9_senders_learn_the_mtu_of_udp_both_ways_and_it_is_forgotten),
        cmocka_unit_test(test_i7_i8_senders_learn_the_mtu_of_gre_both_ways_and_it_is_forgotten),
        SCENARIO(test_i8_what_may_be_cut_is_cut_to_a_narrow_tunnel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
