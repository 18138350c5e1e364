/* SPDX-License-Identifier: BSD-3-Clause */
/* The router's reports: what an operator sees of it. Field names are the words of the manual. */
#include "firmware/reports.h"

#include <stdio.h>
#include <string.h>

#include "firmware/link/route.h"

const char *const HM_REPORT_NAMES[] = {"status",     "bindings", "visitors", "handovers", "counters",
                                       "neighbours", "peers",    "port",     NULL};

static void write_addr(const struct hm_report_sink *sink, const char *field, uint32_t addr)
{
    char text[HM_IP_TEXT_LEN];
    sink->text(sink->ctx, field, addr == 0 ? NULL : hm_ip_text(addr, text));
}

static void write_mac(const struct hm_report_sink *sink, const char *field, const struct hm_mac *mac)
{
    char text[HM_MAC_TEXT_LEN];
    sink->text(sink->ctx, field, hm_mac_text(mac, text));
}

static void write_left(const struct hm_report_source *source, const struct hm_report_sink *sink,
                       const struct hm_timer *timer)
{
    uint64_t now_ms = hm_env_ms(source->env);
    bool runs = hm_timer_is_armed(timer) && timer->due_ms > now_ms;
    sink->number(sink->ctx, "lifetime_s", runs ? (timer->due_ms - now_ms + 999) / 1000 : 0);
}

static uint64_t drops_sum(const struct hm_env *env)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < HM_DROP_COUNT; i++)
        sum += env->counters.drops[i];
    return sum;
}

/* On a shared bridge their broadcasts and their DHCP are heard by the LAN, and the reverse. */
static unsigned unshielded_visitors(const struct hm_report_source *source)
{
    const struct hm_foreign *foreign = &source->agent->foreign;
    unsigned count = 0;
    size_t bucket = 0;
    struct hm_table_node *at = hm_table_walk(&foreign->visitors.by_home, &bucket, NULL);
    for (; at != NULL; at = hm_table_walk(&foreign->visitors.by_home, &bucket, at))
        count += !hm_foreign_is_shielded(foreign, HM_CONTAINER_OF(at, struct hm_visitor, by_home));
    return count;
}

static void write_warning(const struct hm_report_source *source, const struct hm_report_sink *sink)
{
    char text[HM_CONTROL_TEXT_LEN];
    unsigned count = unshielded_visitors(source);
    snprintf(text, sizeof(text), "%u visitor%s without a shield: see notify-migrate shield", count,
             count == 1 ? "" : "s");
    sink->text(sink->ctx, "warning", count == 0 ? NULL : text);
}

/* Which way super-frames go into UDP tunnels, and why this one. */
static void write_tunnel_way(const struct hm_env *env, const struct hm_report_sink *sink)
{
    static const char *const WAYS[HM_TUNNEL_WAY_COUNT] = {"single", "train", "whole"};
    const char *why = env->tunnel_way == env->config->tunnel_way      ? "as configured"
                      : env->config->tunnel_way == HM_TUNNEL_WAY_AUTO ? "the best that the kernel takes"
                                                                      : "the kernel takes no better one";
    sink->text(sink->ctx, "tunnel_way", WAYS[env->tunnel_way]);
    sink->text(sink->ctx, "tunnel_why", why);
}

static void write_status(const struct hm_report_source *source, const struct hm_report_sink *sink)
{
    const struct hm_env *env = source->env;
    char prefix[HM_PREFIX_TEXT_LEN];
    sink->begin_row(sink->ctx);
    sink->text(sink->ctx, "name", env->config->name);
    sink->text(sink->ctx, "mode", hm_router_config_is_one_armed(env->config) ? "one-armed" : "gateway");
    write_addr(sink, "address", env->agent_addr);
    sink->text(sink->ctx, "home", hm_prefix_text(&env->config->home, prefix));
    sink->text(sink->ctx, "takeover", env->config->takeover == HM_TAKEOVER_MAC ? "mac" : "own");
    write_tunnel_way(env, sink);
    sink->number(sink->ctx, "uptime_s", (env->now.mono_us - source->started_us) / 1000000);
    sink->number(sink->ctx, "peers", source->agent->security.peer_count);
    sink->number(sink->ctx, "bindings", source->agent->home.bindings.slab.used);
    sink->number(sink->ctx, "visitors", source->agent->foreign.visitors.slab.used);
    sink->number(sink->ctx, "handovers", source->agent->handovers.slab.used);
    sink->number(sink->ctx, "neighbours", source->neighbours->entries.used);
    sink->number(sink->ctx, "frames_in", env->counters.events[HM_COUNT_FRAMES_IN]);
    sink->number(sink->ctx, "frames_out", env->counters.events[HM_COUNT_FRAMES_OUT]);
    sink->number(sink->ctx, "dropped", drops_sum(env));
    write_warning(source, sink);
    sink->end_row(sink->ctx);
}

