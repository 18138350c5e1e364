/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: an attacker with a valid key, of another peer or of a hypervisor that may not move this VM. */
#include "tests/scenario/attack.h"

#include <stdio.h>
#include <stdlib.h>

#include "firmware/agent/shield.h"

#define AGENT_A 0x0a010002u
#define AGENT_B 0x0a020002u
#define AGENT_C 0x0a030002u

/* C tells A what only B may: each with its answer, and nothing changes. */
static void test_key_forged_requests_of_another_peer_neither_deregister_nor_move_the_visit(void **state)
{
    struct hm_sim_world *world = *state;
    static const struct {
        struct forged_request request;
        int code; /* FORGE_SILENCE: dropped */
    } CASES[] = {
        {{.as = HM_SIM_C}, 0}, /* it has nothing to deregister: accepted, and without effect */
        {{.as = HM_SIM_C, .care_of_addr = HM_SIM_VM_ADDR}, 0},
        {{.as = HM_SIM_C, .lifetime_s = 60, .care_of_addr = AGENT_B}, 150},
        {{.as = HM_SIM_C, .care_of_addr = AGENT_B}, 150},
        {{.as = HM_SIM_C, .lifetime_s = 60, .from_addr = AGENT_B}, FORGE_SILENCE},
        {{.as = HM_SIM_C, .lifetime_s = 60, .from_addr = FORGE_STRANGER}, FORGE_SILENCE},
        {{.as = HM_SIM_B, .lifetime_s = 60, .from_addr = AGENT_C}, FORGE_SILENCE},
        {{.as = HM_SIM_C, .lifetime_s = 60, .spi = 301}, FORGE_SILENCE},
        {{.as = HM_SIM_C, .lifetime_s = 60, .home_agent = AGENT_C}, 136},
    };
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "rrp-accepted", 2);
    attack_expect(&attack, HM_SIM_A, "rrp-denied", 3);
    attack_expect(&attack, HM_SIM_A, "drop-mip-no-sa", 4);
    attack_expect(&attack, HM_SIM_C, "drop-mip-unexpected", 5); /* the answers */
    for (unsigned i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        int code = forge_request(world, &CASES[i].request, NULL);
        if (code != CASES[i].code)
            print_message("case %u: %d\n", i, code);
        assert_int_equal(code, CASES[i].code);
    }
    attack_end(&attack);
}

/* The agent speaks with an absent node's MAC: it must not be made to speak with another's. */
static void test_key_forged_requests_cannot_take_the_routers_the_agents_or_a_groups_mac(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_mac macs[] = {world->gate.ifaces[1].mac,
                                  world->sites[HM_SIM_A].agent.config.links[0].mac,
                                  HM_MAC_BROADCAST,
                                  {{1, 0, 0x5e, 0, 0, 11}},
                                  HM_MAC_ZERO};
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "rrp-denied", 15);
    attack_expect(&attack, HM_SIM_C, "drop-mip-unexpected", 15);
    uint32_t moves = hm_sim_lan_moves(&world->sites[HM_SIM_A].lan, &macs[0]);
    for (unsigned i = 0; i < sizeof(macs) / sizeof(macs[0]); i++) {
        const struct forged_request requests[] = {
            {.as = HM_SIM_C, .lifetime_s = 60, .home_addr = HM_SIM_VM2_ADDR, .mac = &macs[i]},
            {.as = HM_SIM_C, .lifetime_s = 60, .home_addr = HM_SIM_VM_ADDR, .mac = &macs[i]},
            {.as = HM_SIM_C, .lifetime_s = 60, .home_addr = HM_SIM_VM2_ADDR, .hold = 9, .mac = &macs[i]},
        };
        for (unsigned at = 0; at < sizeof(requests) / sizeof(requests[0]); at++)
            assert_int_equal(forge_request(world, &requests[at], NULL), 129);
    }
    assert_int_equal(hm_sim_lan_moves(&world->sites[HM_SIM_A].lan, &macs[0]), moves);
    attack_end(&attack);
}

static void test_key_forged_requests_cannot_take_addresses_that_are_no_nodes(void **state)
{
    struct hm_sim_world *world = *state;
    static const uint32_t ADDRS[] = {AGENT_A,     0x0a010001u, 0x0a010000u, 0x0a0100ffu,
                                     0x0a020009u, 0xe0000001u, UINT32_MAX};
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "rrp-denied", sizeof(ADDRS) / sizeof(ADDRS[0]));
    attack_expect(&attack, HM_SIM_C, "drop-mip-unexpected", sizeof(ADDRS) / sizeof(ADDRS[0]));
    for (unsigned i = 0; i < sizeof(ADDRS) / sizeof(ADDRS[0]); i++)
        assert_int_equal(
            forge_request(world,
                          &(struct forged_request){.as = HM_SIM_C, .lifetime_s = 60, .home_addr = ADDRS[i]},
                          NULL),
            129);
    attack_end(&attack);
}

