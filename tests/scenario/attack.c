/* SPDX-License-Identifier: BSD-3-Clause */
/* What the attackers' tests share. */
#include "tests/scenario/attack.h"

#include <stdlib.h>

#include "firmware/wire/authenticator.h"

static const char *const UNSTEADY[] = {"lifetime_s", "delivered", NULL};

void attack_begin(struct attack *attack, struct hm_sim_world *world)
{
    attack->world = world;
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    probes_start(&attack->probes, &world->correspondent, &world->vm, 100);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    tables_read(&attack->before, world);
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        hm_sim_report_init(&attack->handovers[i], &world->sites[i].agent, "handovers");
}

static void assert_bounded(const struct hm_sim_site *site)
{
    const struct hm_router_config *config = &site->agent.config;

    assert_true(hm_sim_agent_rows(&site->agent, "bindings") <= config->max_bindings);
    assert_true(hm_sim_agent_rows(&site->agent, "visitors") <= config->max_visitors);
    assert_true(hm_sim_agent_rows(&site->agent, "handovers") <= config->max_handovers);
    assert_true(hm_sim_agent_rows(&site->agent, "neighbours") <= config->max_neighbours);
}

void attack_end(struct attack *attack)
{
    hm_sim_run_for(&attack->world->sim, 100 * HM_SIM_MS);
    probes_check(&attack->probes, attack->world, 0);
    assert_tables_unchanged(attack->world, &attack->before);
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        struct hm_sim_report now;
        hm_sim_report_init(&now, &attack->world->sites[i].agent, "handovers");
        assert_true(hm_sim_report_equals(&attack->handovers[i], &now, UNSTEADY));
        hm_sim_report_fini(&now);
        hm_sim_report_fini(&attack->handovers[i]);
        assert_bounded(&attack->world->sites[i]);
    }
    probes_stop(&attack->probes);
}

struct hm_key attack_control_key(const struct hm_sim_world *world, enum hm_sim_site_number site,
                                 enum hm_sim_site_number other)
{
    struct hm_key key;

    hm_authenticator_derive(&forge_peer(world, site, other)->key, HM_CONTROL_PEER_LABEL, &key);
    return key;
}

void attack_control(struct hm_sim_world *world, enum hm_sim_site_number to, uint32_t src,
                    const struct hm_key *key, struct hm_control_message *message)
{
    uint8_t bytes[HM_CONTROL_MAX_LEN];

    if (message->kind == 0)
        message->kind = HM_CONTROL_REQUEST;
    if (message->timestamp == 0)
        message->timestamp = hm_sim_agent_time(&world->sites[to].agent).ntp;
    if (message->request_id == 0)
        message->request_id = hm_sim_random_u64(&world->sim.random);
    size_t len = hm_control_encode(message, key, bytes);
    assert_true(len > 0);
    forge_udp(world, src, world->sites[to].agent_peer_addr, HM_CONTROL_PORT, bytes, len);
}

void assert_counted(struct hm_sim_world *world, enum hm_sim_site_number site, const char *name,
                    uint64_t before, uint64_t by)
{
    uint64_t now = counter(world, site, name);

    if (now != before + by)
        print_message("%s: %llu, not %llu\n", name, (unsigned long long)(now - before),
                      (unsigned long long)by);
    assert_int_equal(now, before + by);
}
