/* SPDX-License-Identifier: BSD-3-Clause */
/* What goes wrong in one seed.
 *
 * A tap on the LAN of each agent sees its messages as they leave. A message that is to be lost, doubled or
 * delayed is taken off the LAN; each of its copies is sent by the same port when its time has come. */
#include "tests/adversary/chaos.h"

#include <string.h>

#include "firmware/wire/ethernet.h"
#include "firmware/wire/ipv4.h"
#include "firmware/wire/registration.h"

#define PARTICIPANT 9000u /* of the seed's random numbers */

static uint32_t draw_ppm(struct hm_sim_random *random, uint32_t limit)
{
    return (uint32_t)hm_sim_random_below(random, limit);
}

static void draw_messages(struct chaos_plan *plan, struct hm_sim_random *random)
{
    if (hm_sim_random_chance(random, 600000))
        plan->loss_ppm = draw_ppm(random, 300000);
    if (hm_sim_random_chance(random, 500000))
        plan->double_ppm = draw_ppm(random, 300000);
    if (hm_sim_random_chance(random, 600000)) {
        plan->delay_ppm = draw_ppm(random, 500000);
        plan->delay_us = 1 + hm_sim_random_below(random, 100 * HM_SIM_MS);
    }
    if (hm_sim_random_chance(random, 300000)) {
        plan->late_ppm = draw_ppm(random, 100000);
        plan->late_us = 1 + hm_sim_random_below(random, 3 * HM_SIM_S);
    }
}

static enum hm_sim_migration_step draw_step(struct hm_sim_random *random)
{
    return HM_SIM_STEP_STAGING +
           (unsigned)hm_sim_random_below(random, HM_SIM_STEP_COUNT - HM_SIM_STEP_STAGING);
}

static void draw_deaths(struct chaos_plan *plan, struct hm_sim_random *random, unsigned move_count)
{
    unsigned count = (unsigned)hm_sim_random_below(random, 4);

    plan->death_count = count > CHAOS_DEATHS ? 0 : count;
    for (unsigned i = 0; i < plan->death_count; i++)
        plan->deaths[i] = (struct chaos_death){
            .site = (enum hm_sim_site_number)hm_sim_random_below(random, HM_SIM_SITES),
            .move = (unsigned)hm_sim_random_below(random, move_count),
            .step = draw_step(random),
            .after_us = hm_sim_random_below(random, 1u << hm_sim_random_below(random, 18)),
            .down_us = 1 + hm_sim_random_below(random, 1500 * HM_SIM_MS)};
}

static void draw_deafness(struct chaos_plan *plan, struct hm_sim_random *random, unsigned move_count)
{
    plan->deafness =
        (struct chaos_deafness){.site = (enum hm_sim_site_number)hm_sim_random_below(random, HM_SIM_SITES),
                                .move = (unsigned)hm_sim_random_below(random, move_count),
                                .step = draw_step(random),
                                .for_us = 1 + hm_sim_random_below(random, 3 * HM_SIM_S)};
}

void chaos_plan_draw(struct chaos_plan *plan, struct hm_sim_random *random, unsigned move_count)
{
    *plan = (struct chaos_plan){.path_us = draw_ppm(random, 5 * HM_SIM_MS)};
    if (!hm_sim_random_chance(random, 250000))
        draw_messages(plan, random);
    if (hm_sim_random_chance(random, 500000)) {
        for (unsigned i = 0; i < HM_SIM_SITES; i++)
            plan->clock_us[i] = (int64_t)hm_sim_random_below(random, 6 * HM_SIM_S) - 3 * (int64_t)HM_SIM_S;
    }
    if (hm_sim_random_chance(random, 600000))
        draw_deaths(plan, random, move_count);
    if (hm_sim_random_chance(random, 200000))
        draw_deafness(plan, random, move_count);
}

