/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests of the simulated routed network: the gate, its paths, and probes across it. */
#include "firmware/wire/icmp.h"
#include "platform/sim/gate.h"
#include "platform/sim/stream.h"
#include "tests/unit/unit.h"

#define LEFT_NET 0x0a010000u
#define RIGHT_NET 0x0a020000u

/* Two LANs with a gate between them, two hosts on the left, one on the right. */
struct bed {
    struct hm_sim sim;
    struct hm_sim_lan left, right;
    struct hm_sim_gate gate;
    struct hm_sim_host host, neighbour, far;
};

static struct hm_mac mac_of(uint8_t number)
{
    return (struct hm_mac){{2, 0, 0, 0, 0, number}};
}

static void place(struct bed *bed, struct hm_sim_host *host, const char *name, uint32_t addr, uint8_t number,
                  struct hm_sim_lan *lan)
{
    struct hm_mac mac = mac_of(number);

    hm_sim_host_init(host, &bed->sim, name, &mac, addr, 24, (addr & 0xffffff00u) + 1);
    hm_sim_host_move(host, lan);
}

static void bed_init(struct bed *bed, uint64_t seed)
{
    struct hm_mac left = mac_of(101), right = mac_of(102);

    hm_sim_init(&bed->sim, seed);
    hm_sim_lan_init(&bed->left, &bed->sim, "left");
    hm_sim_lan_init(&bed->right, &bed->sim, "right");
    hm_sim_gate_init(&bed->gate, &bed->sim);
    hm_sim_gate_add_iface(&bed->gate, "left", &left, LEFT_NET + 1, 24, &bed->left);
    hm_sim_gate_add_iface(&bed->gate, "right", &right, RIGHT_NET + 1, 24, &bed->right);
    place(bed, &bed->host, "host", LEFT_NET + 5, 5, &bed->left);
    place(bed, &bed->neighbour, "neighbour", LEFT_NET + 9, 9, &bed->left);
    place(bed, &bed->far, "far", RIGHT_NET + 5, 25, &bed->right);
}

static int setup(void **state)
{
    static struct bed bed;

    bed_init(&bed, 1);
    *state = &bed;
    return 0;
}

static int teardown(void **state)
{
    struct bed *bed = *state;

    hm_sim_fini(&bed->sim);
    return 0;
}

static void test_hosts_ping_through_the_gate(void **state)
{
    struct bed *bed = *state;

    hm_sim_host_ping(&bed->host, RIGHT_NET + 5, 56);
    hm_sim_host_ping(&bed->host, LEFT_NET + 9, 0);
    hm_sim_host_ping(&bed->far, LEFT_NET + 1, 1400);
    hm_sim_run_for(&bed->sim, 10 * HM_SIM_MS);
    assert_int_equal(bed->host.pings_answered, 2);
    assert_int_equal(bed->far.pings_answered, 1);
    assert_int_equal(bed->gate.forwarded, 2);
    assert_int_equal(bed->host.corrupt + bed->far.corrupt + bed->gate.malformed, 0);
}

static void test_a_paused_host_loses_what_comes_and_goes_on_with_its_numbers(void **state)
{
    struct bed *bed = *state;
    struct hm_sim_stream down, up;
    struct hm_sim_counts counts;

    hm_sim_stream_init(&down, &bed->far, RIGHT_NET + 5, &bed->host, LEFT_NET + 5, 5000);
    hm_sim_stream_init(&up, &bed->host, LEFT_NET + 5, &bed->far, RIGHT_NET + 5, 5001);
    hm_sim_stream_start(&down, 1000, 64);
    hm_sim_stream_start(&up, 1000, 64);
    hm_sim_run_for(&bed->sim, 100 * HM_SIM_MS);
    hm_sim_host_pause(&bed->host);
    hm_sim_run_for(&bed->sim, 50 * HM_SIM_MS);
    hm_sim_host_resume(&bed->host);
    hm_sim_run_for(&bed->sim, 100 * HM_SIM_MS);
    hm_sim_stream_stop(&down);
    hm_sim_stream_stop(&up);
    hm_sim_run_for(&bed->sim, 10 * HM_SIM_MS);
    counts = hm_sim_stream_counts(&down);
    assert_in_range(counts.lost, 49, 51);
    assert_in_range(counts.sent_in_pause, 49, 51);
    assert_int_equal(counts.doubled + counts.reordered + counts.changed, 0);
    assert_in_range(down.longest_gap_us, 50 * HM_SIM_MS, 52 * HM_SIM_MS);
    counts = hm_sim_stream_counts(&up);
    assert_int_equal(counts.lost + counts.doubled + counts.reordered + counts.changed, 0);
    assert_in_range(counts.sent, 198, 203);
    hm_sim_stream_fini(&down);
    hm_sim_stream_fini(&up);
}

