/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: ARP and bridges on the home LAN and on the foreign one, before, during and after a visit. */
#include "firmware/wire/ethernet.h"
#include "tests/scenario/life.h"

#include "firmware/wire/arp.h"
#include "firmware/wire/ethernet.h"

#define GATEWAY_OF(addr) (((addr)&0xffffff00u) + 1)

static void test_home_neighbour_keeps_reaching_the_vm(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *home = &world->sites[HM_SIM_A];
    struct probes probes;

    probes_start(&probes, &home->neighbour, &world->vm, SCENARIO_RATE);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    /* The home agent has the VM's own MAC: the neighbour's cache is as it was. */
    assert_memory_equal(hm_sim_iface_lookup(&home->neighbour.iface, HM_SIM_VM_ADDR), &world->vm.iface.mac, 6);
    assert_ptr_equal(hm_sim_lan_lookup(&home->lan, &world->vm.iface.mac), &home->agent.links[0]);
    assert_int_equal(hm_sim_lan_moves(&home->lan, &world->vm.iface.mac), 1);
    /* One who has never heard of the VM finds it, too. */
    hm_sim_iface_flush(&home->machine.iface);
    assert_ping(world, &home->machine, HM_SIM_VM_ADDR);
    hm_sim_run_for(&world->sim, 60 * HM_SIM_S);
    probes_check(&probes, world, 0);
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    probes_check(&probes, world, SCENARIO_PAUSE_US);
    assert_int_equal(hm_sim_lan_moves(&home->lan, &world->vm.iface.mac), 2);
    assert_int_equal(world->vm.iface.conflicts, 0);
    probes_stop(&probes);
}

static void test_nothing_is_announced_while_the_vm_runs_at_home(void **state)
{
    struct hm_sim_world *world = *state;
    uint64_t own_mac = world->vm.iface.own_mac;

    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_run_for(&world->sim, 10 * HM_SIM_S);
    assert_int_equal(world->vm.iface.conflicts, 0);
    assert_int_equal(world->vm.iface.own_mac, own_mac);
    assert_int_equal(hm_sim_lan_moves(&world->sites[HM_SIM_A].lan, &world->vm.iface.mac), 0);
}

/* What the agent of a LAN announces of the VM, by gratuitous ARP. */
struct announced {
    struct hm_sim_tap tap;
    const struct hm_sim_port *agent;
    unsigned count;
    struct hm_mac mac; /* the last that it told */
};

static void see_announcement(void *ctx, struct hm_sim_passing *passing)
{
    struct announced *announced = ctx;
    struct hm_ethernet ethernet;
    struct hm_arp arp;

    if (passing->from != announced->agent ||
        hm_ethernet_decode(passing->bytes, passing->len, &ethernet) != 0 ||
        ethernet.type != HM_ETHERTYPE_ARP ||
        hm_arp_decode(passing->bytes + HM_ETHERNET_LEN, passing->len - HM_ETHERNET_LEN, &arp) != 0 ||
        arp.sender_addr != HM_SIM_VM_ADDR)
        return;
    announced->count++;
    announced->mac = arp.sender_mac;
}

/* With either takeover: the VM's own MAC told by another port would move the bridges, and the agent's MAC the
 * neighbours, while it still runs. */
static void check_nothing_before_the_stop(enum hm_takeover_mode takeover)
{
    struct life *life = life_create(&(struct hm_sim_world_options){.takeover = takeover});
    struct hm_sim_world *world = life->world;
    struct hm_sim_site *home = &world->sites[HM_SIM_A];
    const struct hm_mac *told =
        takeover == HM_TAKEOVER_OWN ? &home->agent.config.links[0].mac : &world->vm.iface.mac;
    struct announced announced = {.agent = &home->agent.links[0]};

    announced.tap = (struct hm_sim_tap){.see = see_announcement, .ctx = &announced};
    hm_sim_lan_add_tap(&home->lan, &announced.tap);
    life_announce(life, HM_SIM_A, HM_SIM_B);
    life_pass(life, 10000);
    assert_int_equal(announced.count, 0);
    life_stop(life, HM_SIM_A);
    assert_in_range(announced.count, 1, 3);
    assert_memory_equal(&announced.mac, told, 6);
    life_pass(life, 40);
    life_land(life, HM_SIM_B);
    life_pass(life, 1000);
    assert_int_equal(world->vm.iface.conflicts, 0);
    assert_memory_equal(&announced.mac, told, 6);
    hm_sim_lan_remove_tap(&home->lan, &announced.tap);
    life_destroy(life);
}

