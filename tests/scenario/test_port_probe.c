/* SPDX-License-Identifier: BSD-3-Clause */
/* Port probe: an agent tells whether a second MAC passes at its own port, and asks whoever is there. */
#include "tests/scenario/forge.h"

#define LOOKS 20 /* every tenth of a second: longer than a probe is open */

/* A port that lets through one MAC, one way or the other; or none. */
struct guard {
    struct hm_sim_tap tap;
    const struct hm_sim_port *agent;
    struct hm_mac mac; /* the agent's */
    bool is_inward;    /* looks at what comes to the agent: at the destination */
    bool is_closed;    /* lets no ARP through */
    unsigned dropped;
};

static void look(void *ctx, struct hm_sim_passing *passing)
{
    struct guard *guard = ctx;
    const uint8_t *mac = guard->is_inward ? passing->bytes : passing->bytes + 6;

    if ((passing->from == guard->agent) == guard->is_inward || passing->bytes[12] != 0x08 ||
        passing->bytes[13] != 0x06 || mac[0] & 1 ||
        (!guard->is_closed && memcmp(mac, guard->mac.b, sizeof(guard->mac.b)) == 0))
        return;
    guard->dropped++;
    passing->copies = 0;
}

static void guard_start(struct guard *guard, struct hm_sim_world *world, bool is_inward, bool is_closed)
{
    struct hm_sim_site *site = &world->sites[HM_SIM_A];

    *guard = (struct guard){.tap = {.see = look, .ctx = guard},
                            .agent = &site->agent.links[0],
                            .mac = site->agent.config.links[0].mac,
                            .is_inward = is_inward,
                            .is_closed = is_closed};
    hm_sim_lan_add_tap(&site->lan, &guard->tap);
}

static void guard_stop(struct guard *guard, struct hm_sim_world *world)
{
    hm_sim_lan_remove_tap(&world->sites[HM_SIM_A].lan, &guard->tap);
}

/* What A's agent finds, and whom it asked. */
static void assert_found(struct hm_sim_world *world, const char *expected, const char *asked)
{
    struct hm_sim_report report;

    hm_sim_run_for(&world->sim, HM_SIM_S); /* what was found before is old */
    hm_sim_report_init(&report, &world->sites[HM_SIM_A].agent, "port");
    for (unsigned i = 0; i < LOOKS && strcmp(hm_sim_report_text(&report, 0, "second_mac"), "asked") == 0;
         i++) {
        hm_sim_report_fini(&report);
        hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
        hm_sim_report_init(&report, &world->sites[HM_SIM_A].agent, "port");
    }
    assert_string_equal(hm_sim_report_text(&report, 0, "second_mac"), expected);
    assert_string_equal(hm_sim_report_text(&report, 0, "asked"), asked);
    hm_sim_report_fini(&report);
}

static void test_a_second_mac_passes_and_nobody_knows_it(void **state)
{
    struct hm_sim_world *world = *state;
    unsigned known = hm_sim_agent_rows(&world->sites[HM_SIM_A].agent, "neighbours");

    assert_found(world, "yes", "10.1.0.1");
    assert_int_equal(hm_sim_agent_rows(&world->sites[HM_SIM_A].agent, "neighbours"), known);
    assert_tables_empty(world);
}

static void test_a_port_with_one_mac_is_told_in_either_direction(void **state)
{
    struct guard guard;

    for (unsigned i = 0; i < 2; i++) {
        guard_start(&guard, *state, i == 1, false);
        assert_found(*state, "no", "10.1.0.1");
        assert_true(guard.dropped > 0);
        guard_stop(&guard, *state);
    }
    assert_found(*state, "yes", "10.1.0.1");
}

/* That is no word about MACs. */
static void test_silence_is_told_as_such(void **state)
{
    struct guard guard;

    guard_start(&guard, *state, true, true);
    assert_found(*state, "silent", "10.1.0.1");
    guard_stop(&guard, *state);
}

static void test_a_gateway_asks_whom_it_has_heard_of_last(void **state)
{
    struct hm_sim_world *world = scenario_create(&(struct hm_sim_world_options){.gateways = true});

    (void)state;
    assert_ping(world, &world->sites[HM_SIM_A].neighbour, HM_SIM_VM_ADDR);
    assert_ping(world, &world->vm, world->sites[HM_SIM_A].agent_addr);
    assert_found(world, "yes", "10.1.0.5");
    hm_sim_world_destroy(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENARIO(test_a_second_mac_passes_and_nobody_knows_it),
        SCENARIO(test_a_port_with_one_mac_is_told_in_either_direction),
        SCENARIO(test_silence_is_told_as_such),
        cmocka_unit_test(test_a_gateway_asks_whom_it_has_heard_of_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
