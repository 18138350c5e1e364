/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios: an attacker on the LAN, without any key. What the agent believes stays as it was, each attack is
 * counted by its name, and no table grows beyond its limit. */
#include "tests/scenario/attack.h"

#include "firmware/wire/arp.h"

#define FLOOD 5000

/* A frame from the attacker's machine on a site's LAN to the agent's MAC. */
static void send_frame(struct hm_sim_site *site, uint8_t *frame, size_t len)
{
    memcpy(frame, site->agent.config.links[0].mac.b, 6);
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

static void test_arp_in_the_name_of_an_absent_node_is_not_believed(void **state)
{
    struct hm_sim_world *world = *state;
    struct attack attack;

    attack_begin(&attack, world);
    uint64_t before = counter(world, HM_SIM_A, "drop-home-source");
    for (uint16_t op = HM_ARP_REQUEST; op <= HM_ARP_REPLY; op++)
        send_arp(world, HM_SIM_A,
                 &(struct hm_arp){.op = op,
                                  .sender_mac = world->sites[HM_SIM_A].machine.iface.mac,
                                  .sender_addr = HM_SIM_VM_ADDR,
                                  .target_addr = HM_SIM_VM_ADDR});
    assert_counted(world, HM_SIM_A, "drop-home-source", before, 2);
    attack_end(&attack);
}

static void test_arp_without_a_mac_or_with_a_groups_is_not_answered(void **state)
{
    struct hm_sim_world *world = *state;
    const struct hm_mac macs[] = {HM_MAC_ZERO, HM_MAC_BROADCAST, {{1, 0, 0x5e, 0, 0, 1}}};
    struct attack attack;

    attack_begin(&attack, world);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t before = counter(world, HM_SIM_A, "drop-arp-group-mac");
        uint64_t answered = counter(world, HM_SIM_A, "arp-proxied");
        send_arp(world, HM_SIM_A,
                 &(struct hm_arp){.op = HM_ARP_REQUEST,
                                  .sender_mac = macs[i],
                                  .sender_addr = world->sites[HM_SIM_A].net + 77,
                                  .target_addr = HM_SIM_VM_ADDR});
        assert_counted(world, HM_SIM_A, "drop-arp-group-mac", before, 1);
        assert_counted(world, HM_SIM_A, "arp-proxied", answered, 0);
    }
    attack_end(&attack);
}

static void test_a_flood_of_arp_leaves_the_router_and_the_visitor_known(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_random random = {7};
    struct attack attack;

    attack_begin(&attack, world);
    for (unsigned i = 0; i < FLOOD; i++) {
        uint64_t draw = hm_sim_random_u64(&random);
        struct hm_sim_site *site = &world->sites[i % 2];
        struct hm_arp arp = {.op = HM_ARP_REQUEST,
                             .sender_mac = {{2, 0x66, (uint8_t)draw, (uint8_t)(draw >> 8), 1, 1}},
                             .sender_addr = site->net + 100 + (uint32_t)(draw >> 16) % 100,
                             .target_addr = site->agent_addr};
        uint8_t frame[HM_ARP_FRAME_LEN];
        hm_arp_encode_frame(frame, &HM_MAC_BROADCAST, &site->machine.iface.mac, HM_ETHERTYPE_ARP, &arp);
        send_frame(site, frame, sizeof(frame));
        hm_sim_run_for(&world->sim, 200);
    }
    attack_end(&attack);
    assert_ping(world, &world->correspondent, HM_SIM_VM_ADDR);
}

/* A frame alone moves nothing: nobody has announced that the node would come to C. */
static void test_the_nodes_mac_on_a_lan_where_it_is_not_expected_moves_nothing(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_C];
    const struct hm_mac *mac = &world->vm.iface.mac;
    struct attack attack;
    uint8_t frame[128];

    attack_begin(&attack, world);
    for (unsigned i = 0; i < 20; i++) {
        hm_arp_encode_frame(frame, &HM_MAC_BROADCAST, mac, HM_ETHERTYPE_RARP,
                            &(struct hm_arp){.op = HM_RARP_REQUEST, .sender_mac = *mac, .target_mac = *mac});
        hm_sim_port_send_bytes(&site->machine.iface.port, frame, HM_ARP_FRAME_LEN);
        hm_sim_run_for(&world->sim, 10 * HM_SIM_MS);
    }
    assert_int_equal(hm_sim_agent_rows(&site->agent, "visitors"), 0);
    attack_end(&attack);
}

