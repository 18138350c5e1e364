/* SPDX-License-Identifier: BSD-3-Clause */
/* Reach: an agent asks its peers by each protocol that may be needed, and tells which of them pass both ways.
 */
#include "tests/scenario/forge.h"

#define LOOKS 30 /* every tenth of a second: longer than any question stays open */

struct found {
    const char *field, *expected; /* "": not asked */
};

/* Drops what has this protocol, and this UDP port where that is not 0, on its way out of a site, or into it.
 */
struct filter {
    struct hm_sim_tap tap;
    const struct hm_sim_port *from; /* the agent: its frames; NULL: those of all others */
    const struct hm_sim_port *agent;
    uint8_t protocol;
    uint16_t port;
    unsigned dropped;
};

static void look(void *ctx, struct hm_sim_passing *passing)
{
    struct filter *filter = ctx;
    struct hm_ipv4 ip;

    if (passing->len < FORGE_UDP_AT + 4 || (passing->from == filter->agent) != (filter->from != NULL) ||
        passing->bytes[12] != 0x08 || passing->bytes[13] != 0x00 ||
        hm_ipv4_decode(passing->bytes + HM_ETHERNET_LEN, passing->len - HM_ETHERNET_LEN, &ip) != 0 ||
        ip.protocol != filter->protocol)
        return;
    if (filter->port != 0 &&
        (passing->bytes[FORGE_UDP_AT + 2] << 8 | passing->bytes[FORGE_UDP_AT + 3]) != filter->port)
        return;
    filter->dropped++;
    passing->copies = 0;
}

static void filter_start(struct filter *filter, struct hm_sim_world *world, bool is_outward, uint8_t protocol,
                         uint16_t port)
{
    struct hm_sim_site *site = &world->sites[HM_SIM_A];

    *filter = (struct filter){.tap = {.see = look, .ctx = filter},
                              .from = is_outward ? &site->agent.links[0] : NULL,
                              .agent = &site->agent.links[0],
                              .protocol = protocol,
                              .port = port};
    hm_sim_lan_add_tap(&site->lan, &filter->tap);
}

static void filter_stop(struct filter *filter, struct hm_sim_world *world)
{
    hm_sim_lan_remove_tap(&world->sites[HM_SIM_A].lan, &filter->tap);
}

static bool is_open(const struct hm_sim_report *report)
{
    static const char *const FIELDS[] = {"answers", "udp_434", "ip_4", "ip_47"};

    for (unsigned i = 0; i < sizeof(FIELDS) / sizeof(FIELDS[0]); i++)
        if (strcmp(hm_sim_report_text(report, 0, FIELDS[i]), "asked") == 0)
            return true;
    return false;
}

/* What a site's agent finds of its first peer. */
static void assert_found(struct hm_sim_world *world, enum hm_sim_site_number site, const struct found *found,
                         unsigned count)
{
    struct hm_sim_report report;

    hm_sim_run_for(&world->sim, HM_SIM_S); /* what was asked before is old */
    hm_sim_report_init(&report, &world->sites[site].agent, "peers");
    for (unsigned i = 0; i < LOOKS && is_open(&report); i++) {
        hm_sim_report_fini(&report);
        hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
        hm_sim_report_init(&report, &world->sites[site].agent, "peers");
    }
    for (unsigned i = 0; i < count; i++)
        assert_string_equal(hm_sim_report_text(&report, 0, found[i].field), found[i].expected);
    hm_sim_report_fini(&report);
}

#define ASSERT_FOUND(world, site, ...)                             \
    assert_found(world, site, (const struct found[]){__VA_ARGS__}, \
                 sizeof((const struct found[]){__VA_ARGS__}) / sizeof(struct found))

static void test_each_protocol_that_may_be_needed_is_asked_and_nothing_changes(void **state)
{
    (void)state;
    for (enum hm_encapsulation kind = 0; kind < HM_ENCAPSULATION_COUNT; kind++) {
        struct hm_sim_world *world = scenario_create(&(struct hm_sim_world_options){.tunnel = kind});
        const char *gre = kind == HM_ENCAPSULATION_GRE ? "yes" : "";

        ASSERT_FOUND(world, HM_SIM_A, {"answers", "yes"}, {"udp_434", "yes"}, {"ip_4", "yes"},
                     {"ip_47", gre});
        ASSERT_FOUND(world, HM_SIM_B, {"tunnel", "ipip"}, {"ip_4", "yes"});
        assert_tables_empty(world);
        hm_sim_world_destroy(world);
    }
}

static void test_gateways_are_asked_by_their_wan(void **state)
{
    struct hm_sim_world *world =
        scenario_create(&(struct hm_sim_world_options){.gateways = true, .tunnel = HM_ENCAPSULATION_GRE});

    (void)state;
    ASSERT_FOUND(world, HM_SIM_A, {"answers", "yes"}, {"udp_434", "yes"}, {"ip_4", "yes"}, {"ip_47", "yes"});
    hm_sim_world_destroy(world);
}

/* A protocol that passes one way only does not carry a tunnel. */
static void test_what_is_filtered_in_either_direction_is_told(void **state)
{
    static const struct {
        uint8_t protocol;
        uint16_t port;
        struct found found[3];
    } CASES[] = {
        {HM_IP_PROTO_IPIP, 0, {{"answers", "yes"}, {"udp_434", "yes"}, {"ip_4", "no"}}},
        {HM_IP_PROTO_UDP, HM_TUNNEL_PORT, {{"answers", "yes"}, {"udp_434", "no"}, {"ip_4", "yes"}}},
        {HM_IP_PROTO_UDP, HM_CONTROL_PORT, {{"answers", "no"}, {"udp_434", "yes"}, {"ip_4", "yes"}}},
    };
    struct filter filter;

    for (unsigned i = 0; i < 2 * sizeof(CASES) / sizeof(CASES[0]); i++) {
        filter_start(&filter, *state, i % 2 == 0, CASES[i / 2].protocol, CASES[i / 2].port);
        assert_found(*state, HM_SIM_A, CASES[i / 2].found, 3);
        assert_true(filter.dropped > 0);
        filter_stop(&filter, *state);
    }
    ASSERT_FOUND(*state, HM_SIM_A, {"answers", "yes"}, {"udp_434", "yes"}, {"ip_4", "yes"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_protocol_that_may_be_needed_is_asked_and_nothing_changes),
        cmocka_unit_test(test_gateways_are_asked_by_their_wan),
        SCENARIO(test_what_is_filtered_in_either_direction_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
