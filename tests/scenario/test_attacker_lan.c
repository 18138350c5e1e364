/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: an attacker on the LAN, without any key. What the agent believes stays as it was, each attack is
 * counted by its name, and no table grows beyond its limit. The frames that are no frames are in
 * test_attacker_lan_frames.c. */
#include "tests/scenario/attack.h"

#include "firmware/wire/arp.h"

#define FLOOD 5000
#define CLAIMS 1000

/* A frame from the attacker's machine on a site's LAN to the agent's MAC. */
static void send_frame(struct hm_sim_site *site, uint8_t *frame, size_t len)
{
    memcpy(frame, site->agent.config.links[0].mac.b, 6);
    memcpy(frame + 6, site->machine.iface.mac.b, 6);
    hm_sim_port_send_bytes(&site->machine.iface.port, frame, len);
}

static void send_arp(struct hm_sim_world *world, enum hm_sim_site_number where, const struct hm_arp *arp)
{
    struct hm_sim_site *site = &world->sites[where];
    uint8_t frame[HM_ARP_FRAME_LEN];

    hm_arp_encode_frame(frame, &HM_MAC_BROADCAST, &site->machine.iface.mac, HM_ETHERTYPE_ARP, arp);
    send_frame(site, frame, sizeof(frame));
    hm_sim_run_for(&world->sim, HM_SIM_MS);
}

/* --- forged ------------------------------------------------------------------------------------------- */

static void test_lan_forged_arp_in_the_name_of_an_absent_node_is_not_believed(void **state)
{
    struct hm_sim_world *world = *state;
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "drop-home-source", 2);
    attack_expect(&attack, HM_SIM_A, "arp-conflicts", 1);
    for (uint16_t op = HM_ARP_REQUEST; op <= HM_ARP_REPLY; op++)
        send_arp(world, HM_SIM_A,
                 &(struct hm_arp){.op = op,
                                  .sender_mac = world->sites[HM_SIM_A].machine.iface.mac,
                                  .sender_addr = HM_SIM_VM_ADDR,
                                  .target_addr = HM_SIM_VM_ADDR});
    attack_end(&attack);
}

static void test_lan_forged_arp_without_a_mac_or_with_a_groups_is_not_answered(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_mac macs[] = {HM_MAC_ZERO, HM_MAC_BROADCAST, {{1, 0, 0x5e, 0, 0, 1}}};
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "drop-arp-group-mac", 3);
    attack_expect(&attack, HM_SIM_A, "arp-proxied", 0);
    for (unsigned i = 0; i < 3; i++)
        send_arp(world, HM_SIM_A,
                 &(struct hm_arp){.op = HM_ARP_REQUEST,
                                  .sender_mac = macs[i],
                                  .sender_addr = world->sites[HM_SIM_A].net + 77,
                                  .target_addr = HM_SIM_VM_ADDR});
    attack_end(&attack);
}

/* A frame alone moves nothing: nobody has announced that the node would come to C. */
static void test_lan_forged_announcement_where_the_node_is_not_expected_moves_nothing(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_C];
    const struct hm_mac *mac = &world->vm.iface.mac;
    struct attack attack;
    uint8_t frame[128];

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_C, "drop-rarp-unknown", 20);
    for (unsigned i = 0; i < 20; i++) {
        hm_arp_encode_frame(frame, &HM_MAC_BROADCAST, mac, HM_ETHERTYPE_RARP,
                            &(struct hm_arp){.op = HM_RARP_REQUEST, .sender_mac = *mac, .target_mac = *mac});
        hm_sim_port_send_bytes(&site->machine.iface.port, frame, HM_ARP_FRAME_LEN);
        hm_sim_run_for(&world->sim, 10 * HM_SIM_MS);
    }
    assert_int_equal(hm_sim_agent_rows(&site->agent, "visitors"), 0);
    attack_end(&attack);
}

static void test_lan_forged_sources_that_nobody_there_can_have_are_dropped(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    static const uint32_t SOURCES[] = {0x0a020002u, 0x7f000001u, 0xe0000001u, 0xffffffffu, 0x0a0200ffu};
    struct attack attack;
    uint8_t frame[128] = {[12] = 8};

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_B, "drop-ip-martian", sizeof(SOURCES) / sizeof(SOURCES[0]));
    for (unsigned i = 0; i < sizeof(SOURCES) / sizeof(SOURCES[0]); i++) {
        size_t len = forge_inner(frame + HM_ETHERNET_LEN, SOURCES[i], site->agent_addr, 64);
        send_frame(site, frame, HM_ETHERNET_LEN + len);
        hm_sim_run_for(&world->sim, HM_SIM_MS);
    }
    attack_end(&attack);
}