/* All of them, the first one first: "10.2.0.2, 10.3.0.2". */
static void write_care_of(const struct hm_report_sink *sink, const struct hm_binding *binding)
{
    char list[HM_MAX_SIMULTANEOUS * (HM_IP_TEXT_LEN + 2)], text[HM_IP_TEXT_LEN];
    int len = 0;
    if (binding->care_of_addr == 0) {
        sink->text(sink->ctx, "care_of", NULL);
        return;
    }
    len = snprintf(list, sizeof(list), "%s", hm_ip_text(binding->care_of_addr, text));
    for (unsigned i = 0; i < HM_MAX_COPIES; i++)
        if (hm_binding_motion(binding)->copies[i].addr != 0)
            len += snprintf(list + len, sizeof(list) - (size_t)len, ", %s",
                            hm_ip_text(hm_binding_motion(binding)->copies[i].addr, text));
    sink->text(sink->ctx, "care_of", list);
}

static void write_binding(const struct hm_report_source *source, const struct hm_binding *binding,
                          const struct hm_report_sink *sink)
{
    const struct hm_motion *motion = hm_binding_motion(binding);
    char vm[HM_NAME_LEN];
    sink->begin_row(sink->ctx);
    sink->text(sink->ctx, "vm", binding->vm == 0 ? NULL : hm_binding_vm(binding, vm));
    write_addr(sink, "home_address", binding->home_addr);
    write_mac(sink, "mac", &binding->mac);
    sink->text(sink->ctx, "state", hm_binding_state_name(binding->state));
    write_care_of(sink, binding);
    write_addr(sink, "staged_care_of", motion->staged_care_of_addr);
    write_left(source, sink, binding->state == HM_BINDING_STAGED ? &motion->staged : &binding->lifetime);
    sink->end_row(sink->ctx);
}

static void write_bindings(const struct hm_report_source *source, const struct hm_report_sink *sink)
{
    const struct hm_table *table = &source->agent->home.bindings.by_addr;
    size_t bucket = 0;
    struct hm_table_node *at = hm_table_walk(table, &bucket, NULL);
    for (; at != NULL; at = hm_table_walk(table, &bucket, at))
        write_binding(source, HM_CONTAINER_OF(at, struct hm_binding, by_addr), sink);
}

static void write_visitor(const struct hm_report_source *source, const struct hm_visitor *visitor,
                          const struct hm_report_sink *sink)
{
    sink->begin_row(sink->ctx);
    sink->text(sink->ctx, "vm", visitor->vm[0] == '\0' ? NULL : visitor->vm);
    write_addr(sink, "home_address", visitor->node.home_addr);
    write_mac(sink, "mac", &visitor->node.mac);
    write_addr(sink, "home_agent", visitor->node.home_agent);
    sink->text(sink->ctx, "interface", source->env->config->links[visitor->link].name);
    sink->text(sink->ctx, "state", hm_visitor_state_name(visitor->state));
    sink->text(sink->ctx, "shielded",
               hm_foreign_is_shielded(&source->agent->foreign, visitor) ? "yes" : "no");
    write_left(source, sink, &visitor->lifetime);
    sink->number(sink->ctx, "delivered", visitor->delivered);
    sink->end_row(sink->ctx);
}

static void write_visitors(const struct hm_report_source *source, const struct hm_report_sink *sink)
{
    const struct hm_table *table = &source->agent->foreign.visitors.by_home;
    size_t bucket = 0;
    struct hm_table_node *at = hm_table_walk(table, &bucket, NULL);
    for (; at != NULL; at = hm_table_walk(table, &bucket, at))
        write_visitor(source, HM_CONTAINER_OF(at, struct hm_visitor, by_home), sink);
}

/* Steps as spans since the first: what an operator compares. */
static void write_steps(const struct hm_handover *handover, const struct hm_report_sink *sink)
{
    char field[HM_NAME_LEN];
    for (unsigned step = HM_STEP_IMMINENT + 1; step < HM_STEP_COUNT; step++) {
        snprintf(field, sizeof(field), "%s_ms", hm_handover_step_name(step));
        if (handover->step_us[step] == 0)
            sink->text(sink->ctx, field, NULL);
        else
            sink->millis(sink->ctx, field, handover->step_us[step] - handover->step_us[HM_STEP_IMMINENT]);
    }
}

