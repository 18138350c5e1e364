/* SPDX-License-Identifier: BSD-3-Clause */
/* What the scenario tests share. */
#include "tests/scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>

#include "firmware/wire/ethernet.h"
#include "firmware/wire/ipv4.h"
#include "tests/scenario/sent.h"

#define DRAIN_US (200u * HM_SIM_MS)
#define FORGET_US (61u * HM_SIM_S) /* how long a home agent remembers a node that came home */
#define UDP_AT (HM_ETHERNET_LEN + HM_IPV4_LEN)
#define PAYLOAD_AT (UDP_AT + 8)

struct hm_sim_world *scenario_create(const struct hm_sim_world_options *options)
{
    struct hm_sim_world_options with = options != NULL ? *options : (struct hm_sim_world_options){0};
    const char *seed = getenv("HM_SIM_SEED");
    struct hm_sim_world *world;

    with.pcap_folder = getenv("HM_SIM_PCAP");
    with.on_sent = sent_begin_world();
    with.log_to_stderr = getenv("HM_SIM_LOG") != NULL;
    world = hm_sim_world_create(seed != NULL ? strtoull(seed, NULL, 0) : 1, &with);
    assert_true(world->vm.pings_answered == world->vm.pings_sent);
    return world;
}

int scenario_setup(void **state)
{
    *state = scenario_create(NULL);
    return 0;
}

int scenario_teardown(void **state)
{
    hm_sim_world_destroy(*state);
    return 0;
}

void probes_start_at(struct probes *probes, struct hm_sim_host *from, struct hm_sim_host *vm,
                     uint32_t vm_addr, uint16_t port, unsigned rate)
{
    hm_sim_stream_init(&probes->down, from, hm_sim_host_addr(from), vm, vm_addr, port);
    hm_sim_stream_init(&probes->up, vm, vm_addr, from, hm_sim_host_addr(from), (uint16_t)(port + 1));
    hm_sim_stream_start(&probes->down, rate, 64);
    hm_sim_stream_start(&probes->up, rate, 64);
    probes->down_before = probes->up_before = (struct hm_sim_counts){0};
}

void probes_start(struct probes *probes, struct hm_sim_host *from, struct hm_sim_host *vm, unsigned rate)
{
    probes_start_at(probes, from, vm, hm_sim_host_addr(vm), SCENARIO_PROBES_DOWN, rate);
}

void probes_stop(struct probes *probes)
{
    hm_sim_stream_fini(&probes->down);
    hm_sim_stream_fini(&probes->up);
}

static void check_counts(const char *way, const struct hm_sim_counts *counts, uint64_t interval_us,
                         uint64_t pause_us)
{
    uint64_t allowed = pause_us == 0 ? 0 : (pause_us + 10 * HM_SIM_MS) / interval_us + 3;

    if (counts->lost > allowed || counts->doubled + counts->reordered + counts->changed > 0)
        print_message("%s: sent %llu (%llu in the pause), lost %llu (allowed %llu), doubled %llu, reordered "
                      "%llu, changed %llu\n",
                      way, (unsigned long long)counts->sent, (unsigned long long)counts->sent_in_pause,
                      (unsigned long long)counts->lost, (unsigned long long)allowed,
                      (unsigned long long)counts->doubled, (unsigned long long)counts->reordered,
                      (unsigned long long)counts->changed);
    assert_true(counts->sent > 0);
    assert_true(counts->lost <= allowed);
    assert_int_equal(counts->doubled, 0);
    assert_int_equal(counts->reordered, 0);
    assert_int_equal(counts->changed, 0);
}

/* Stops the probes until those in flight have arrived. */
static void drain(struct probes *probes, struct hm_sim_world *world)
{
    hm_sim_stream_stop(&probes->down);
    hm_sim_stream_stop(&probes->up);
    hm_sim_run_for(&world->sim, DRAIN_US);
}

static void go_on(struct probes *probes)
{
    unsigned rate = (unsigned)(HM_SIM_S / probes->down.interval_us);

    probes->down_before = hm_sim_stream_counts(&probes->down);
    probes->up_before = hm_sim_stream_counts(&probes->up);
    hm_sim_stream_start(&probes->down, rate, probes->down.payload_len);
    hm_sim_stream_start(&probes->up, rate, probes->up.payload_len);
}