/* Runs a second of probes over a path with the knobs. */
static struct hm_sim_counts run_path(uint64_t seed, const struct hm_sim_knobs *knobs)
{
    static struct bed bed;
    struct hm_sim_stream stream;
    struct hm_sim_counts counts;

    bed_init(&bed, seed);
    hm_sim_gate_set_path(&bed.gate, 0, 1, knobs);
    hm_sim_stream_init(&stream, &bed.host, LEFT_NET + 5, &bed.far, RIGHT_NET + 5, 5000);
    hm_sim_stream_start(&stream, 1000, 64);
    hm_sim_run_for(&bed.sim, HM_SIM_S);
    hm_sim_stream_stop(&stream);
    hm_sim_run_for(&bed.sim, HM_SIM_S);
    counts = hm_sim_stream_counts(&stream);
    hm_sim_stream_fini(&stream);
    assert_int_equal(bed.sim.frames_out, 0);
    hm_sim_fini(&bed.sim);
    return counts;
}

static void test_knobs_lose_double_and_reorder_as_told(void **state)
{
    const struct hm_sim_knobs loss = {.loss_ppm = 100000}, dup = {.dup_ppm = 100000};
    const struct hm_sim_knobs jitter = {.delay_us = 1000, .jitter_us = 5000};
    const struct hm_sim_knobs mixed = {.delay_us = 1000, .jitter_us = 5000, .reorder = true};
    struct hm_sim_counts counts;

    (void)state;
    counts = run_path(1, &loss);
    assert_in_range(counts.lost, 50, 150);
    assert_int_equal(counts.doubled + counts.reordered, 0);
    counts = run_path(1, &dup);
    assert_in_range(counts.doubled, 50, 150);
    assert_int_equal(counts.lost + counts.reordered, 0);
    counts = run_path(1, &jitter);
    assert_int_equal(counts.lost + counts.doubled + counts.reordered, 0);
    counts = run_path(1, &mixed);
    assert_true(counts.reordered > 100);
    assert_int_equal(counts.lost + counts.doubled, 0);
}

static void test_a_seed_replays_exactly(void **state)
{
    const struct hm_sim_knobs knobs = {
        .loss_ppm = 50000, .dup_ppm = 50000, .jitter_us = 3000, .reorder = true};
    struct hm_sim_counts first = run_path(7, &knobs), again = run_path(7, &knobs),
                         other = run_path(8, &knobs);

    (void)state;
    assert_memory_equal(&first, &again, sizeof(first));
    assert_memory_not_equal(&first, &other, sizeof(first));
}

static void test_gate_answers_what_it_cannot_forward(void **state)
{
    struct bed *bed = *state;

    bed->gate.mtu[1] = 1000;
    bed->host.must_not_fragment = true;
    hm_sim_host_ping(&bed->host, RIGHT_NET + 5, 1200);
    hm_sim_run_for(&bed->sim, 10 * HM_SIM_MS);
    assert_int_equal(bed->host.icmp_errors, 1);
    assert_int_equal(bed->host.icmp_code, HM_ICMP_FRAGMENTATION_NEEDED);
    assert_int_equal(bed->host.icmp_mtu, 1000);
    hm_sim_host_ping(&bed->host, 0x0b000001u, 20);
    hm_sim_run_for(&bed->sim, 10 * HM_SIM_MS);
    assert_int_equal(bed->gate.no_route, 1);
}

static void test_paths_have_their_delay(void **state)
{
    struct bed *bed = *state;
    const struct hm_sim_knobs knobs = {.delay_us = 75 * HM_SIM_MS};

    hm_sim_gate_set_path(&bed->gate, 0, 1, &knobs);
    hm_sim_host_ping(&bed->host, RIGHT_NET + 5, 56);
    hm_sim_run_for(&bed->sim, 150 * HM_SIM_MS);
    assert_int_equal(bed->host.pings_answered, 0);
    hm_sim_run_for(&bed->sim, HM_SIM_MS);
    assert_int_equal(bed->host.pings_answered, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_hosts_ping_through_the_gate),
        TEST(test_a_paused_host_loses_what_comes_and_goes_on_with_its_numbers),
        cmocka_unit_test(test_knobs_lose_double_and_reorder_as_told),
        cmocka_unit_test(test_a_seed_replays_exactly),
        TEST(test_gate_answers_what_it_cannot_forward),
        TEST(test_paths_have_their_delay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