/* From the landing to the first delivery: our own part of the interruption. */
static void write_restoration(const struct hm_handover *handover, const struct hm_report_sink *sink)
{
    uint64_t landed_us = handover->step_us[HM_STEP_LANDED];
    uint64_t delivered_us = handover->step_us[HM_STEP_DELIVERED];
    if (landed_us == 0 || delivered_us == 0)
        sink->text(sink->ctx, "restoration_ms", NULL);
    else
        sink->millis(sink->ctx, "restoration_ms", delivered_us - landed_us);
}

/* From the stop to the landing: the hypervisor's part. Only an agent that was told both knows it. */
static void write_pause(const struct hm_handover *handover, const struct hm_report_sink *sink)
{
    uint64_t stopped_us = handover->step_us[HM_STEP_STOPPED];
    uint64_t landed_us = handover->step_us[HM_STEP_LANDED];
    if (stopped_us == 0 || landed_us < stopped_us)
        sink->text(sink->ctx, "pause_ms", NULL);
    else
        sink->millis(sink->ctx, "pause_ms", landed_us - stopped_us);
}

/* What became of the packets that came meanwhile. */
static void write_packets(const struct hm_handover *handover, const struct hm_report_sink *sink)
{
    const struct hm_delivery_counts *counts = hm_handover_counts(handover);
    sink->number(sink->ctx, "salvaged", counts->waited[HM_WAY_SALVAGE]);
    sink->number(sink->ctx, "buffered", counts->waited[HM_WAY_OLD] + counts->waited[HM_WAY_NEW]);
    sink->number(sink->ctx, "by_old_path", counts->waited[HM_WAY_OLD]);
    sink->number(sink->ctx, "forwarded", handover->redirected);
    sink->number(sink->ctx, "replayed", handover->replayed);
    sink->number(sink->ctx, "dropped", counts->dropped);
    sink->number(sink->ctx, "overtaken", counts->overtaken);
    sink->number(sink->ctx, "tap_dropped", handover->tap_dropped);
    sink->number(sink->ctx, "early_frames", handover->early);
    sink->number(sink->ctx, "timeouts", counts->timeouts);
    sink->text(sink->ctx, "cut", hm_cut_name(handover->cut));
}

static void write_handover(const struct hm_handover *handover, const struct hm_report_sink *sink)
{
    char id[24];
    snprintf(id, sizeof(id), "%016llx", (unsigned long long)handover->id);
    sink->begin_row(sink->ctx);
    sink->text(sink->ctx, "id", id);
    sink->number(sink->ctx, "epoch", handover->epoch);
    sink->text(sink->ctx, "vm", handover->vm);
    write_addr(sink, "home_address", handover->nodes[0].home_addr);
    sink->number(sink->ctx, "addresses", handover->node_count);
    sink->text(sink->ctx, "role", hm_handover_role_name(handover->role));
    sink->text(sink->ctx, "host", handover->host);
    write_addr(sink, "other_agent", handover->other);
    sink->text(sink->ctx, "state", hm_handover_state_name(handover->state));
    sink->text(sink->ctx, "reason", handover->reason[0] == '\0' ? NULL : handover->reason);
    sink->number(sink->ctx, "started_s", hm_ntp_to_unix_us(handover->started_ntp) / 1000000);
    write_steps(handover, sink);
    write_pause(handover, sink);
    write_restoration(handover, sink);
    write_packets(handover, sink);
    sink->end_row(sink->ctx);
}

static void write_handovers(const struct hm_report_source *source, const struct hm_report_sink *sink)
{
    const struct hm_handover *handover = source->agent->handovers.newest;
    for (; handover != NULL; handover = handover->older)
        write_handover(handover, sink);
}

static void write_counters(const struct hm_report_source *source, const struct hm_report_sink *sink)
{
    char field[HM_NAME_LEN];
    const struct hm_counters *counters = &source->env->counters;
    sink->begin_row(sink->ctx);
    for (unsigned i = 0; i < HM_COUNTER_COUNT; i++)
        sink->number(sink->ctx, hm_counter_name(i), counters->events[i]);
    for (unsigned i = 0; i < HM_DROP_COUNT; i++) {
        snprintf(field, sizeof(field), "drop-%s", hm_drop_name(i));
        sink->number(sink->ctx, field, counters->drops[i]);
    }
    sink->end_row(sink->ctx);
}