static void test_addresses_of_the_agent_are_not_taken_from_the_lan(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    static const uint32_t SOURCES[] = {0x0a020002u, 0x7f000001u, 0xe0000001u, 0xffffffffu, 0x0a0200ffu};
    struct attack attack;
    uint8_t frame[128] = {[12] = 8};

    attack_begin(&attack, world);
    memcpy(frame + 6, site->machine.iface.mac.b, 6);
    for (unsigned i = 0; i < sizeof(SOURCES) / sizeof(SOURCES[0]); i++) {
        size_t len = forge_inner(frame + HM_ETHERNET_LEN, SOURCES[i], site->agent_addr, 64);
        send_frame(site, frame, HM_ETHERNET_LEN + len);
        hm_sim_run_for(&world->sim, HM_SIM_MS);
    }
    assert_true(counter(world, HM_SIM_B, "drop-ip-martian") >= 4);
    attack_end(&attack);
}

static void test_cut_and_oversized_frames_are_counted_and_harmless(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_sim_site *site = &world->sites[HM_SIM_B];
    static const uint8_t TYPES[][2] = {{8, 0}, {8, 6}, {0x80, 0x35}, {0x86, 0xdd}, {0x81, 0}, {0, 3}};
    struct attack attack;

    attack_begin(&attack, world);
    for (unsigned i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
        for (size_t len = HM_ETHERNET_LEN; len <= HM_SIM_FRAME_MAX; len += len < 80 ? 1 : 123) {
            uint8_t frame[HM_SIM_FRAME_MAX];
            memset(frame, 0x45, sizeof(frame));
            memcpy(frame + 6, site->machine.iface.mac.b, 6);
            memcpy(frame + 12, TYPES[i], 2);
            send_frame(site, frame, len);
            hm_sim_run_for(&world->sim, 100);
        }
    }
    assert_true(counter(world, HM_SIM_B, "drop-arp-malformed") > 20);
    assert_true(counter(world, HM_SIM_B, "drop-ip-header") > 20);
    assert_true(counter(world, HM_SIM_B, "drop-ethertype") > 20);
    assert_int_equal(site->agent.refused, 0);
    attack_end(&attack);
}

/* Requests with keys that nobody has: dropped and counted, at most a few hints a second, and the hypervisor
 * that has one is served at once. */
static void test_a_flood_of_commands_without_a_key_shuts_nobody_out(void **state)
{
    struct hm_sim_world *world = *state;
    struct hm_key key = {.len = 32};
    struct hm_control_message request = hm_sim_about(HM_OP_CANCEL, &world->vm);
    struct ip_watch hints;
    struct attack attack;

    attack_begin(&attack, world);
    uint64_t unknown = counter(world, HM_SIM_A, "drop-control-key");
    uint64_t wrong = counter(world, HM_SIM_A, "drop-control-auth");
    ip_watch_start(&hints, world, HM_SIM_A, HM_IP_PROTO_UDP);
    for (unsigned i = 0; i < 100; i++) {
        request.request_id = i + 1;
        request.key_id = i % 2 == 0 ? 77777 : HM_SIM_KEY_ID; /* of nobody, or guessed */
        attack_control(world, HM_SIM_A, world->sites[HM_SIM_A].net + 21, &key, &request);
    }
    ip_watch_stop(&hints, world, HM_SIM_A);
    assert_counted(world, HM_SIM_A, "drop-control-key", unknown, 50);
    assert_counted(world, HM_SIM_A, "drop-control-auth", wrong, 50);
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

/* Nobody had to try: five minutes, and three questions a second apart. */
static void test_a_forged_claim_of_a_vms_mac_runs_out_by_itself(void **state)
{
    struct hm_sim_world *world = *state;

    claim_the_vms_mac(world, 1);
    hm_sim_run_for(&world->sim, 304 * HM_SIM_S);
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
        SCENARIO(test_arp_in_the_name_of_an_absent_node_is_not_believed),
        SCENARIO(test_arp_without_a_mac_or_with_a_groups_is_not_answered),
        SCENARIO(test_a_flood_of_arp_leaves_the_router_and_the_visitor_known),
        SCENARIO(test_the_nodes_mac_on_a_lan_where_it_is_not_expected_moves_nothing),
        SCENARIO(test_addresses_of_the_agent_are_not_taken_from_the_lan),
        SCENARIO(test_cut_and_oversized_frames_are_counted_and_harmless),
        SCENARIO(test_forged_claims_of_a_vms_mac_delay_its_move_for_seconds_and_change_nothing),
        SCENARIO(test_a_forged_claim_of_a_vms_mac_runs_out_by_itself),
        SCENARIO(test_a_claim_of_a_vms_mac_that_goes_on_is_a_conflict_until_it_ends),
        SCENARIO(test_a_flood_of_commands_without_a_key_shuts_nobody_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
