/* SPDX-License-Identifier: BSD-3-Clause */
/* What the attackers' tests share. */
#include "tests/scenario/attack.h"

#include <stdlib.h>

#include "firmware/base/err.h"
#include "firmware/wire/authenticator.h"

#include "lwip/memp.h"
#include "lwip/stats.h"

#define REASSEMBLY_US (20u * HM_SIM_S) /* longer than fragments wait */
#define SLACK_LEN 4096                 /* of the C library and of cmocka */

/* Of the address sanitizer; absent without it. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static const char *const UNSTEADY[] = {"lifetime_s", "delivered", NULL};
/* What a bridge floods is nobody's attack. */
static const char *const DAILY[] = {"drop-not-ours", NULL};

/* By the agents: without the simulator's frames, events and logs. */
static size_t memory_taken(const struct hm_sim_world *world)
{
    size_t len;

    if (__sanitizer_get_current_allocated_bytes == NULL)
        return 0;
    len = __sanitizer_get_current_allocated_bytes() - world->sim.chunks_len -
          world->sim.queue_cap * sizeof(struct hm_sim_entry);
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        len -= world->sites[i].agent.log_cap;
    return len;
}

void attack_begin_here(struct attack *attack, struct hm_sim_world *world)
{
    attack->world = world;
    attack->expected_count = 0;
    probes_start(&attack->probes, &world->correspondent, &world->vm, 100);
    hm_sim_run_for(&world->sim, 100 * HM_SIM_MS);
    tables_read(&attack->before, world);
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        hm_sim_report_init(&attack->handovers[i], &world->sites[i].agent, "handovers");
        hm_sim_report_init(&attack->counters[i], &world->sites[i].agent, "counters");
    }
    attack->memory = memory_taken(world);
}

void attack_begin(struct attack *attack, struct hm_sim_world *world)
{
    handover(world, &world->vm, HM_SIM_A, HM_SIM_B);
    hm_sim_run_for(&world->sim, HM_SIM_S);
    attack_begin_here(attack, world);
}

/* --- counters ----------------------------------------------------------------------------------------- */

static struct attack_expected *find(struct attack *attack, enum hm_sim_site_number site, const char *counter)
{
    for (unsigned i = 0; i < attack->expected_count; i++)
        if (attack->expected[i].site == site && strcmp(attack->expected[i].counter, counter) == 0)
            return &attack->expected[i];
    return NULL;
}

void attack_expect(struct attack *attack, enum hm_sim_site_number site, const char *counter, uint64_t by)
{
    struct attack_expected *expected = find(attack, site, counter);

    if (expected == NULL) {
        assert_true(attack->expected_count < ATTACK_EXPECTED);
        expected = &attack->expected[attack->expected_count++];
        *expected = (struct attack_expected){.site = site, .counter = counter};
    }
    expected->by += by;
}

void attack_excuse(struct attack *attack, enum hm_sim_site_number site, const char *counter, uint64_t by)
{
    attack_expect(attack, site, counter, by);
    find(attack, site, counter)->is_excused = true;
}

static bool is_daily(const char *counter)
{
    for (unsigned i = 0; DAILY[i] != NULL; i++)
        if (strcmp(counter, DAILY[i]) == 0)
            return true;
    return false;
}

/* Is this growth of a counter what it must be? */
static bool is_as_expected(struct attack *attack, enum hm_sim_site_number site, const char *counter,
                           uint64_t growth)
{
    const struct attack_expected *expected = find(attack, site, counter);

    if (expected == NULL && find(attack, ATTACK_ANYWHERE, counter) != NULL)
        return true;
    if (expected == NULL)
        return growth == 0 || strncmp(counter, "drop-", 5) != 0 || is_daily(counter);
    return expected->is_excused ? growth <= expected->by : growth == expected->by;
}

static uint64_t growth_of(const struct attack *attack, enum hm_sim_site_number site, const char *name)
{
    return counter(attack->world, site, name) -
           strtoull(hm_sim_report_text(&attack->counters[site], 0, name), NULL, 10);
}

