/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests of the simulated LAN: bridge, taps, captures; hosts on it, ARP, announcements. */
#include <unistd.h>

#include "firmware/wire/arp.h"
#include "firmware/wire/ethernet.h"
#include "firmware/wire/ipv4.h"
#include "platform/sim/stream.h"
#include "tests/unit/unit.h"

#define NET 0x0a010000u

/* One LAN with three hosts. */
struct bed {
    struct hm_sim sim;
    struct hm_sim_lan lan, other;
    struct hm_sim_host host, neighbour, third;
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

static int setup(void **state)
{
    static struct bed bed;

    hm_sim_init(&bed.sim, 1);
    hm_sim_lan_init(&bed.lan, &bed.sim, "lan");
    hm_sim_lan_init(&bed.other, &bed.sim, "other");
    place(&bed, &bed.host, "host", NET + 5, 5, &bed.lan);
    place(&bed, &bed.neighbour, "neighbour", NET + 9, 9, &bed.lan);
    place(&bed, &bed.third, "third", NET + 1, 101, &bed.lan);
    *state = &bed;
    return 0;
}

static int teardown(void **state)
{
    struct bed *bed = *state;

    hm_sim_fini(&bed->sim);
    return 0;
}

static void send_arp(struct hm_sim_port *port, const struct hm_mac *src, const struct hm_arp *arp)
{
    uint8_t bytes[HM_ARP_FRAME_LEN];

    hm_arp_encode_frame(bytes, &HM_MAC_BROADCAST, src, HM_ETHERTYPE_ARP, arp);
    hm_sim_port_send_bytes(port, bytes, sizeof(bytes));
}

static void test_bridge_learns_and_stops_flooding(void **state)
{
    struct bed *bed = *state;
    uint64_t seen;

    hm_sim_host_ping(&bed->host, NET + 9, 56);
    hm_sim_run_for(&bed->sim, HM_SIM_MS);
    assert_int_equal(bed->host.pings_answered, 1);
    assert_ptr_equal(hm_sim_lan_lookup(&bed->lan, &bed->host.iface.mac), &bed->host.iface.port);
    seen = bed->third.iface.port.received;
    hm_sim_host_ping(&bed->host, NET + 9, 56);
    hm_sim_run_for(&bed->sim, HM_SIM_MS);
    assert_int_equal(bed->third.iface.port.received, seen);
    assert_int_equal(bed->lan.flooded, 0);
    /* The neighbour confirms its new entry once, some seconds later; then there is silence. */
    hm_sim_run_for(&bed->sim, 10 * HM_SIM_S + (uint64_t)HM_SIM_AGEING_US);
    assert_null(hm_sim_lan_lookup(&bed->lan, &bed->host.iface.mac));
    hm_sim_host_ping(&bed->host, NET + 9, 56);
    hm_sim_run_for(&bed->sim, HM_SIM_MS);
    assert_int_equal(bed->lan.flooded, 1);
    assert_int_equal(bed->third.iface.port.received, seen + 1);
}

static void test_bridge_never_sends_back_to_the_learnt_port(void **state)
{
    struct bed *bed = *state;
    uint8_t frame[60] = {0};
    struct hm_ethernet header = {.dst = mac_of(5), .src = mac_of(77), .type = 0x88b5};
    uint64_t before;

    hm_sim_host_ping(&bed->host, NET + 9, 56);
    hm_sim_run_for(&bed->sim, HM_SIM_MS);
    before = bed->neighbour.iface.port.received;
    hm_ethernet_encode(frame, &header);
    hm_sim_port_send_bytes(&bed->host.iface.port, frame, sizeof(frame));
    hm_sim_run_for(&bed->sim, HM_SIM_MS);
    assert_int_equal(bed->lan.hairpins, 1);
    assert_int_equal(bed->neighbour.iface.port.received, before);
}

static void test_a_mac_goes_nowhere_until_it_speaks_at_its_new_port(void **state)
{
    struct bed *bed = *state;

    bed->host.is_silent = true;
    hm_sim_host_ping(&bed->host, NET + 9, 56);
    hm_sim_run_for(&bed->sim, HM_SIM_MS);
    hm_sim_host_pause(&bed->host);
    hm_sim_host_move(&bed->host, NULL);
    hm_sim_host_move(&bed->host, &bed->other);
    hm_sim_host_resume(&bed->host);
    hm_sim_host_ping(&bed->neighbour, NET + 5, 56);
    hm_sim_run_for(&bed->sim, HM_SIM_MS);
    assert_int_equal(bed->neighbour.pings_answered, 0);
    hm_sim_host_move(&bed->host, &bed->lan);
    hm_sim_host_ping(&bed->host, NET + 9, 56);
    hm_sim_run_for(&bed->sim, HM_SIM_MS);
    assert_int_equal(bed->host.pings_answered, 2);
    assert_int_equal(hm_sim_lan_moves(&bed->lan, &bed->host.iface.mac), 0);
}

static void test_the_announcement_moves_the_mac(void **state)
{
    struct bed *bed = *state;
    struct hm_sim_host twin;

    hm_sim_host_ping(&bed->neighbour, NET + 5, 56);
    hm_sim_run_for(&bed->sim, HM_SIM_MS);
    place(bed, &twin, "twin", NET + 5, 5, &bed->lan);
    hm_sim_host_pause(&twin);
    hm_sim_host_pause(&bed->host);
    hm_sim_host_resume(&twin);
    hm_sim_host_ping(&bed->neighbour, NET + 5, 56);
    hm_sim_run_for(&bed->sim, HM_SIM_MS);
    assert_int_equal(bed->neighbour.pings_answered, 2);
    assert_int_equal(hm_sim_lan_moves(&bed->lan, &twin.iface.mac), 1);
}

static void count_rarp(void *ctx, struct hm_sim_passing *passing)
{
    if (passing->bytes[12] == 0x80 && passing->bytes[13] == 0x35) {
        uint64_t *times = ctx;

        times[++times[0]] = passing->lan->sim->now_us;
    }
}

static void test_resume_announces_on_qemus_schedule(void **state)
{
    struct bed *bed = *state;
    uint64_t times[10] = {0}, start_us;
    struct hm_sim_tap tap = {.see = count_rarp, .ctx = times};

    hm_sim_lan_add_tap(&bed->lan, &tap);
    hm_sim_host_pause(&bed->host);
    hm_sim_host_resume(&bed->host);
    start_us = bed->sim.now_us;
    hm_sim_run_for(&bed->sim, 3 * HM_SIM_S);
    hm_sim_lan_remove_tap(&bed->lan, &tap);
    assert_int_equal(times[0], 5);
    assert_int_equal(times[1] - start_us, 0);
    assert_int_equal(times[2] - start_us, 50 * HM_SIM_MS);
    assert_int_equal(times[3] - start_us, 200 * HM_SIM_MS);
    assert_int_equal(times[4] - start_us, 450 * HM_SIM_MS);
    assert_int_equal(times[5] - start_us, 800 * HM_SIM_MS);
}

static void test_arp_cache_follows_announcements_as_linux_does(void **state)
{
    struct bed *bed = *state;
    struct hm_mac other = mac_of(66);
    const struct hm_arp claim = {
        .op = HM_ARP_REQUEST, .sender_mac = other, .sender_addr = NET + 9, .target_addr = NET + 9};
    const struct hm_arp unknown = {
        .op = HM_ARP_REQUEST, .sender_mac = other, .sender_addr = NET + 8, .target_addr = NET + 8};

    hm_sim_host_ping(&bed->host, NET + 9, 56);
    hm_sim_run_for(&bed->sim, HM_SIM_MS);
    assert_memory_equal(hm_sim_iface_lookup(&bed->host.iface, NET + 9), &bed->neighbour.iface.mac, 6);
    send_arp(&bed->third.iface.port, &other, &claim);
    send_arp(&bed->third.iface.port, &other, &unknown);
    hm_sim_run_for(&bed->sim, HM_SIM_MS);
    assert_null(hm_sim_iface_lookup(&bed->host.iface, NET + 8));
    assert_memory_equal(hm_sim_iface_lookup(&bed->host.iface, NET + 9), &bed->neighbour.iface.mac, 6);
    assert_int_equal(bed->host.iface.locked, 1);
    assert_int_equal(bed->neighbour.iface.conflicts, 1);
    hm_sim_run_for(&bed->sim, HM_SIM_S);
    send_arp(&bed->third.iface.port, &other, &claim);
    hm_sim_run_for(&bed->sim, HM_SIM_MS);
    assert_memory_equal(hm_sim_iface_lookup(&bed->host.iface, NET + 9), &other, 6);
}

static void test_a_silent_neighbour_is_asked_for_again_and_forgotten(void **state)
{
    struct bed *bed = *state;
    struct hm_sim_stream stream;

    hm_sim_stream_init(&stream, &bed->host, NET + 5, &bed->neighbour, NET + 9, 5000);
    hm_sim_stream_start(&stream, 100, 64);
    hm_sim_run_for(&bed->sim, 29 * HM_SIM_S);
    hm_sim_host_pause(&bed->neighbour);
    hm_sim_run_for(&bed->sim, 4 * HM_SIM_S);
    assert_non_null(hm_sim_iface_lookup(&bed->host.iface, NET + 9));
    hm_sim_run_for(&bed->sim, 6 * HM_SIM_S);
    assert_null(hm_sim_iface_lookup(&bed->host.iface, NET + 9));
    bed->neighbour.is_silent = true;
    hm_sim_host_resume(&bed->neighbour);
    hm_sim_run_for(&bed->sim, 2 * HM_SIM_S);
    hm_sim_stream_stop(&stream);
    hm_sim_run_for(&bed->sim, HM_SIM_S);
    assert_non_null(hm_sim_iface_lookup(&bed->host.iface, NET + 9));
    assert_true(bed->host.iface.unresolved > 0);
    assert_int_equal(hm_sim_stream_counts(&stream).doubled, 0);
    assert_int_equal(hm_sim_stream_counts(&stream).reordered, 0);
    hm_sim_stream_fini(&stream);
}

/* Drops the first UDP frame, doubles the second, spoils the third, holds the fourth back. */
static void meddle(void *ctx, struct hm_sim_passing *passing)
{
    unsigned *seen = ctx;

    if (passing->len < 60 || passing->bytes[23] != HM_IP_PROTO_UDP)
        return;
    switch (++*seen) {
    case 1:
        passing->copies = 0;
        break;
    case 2:
        passing->copies = 2;
        break;
    case 3:
        passing->bytes[50] ^= 1;
        break;
    case 4:
        passing->delay_us = 50 * HM_SIM_MS;
        break;
    default:
        break;
    }
}

static void test_a_tap_drops_doubles_spoils_and_delays(void **state)
{
    struct bed *bed = *state;
    unsigned seen = 0;
    struct hm_sim_tap tap = {.see = meddle, .ctx = &seen};
    struct hm_sim_stream stream;
    struct hm_sim_counts counts;

    hm_sim_lan_add_tap(&bed->lan, &tap);
    hm_sim_stream_init(&stream, &bed->host, NET + 5, &bed->neighbour, NET + 9, 5000);
    hm_sim_stream_start(&stream, 100, 64);
    hm_sim_run_for(&bed->sim, 95 * HM_SIM_MS);
    hm_sim_stream_stop(&stream);
    hm_sim_run_for(&bed->sim, HM_SIM_S);
    counts = hm_sim_stream_counts(&stream);
    assert_int_equal(counts.sent, 10);
    assert_int_equal(counts.lost, 2);
    assert_int_equal(counts.doubled, 1);
    assert_int_equal(counts.reordered, 1);
    assert_int_equal(bed->neighbour.corrupt, 1);
    hm_sim_stream_fini(&stream);
}

static void test_captures_hold_what_was_sent(void **state)
{
    struct bed *bed = *state;
    char path[] = "/tmp/hm_test_sim_XXXXXX";
    int fd = mkstemp(path);
    uint8_t bytes[4096];
    ssize_t len;

    assert_true(fd >= 0);
    bed->lan.pcap = hm_sim_pcap_create(path);
    assert_non_null(bed->lan.pcap);
    hm_sim_host_ping(&bed->host, NET + 9, 56);
    hm_sim_run_for(&bed->sim, HM_SIM_MS);
    hm_sim_pcap_destroy(bed->lan.pcap);
    bed->lan.pcap = NULL;
    len = read(fd, bytes, sizeof(bytes));
    close(fd);
    unlink(path);
    /* File header; request and reply of ARP; request and reply of ICMP. */
    assert_int_equal(len, 24 + 2 * (16 + HM_ARP_FRAME_LEN) + 2 * (16 + 14 + 20 + 8 + 56));
    assert_null(hm_sim_pcap_create("/nonexistent/folder/x.pcap"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bridge_learns_and_stops_flooding),
        TEST(test_bridge_never_sends_back_to_the_learnt_port),
        TEST(test_a_mac_goes_nowhere_until_it_speaks_at_its_new_port),
        TEST(test_the_announcement_moves_the_mac),
        TEST(test_resume_announces_on_qemus_schedule),
        TEST(test_arp_cache_follows_announcements_as_linux_does),
        TEST(test_a_silent_neighbour_is_asked_for_again_and_forgotten),
        TEST(test_a_tap_drops_doubles_spoils_and_delays),
        TEST(test_captures_hold_what_was_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