/* --- replayed ----------------------------------------------------------------------------------------- */

static void replay(struct hm_sim_site *site, const struct recorder *recorder)
{
    for (unsigned i = 0; i < recorder->count; i++) {
        struct recorded again = recorder->frames[i];
        send_frame(site, again.bytes, again.len);
        hm_sim_run_for(site->agent.sim, HM_SIM_MS);
    }
}

/* The hypervisor's commands, once while their time stamps fit and once when they do not: the first time they
 * are answered from memory, the second time by our clock, and never carried out again. */
static void test_lan_replayed_commands_are_not_carried_out_again(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_A];
    struct attack attack;

    recorder_start(&recorder, &site->lan, &site->machine.iface.port, false);
    attack_begin(&attack, world);
    recorder_stop(&recorder);
    attack_expect(&attack, HM_SIM_A, "control-requests", 0);
    attack_expect(&attack, HM_SIM_A, "control-repeats", recorder.count);
    replay(site, &recorder);
    hm_sim_run_for(&world->sim, 8 * HM_SIM_S);
    attack_expect(&attack, HM_SIM_A, "drop-control-clock", recorder.count);
    attack_expect(&attack, HM_SIM_A, "control-resyncs", recorder.count);
    replay(site, &recorder);
    attack_end(&attack);
}

/* What the visitor has said, by another machine: its address alone does not make it the visitor. */
static void test_lan_replayed_packets_of_the_visitor_do_not_go_up_its_tunnel(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    struct attack attack;

    attack_begin(&attack, world);
    recorder_start(&recorder, &site->lan, &world->vm.iface.port, true);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    recorder_stop(&recorder);
    assert_true(recorder.count >= 5);
    attack_expect(&attack, HM_SIM_B, "drop-not-a-router", recorder.count);
    replay(site, &recorder);
    attack_end(&attack);
}

/* --- reflected ---------------------------------------------------------------------------------------- */

/* All that the agent sends by IP while it answers a command and carries the visitor's packets. */
static void record_agent(struct hm_sim_world *world, struct recorder *recorder, struct hm_sim_site *site)
{
    struct hm_control_message status = hm_sim_about(HM_OP_STATUS, &world->vm);

    recorder_start(recorder, &site->lan, &site->agent.links[0], true);
    assert_int_equal(hm_sim_hypervisor_call(&site->hypervisor, &status), HM_CONTROL_OK);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    recorder_stop(recorder);
}

/* What the agent has sent comes back as it was: by its own address, and so from nobody. */
static void test_lan_reflected_packets_of_the_agent_are_martians(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    struct attack attack;

    attack_begin(&attack, world);
    record_agent(world, &recorder, site);
    unsigned of_agent = 0;
    for (unsigned i = 0; i < recorder.count; i++) {
        struct recorded *frame = &recorder.frames[i];
        if (frame->bytes[12] != 8 || frame->bytes[13] != 0 || recorded_src(frame) != site->agent_addr)
            continue;
        of_agent++;
        send_frame(site, frame->bytes, frame->len);
        hm_sim_run_for(&world->sim, HM_SIM_MS);
    }
    assert_true(of_agent >= 5);
    attack_expect(&attack, HM_SIM_B, "drop-ip-martian", of_agent);
    attack_end(&attack);
}

/* The agent's answer, sent to it by the machine that got it. */
static void test_lan_reflected_answers_are_answers_to_nothing(void **state)
{
    static struct recorder recorder;
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_A];
    struct hm_control_message status = hm_sim_about(HM_OP_STATUS, &world->vm);
    struct attack attack;

    attack_begin(&attack, world);
    recorder_start(&recorder, &site->lan, &site->agent.links[0], false);
    assert_int_equal(hm_sim_hypervisor_call(&site->hypervisor, &status), HM_CONTROL_OK);
    recorder_stop(&recorder);
    assert_int_equal(recorder.count, 1);
    attack_expect(&attack, HM_SIM_A, "drop-control-unexpected", 1);
    recorded_turn(&recorder.frames[0]);
    replay(site, &recorder);
    attack_end(&attack);
}