/* A full table is answered with 130, and who is in it stays. */
static void test_key_flooding_the_bindings_is_told_and_pushes_nobody_out(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_sim_agent *agent = &world->sites[HM_SIM_A].agent;
    unsigned max = agent->config.max_bindings, accepted = 1, refused = 0; /* the VM's own */
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "rrp-accepted", max - 1);
    attack_expect(&attack, HM_SIM_A, "rrp-denied", 11);
    attack_expect(&attack, HM_SIM_C, "drop-mip-unexpected", max + 10);
    for (unsigned i = 0; i < max + 10; i++) {
        const struct hm_mac mac = {{0x52, 0x54, 0, 1, 1, (uint8_t)(i + 1)}};
        int code =
            forge_request(world,
                          &(struct forged_request){
                              .as = HM_SIM_C, .lifetime_s = 600, .home_addr = 0x0a010064u + i, .mac = &mac},
                          NULL);
        accepted += code == 0;
        refused += code == 130;
    }
    assert_int_equal(accepted, max);
    assert_int_equal(refused, 11);
    attack_end_counted(&attack);
    assert_int_equal(hm_sim_agent_rows(agent, "bindings"), max);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

/* C prepares more visits at B than B has room for. */
static void test_key_flooding_the_visitors_is_told_and_pushes_nobody_out(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_sim_agent *agent = &world->sites[HM_SIM_B].agent;
    struct hm_key key = attack_control_key(world, HM_SIM_B, HM_SIM_C);
    unsigned refused = 0;
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_B, "control-requests", agent->config.max_visitors + 10);
    attack_expect(&attack, HM_SIM_B, "control-refused", 11);
    attack_expect(&attack, HM_SIM_C, "drop-control-unexpected", agent->config.max_visitors + 10);
    for (unsigned i = 0; i < agent->config.max_visitors + 10; i++) {
        struct hm_control_message message = {.op = HM_OP_PREPARE,
                                             .key_id = forge_peer(world, HM_SIM_B, HM_SIM_C)->spi,
                                             .agent_addr = AGENT_C,
                                             .handover_id = 1000 + i,
                                             .epoch = 1,
                                             .lifetime_s = 60,
                                             .vm = "intruder",
                                             .node_count = 1};
        message.nodes[0] = (struct hm_control_node){.home_addr = 0x0a030064u + i,
                                                    .mac = {{0x52, 0x54, 0, 3, 3, (uint8_t)(i + 1)}},
                                                    .home_agent = AGENT_C,
                                                    .home_prefix = {.addr = 0x0a030000u, .len = 24},
                                                    .router = 0x0a030001u};
        struct meddler answer;
        meddler_start(&answer, &world->sites[HM_SIM_B].lan, pattern_control(HM_CONTROL_REPLY, HM_OP_PREPARE),
                      MEDDLE_WATCH, 0);
        attack_control(world, HM_SIM_B, AGENT_C, &key, &message);
        meddler_stop(&answer, &world->sites[HM_SIM_B].lan);
        refused += answer.seen > 0 && answer.frame[FORGE_PAYLOAD_AT + 6] == HM_CONTROL_REFUSED;
    }
    assert_int_equal(refused, 11);
    attack_end_counted(&attack);
    assert_true(hm_sim_agent_rows(agent, "visitors") <= agent->config.max_visitors);
    assert_true(hm_sim_agent_rows(agent, "handovers") <= agent->config.max_handovers);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
    hm_sim_run_for(&world->sim, 70 * HM_SIM_S); /* the prepared visits expire, and there is room again */
    assert_int_equal(hm_sim_agent_rows(agent, "visitors"), 1);
}

