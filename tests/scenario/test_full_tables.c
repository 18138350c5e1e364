/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: tables that are full. Who finds no room is told so, by the RFC's code where a registration is
 * answered; nobody is pushed out; and when room is made the same is granted.
 *
 * RFC 5944's code 66 is not among the answers: this foreign agent relays no requests of mobile nodes, so the
 * table of pending ones is its table of open commands. Full bindings at one agent, and care-of addresses
 * beyond the limit (135), are in test_attacker_key.c and in the unit tests of the home agent. */
#include "tests/scenario/attack.h"

#include <stdio.h>

#include "firmware/agent/shield.h"

#define EXPIRY_US (70u * HM_SIM_S) /* of what was staged and never landed */
#define SLOTS 256                  /* commands that are open or remembered */
#define OPEN_OF_ONE 96             /* and those of one sender that may be open */

struct limits {
    unsigned bindings, visitors, handovers; /* 0: as it is */
};

/* An agent that begins anew with these limits. */
static void limit(struct hm_sim_world *world, enum hm_sim_site_number site, struct limits limits)
{
    struct hm_sim_agent *agent = &world->sites[site].agent;

    hm_sim_agent_kill(agent);
    if (limits.bindings != 0)
        agent->config.max_bindings = limits.bindings;
    if (limits.visitors != 0)
        agent->config.max_visitors = limits.visitors;
    if (limits.handovers != 0)
        agent->config.max_handovers = limits.handovers;
    hm_sim_agent_start(agent);
    hm_sim_run_for(&world->sim, 3 * HM_SIM_S);
}

/* C prepares a visit of one of its VMs at B; the code of B's answer. */
static int prepare(struct hm_sim_world *world, uint8_t number)
{
    struct hm_key key = attack_control_key(world, HM_SIM_B, HM_SIM_C);
    struct hm_control_message message = {.op = HM_OP_PREPARE,
                                         .key_id = forge_peer(world, HM_SIM_B, HM_SIM_C)->spi,
                                         .agent_addr = ATTACK_AGENT_C,
                                         .handover_id = 1000 + number,
                                         .epoch = 1,
                                         .lifetime_s = 60,
                                         .vm = "other",
                                         .node_count = 1};
    struct meddler answer;

    message.nodes[0] = (struct hm_control_node){.home_addr = 0x0a030000u + number,
                                                .mac = {{0x52, 0x54, 0, 3, 3, number}},
                                                .home_agent = ATTACK_AGENT_C,
                                                .home_prefix = {.addr = 0x0a030000u, .len = 24},
                                                .router = 0x0a030001u};
    meddler_start(&answer, &world->sites[HM_SIM_B].lan, pattern_control(HM_CONTROL_REPLY, HM_OP_PREPARE),
                  MEDDLE_WATCH, 0);
    attack_control(world, HM_SIM_B, ATTACK_AGENT_C, &key, &message);
    meddler_stop(&answer, &world->sites[HM_SIM_B].lan);
    assert_true(answer.seen > 0);
    return answer.frame[FORGE_PAYLOAD_AT + 6];
}

/* A's hypervisor announces a move; it is refused with a text that has these words. */
static void assert_refused(struct hm_sim_world *world, const struct hm_sim_host *vm,
                           enum hm_sim_site_number to, const char *words)
{
    struct hm_sim_hypervisor *hypervisor = &world->sites[HM_SIM_A].hypervisor;
    const struct hm_control_message request = hm_sim_imminent(vm, &world->sites[to]);

    assert_int_equal(hm_sim_hypervisor_call(hypervisor, &request), HM_CONTROL_REFUSED);
    if (strstr(hypervisor->reply.text, words) == NULL)
        print_message("%s\n", hypervisor->reply.text);
    assert_non_null(strstr(hypervisor->reply.text, words));
}

/* --- handovers ---------------------------------------------------------------------------------------- */