void probes_forget(struct probes *probes, struct hm_sim_world *world)
{
    drain(probes, world);
    go_on(probes);
}

void probes_check(struct probes *probes, struct hm_sim_world *world, uint64_t pause_us)
{
    struct hm_sim_counts down, up;

    drain(probes, world);
    down = hm_sim_stream_since(&probes->down, &probes->down_before);
    up = hm_sim_stream_since(&probes->up, &probes->up_before);
    check_counts("down", &down, probes->down.interval_us, pause_us);
    check_counts("up", &up, probes->up.interval_us, pause_us);
    go_on(probes);
}

static bool matches(const struct meddler *meddler, const struct hm_sim_passing *passing)
{
    const uint8_t *bytes = passing->bytes;
    const struct pattern *pattern = &meddler->pattern;
    unsigned src_port, dst_port;

    if (meddler->from != NULL && passing->from != meddler->from)
        return false;
    if (passing->len < PAYLOAD_AT + 6 || bytes[12] != 8 || bytes[13] != 0 ||
        bytes[HM_ETHERNET_LEN + 9] != HM_IP_PROTO_UDP)
        return false;
    src_port = (unsigned)bytes[UDP_AT] << 8 | bytes[UDP_AT + 1];
    dst_port = (unsigned)bytes[UDP_AT + 2] << 8 | bytes[UDP_AT + 3];
    if (pattern->is_registration)
        return (src_port == HM_MIP_PORT || dst_port == HM_MIP_PORT) && bytes[PAYLOAD_AT] == pattern->type;
    return (src_port == HM_CONTROL_PORT || dst_port == HM_CONTROL_PORT) &&
           bytes[PAYLOAD_AT + 4] == pattern->kind && bytes[PAYLOAD_AT + 5] == pattern->op;
}

static void meddle(void *ctx, struct hm_sim_passing *passing)
{
    struct meddler *meddler = ctx;

    if (!matches(meddler, passing))
        return;
    memcpy(meddler->frame, passing->bytes, passing->len);
    meddler->frame_len = passing->len;
    if (meddler->seen++ < meddler->limit && meddler->meddling != MEDDLE_WATCH)
        passing->copies = meddler->meddling == MEDDLE_DROP ? 0 : 2;
}

void meddler_start(struct meddler *meddler, struct hm_sim_lan *lan, struct pattern pattern,
                   enum meddling meddling, unsigned limit)
{
    *meddler = (struct meddler){.pattern = pattern, .meddling = meddling, .limit = limit};
    meddler->tap = (struct hm_sim_tap){.see = meddle, .ctx = meddler};
    hm_sim_lan_add_tap(lan, &meddler->tap);
}

void meddler_stop(struct meddler *meddler, struct hm_sim_lan *lan)
{
    hm_sim_lan_remove_tap(lan, &meddler->tap);
}

struct pattern pattern_registration(uint8_t type)
{
    return (struct pattern){.is_registration = true, .type = type};
}

struct pattern pattern_control(enum hm_control_kind kind, enum hm_control_op op)
{
    return (struct pattern){.kind = kind, .op = op};
}

void tables_read(struct tables *tables, struct hm_sim_world *world)
{
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        hm_sim_report_init(&tables->bindings[i], &world->sites[i].agent, "bindings");
        hm_sim_report_init(&tables->visitors[i], &world->sites[i].agent, "visitors");
    }
}

void tables_free(struct tables *tables)
{
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        hm_sim_report_fini(&tables->bindings[i]);
        hm_sim_report_fini(&tables->visitors[i]);
    }
}

void assert_tables_unchanged(struct hm_sim_world *world, struct tables *before)
{
    static const char *const BUT[] = {"lifetime_s", "packets", "bytes", "delivered", NULL};
    struct tables now;

    tables_read(&now, world);
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        assert_true(hm_sim_report_equals(&now.bindings[i], &before->bindings[i], BUT));
        assert_true(hm_sim_report_equals(&now.visitors[i], &before->visitors[i], BUT));
    }
    tables_free(&now);
    tables_free(before);
}