/* The handover is between A and B: C knows its id, and may not touch it. */
static void test_key_forged_commands_of_another_peer_neither_end_nor_land_a_handover(void **state)
{
    struct hm_sim_world *world = *state;
    static const enum hm_control_op OPS[] = {HM_OP_ABORT, HM_OP_ARRIVED, HM_OP_LAND};
    struct hm_sim_report handovers;
    struct attack attack;

    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_report_init(&handovers, &world->sites[HM_SIM_A].agent, "handovers");
    uint64_t id = strtoull(hm_sim_report_text(&handovers, 0, "id"), NULL, 16);
    hm_sim_report_fini(&handovers);
    attack_begin_here(&attack, world);
    for (unsigned site = HM_SIM_A; site <= HM_SIM_B; site++) {
        attack_expect(&attack, site, "control-requests", 3);
        /* nothing is known of C's: there is nothing to abort, nor, at B, to note */
        attack_expect(&attack, site, "control-refused", site == HM_SIM_A ? 2 : 1);
        attack_expect(&attack, HM_SIM_C, "drop-control-unexpected", 3);
        struct hm_key key = attack_control_key(world, site, HM_SIM_C);
        for (unsigned i = 0; i < sizeof(OPS) / sizeof(OPS[0]); i++) {
            struct hm_control_message message = {.op = OPS[i],
                                                 .key_id = forge_peer(world, site, HM_SIM_C)->spi,
                                                 .agent_addr = AGENT_C,
                                                 .handover_id = id,
                                                 .epoch = 0x7fffffff};
            attack_control(world, site, AGENT_C, &key, &message);
        }
    }
    attack_end(&attack);
    move_vm(world, &world->vm, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

/* A hypervisor whose key is right, and allows other prefixes. */
static void narrow_init(struct hm_sim_hypervisor *narrow, struct hm_sim_world *world,
                        enum hm_sim_site_number number)
{
    struct hm_sim_site *site = &world->sites[number];

    hm_sim_hypervisor_init(narrow, &world->stranger, &site->agent, site->agent_peer_addr,
                           HM_SIM_NARROW_KEY_ID, &site->hypervisors[1].key);
}

static int shield(struct hm_sim_hypervisor *by, const struct hm_mac *mac, bool remove)
{
    struct hm_control_message request = {.op = HM_OP_SHIELD, .macs = {*mac}, .mac_count = 1};

    snprintf(request.state, sizeof(request.state), "%s", remove ? "remove" : "");
    return hm_sim_hypervisor_call(by, &request);
}

static void test_a_hypervisor_of_others_can_do_nothing_with_this_vm(void **state)
{
    struct hm_sim_world *world = *state;
    struct attack attack;

    assert_int_equal(shield(&world->sites[HM_SIM_B].hypervisor, &world->vm.iface.mac, false), HM_CONTROL_OK);
    attack_begin(&attack, world);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "shielded", "yes");
    for (unsigned site = HM_SIM_A; site <= HM_SIM_B; site++) {
        struct hm_sim_hypervisor *hypervisor = &world->sites[site].hypervisor;
        struct hm_control_message requests[] = {hm_sim_imminent(&world->vm, &world->sites[HM_SIM_C]),
                                                hm_sim_about(HM_OP_LANDED, &world->vm),
                                                hm_sim_about(HM_OP_CANCEL, &world->vm)};
        hypervisor->key_id = HM_SIM_NARROW_KEY_ID;
        hypervisor->key = world->sites[site].hypervisors[1].key;
        for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
            assert_int_not_equal(hm_sim_hypervisor_call(hypervisor, &requests[i]), HM_CONTROL_OK);
        for (unsigned remove = 0; remove < 2; remove++) {
            assert_int_equal(shield(hypervisor, &world->vm.iface.mac, remove), HM_CONTROL_REFUSED);
            assert_string_equal(hypervisor->reply.text, "the key of narrow may not move 10.1.0.5");
        }
    }
    attack_end(&attack);
}

/* What no table knows is a machine that is yet to come: anybody's who may move something. */
static void test_a_hypervisors_shield_is_taken_away_by_itself_only(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_hypervisor *own = &world->sites[HM_SIM_B].hypervisor, narrow;
    const struct hm_mac mac = {{2, 0x77, 0, 0, 0, 1}};

    narrow_init(&narrow, world, HM_SIM_B);
    assert_int_equal(shield(&narrow, &mac, false), HM_CONTROL_OK);
    assert_int_equal(shield(own, &mac, true), HM_CONTROL_REFUSED);
    assert_string_equal(own->reply.text, "narrow has shielded it: only that host can take the shield away");
    assert_int_equal(shield(&narrow, &mac, true), HM_CONTROL_OK);
    assert_int_equal(shield(own, &mac, true), HM_CONTROL_OK); /* none is there */
    assert_int_equal(shield(own, &mac, false), HM_CONTROL_OK);
    assert_int_equal(shield(&narrow, &mac, true), HM_CONTROL_REFUSED);
    assert_int_equal(shield(own, &mac, true), HM_CONTROL_OK);
}

/* It was said before the VM was expected, when nobody could tell whose it is. */
static void test_a_shield_by_a_hypervisor_of_others_does_not_count_for_this_vm(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_hypervisor *own = &world->sites[HM_SIM_B].hypervisor, narrow;

    narrow_init(&narrow, world, HM_SIM_B);
    assert_int_equal(shield(&narrow, &world->vm.iface.mac, false), HM_CONTROL_OK);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "shielded", "no");
    assert_int_equal(shield(own, &world->vm.iface.mac, false), HM_CONTROL_OK);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "shielded", "yes");
    assert_int_equal(shield(&narrow, &world->vm.iface.mac, true), HM_CONTROL_OK);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "shielded", "yes");
}