static void test_full_handovers_at_the_destination_refuse_the_next_move(void **state)
{
    struct hm_sim_world *world = *state;
    struct attack attack;

    limit(world, HM_SIM_B, (struct limits){.handovers = 4});
    attack_begin_here(&attack, world);
    attack_expect(&attack, HM_SIM_B, "control-requests", 6);
    attack_expect(&attack, HM_SIM_B, "control-refused", 2);
    attack_expect(&attack, HM_SIM_A, "control-refused", 1);
    attack_expect(&attack, HM_SIM_C, "drop-control-unexpected", 5);
    for (uint8_t i = 0; i < 4; i++)
        assert_int_equal(prepare(world, 100 + i), HM_CONTROL_OK);
    assert_int_equal(prepare(world, 104), HM_CONTROL_REFUSED);
    assert_refused(world, &world->vm, HM_SIM_B, "too many handovers");
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_B].agent, "handovers"), 4);
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_B].agent, "visitors"), 4);
    attack_end_counted(&attack);
    hm_sim_run_for(&world->sim, EXPIRY_US);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
}

static void test_full_handovers_at_the_source_refuse_the_next_move(void **state)
{
    struct hm_sim_world *world = *state;
    static struct hm_sim_host vms[2];
    struct attack attack;

    limit(world, HM_SIM_A, (struct limits){.handovers = 2});
    for (uint8_t i = 0; i < 2; i++)
        hm_sim_world_add_vm(world, &vms[i], "other", HM_SIM_A, 6 + i);
    attack_begin_here(&attack, world);
    attack_expect(&attack, HM_SIM_A, "control-requests", 3);
    attack_expect(&attack, HM_SIM_A, "control-refused", 1);
    attack_expect(&attack, HM_SIM_B, "control-requests", 1); /* it is not even asked again */
    stage(world, &world->vm, HM_SIM_A, HM_SIM_B);
    stage(world, &vms[0], HM_SIM_A, HM_SIM_C);
    assert_refused(world, &vms[1], HM_SIM_B, "too many handovers");
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_A].agent, "handovers"), 2);
    attack_end_counted(&attack);
    const struct hm_control_message cancel = hm_sim_about(HM_OP_CANCEL, &vms[0]);
    assert_int_equal(hm_sim_hypervisor_call(&world->sites[HM_SIM_A].hypervisor, &cancel), HM_CONTROL_OK);
    handover(world, &vms[1], HM_SIM_A, HM_SIM_B);
    assert_states(world, hm_sim_host_addr(&vms[1]), "away", HM_SIM_B, "present");
    assert_states(world, HM_SIM_VM_ADDR, "staged", HM_SIM_B, "expected");
}

/* --- visitors, bindings ------------------------------------------------------------------------------- */

static void test_full_visitors_refuse_the_next_visit(void **state)
{
    struct hm_sim_world *world = *state;
    struct attack attack;

    limit(world, HM_SIM_B, (struct limits){.visitors = 2});
    attack_begin_here(&attack, world);
    attack_expect(&attack, HM_SIM_B, "control-refused", 2);
    attack_expect(&attack, HM_SIM_A, "control-refused", 1);
    attack_expect(&attack, HM_SIM_A, "rrq-received", 0); /* nothing is registered that has no room */
    attack_expect(&attack, HM_SIM_C, "drop-control-unexpected", 3);
    for (uint8_t i = 0; i < 2; i++)
        assert_int_equal(prepare(world, 100 + i), HM_CONTROL_OK);
    assert_int_equal(prepare(world, 102), HM_CONTROL_REFUSED);
    assert_refused(world, &world->vm, HM_SIM_B, "no room for another visitor");
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_B].agent, "visitors"), 2);
    attack_end_counted(&attack);
    hm_sim_run_for(&world->sim, EXPIRY_US);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
}