static void test_p9_with_the_agents_mac_nothing_is_announced_before_the_stop(void **state)
{
    (void)state;
    check_nothing_before_the_stop(HM_TAKEOVER_OWN);
}

static void test_p9_with_the_vms_mac_nothing_is_announced_before_the_stop(void **state)
{
    (void)state;
    check_nothing_before_the_stop(HM_TAKEOVER_MAC);
}

/* RFC 826: who has an entry for the VM gets it right though it asks nobody, and who has none gets none. */
static void test_p10_an_announcement_mends_the_entries_that_there_are_and_makes_none(void **state)
{
    const struct hm_sim_world_options options = {.takeover = HM_TAKEOVER_OWN};
    struct hm_sim_world *world = scenario_create(&options);
    struct hm_sim_site *home = &world->sites[HM_SIM_A];
    struct hm_sim_iface *knows = &home->neighbour.iface, *does_not = &home->machine.iface;

    (void)state;
    assert_ping(world, &home->neighbour, HM_SIM_VM_ADDR);
    hm_sim_iface_flush(does_not);
    for (unsigned round = 0; round < 2; round++) {
        assert_memory_equal(hm_sim_iface_lookup(knows, HM_SIM_VM_ADDR), &world->vm.iface.mac, 6);
        handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
        assert_memory_equal(hm_sim_iface_lookup(knows, HM_SIM_VM_ADDR), &home->agent.config.links[0].mac, 6);
        hm_sim_run_for(&world->sim, 10 * HM_SIM_S);
        assert_null(hm_sim_iface_lookup(does_not, HM_SIM_VM_ADDR));
        handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
        hm_sim_run_for(&world->sim, 10 * HM_SIM_S);
        assert_null(hm_sim_iface_lookup(does_not, HM_SIM_VM_ADDR));
    }
    assert_memory_equal(hm_sim_iface_lookup(knows, HM_SIM_VM_ADDR), &world->vm.iface.mac, 6);
    hm_sim_world_destroy(world);
}

static void test_takeover_outlives_the_bridges_ageing(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *home = &world->sites[HM_SIM_A];

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    for (unsigned i = 0; i < 10; i++) {
        hm_sim_run_for(&world->sim, 60 * HM_SIM_S);
        assert_ptr_equal(hm_sim_lan_lookup(&home->lan, &world->vm.iface.mac), &home->agent.links[0]);
    }
    assert_ping(world, &home->neighbour, HM_SIM_VM_ADDR);
}

static void test_x12_visitors_arp_is_answered(void **state)
{
    struct hm_sim_world *world = *state;
    uint32_t neighbour = hm_sim_host_addr(&world->sites[HM_SIM_A].neighbour);

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_iface_flush(&world->vm.iface);
    assert_ping(world, &world->vm, neighbour);
    assert_ping(world, &world->vm, hm_sim_host_addr(&world->correspondent));
    /* And nobody else on the foreign LAN is told so. */
    assert_null(hm_sim_iface_lookup(&world->sites[HM_SIM_B].neighbour.iface, neighbour));
}

/* The home agent has heard of the router and the neighbour before. */
static void let_home_agent_hear(struct hm_sim_world *world)
{
    struct hm_sim_site *home = &world->sites[HM_SIM_A];

    assert_ping(world, &home->neighbour, hm_sim_host_addr(&home->machine));
    assert_ping(world, &world->correspondent, home->agent_addr);
}

static void test_l11_x12_visitor_keeps_the_macs_of_its_home(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *home = &world->sites[HM_SIM_A], *foreign = &world->sites[HM_SIM_B];
    uint32_t neighbour = hm_sim_host_addr(&home->neighbour);

    let_home_agent_hear(world);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    for (unsigned i = 0; i < 2; i++) {
        assert_memory_equal(hm_sim_iface_lookup(&world->vm.iface, GATEWAY_OF(HM_SIM_VM_ADDR)),
                            &world->gate.ifaces[1].mac, 6);
        assert_memory_equal(hm_sim_iface_lookup(&world->vm.iface, neighbour), &home->neighbour.iface.mac, 6);
        assert_ptr_equal(hm_sim_lan_lookup(&foreign->lan, &world->gate.ifaces[1].mac),
                         &foreign->agent.links[0]);
        /* The same after it forgot and asked. */
        hm_sim_iface_flush(&world->vm.iface);
        assert_ping(world, &world->vm, neighbour);
        assert_ping(world, &world->vm, hm_sim_host_addr(&world->correspondent));
    }
}