static void check_sums(const struct attack *attack)
{
    for (unsigned i = 0; i < attack->expected_count; i++) {
        const struct attack_expected *expected = &attack->expected[i];
        uint64_t sum = 0;

        if (expected->site != ATTACK_ANYWHERE)
            continue;
        for (unsigned site = 0; site < HM_SIM_SITES; site++)
            sum += growth_of(attack, site, expected->counter);
        if (sum != expected->by)
            print_message("%s: %llu, not %llu\n", expected->counter, (unsigned long long)sum,
                          (unsigned long long)expected->by);
        assert_int_equal(sum, expected->by);
    }
}

static void check_counters(struct attack *attack, enum hm_sim_site_number site)
{
    const struct hm_sim_report *before = &attack->counters[site];
    unsigned faults = 0;

    for (size_t i = 0; i < before->cell_count; i++) {
        const struct hm_sim_cell *cell = &before->cells[i];
        const struct attack_expected *expected = find(attack, site, cell->field);
        uint64_t growth = growth_of(attack, site, cell->field);

        if (is_as_expected(attack, site, cell->field, growth))
            continue;
        print_message("%s of %s: %llu, not %llu\n", cell->field, attack->world->sites[site].name,
                      (unsigned long long)growth, (unsigned long long)(expected != NULL ? expected->by : 0));
        faults++;
    }
    assert_int_equal(faults, 0);
}

/* --- the end ------------------------------------------------------------------------------------------ */

static void assert_bounded(const struct hm_sim_site *site)
{
    const struct hm_router_config *config = &site->agent.config;

    assert_true(hm_sim_agent_rows(&site->agent, "bindings") <= config->max_bindings);
    assert_true(hm_sim_agent_rows(&site->agent, "visitors") <= config->max_visitors);
    assert_true(hm_sim_agent_rows(&site->agent, "handovers") <= config->max_handovers);
    assert_true(hm_sim_agent_rows(&site->agent, "neighbours") <= config->max_neighbours);
}

void assert_reassembly_bounded(void)
{
    assert_true(lwip_stats.memp[MEMP_REASSDATA]->used <= MEMP_NUM_REASSDATA);
    assert_true(lwip_stats.memp[MEMP_PBUF_POOL]->used <= IP_REASS_MAX_PBUFS);
}

void assert_reassembly_empty(struct hm_sim_world *world)
{
    hm_sim_run_for(&world->sim, REASSEMBLY_US);
    assert_int_equal(lwip_stats.memp[MEMP_REASSDATA]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 0);
}

static void assert_no_memory_taken(const struct attack *attack)
{
    size_t now = memory_taken(attack->world);

    if (now > attack->memory + SLACK_LEN)
        print_message("%zu bytes more than before\n", now - attack->memory);
    assert_true(now <= attack->memory + SLACK_LEN);
}

static void check_site(struct attack *attack, enum hm_sim_site_number site)
{
    struct hm_sim_report now;

    hm_sim_report_init(&now, &attack->world->sites[site].agent, "handovers");
    assert_true(hm_sim_report_equals(&attack->handovers[site], &now, UNSTEADY));
    hm_sim_report_fini(&now);
    check_counters(attack, site);
    assert_bounded(&attack->world->sites[site]);
}

static void forget(struct attack *attack)
{
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        hm_sim_report_fini(&attack->handovers[i]);
        hm_sim_report_fini(&attack->counters[i]);
    }
    probes_stop(&attack->probes);
}

void attack_end(struct attack *attack)
{
    hm_sim_run_for(&attack->world->sim, 100 * HM_SIM_MS);
    probes_check(&attack->probes, attack->world, 0);
    assert_no_memory_taken(attack);
    assert_reassembly_bounded();
    assert_tables_unchanged(attack->world, &attack->before);
    check_sums(attack);
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        check_site(attack, i);
    forget(attack);
}

void attack_end_counted(struct attack *attack)
{
    hm_sim_run_for(&attack->world->sim, 100 * HM_SIM_MS);
    probes_check(&attack->probes, attack->world, 0);
    assert_no_memory_taken(attack);
    tables_free(&attack->before);
    check_sums(attack);
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        check_counters(attack, i);
        assert_bounded(&attack->world->sites[i]);
    }
    forget(attack);
}

/* --- messages ----------------------------------------------------------------------------------------- */

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

/* --- fates -------------------------------------------------------------------------------------------- */

