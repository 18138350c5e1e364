/* SPDX-License-Identifier: BSD-3-Clause */
/* What is to happen in one seed: drawn from it, and from nothing else. */
#include "tests/adversary/script.h"

#include <string.h>

#define PARTICIPANT 9001u /* of the seed's random numbers */

static enum hm_sim_migration_step draw_step(struct hm_sim_random *random, enum hm_sim_migration_step first,
                                            enum hm_sim_migration_step last)
{
    return first + (unsigned)hm_sim_random_below(random, last - first + 1);
}

static void draw_move(struct script_move *move, struct hm_sim_random *random, bool is_last)
{
    struct hm_sim_migration_options *options = &move->options;

    *move = (struct script_move){.to = (enum hm_sim_site_number)hm_sim_random_below(random, HM_SIM_SITES),
                                 .rest_us = hm_sim_random_below(random, 800 * HM_SIM_MS)};
    options->copy_us = hm_sim_random_below(random, 60 * HM_SIM_MS);
    options->pause_us = 1 + hm_sim_random_below(random, 60 * HM_SIM_MS);
    options->has_watch_there = hm_sim_random_chance(random, 700000);
    options->is_unstaged = hm_sim_random_chance(random, 150000);
    if (hm_sim_random_chance(random, 250000))
        options->fails_at = draw_step(random, HM_SIM_STEP_COPYING, HM_SIM_STEP_MOVING);
    if (hm_sim_random_chance(random, 150000))
        options->silent_from = draw_step(random, HM_SIM_STEP_STOPPING, HM_SIM_STEP_CHASING);
    if (is_last && hm_sim_random_chance(random, 80000))
        move->freezes_at = draw_step(random, HM_SIM_STEP_STOPPING, HM_SIM_STEP_FETCHING);
}

/* A VM that goes on before the place where it has landed could hear that its landing is registered. */
static void draw_haste(struct script *script, struct hm_sim_random *random)
{
    struct script_move *first = &script->moves[0], *second = &script->moves[1];

    if (script->move_count < 2 || !hm_sim_random_chance(random, 100000))
        return;
    first->options.silent_from = first->options.fails_at = HM_SIM_STEP_IDLE;
    second->options.silent_from = second->options.fails_at = second->freezes_at = HM_SIM_STEP_IDLE;
    second->options.is_unstaged = true;
    script->chaos.deafness =
        (struct chaos_deafness){.site = first->to == HM_SIM_A ? HM_SIM_B : first->to,
                                .step = HM_SIM_STEP_MOVING,
                                .for_us = HM_SIM_S + hm_sim_random_below(random, 2 * HM_SIM_S)};
}

/* What the agents' devices take, and what there is to be sent together. */
static void draw_devices(struct script *script, struct hm_sim_random *random)
{
    struct hm_sim_world_options *options = &script->options;

    script->burst = 1 + (unsigned)hm_sim_random_below(random, hm_sim_random_chance(random, 500000) ? 8 : 1);
    script->probes_are_tcp = hm_sim_random_chance(random, 500000);
    options->super_frames = hm_sim_random_chance(random, 600000);
    options->tunnel_way = HM_TUNNEL_WAY_SINGLE + (unsigned)hm_sim_random_below(random, HM_TUNNEL_WAY_COUNT);
    options->batch_us = (uint32_t)hm_sim_random_below(random, 2 * HM_SIM_MS);
}

void script_draw(struct script *script, uint64_t seed, bool has_log)
{
    struct hm_sim_random random = hm_sim_random_fork(seed, PARTICIPANT);
    unsigned source = (unsigned)hm_sim_random_below(&random, 5);

    script->source = source < HM_SIM_SITES - 1 ? source : HM_SIM_SITES;
    script->options = (struct hm_sim_world_options){.gateways = hm_sim_random_chance(&random, 200000),
                                                    .staged_lifetime_s = SCRIPT_STAGED_S,
                                                    .log_to_stderr = has_log};
    script->move_count = 1 + (unsigned)hm_sim_random_below(&random, SCRIPT_MOVES);
    for (unsigned i = 0; i < script->move_count; i++)
        draw_move(&script->moves[i], &random, i + 1 == script->move_count);
    chaos_plan_draw(&script->chaos, &random, script->move_count);
    draw_haste(script, &random);
    script->options.tunnel = hm_sim_random_chance(&random, 600000)   ? HM_ENCAPSULATION_UDP
                             : hm_sim_random_chance(&random, 500000) ? HM_ENCAPSULATION_IPIP
                                                                     : HM_ENCAPSULATION_GRE;
    draw_devices(script, &random);
    memcpy(script->options.clock_us, script->chaos.clock_us, sizeof(script->options.clock_us));
}