#define TOLD 4   /* different addresses */
#define ROUNDS 7 /* that each is told in */
#define TIMES 16

/* What the foreign agent tells the visitor alone: an address and its MAC, as the sender of an ARP request. */
struct updates {
    struct hm_sim_tap tap;
    const struct hm_sim_port *agent;
    const struct hm_mac *vm_mac;
    struct told {
        uint32_t addr;
        struct hm_mac mac;
        unsigned count;
        uint64_t at_us[TIMES];
    } told[TOLD];
};

static void note_update(void *ctx, struct hm_sim_passing *passing)
{
    struct updates *updates = ctx;
    struct hm_arp arp;
    unsigned i = 0;

    if (passing->from != updates->agent || memcmp(passing->bytes, updates->vm_mac, 6) != 0 ||
        passing->bytes[12] != 8 || passing->bytes[13] != 6 ||
        hm_arp_decode(passing->bytes + HM_ETHERNET_LEN, passing->len - HM_ETHERNET_LEN, &arp) != 0 ||
        arp.op != HM_ARP_REQUEST)
        return;
    assert_int_equal(arp.target_addr, HM_SIM_VM_ADDR);
    while (i < TOLD && updates->told[i].addr != 0 && updates->told[i].addr != arp.sender_addr)
        i++;
    assert_true(i < TOLD && updates->told[i].count < TIMES);
    updates->told[i].addr = arp.sender_addr;
    updates->told[i].mac = arp.sender_mac;
    updates->told[i].at_us[updates->told[i].count++] = passing->lan->sim->now_us;
}

static const struct told *told_of(const struct updates *updates, uint32_t addr)
{
    for (unsigned i = 0; i < TOLD; i++)
        if (updates->told[i].addr == addr)
            return &updates->told[i];
    fail_msg("it is not told at all");
    return NULL;
}

/* In every round, and in one that Linux does not ignore because it comes within a second of the last. */
static void assert_told(const struct updates *updates, uint32_t addr, const struct hm_mac *mac)
{
    const struct told *told = told_of(updates, addr);
    unsigned spaced = 0;

    assert_memory_equal(&told->mac, mac, 6);
    assert_int_equal(told->count, ROUNDS);
    for (unsigned i = 1; i < told->count; i++)
        spaced += told->at_us[i] - told->at_us[i - 1] > HM_SIM_S;
    assert_true(spaced >= 2);
}

static void test_l11_the_visitor_is_told_its_router_and_each_home_neighbour_in_every_round(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *home = &world->sites[HM_SIM_A], *foreign = &world->sites[HM_SIM_B];
    struct updates updates = {.agent = &foreign->agent.links[0], .vm_mac = &world->vm.iface.mac};

    let_home_agent_hear(world);
    updates.tap = (struct hm_sim_tap){.see = note_update, .ctx = &updates};
    hm_sim_lan_add_tap(&foreign->lan, &updates.tap);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_run_for(&world->sim, 10 * HM_SIM_S);
    hm_sim_lan_remove_tap(&foreign->lan, &updates.tap);
    assert_told(&updates, GATEWAY_OF(HM_SIM_VM_ADDR), &world->gate.ifaces[1].mac);
    assert_told(&updates, hm_sim_host_addr(&home->neighbour), &home->neighbour.iface.mac);
    assert_told(&updates, hm_sim_host_addr(&home->machine), &home->machine.iface.mac);
    assert_int_equal(counter(world, HM_SIM_B, "arp-updates"), 3 * ROUNDS);
}