/* --- flooding ----------------------------------------------------------------------------------------- */

/* More pairs than the table holds: all are taken in and answered, and the next hops stay. */
static void test_lan_flooding_arp_leaves_the_router_and_the_visitor_known(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_random random = {7};
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "drop-home-source", 0);
    uint64_t heard = counter(world, HM_SIM_A, "frames-in"), said = counter(world, HM_SIM_A, "frames-out");
    for (unsigned i = 0; i < FLOOD; i++) {
        uint64_t draw = hm_sim_random_u64(&random);
        struct hm_sim_site *site = &world->sites[i % 2];
        struct hm_arp arp = {.op = HM_ARP_REQUEST,
                             .sender_mac = {{2, 0x66, (uint8_t)draw, (uint8_t)(draw >> 8), 1, 1}},
                             .sender_addr = site->net + 30 + (uint32_t)(draw >> 16) % 220,
                             .target_addr = site->agent_addr};
        uint8_t frame[HM_ARP_FRAME_LEN];
        hm_arp_encode_frame(frame, &HM_MAC_BROADCAST, &site->machine.iface.mac, HM_ETHERTYPE_ARP, &arp);
        send_frame(site, frame, sizeof(frame));
        hm_sim_run_for(&world->sim, 200);
    }
    assert_true(counter(world, HM_SIM_A, "frames-in") - heard >= FLOOD / 2);
    assert_true(counter(world, HM_SIM_A, "frames-out") - said >= FLOOD / 2);
    for (unsigned site = HM_SIM_A; site <= HM_SIM_B; site++)
        assert_int_equal(hm_sim_agent_rows(&world->sites[site].agent, "neighbours"),
                         world->sites[site].agent.config.max_neighbours);
    attack_end(&attack);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

/* The absent node's address is defended, and not once for each claim: that would be a flood of our own. */
static void test_lan_flooding_claims_of_an_absent_nodes_address_are_not_answered_one_by_one(void **state)
{
    struct hm_sim_world *world = *state;
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "drop-home-source", CLAIMS);
    attack_expect(&attack, HM_SIM_A, "arp-conflicts", 1); /* in a second */
    for (unsigned i = 0; i < CLAIMS; i++)
        send_arp(world, HM_SIM_A,
                 &(struct hm_arp){.op = HM_ARP_REQUEST,
                                  .sender_mac = {{2, 0x66, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}},
                                  .sender_addr = HM_SIM_VM_ADDR,
                                  .target_addr = HM_SIM_VM_ADDR});
    attack_end(&attack);
}

/* Requests with keys that nobody has: dropped and counted, at most a few hints a second, and the hypervisor
 * that has one is served at once. */
static void test_lan_flooding_commands_without_a_key_shuts_nobody_out(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_key key = {.len = 32};
    struct hm_control_message request = hm_sim_about(HM_OP_CANCEL, &world->vm);
    struct meddler hints;
    struct attack attack;

    attack_begin(&attack, world);
    attack_expect(&attack, HM_SIM_A, "drop-control-key", 50);
    attack_expect(&attack, HM_SIM_A, "drop-control-auth", 50);
    meddler_start(&hints, &world->sites[HM_SIM_A].lan, pattern_control(HM_CONTROL_HINT, HM_OP_CANCEL),
                  MEDDLE_WATCH, 0);
    for (unsigned i = 0; i < 100; i++) {
        request.request_id = i + 1;
        request.key_id = i % 2 == 0 ? 77777 : HM_SIM_KEY_ID; /* of nobody, or guessed */
        attack_control(world, HM_SIM_A, world->sites[HM_SIM_A].net + 21, &key, &request);
    }
    meddler_stop(&hints, &world->sites[HM_SIM_A].lan);
    assert_true(hints.seen > 0 && hints.seen <= 3 * 5); /* in two seconds */
    struct hm_control_message status = hm_sim_about(HM_OP_STATUS, &world->vm);
    assert_int_equal(hm_sim_hypervisor_call(&world->sites[HM_SIM_A].hypervisor, &status), HM_CONTROL_OK);
    attack_end(&attack);
}

/* Machines on B's LAN that are not there say that they have the VM's MAC. */
static void claim_the_vms_mac(struct hm_sim_world *world, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        send_arp(world, HM_SIM_B,
                 &(struct hm_arp){.op = i % 2 == 0 ? HM_ARP_REQUEST : HM_ARP_REPLY,
                                  .sender_mac = world->vm.iface.mac,
                                  .sender_addr = world->sites[HM_SIM_B].net + 100 + i % 100,
                                  .target_addr = world->sites[HM_SIM_B].agent_addr});
}