/* Counts the rows of which not every one of them is in state `but`, and shows them. */
static unsigned rows_but(const struct hm_sim_site *site, const char *name, const char *but)
{
    struct hm_sim_report report;
    unsigned rows = 0;

    hm_sim_report_init(&report, &site->agent, name);
    for (unsigned row = 0; row < report.rows; row++) {
        const char *state = hm_sim_report_text(&report, row, "state");

        if (but != NULL && state != NULL && strcmp(state, but) == 0)
            continue;
        rows++;
        print_message("%s of %s: %s is %s\n", name, site->name,
                      hm_sim_report_text(&report, row, "home_address"), state);
    }
    hm_sim_report_fini(&report);
    return rows;
}

void assert_tables_empty(struct hm_sim_world *world)
{
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        assert_int_equal(rows_but(&world->sites[i], "bindings", "home"), 0);
        assert_int_equal(rows_but(&world->sites[i], "visitors", NULL), 0);
    }
}

void assert_all_forgotten(struct hm_sim_world *world)
{
    hm_sim_run_for(&world->sim, FORGET_US);
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        assert_int_equal(rows_but(&world->sites[i], "bindings", NULL), 0);
        assert_int_equal(rows_but(&world->sites[i], "visitors", NULL), 0);
    }
}

void assert_row(struct hm_sim_world *world, enum hm_sim_site_number site, const char *report, uint32_t addr,
                const char *field, const char *expected)
{
    char text[HM_SIM_VALUE_LEN], ip[HM_IP_TEXT_LEN];

    hm_sim_agent_field(&world->sites[site].agent, report, "home_address", hm_ip_text(addr, ip), field, text);
    assert_string_equal(text, expected);
}

void assert_states(struct hm_sim_world *world, uint32_t addr, const char *binding,
                   enum hm_sim_site_number visited, const char *visitor)
{
    enum hm_sim_site_number home = (enum hm_sim_site_number)((addr >> 16 & 0xff) - 1);

    assert_row(world, home, "bindings", addr, "state", binding != NULL ? binding : "");
    assert_row(world, visited, "visitors", addr, "state", visitor != NULL ? visitor : "");
}

void assert_ping(struct hm_sim_world *world, struct hm_sim_host *from, uint32_t to)
{
    char ip[HM_IP_TEXT_LEN];
    bool answered = hm_sim_world_ping(world, from, to);

    if (!answered)
        print_message("%s does not reach %s\n", from->iface.port.name, hm_ip_text(to, ip));
    assert_true(answered);
}

void stage(struct hm_sim_world *world, struct hm_sim_host *vm, enum hm_sim_site_number from,
           enum hm_sim_site_number to)
{
    const struct hm_control_message request = hm_sim_imminent(vm, &world->sites[to]);
    struct hm_sim_hypervisor *hypervisor = &world->sites[from].hypervisor;
    int code = hm_sim_hypervisor_call(hypervisor, &request);

    if (code != HM_CONTROL_OK)
        print_message("staging ended with %d: %s\n", code, hypervisor->reply.text);
    assert_int_equal(code, HM_CONTROL_OK);
}

void move_vm(struct hm_sim_world *world, struct hm_sim_host *vm, enum hm_sim_site_number to)
{
    hm_sim_migrate(&vm, 1, &world->sites[to].lan, SCENARIO_PAUSE_US);
}

void handover(struct hm_sim_world *world, struct hm_sim_host *vm, enum hm_sim_site_number from,
              enum hm_sim_site_number to)
{
    stage(world, vm, from, to);
    move_vm(world, vm, to);
    hm_sim_run_for(&world->sim, HM_SIM_S);
}

uint64_t counter(struct hm_sim_world *world, enum hm_sim_site_number site, const char *name)
{
    return hm_sim_agent_counter(&world->sites[site].agent, name);
}

void inject(struct hm_sim_world *world, const uint8_t *frame, size_t len)
{
    uint8_t bytes[HM_SIM_FRAME_MAX];
    const struct hm_ethernet header = {
        .dst = world->gate.ifaces[0].mac, .src = world->stranger.iface.mac, .type = HM_ETHERTYPE_IPV4};

    memcpy(bytes, frame, len);
    hm_ethernet_encode(bytes, &header);
    hm_sim_port_send_bytes(&world->stranger.iface.port, bytes, len);
    hm_sim_run_for(&world->sim, 20 * HM_SIM_MS);
}