static const char *fate_of_registration(const uint8_t *bytes, size_t len, uint32_t spi)
{
    struct hm_registration_request request;
    struct hm_registration_reply reply;
    uint8_t type = len > 0 ? bytes[0] : 0;
    int err = HM_OK;

    if (type != HM_MIP_REQUEST && type != HM_MIP_REPLY)
        return "drop-mip-type";
    err = type == HM_MIP_REQUEST ? hm_registration_decode_request(bytes, len, &request)
                                 : hm_registration_decode_reply(bytes, len, &reply);
    if (err != HM_OK)
        return err == HM_ERR_REFUSED ? "drop-mip-extension" : "drop-mip-malformed";
    if (type == HM_MIP_REPLY)
        return "drop-mip-unexpected";
    bool has_association =
        request.ext.has_pmip_method && request.ext.fa_ha.count == 1 && request.ext.fa_ha.spi == spi;
    return has_association ? "drop-mip-auth" : "drop-mip-no-sa";
}

static const char *fate_of_control(const uint8_t *bytes, size_t len, uint32_t spi)
{
    struct hm_control_message message;

    if (hm_control_decode(bytes, len, &message) != HM_OK)
        return "drop-control-malformed";
    if (message.kind == HM_CONTROL_REPLY)
        return "drop-control-unexpected";
    return message.key_id == spi && message.kind == HM_CONTROL_REQUEST ? "drop-control-auth"
                                                                       : "drop-control-key";
}

const char *attack_fate(uint16_t port, const uint8_t *bytes, size_t len, uint32_t spi)
{
    return port == HM_MIP_PORT ? fate_of_registration(bytes, len, spi) : fate_of_control(bytes, len, spi);
}

/* --- recorders ---------------------------------------------------------------------------------------- */

static bool is_message(const struct hm_sim_passing *passing)
{
    const uint8_t *bytes = passing->bytes;

    if (passing->len < FORGE_PAYLOAD_AT || bytes[12] != 8 || bytes[13] != 0 ||
        bytes[HM_ETHERNET_LEN + 9] != HM_IP_PROTO_UDP)
        return false;
    for (unsigned at = 0; at < 4; at += 2) {
        unsigned port = (unsigned)bytes[FORGE_UDP_AT + at] << 8 | bytes[FORGE_UDP_AT + at + 1];
        if (port == HM_MIP_PORT || port == HM_CONTROL_PORT)
            return true;
    }
    return false;
}

static void record(void *ctx, struct hm_sim_passing *passing)
{
    struct recorder *recorder = ctx;

    if (recorder->count == ATTACK_RECORDED || (recorder->from != NULL && passing->from != recorder->from) ||
        (!recorder->is_of_all && !is_message(passing)))
        return;
    memcpy(recorder->frames[recorder->count].bytes, passing->bytes, passing->len);
    recorder->frames[recorder->count++].len = passing->len;
}

void recorder_start(struct recorder *recorder, struct hm_sim_lan *lan, const struct hm_sim_port *from,
                    bool is_of_all)
{
    recorder->count = 0;
    recorder->lan = lan;
    recorder->from = from;
    recorder->is_of_all = is_of_all;
    recorder->tap = (struct hm_sim_tap){.see = record, .ctx = recorder};
    hm_sim_lan_add_tap(lan, &recorder->tap);
}

void recorder_stop(struct recorder *recorder)
{
    hm_sim_lan_remove_tap(recorder->lan, &recorder->tap);
    assert_true(recorder->count > 0);
}

uint16_t recorded_port(const struct recorded *frame)
{
    return (uint16_t)(frame->bytes[FORGE_UDP_AT + 2] << 8 | frame->bytes[FORGE_UDP_AT + 3]);
}

uint32_t recorded_src(const struct recorded *frame)
{
    return forge_u32(frame->bytes + HM_ETHERNET_LEN + 12);
}

uint32_t recorded_dst(const struct recorded *frame)
{
    return forge_u32(frame->bytes + HM_ETHERNET_LEN + 16);
}

static void exchange(uint8_t *a, uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

void recorded_turn(struct recorded *frame)
{
    exchange(frame->bytes + HM_ETHERNET_LEN + 12, frame->bytes + HM_ETHERNET_LEN + 16, 4);
    exchange(frame->bytes + FORGE_UDP_AT, frame->bytes + FORGE_UDP_AT + 2, 2);
}