bool chaos_plan_is_calm(const struct chaos_plan *plan)
{
    bool has_clocks = false;

    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        has_clocks |= plan->clock_us[i] != 0;
    return plan->loss_ppm + plan->double_ppm + plan->delay_ppm + plan->late_ppm == 0 && !has_clocks &&
           plan->death_count == 0 && plan->deafness.for_us == 0;
}

static bool is_port(uint16_t port)
{
    return port == HM_MIP_PORT || port == HM_CONTROL_PORT;
}

/* Does the IP packet carry a message of agents, itself or by the tunnel? To which? */
static bool is_message(const uint8_t *bytes, size_t len, uint32_t own_net, uint32_t *to)
{
    struct hm_ipv4 ip;
    struct hm_encapsulated wrapping;

    if (hm_ipv4_decode(bytes, len, &ip) != 0)
        return false;
    if (hm_encapsulation_is_one(ip.protocol, bytes + ip.header_len, len - ip.header_len)) {
        size_t inner_at = ip.header_len;
        if (hm_encapsulation_decode(ip.protocol, bytes + inner_at, len - inner_at, &wrapping) != 0)
            return false;
        inner_at += wrapping.header_len;
        return is_message(bytes + inner_at, len - inner_at, own_net, to);
    }
    if (ip.protocol != HM_IP_PROTO_UDP || len < ip.header_len + 8u || (ip.dst & 0xffffff00u) == own_net)
        return false; /* what its own hypervisor is told does not leave its LAN */
    *to = ip.dst;
    return is_port((uint16_t)(bytes[ip.header_len] << 8 | bytes[ip.header_len + 1])) &&
           is_port((uint16_t)(bytes[ip.header_len + 2] << 8 | bytes[ip.header_len + 3]));
}

static void on_late(void *arg)
{
    struct hm_sim_frame *frame = arg;
    struct chaos_ear *ear = frame->to;
    bool was_over = ear->chaos->is_over;

    ear->chaos->is_over = true; /* it is touched once */
    hm_sim_port_send(ear->port, frame);
    ear->chaos->is_over = was_over;
}

static void send_later(struct chaos_ear *ear, const struct hm_sim_passing *passing, uint64_t in_us)
{
    struct hm_sim *sim = &ear->chaos->world->sim;
    struct hm_sim_frame *frame = hm_sim_frame_take(sim);

    frame->len = passing->len;
    memcpy(hm_sim_frame_bytes(frame), passing->bytes, passing->len);
    frame->to = ear;
    hm_sim_event_init(&frame->event, on_late, frame);
    hm_sim_arm(sim, &frame->event, sim->now_us + in_us);
    if (ear->chaos->last_us < sim->now_us + in_us)
        ear->chaos->last_us = sim->now_us + in_us;
}

static uint64_t draw_delay(struct chaos *chaos)
{
    const struct chaos_plan *plan = &chaos->plan;

    if (hm_sim_random_chance(&chaos->random, plan->late_ppm))
        return 1 + hm_sim_random_below(&chaos->random, plan->late_us);
    if (hm_sim_random_chance(&chaos->random, plan->delay_ppm))
        return 1 + hm_sim_random_below(&chaos->random, plan->delay_us);
    return 0;
}

static void see(void *ctx, struct hm_sim_passing *passing)
{
    struct chaos_ear *ear = ctx;
    struct chaos *chaos = ear->chaos;
    const struct hm_link_config *link = &chaos->world->sites[ear - chaos->ears].agent.config.links[0];
    uint32_t to;

    if (chaos->is_over || passing->from != ear->port || passing->len < HM_ETHERNET_LEN ||
        passing->bytes[12] != 8 || passing->bytes[13] != 0 ||
        !is_message(passing->bytes + HM_ETHERNET_LEN, passing->len - HM_ETHERNET_LEN, link->prefix.addr, &to))
        return;
    bool is_heard = chaos->world->sim.now_us >= chaos->deaf_until_us ||
                    to != chaos->world->sites[chaos->plan.deafness.site].agent_peer_addr;
    unsigned copies = hm_sim_random_chance(&chaos->random, chaos->plan.double_ppm) ? 2 : 1;
    if (hm_sim_random_chance(&chaos->random, chaos->plan.loss_ppm))
        copies--;
    if (!is_heard)
        copies = 0;
    chaos->lost += copies == 0;
    chaos->doubled += copies == 2;
    passing->copies = 0;
    for (unsigned i = 0; i < copies; i++) {
        uint64_t in_us = draw_delay(chaos);

        chaos->delayed += in_us > 0;
        if (in_us > 0)
            send_later(ear, passing, in_us);
        else
            passing->copies++;
    }
}

