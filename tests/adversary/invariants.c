/* SPDX-License-Identifier: BSD-3-Clause */
/* What must hold in every seed, whatever goes wrong. */
#include "tests/adversary/invariants.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "firmware/wire/ethernet.h"

void invariants_break(struct invariants *invariants, const char *format, ...)
{
    va_list args;

    if (invariants->is_broken)
        return;
    invariants->is_broken = true;
    va_start(args, format);
    vsnprintf(invariants->what, sizeof(invariants->what), format, args);
    va_end(args);
}

enum hm_sim_site_number invariants_place(const struct hm_sim_world *world)
{
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        if (world->vm.iface.port.lan == &world->sites[i].lan)
            return (enum hm_sim_site_number)i;
    return HM_SIM_SITES;
}

/* --- with every frame --------------------------------------------------------------------------------- */

/* At the place where the VM is: it has stopped there, and its agent knows. */
static bool is_stopped(const struct hm_sim_migration *migration)
{
    return migration != NULL && migration->was_told && migration->was_staged && !migration->has_failed &&
           hm_sim_host_is_paused(migration->vm);
}

static void see(void *ctx, struct hm_sim_passing *passing)
{
    struct invariants_eye *eye = ctx;
    struct invariants *invariants = eye->invariants;
    struct hm_sim_world *world = invariants->world;
    const struct hm_sim_host *vm = &world->vm;
    struct hm_ethernet ethernet;

    if (passing->from != &world->sites[eye->site].agent.links[0] ||
        hm_ethernet_decode(passing->bytes, passing->len, &ethernet) != 0 ||
        ethernet.type != HM_ETHERTYPE_IPV4 || !hm_mac_equal(&ethernet.dst, &vm->iface.mac) || eye->is_blind)
        return;
    enum hm_sim_site_number place = invariants_place(world);
    if (place != eye->site)
        invariants_break(invariants, "at %" PRIu64 " us agent %s delivers to the VM, which is at %s",
                         world->sim.now_us, world->sites[eye->site].name, world->sites[place].name);
    else if (is_stopped(invariants->migration))
        invariants_break(invariants, "at %" PRIu64 " us agent %s delivers to the VM after its stop",
                         world->sim.now_us, world->sites[eye->site].name);
}

void invariants_watch(struct invariants *invariants, const struct hm_sim_migration *migration)
{
    enum hm_sim_site_number place = invariants_place(invariants->world);

    invariants->migration = migration;
    invariants->eyes[place].is_blind = migration != NULL; /* until the stop is confirmed */
}

void invariants_begin(struct invariants *invariants, struct hm_sim_world *world)
{
    *invariants = (struct invariants){.world = world};
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        struct invariants_eye *eye = &invariants->eyes[i];

        *eye = (struct invariants_eye){
            .tap = {.see = see, .ctx = eye}, .invariants = invariants, .site = (enum hm_sim_site_number)i};
        hm_sim_lan_add_tap(&world->sites[i].lan, &eye->tap);
    }
}

void invariants_fini(struct invariants *invariants)
{
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        hm_sim_lan_remove_tap(&invariants->world->sites[i].lan, &invariants->eyes[i].tap);
}

/* --- in the end --------------------------------------------------------------------------------------- */

void invariants_check_probes(struct invariants *invariants, const char *way,
                             const struct hm_sim_counts *counts, uint64_t lost,
                             const struct invariants_excuse *excuse)
{
    if (counts->changed > 0)
        invariants_break(invariants, "%s: %" PRIu64 " of %" PRIu64 " probes were changed", way,
                         counts->changed, counts->sent);
    if (counts->lost > lost)
        invariants_break(invariants, "%s: %" PRIu64 " of %" PRIu64 " probes vanished, %" PRIu64 " excused",
                         way, counts->lost, counts->sent, lost);
    if (counts->doubled > 0 && !excuse->doubles)
        invariants_break(invariants, "%s: %" PRIu64 " of %" PRIu64 " probes came twice", way, counts->doubled,
                         counts->sent);
    if (counts->reordered > 0 && !excuse->order)
        invariants_break(invariants, "%s: %" PRIu64 " of %" PRIu64 " probes came out of order", way,
                         counts->reordered, counts->sent);
}

void invariants_check_records(struct invariants *invariants, const struct invariants_excuse *excuse)
{
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        const struct hm_sim_agent *agent = &invariants->world->sites[i].agent;
        uint64_t full = hm_sim_agent_counter(agent, "drop-buffer-full");
        uint64_t abandoned = hm_sim_agent_counter(agent, "drop-buffer-abandoned");
        unsigned timeouts = hm_sim_agent_logged(agent, "no marker ended the");

        if (full > 0)
            invariants_break(invariants, "agent %s had no room for %" PRIu64 " packets", agent->config.name,
                             full);
        if (abandoned > 0 && !excuse->abandons)
            invariants_break(invariants, "agent %s let %" PRIu64 " waiting packets go", agent->config.name,
                             abandoned);
        if (timeouts > 0 && !excuse->timeouts)
            invariants_break(invariants, "agent %s waited for %u markers in vain", agent->config.name,
                             timeouts);
    }
}

static bool is_one_of(const char *text, const char *const *words)
{
    while (*words != NULL && strcmp(text, *words) != 0)
        words++;
    return *words != NULL;
}

/* Each row's state must be one of these; gives how many rows there are. */
static unsigned check_states(struct invariants *invariants, unsigned site, const char *name,
                             const char *const *states)
{
    const struct hm_sim_agent *agent = &invariants->world->sites[site].agent;
    struct hm_sim_report report;
    unsigned rows;

    hm_sim_report_init(&report, agent, name);
    rows = report.rows;
    for (unsigned row = 0; row < rows; row++) {
        const char *state = hm_sim_report_text(&report, row, "state");

        if (!is_one_of(state, states))
            invariants_break(invariants, "agent %s still has one of its %s in state %s", agent->config.name,
                             name, state);
    }
    hm_sim_report_fini(&report);
    return rows;
}

void invariants_check_tables(struct invariants *invariants, bool is_frozen, bool has_deaths)
{
    static const char *const ENDED[] = {"done", "cancelled", "failed", NULL};
    static const char *const HOME[] = {"home", NULL}, *const AWAY[] = {"away", NULL};
    static const char *const SETTLED[] = {"home", "away", NULL}, *const PRESENT[] = {"present", NULL};
    static const char *const SOUGHT[] = {"present", "expected", NULL};
    enum hm_sim_site_number place = invariants_place(invariants->world);

    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        const char *const *bindings = is_frozen ? SETTLED : i == HM_SIM_A && place != HM_SIM_A ? AWAY : HOME;
        unsigned visitors;

        check_states(invariants, i, "handovers", ENDED);
        check_states(invariants, i, "bindings", bindings);
        visitors = check_states(invariants, i, "visitors", has_deaths ? SOUGHT : PRESENT);
        if (!is_frozen && !has_deaths && visitors != (i == place && place != HM_SIM_A))
            invariants_break(invariants, "agent %s has %u visitors, and the VM is at %s",
                             invariants->world->sites[i].name, visitors,
                             invariants->world->sites[place].name);
    }
}