static int ask_to_move(struct hm_sim_world *world)
{
    const struct hm_control_message request = hm_sim_imminent(&world->vm, &world->sites[HM_SIM_B]);
    return hm_sim_hypervisor_call(&world->sites[HM_SIM_A].hypervisor, &request);
}

/* And the answer says whom to look for. */
static void assert_move_refused(struct hm_sim_world *world)
{
    const struct hm_sim_hypervisor *hypervisor = &world->sites[HM_SIM_A].hypervisor;
    char mac[HM_MAC_TEXT_LEN];

    assert_int_equal(ask_to_move(world), HM_CONTROL_REFUSED);
    assert_non_null(strstr(hypervisor->reply.text, "a machine of this subnet has its MAC: 10.2.0.1"));
    assert_non_null(strstr(hypervisor->reply.text, hm_mac_text(&world->vm.iface.mac, mac)));
    assert_non_null(strstr(hypervisor->reply.text, "heard "));
}

static void test_forged_claims_of_a_vms_mac_delay_its_move_for_seconds_and_change_nothing(void **state)
{
    struct hm_sim_world *world = *state;
    struct probes probes;
    struct tables before;

    probes_start(&probes, &world->correspondent, &world->vm, 100);
    tables_read(&before, world);
    claim_the_vms_mac(world, FLOOD);
    assert_move_refused(world);
    assert_tables_unchanged(world, &before);
    hm_sim_run_for(&world->sim, 4 * HM_SIM_S);
    probes_check(&probes, world, 0);
    probes_stop(&probes);
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    assert_states(world, HM_SIM_VM_ADDR, "away", HM_SIM_B, "present");
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

/* Nobody had to try: an hour, and three questions a second apart. */
static void test_a_forged_claim_of_a_vms_mac_runs_out_by_itself(void **state)
{
    struct hm_sim_world *world = *state;

    claim_the_vms_mac(world, 1);
    hm_sim_run_for(&world->sim, 3604 * HM_SIM_S);
    assert_int_equal(ask_to_move(world), HM_CONTROL_OK);
}

/* A conflict, as far as anybody can tell: refused as long as it lasts, and told. */
static void test_a_claim_of_a_vms_mac_that_goes_on_is_a_conflict_until_it_ends(void **state)
{
    struct hm_sim_world *world = *state;

    for (unsigned i = 0; i < 40; i++) {
        claim_the_vms_mac(world, 1);
        if (i % 5 == 0)
            assert_move_refused(world);
        hm_sim_run_for(&world->sim, 500 * HM_SIM_MS);
    }
    assert_move_refused(world);
    hm_sim_run_for(&world->sim, 4 * HM_SIM_S);
    assert_int_equal(ask_to_move(world), HM_CONTROL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_lan_forged_arp_in_the_name_of_an_absent_node_is_not_believed),
        SCENARIO(test_lan_forged_arp_without_a_mac_or_with_a_groups_is_not_answered),
        SCENARIO(test_lan_forged_announcement_where_the_node_is_not_expected_moves_nothing),
        SCENARIO(test_lan_forged_sources_that_nobody_there_can_have_are_dropped),
        SCENARIO(test_lan_replayed_commands_are_not_carried_out_again),
        SCENARIO(test_lan_replayed_packets_of_the_visitor_do_not_go_up_its_tunnel),
        SCENARIO(test_lan_reflected_packets_of_the_agent_are_martians),
        SCENARIO(test_lan_reflected_answers_are_answers_to_nothing),
        SCENARIO(test_lan_flooding_arp_leaves_the_router_and_the_visitor_known),
        SCENARIO(test_lan_flooding_claims_of_an_absent_nodes_address_are_not_answered_one_by_one),
        SCENARIO(test_lan_flooding_commands_without_a_key_shuts_nobody_out),
        SCENARIO(test_forged_claims_of_a_vms_mac_delay_its_move_for_seconds_and_change_nothing),
        SCENARIO(test_a_forged_claim_of_a_vms_mac_runs_out_by_itself),
        SCENARIO(test_a_claim_of_a_vms_mac_that_goes_on_is_a_conflict_until_it_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
