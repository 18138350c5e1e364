/* SPDX-License-Identifier: BSD-3-Clause */
/* What the scenarios of a handover's life share. */
#include "tests/scenario/life.h"

#include <stdlib.h>

static const struct hm_sim_migration_options USUAL = {
    .copy_us = 50 * HM_SIM_MS, .pause_us = 40 * HM_SIM_MS, .has_watch_there = true};

struct life *life_create(const struct hm_sim_world_options *options)
{
    struct life *life = calloc(1, sizeof(*life));

    assert_non_null(life);
    life->world = scenario_create(options);
    hm_sim_guest_tap_init(&life->tap, &life->world->vm);
    probes_start(&life->probes, &life->world->correspondent, &life->world->vm, RATE);
    return life;
}

int life_setup(void **state)
{
    *state = life_create(NULL);
    return 0;
}

void life_destroy(struct life *life)
{
    probes_stop(&life->probes);
    hm_sim_guest_tap_fini(&life->tap);
    hm_sim_world_destroy(life->world);
    free(life);
}

int life_teardown(void **state)
{
    life_destroy(*state);
    return 0;
}

int life_call(struct life *life, enum hm_sim_site_number site, enum hm_control_op op)
{
    struct hm_control_message request = hm_sim_about(op, &life->world->vm);

    return hm_sim_hypervisor_call(&life->world->sites[site].hypervisor, &request);
}

void life_announce(struct life *life, enum hm_sim_site_number from, enum hm_sim_site_number to)
{
    struct hm_control_message request = hm_sim_imminent(&life->world->vm, &life->world->sites[to]);

    request.has_stop_notice = true;
    assert_int_equal(hm_sim_hypervisor_call(&life->world->sites[from].hypervisor, &request), HM_CONTROL_OK);
}

void life_stop(struct life *life, enum hm_sim_site_number at)
{
    hm_sim_guest_tap_hold(&life->tap);
    hm_sim_host_pause(&life->world->vm);
    assert_int_equal(life_call(life, at, HM_OP_STOPPED), HM_CONTROL_OK);
}

void life_stop_with_salvage(struct life *life, enum hm_sim_site_number at)
{
    struct hm_control_message request = hm_sim_about(HM_OP_STOPPED, &life->world->vm);

    hm_sim_guest_tap_hold(&life->tap);
    hm_sim_host_pause(&life->world->vm);
    request.has_salvage = true;
    assert_int_equal(hm_sim_hypervisor_call(&life->world->sites[at].hypervisor, &request), HM_CONTROL_OK);
}

void life_land(struct life *life, enum hm_sim_site_number at)
{
    hm_sim_guest_tap_drop(&life->tap);
    hm_sim_host_move(&life->world->vm, &life->world->sites[at].lan);
    hm_sim_guest_tap_release(&life->tap);
    hm_sim_host_resume(&life->world->vm);
}

void life_resume_here(struct life *life)
{
    hm_sim_host_resume(&life->world->vm);
    hm_sim_guest_tap_release(&life->tap);
}

void life_pass(struct life *life, uint64_t ms)
{
    hm_sim_run_for(&life->world->sim, ms * HM_SIM_MS);
}

struct hm_sim_counts life_end_probes(struct life *life)
{
    hm_sim_stream_stop(&life->probes.down);
    life_pass(life, 500);
    return hm_sim_stream_counts(&life->probes.down);
}

void life_check_row(struct life *life, enum hm_sim_site_number site, const char *field, const char *expected)
{
    assert_row(life->world, site, "handovers", HM_SIM_VM_ADDR, field, expected);
}

uint64_t life_number(struct life *life, enum hm_sim_site_number site, const char *field)
{
    char text[HM_SIM_VALUE_LEN], ip[HM_IP_TEXT_LEN];

    hm_sim_agent_field(&life->world->sites[site].agent, "handovers", "home_address",
                       hm_ip_text(HM_SIM_VM_ADDR, ip), field, text);
    return strtoull(text, NULL, 10);
}

void life_move(struct life *life, enum hm_sim_site_number from, enum hm_sim_site_number to)
{
    struct hm_sim_world *world = life->world;
    struct hm_sim_migration migration;

    hm_sim_guest_tap_fini(&life->tap);
    hm_sim_migration_start(&migration, &world->vm, &world->sites[from].hypervisor,
                           &world->sites[to].hypervisor, &world->sites[to].lan, world->sites[to].host_name,
                           &USUAL);
    hm_sim_migration_wait(&migration);
    hm_sim_migration_fini(&migration);
    hm_sim_guest_tap_init(&life->tap, &world->vm);
    life_pass(life, 1000);
}