/* The home agent says 130, the foreign agent stages nothing, and the hypervisor is told the code. */
static void test_full_bindings_refuse_a_move_with_the_rfcs_code(void **state)
{
    struct hm_sim_world *world = *state;
    struct attack attack;

    limit(world, HM_SIM_A, (struct limits){.bindings = 2});
    attack_begin_here(&attack, world);
    attack_expect(&attack, HM_SIM_A, "rrp-accepted", 2 + 1); /* and B's withdrawal */
    attack_expect(&attack, HM_SIM_A, "rrp-denied", 1);
    attack_expect(&attack, HM_SIM_A, "control-refused", 1);
    attack_expect(&attack, HM_SIM_B, "control-refused", 1);
    attack_expect(&attack, HM_SIM_C, "drop-mip-unexpected", 2);
    for (uint8_t i = 0; i < 2; i++) {
        const struct hm_mac mac = {{0x52, 0x54, 0, 1, 1, i}};
        const struct forged_request request = {
            .as = HM_SIM_C, .lifetime_s = 60, .home_addr = 0x0a010064u + i, .mac = &mac};
        assert_int_equal(forge_request(world, &request, NULL), 0);
    }
    assert_refused(world, &world->vm, HM_SIM_B, "code 130");
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_A].agent, "bindings"), 2);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    assert_states(world, HM_SIM_VM_ADDR, NULL, HM_SIM_B, NULL);
    attack_end_counted(&attack);
    hm_sim_run_for(&world->sim, EXPIRY_US);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
}

/* --- shields ------------------------------------------------------------------------------------------ */

static int shield(struct hm_sim_world *world, unsigned first, unsigned count, const char *what)
{
    struct hm_control_message message = {.op = HM_OP_SHIELD, .mac_count = count};

    snprintf(message.state, sizeof(message.state), "%s", what);
    for (unsigned i = 0; i < count; i++)
        message.macs[i] =
            (struct hm_mac){{0x52, 0x54, 9, 9, (uint8_t)((first + i) >> 8), (uint8_t)(first + i)}};
    return hm_sim_hypervisor_call(&world->sites[HM_SIM_B].hypervisor, &message);
}

static void test_full_shields_refuse_the_next_one(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_control_message own = hm_sim_about(HM_OP_SHIELD, &world->vm);
    const unsigned share = HM_SHIELDS_MAX / world->sites[HM_SIM_B].agent.config.hypervisor_count;
    const unsigned others = share - 1;
    struct attack attack;

    own.macs[own.mac_count++] = world->vm.iface.mac;
    assert_int_equal(hm_sim_hypervisor_call(&world->sites[HM_SIM_B].hypervisor, &own), HM_CONTROL_OK);
    attack_begin(&attack, world);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "shielded", "yes");
    for (unsigned at = 0; at < others; at += HM_CONTROL_MAX_NODES) {
        unsigned count = others - at < HM_CONTROL_MAX_NODES ? others - at : HM_CONTROL_MAX_NODES;
        assert_int_equal(shield(world, at, count, ""), HM_CONTROL_OK);
    }
    attack_expect(&attack, HM_SIM_B, "control-refused", 2);
    assert_int_equal(shield(world, others, 1, ""), HM_CONTROL_REFUSED);
    assert_int_equal(shield(world, 0, 1, ""), HM_CONTROL_OK); /* one that is there needs no room */
    assert_int_equal(shield(world, 0, 1, "remove"), HM_CONTROL_OK);
    assert_int_equal(shield(world, others, 2, ""), HM_CONTROL_REFUSED); /* whole, or not at all */
    assert_int_equal(shield(world, others, 1, ""), HM_CONTROL_OK);
    assert_row(world, HM_SIM_B, "visitors", HM_SIM_VM_ADDR, "shielded", "yes");
    attack_end(&attack);
}

/* --- open commands ------------------------------------------------------------------------------------ */