/* The VM has not stopped, and nothing is registered: all that is known of it is its handover. */
static void test_a_hypervisor_of_others_cannot_shield_what_is_about_to_move(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_A];
    struct hm_control_message imminent = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);
    struct hm_sim_hypervisor narrow;
    struct meddler silence;

    narrow_init(&narrow, world, HM_SIM_A);
    meddler_start(&silence, &site->lan, pattern_control(HM_CONTROL_REQUEST, HM_OP_PREPARE), MEDDLE_DROP,
                  1000);
    hm_sim_hypervisor_ask(&site->hypervisor, &imminent);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    assert_int_equal(hm_sim_agent_rows(&site->agent, "bindings"), 0);
    assert_int_equal(hm_sim_agent_rows(&site->agent, "handovers"), 1);
    assert_int_equal(shield(&narrow, &world->vm.iface.mac, false), HM_CONTROL_REFUSED);
    meddler_stop(&silence, &site->lan);
    hm_sim_hypervisor_wait(&site->hypervisor);
}

/* Sixteen made-up machines at a time; gives how many requests were answered well. */
static unsigned flood_with_shields(struct hm_sim_hypervisor *by, unsigned requests)
{
    unsigned accepted = 0;

    for (unsigned i = 0; i < requests; i++) {
        struct hm_control_message request = {.op = HM_OP_SHIELD, .mac_count = HM_CONTROL_MAX_NODES};
        for (unsigned at = 0; at < HM_CONTROL_MAX_NODES; at++)
            request.macs[at] = (struct hm_mac){{2, 0x77, 0, (uint8_t)(i >> 8), (uint8_t)i, (uint8_t)at}};
        accepted += hm_sim_hypervisor_call(by, &request) == HM_CONTROL_OK;
    }
    return accepted;
}

static void test_a_hypervisor_that_fills_the_shields_has_its_share_and_no_more(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    const unsigned share = HM_SHIELDS_MAX / 2 / HM_CONTROL_MAX_NODES;
    struct hm_sim_hypervisor narrow;
    struct attack attack;

    narrow_init(&narrow, world, HM_SIM_B);
    attack_begin(&attack, world);
    assert_int_equal(flood_with_shields(&narrow, 2 * share), share);
    assert_string_equal(narrow.reply.text,
                        "no room for 16 more shield(s): narrow has 2048, its share is 2048");
    attack_end(&attack);
    assert_int_equal(shield(&site->hypervisor, &world->vm.iface.mac, false), HM_CONTROL_OK);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "shielded", "yes");
    assert_int_equal(flood_with_shields(&site->hypervisor, share - 1), share - 1);
}

static void test_a_hypervisor_that_may_move_nothing_may_shield_nothing(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_mac mac = {{2, 0x77, 0, 0, 0, 1}};
    struct hm_control_message question = {.op = HM_OP_SHIELD, .dry_run = true};
    struct hm_sim_hypervisor narrow;

    narrow_init(&narrow, world, HM_SIM_B);
    world->sites[HM_SIM_B].hypervisors[1].allow_count = 0;
    assert_int_equal(shield(&narrow, &mac, false), HM_CONTROL_REFUSED);
    assert_string_equal(narrow.reply.text, "the key of narrow may move nothing, and so shield nothing");
    assert_int_equal(shield(&narrow, &mac, true), HM_CONTROL_REFUSED);
    assert_int_equal(hm_sim_hypervisor_call(&narrow, &question), HM_CONTROL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_key_forged_requests_of_another_peer_neither_deregister_nor_move_the_visit),
        SCENARIO(test_key_forged_requests_cannot_take_the_routers_the_agents_or_a_groups_mac),
        SCENARIO(test_key_forged_requests_cannot_take_addresses_that_are_no_nodes),
        SCENARIO(test_key_flooding_the_bindings_is_told_and_pushes_nobody_out),
        SCENARIO(test_key_flooding_the_visitors_is_told_and_pushes_nobody_out),
        SCENARIO(test_key_forged_commands_of_another_peer_neither_end_nor_land_a_handover),
        SCENARIO(test_a_hypervisor_of_others_can_do_nothing_with_this_vm),
        SCENARIO(test_a_hypervisors_shield_is_taken_away_by_itself_only),
        SCENARIO(test_a_shield_by_a_hypervisor_of_others_does_not_count_for_this_vm),
        SCENARIO(test_a_hypervisor_of_others_cannot_shield_what_is_about_to_move),
        SCENARIO(test_a_hypervisor_that_fills_the_shields_has_its_share_and_no_more),
        SCENARIO(test_a_hypervisor_that_may_move_nothing_may_shield_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
