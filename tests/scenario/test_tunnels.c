/* SPDX-License-Identifier: BSD-3-Clause */
/* Moves by tunnels of each kind: nothing is lost, doubled or reordered while the tunnel is agreed on, used,
 * and left. */
#include "platform/sim/migration.h"
#include "tests/scenario/forge.h"

#define RATE 1000

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_t1_nothing_is_lost_by_ip_in_ip),
        cmocka_unit_test(test_u8_nothing_is_lost_by_udp),
        cmocka_unit_test(test_g1_nothing_is_lost_by_gre),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