/* A command at A that stays open for a second: a VM is named that nobody has heard of. */
static void ask(struct hm_sim_world *world, struct hm_control_message message, const struct hm_key *key)
{
    struct hm_sim_agent *agent = &world->sites[HM_SIM_A].agent;
    const struct hm_endpoint from = {.addr = 0x7f000001u, .port = 40000};
    uint8_t bytes[HM_CONTROL_MAX_LEN];

    message.kind = HM_CONTROL_REQUEST;
    message.timestamp = hm_sim_agent_time(agent).ntp;
    message.request_id = hm_sim_random_u64(&world->sim.random);
    message.macs[message.mac_count++] = (struct hm_mac){{0x52, 0x54, 7, 7, 7, 7}};
    hm_sim_agent_datagram(agent, &from, bytes, hm_control_encode(&message, key, bytes));
    hm_sim_run_for(&world->sim, 100);
}

static void ask_as_hypervisor(struct hm_sim_world *world, unsigned number, unsigned times)
{
    const struct hm_hypervisor_config *of = &world->sites[HM_SIM_A].hypervisors[number];
    struct hm_control_message message = {.op = HM_OP_IMMINENT, .key_id = of->key_id, .host = "hv-b1"};

    while (times-- > 0)
        ask(world, message, &of->key);
}

static void ask_as_peer(struct hm_sim_world *world, enum hm_sim_site_number peer, unsigned times)
{
    struct hm_key key = attack_control_key(world, HM_SIM_A, peer);
    struct hm_control_message message = {.op = HM_OP_LOCATE,
                                         .key_id = forge_peer(world, HM_SIM_A, peer)->spi,
                                         .agent_addr = world->sites[peer].agent_peer_addr};

    while (times-- > 0)
        ask(world, message, &key);
}

/* One sender alone cannot fill the table; all together can, and then the next is dropped, to be repeated. */
static void test_full_open_commands_drop_the_next_and_are_answered_all_the_same(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_control_message status = hm_sim_about(HM_OP_STATUS, &world->vm);
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "drop-control-full", 4);
    uint64_t before = counter(world, HM_SIM_A, "drop-control-full");
    ask_as_hypervisor(world, 1, OPEN_OF_ONE + 4);
    assert_counted(world, HM_SIM_A, "drop-control-full", before, 4);
    assert_int_equal(hm_sim_hypervisor_call(&world->sites[HM_SIM_A].hypervisor, &status), HM_CONTROL_OK);
    attack_expect(&attack, HM_SIM_A, "drop-control-full", 5);
    ask_as_hypervisor(world, 0, OPEN_OF_ONE + 5);
    ask_as_peer(world, HM_SIM_C, SLOTS - 2 * OPEN_OF_ONE);
    assert_counted(world, HM_SIM_A, "drop-control-full", before, 4 + 5);
    attack_expect(&attack, HM_SIM_A, "drop-control-full", 7);
    ask_as_peer(world, HM_SIM_B, 7);
    attack_expect(&attack, HM_SIM_A, "control-requests", 1 + SLOTS);
    attack_expect(&attack, HM_SIM_A, "control-refused", SLOTS);
    hm_sim_run_for(&world->sim, 2 * HM_SIM_S);
    attack_expect(&attack, HM_SIM_A, "control-requests", 1);
    assert_int_equal(hm_sim_hypervisor_call(&world->sites[HM_SIM_A].hypervisor, &status), HM_CONTROL_OK);
    attack_end(&attack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_full_handovers_at_the_destination_refuse_the_next_move),
        SCENARIO(test_full_handovers_at_the_source_refuse_the_next_move),
        SCENARIO(test_full_visitors_refuse_the_next_visit),
        SCENARIO(test_full_bindings_refuse_a_move_with_the_rfcs_code),
        SCENARIO(test_full_shields_refuse_the_next_one),
        SCENARIO(test_full_open_commands_drop_the_next_and_are_answered_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