static void write_neighbours(const struct hm_report_source *source, const struct hm_report_sink *sink)
{
    const struct hm_neighbour *entry = source->neighbours->newest;
    for (; entry != NULL; entry = entry->older) {
        if (!entry->has_mac)
            continue;
        sink->begin_row(sink->ctx);
        write_addr(sink, "address", entry->addr);
        write_mac(sink, "mac", &entry->mac);
        sink->text(sink->ctx, "interface", source->env->config->links[entry->link].name);
        sink->number(sink->ctx, "age_s", (hm_env_ms(source->env) - entry->confirmed_ms) / 1000);
        sink->end_row(sink->ctx);
    }
}

/* By which way the agent would send to the peer, and whether the next hop is known. */
static void write_way(const struct hm_report_source *source, const struct hm_report_sink *sink, uint32_t addr)
{
    struct hm_route route;
    bool has_route = hm_route_find(source->env->config, addr, &route);
    const struct hm_neighbour *entry =
        has_route ? hm_neighbour_lookup(source->neighbours, route.link, route.next_hop) : NULL;
    sink->text(sink->ctx, "interface", has_route ? source->env->config->links[route.link].name : NULL);
    write_addr(sink, "next_hop", has_route ? route.next_hop : 0);
    if (entry != NULL)
        write_mac(sink, "next_hop_mac", &entry->mac);
    else
        sink->text(sink->ctx, "next_hop_mac", NULL);
}

/* Do packets of the kind pass both ways? */
static void write_passing(const struct hm_report_sink *sink, const char *field,
                          const struct hm_reach_way *way)
{
    sink->text(sink->ctx, field, way->state != HM_REACH_NEVER ? hm_reach_state_name(way->state) : NULL);
}

static void write_peer(const struct hm_report_source *source, const struct hm_report_sink *sink, unsigned i)
{
    const struct hm_peer_config *config = source->agent->security.peers[i].config;
    const struct hm_reach_peer *ways = &source->agent->reach.peers[i];
    const struct hm_reach_way *peer = &ways->bare;
    bool is_there = peer->state == HM_REACH_YES;
    char clock[24];
    snprintf(clock, sizeof(clock), "%lld", (long long)peer->clock_ms);
    sink->begin_row(sink->ctx);
    sink->text(sink->ctx, "peer", config->name);
    write_addr(sink, "address", config->addr);
    write_way(source, sink, config->addr);
    sink->text(sink->ctx, "tunnel", hm_encapsulation_name(source->agent->security.peers[i].tunnel));
    sink->text(sink->ctx, "answers", hm_reach_state_name(peer->state));
    if (is_there)
        sink->millis(sink->ctx, "round_trip_ms", peer->round_trip_us);
    else
        sink->text(sink->ctx, "round_trip_ms", NULL);
    sink->text(sink->ctx, "clock_ms", is_there ? clock : NULL);
    write_passing(sink, "udp_434", &ways->kinds[HM_ENCAPSULATION_UDP]);
    write_passing(sink, "ip_4", &ways->kinds[HM_ENCAPSULATION_IPIP]);
    write_passing(sink, "ip_47", &ways->kinds[HM_ENCAPSULATION_GRE]);
    sink->end_row(sink->ctx);
}

/* Asking for this report asks the peers: their answers are in the next. */
static void write_peers(const struct hm_report_source *source, const struct hm_report_sink *sink)
{
    hm_reach_ask(&source->agent->reach);
    for (unsigned i = 0; i < source->agent->security.peer_count; i++)
        write_peer(source, sink, i);
}

/* Asking for this report begins the probe: its outcome is in the next. */
static void write_port(const struct hm_report_source *source, const struct hm_report_sink *sink)
{
    struct hm_port_probe *probe = &source->agent->port;
    hm_port_probe_begin(probe);
    sink->begin_row(sink->ctx);
    sink->text(sink->ctx, "interface", source->env->config->links[source->env->home_link].name);
    write_addr(sink, "asked", probe->target);
    sink->text(sink->ctx, "second_mac", hm_port_probe_state_name(probe->state));
    sink->end_row(sink->ctx);
}

int hm_reports_write(const struct hm_report_source *source, const char *name,
                     const struct hm_report_sink *sink)
{
    static void (*const WRITERS[])(const struct hm_report_source *, const struct hm_report_sink *) = {
        write_status,   write_bindings,   write_visitors, write_handovers,
        write_counters, write_neighbours, write_peers,    write_port};
    for (unsigned i = 0; HM_REPORT_NAMES[i] != NULL; i++) {
        if (strcmp(HM_REPORT_NAMES[i], name) == 0) {
            WRITERS[i](source, sink);
            return HM_OK;
        }
    }
    return HM_ERR_UNKNOWN;
}