/* --- deaths ------------------------------------------------------------------------------------------- */

static void on_birth(void *arg)
{
    struct chaos *chaos = arg;

    hm_sim_agent_start(&chaos->world->sites[chaos->next->site].agent);
    chaos->next = NULL;
}

static void on_death(void *arg)
{
    struct chaos *chaos = arg;
    struct hm_sim *sim = &chaos->world->sim;

    hm_sim_agent_kill(&chaos->world->sites[chaos->next->site].agent);
    chaos->has_died[chaos->next->site] = true;
    hm_sim_arm(sim, &chaos->birth, sim->now_us + chaos->next->down_us);
    if (chaos->last_us < sim->now_us + chaos->next->down_us)
        chaos->last_us = sim->now_us + chaos->next->down_us;
}

void chaos_handle_step(struct chaos *chaos, unsigned move, enum hm_sim_migration_step step)
{
    struct hm_sim *sim = &chaos->world->sim;

    if (chaos->plan.deafness.move == move && chaos->plan.deafness.step == step)
        chaos->deaf_until_us = sim->now_us + chaos->plan.deafness.for_us;
    if (chaos->next != NULL || chaos->died == chaos->plan.death_count)
        return;
    const struct chaos_death *death = &chaos->plan.deaths[chaos->died];
    if (death->move != move || death->step != step)
        return;
    chaos->next = death;
    chaos->died++;
    hm_sim_arm(sim, &chaos->death, sim->now_us + death->after_us);
}

/* --- begin and end ------------------------------------------------------------------------------------ */

static void set_paths(struct hm_sim_gate *gate, uint32_t delay_us)
{
    const struct hm_sim_knobs knobs = {.delay_us = delay_us};

    for (unsigned a = 0; a < gate->iface_count; a++) {
        for (unsigned b = 0; b <= a; b++)
            hm_sim_gate_set_path(gate, a, b, &knobs);
    }
}

void chaos_begin(struct chaos *chaos, struct hm_sim_world *world, const struct chaos_plan *plan)
{
    *chaos = (struct chaos){.world = world,
                            .plan = *plan,
                            .random = hm_sim_random_fork(world->sim.seed, PARTICIPANT),
                            .last_us = world->sim.now_us};
    hm_sim_event_init(&chaos->death, on_death, chaos);
    hm_sim_event_init(&chaos->birth, on_birth, chaos);
    set_paths(&world->gate, plan->path_us);
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        struct hm_sim_site *site = &world->sites[i];
        struct hm_sim_port *port = &site->agent.links[site->agent.config.link_count - 1];

        chaos->ears[i] = (struct chaos_ear){.tap = {.see = see}, .chaos = chaos, .port = port};
        chaos->ears[i].tap.ctx = &chaos->ears[i];
        hm_sim_lan_add_tap(port->lan, &chaos->ears[i].tap);
    }
}

void chaos_end(struct chaos *chaos)
{
    chaos->is_over = true;
    while (chaos->next != NULL) /* whoever is to die, dies, and comes back */
        hm_sim_step(&chaos->world->sim);
    chaos->died = chaos->plan.death_count;
    hm_sim_run_until(&chaos->world->sim, chaos->last_us);
}

void chaos_fini(struct chaos *chaos)
{
    hm_sim_cancel(&chaos->world->sim, &chaos->death);
    hm_sim_cancel(&chaos->world->sim, &chaos->birth);
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        hm_sim_lan_remove_tap(chaos->ears[i].port->lan, &chaos->ears[i].tap);
}