static void test_l11_visitor_is_told_the_agents_mac_where_the_homes_is_taken(void **state)
{
    const struct hm_sim_world_options options = {.same_router_mac = true};
    struct hm_sim_world *world = scenario_create(&options);
    struct hm_sim_site *foreign = &world->sites[HM_SIM_B];

    (void)state;
    let_home_agent_hear(world);
    assert_ping(world, &world->correspondent, foreign->agent_addr);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    assert_memory_equal(hm_sim_iface_lookup(&world->vm.iface, GATEWAY_OF(HM_SIM_VM_ADDR)),
                        &foreign->agent.config.links[0].mac, 6);
    /* The foreign LAN's own router is not disturbed. */
    assert_ptr_equal(hm_sim_lan_lookup(&foreign->lan, &world->gate.ifaces[2].mac),
                     &world->gate.ifaces[2].port);
    assert_ping(world, &world->vm, hm_sim_host_addr(&world->correspondent));
    assert_ping(world, &foreign->neighbour, hm_sim_host_addr(&world->correspondent));
    handover(world, &world->vm, HM_SIM_B, HM_SIM_A);
    hm_sim_run_for(&world->sim, 5 * HM_SIM_S);
    assert_memory_equal(hm_sim_iface_lookup(&world->vm.iface, GATEWAY_OF(HM_SIM_VM_ADDR)),
                        &world->gate.ifaces[1].mac, 6);
    assert_ping(world, &world->vm, hm_sim_host_addr(&world->correspondent));
    hm_sim_world_destroy(world);
}

/* Frames of the foreign LAN's agent that speak of the VM's address. */
struct leak {
    struct hm_sim_tap tap;
    const struct hm_sim_port *agent;
    unsigned broadcasts;
};

static void watch_broadcasts(void *ctx, struct hm_sim_passing *passing)
{
    struct leak *leak = ctx;

    leak->broadcasts += passing->from == leak->agent && (passing->bytes[0] & 1) != 0;
}

static void test_l10_a_gratuitous_arp_lands_the_vm_and_is_not_passed_on(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_lan *lan = &world->sites[HM_SIM_B].lan;
    struct leak leak = {.agent = &world->sites[HM_SIM_B].agent.links[0]};

    world->vm.is_silent = true;
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    leak.tap = (struct hm_sim_tap){.see = watch_broadcasts, .ctx = &leak};
    move_vm(world, &world->vm, HM_SIM_B);
    hm_sim_lan_add_tap(lan, &leak.tap);
    hm_sim_iface_ask(&world->vm.iface, HM_SIM_VM_ADDR, HM_SIM_VM_ADDR);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    hm_sim_lan_remove_tap(lan, &leak.tap);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_int_equal(leak.broadcasts, 0);
    assert_int_equal(counter(world, HM_SIM_B, "arp-conflicts"), 0);
    assert_int_equal(world->vm.iface.conflicts, 0);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

static void test_l9_a_rarp_broadcast_lands_the_vm(void **state)
{
    struct hm_sim_world *world = *state;

    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    move_vm(world, &world->vm, HM_SIM_B); /* QEMU's announcement is all that is heard of it */
    hm_sim_run_for(&world->sim, 20 * HM_SIM_MS);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
}

/* The home LAN's neighbour takes the address of the VM while that is away. Whose cache locks against the
 * defence, because the claim came just before, is set right by the next refresh. */
static void test_l5_a_claim_of_the_absent_vms_address_does_not_last(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *home = &world->sites[HM_SIM_A];

    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_iface_ask(&home->neighbour.iface, HM_SIM_VM_ADDR, HM_SIM_VM_ADDR);
    hm_sim_run_for(&world->sim, 61 * HM_SIM_S);
    assert_int_equal(counter(world, HM_SIM_A, "arp-conflicts"), 1);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_home_neighbour_keeps_reaching_the_vm),
        SCENARIO(test_nothing_is_announced_while_the_vm_runs_at_home),
        cmocka_unit_test(test_p9_with_the_agents_mac_nothing_is_announced_before_the_stop),
        cmocka_unit_test(test_p9_with_the_vms_mac_nothing_is_announced_before_the_stop),
        cmocka_unit_test(test_p10_an_announcement_mends_the_entries_that_there_are_and_makes_none),
        SCENARIO(test_takeover_outlives_the_bridges_ageing),
        SCENARIO(test_x12_visitors_arp_is_answered),
        SCENARIO(test_l10_a_gratuitous_arp_lands_the_vm_and_is_not_passed_on),
        SCENARIO(test_l9_a_rarp_broadcast_lands_the_vm),
        SCENARIO(test_l5_a_claim_of_the_absent_vms_address_does_not_last),
        SCENARIO(test_l11_x12_visitor_keeps_the_macs_of_its_home),
        SCENARIO(test_l11_the_visitor_is_told_its_router_and_each_home_neighbour_in_every_round),
        cmocka_unit_test(test_l11_visitor_is_told_the_agents_mac_where_the_homes_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
