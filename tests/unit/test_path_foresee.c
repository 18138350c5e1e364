/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of frames that are looked at ahead: whatever they are, at whatever length, nothing changes, and
 * they go the same way afterwards. That what is fetched is the right thing shows in tests/bench alone. */
#include "firmware/path/path.h"
#include "tests/unit/rig/path_rig.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, path_rig_setup_both, path_rig_teardown)

struct vector {
    size_t len;
    uint8_t bytes[512];
};

static void write_frame(struct vector *vector, const struct rig_packet *packet,
                        enum hm_encapsulation encapsulation)
{
    struct hm_ethernet ethernet = {.dst = RIG_AGENT_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};
    size_t before = hm_encapsulation_len(encapsulation), inner_len;
    uint8_t *outer = vector->bytes + HM_ETHERNET_LEN;
    struct hm_ipv4 ip = {
        .ttl = 60, .protocol = hm_encapsulation_protocol(encapsulation), .src = RIG_PEER_B, .dst = RIG_AGENT};

    inner_len = rig_write_packet(packet, outer + before);
    memset(outer + before + HM_IPV4_LEN + 6, 0, 2); /* without a checksum */
    ip.total_len = (uint16_t)(before + inner_len);
    hm_ethernet_encode(vector->bytes, &ethernet);
    hm_ipv4_encode(outer, &ip);
    hm_encapsulation_encode(outer + HM_IPV4_LEN, encapsulation, &ip);
    hm_encapsulation_finish_sum(outer + HM_IPV4_LEN, ip.total_len - HM_IPV4_LEN, encapsulation);
    vector->len = HM_ETHERNET_LEN + ip.total_len;
}

static void write_plain(struct vector *vector)
{
    struct hm_ethernet ethernet = {.dst = RIG_VM_MAC, .src = RIG_ROUTER_MAC, .type = HM_ETHERTYPE_IPV4};

    hm_ethernet_encode(vector->bytes, &ethernet);
    vector->len = HM_ETHERNET_LEN + rig_write_packet(&(struct rig_packet){.src = RIG_FAR, .dst = RIG_VM},
                                                     vector->bytes + HM_ETHERNET_LEN);
}

static void write_arp(struct vector *vector)
{
    struct hm_arp arp = {
        .op = HM_ARP_REQUEST, .sender_mac = RIG_ROUTER_MAC, .sender_addr = RIG_ROUTER, .target_addr = RIG_VM};

    hm_arp_encode_frame(vector->bytes, &HM_MAC_BROADCAST, &arp.sender_mac, HM_ETHERTYPE_ARP, &arp);
    vector->len = HM_ARP_FRAME_LEN;
}

static void foresee(const struct path_rig *f, const uint8_t *bytes, size_t len)
{
    uint8_t *memory = malloc(HM_FRAME_HEADROOM + len);
    struct hm_frame frame;

    assert_non_null(memory);
    hm_frame_init(&frame, memory, HM_FRAME_HEADROOM + len, len);
    memcpy(frame.data, bytes, len);
    for (unsigned link = 0; link < 2; link++)
        for (enum hm_table_step step = HM_TABLE_BUCKET; step <= HM_TABLE_OBJECT; step++)
            hm_path_foresee(&f->path, link, &frame, step);
    assert_int_equal(frame.len, len);
    assert_memory_equal(frame.data, bytes, len);
    free(memory);
}

static void check(struct path_rig *f, const struct vector *vector)
{
    struct hm_counters before = f->env.counters;

    for (size_t len = 0; len <= vector->len; len++)
        foresee(f, vector->bytes, len);
    assert_memory_equal(&before, &f->env.counters, sizeof(before));
    assert_int_equal(f->rig.frame_count, 0);
}

static void test_a_frame_of_any_kind_and_length_is_looked_at_without_effect(void **state)
{
    struct path_rig *f = *state;
    struct vector vector;

    write_plain(&vector);
    check(f, &vector);
    write_arp(&vector);
    check(f, &vector);
    for (enum hm_encapsulation kind = HM_ENCAPSULATION_IPIP; kind < HM_ENCAPSULATION_COUNT; kind++) {
        write_frame(&vector, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR}, kind);
        check(f, &vector);
    }
}

static void test_a_frame_that_was_looked_at_goes_its_way(void **state)
{
    struct path_rig *f = *state;
    struct hm_ethernet ethernet;
    struct vector vector;

    write_plain(&vector);
    foresee(f, vector.bytes, vector.len);
    path_rig_frame(f, 0, vector.bytes, vector.len);
    assert_int_equal(path_rig_sent(f, 0, &ethernet).dst, RIG_PEER_B);
    rig_forget_frames(&f->rig);
    write_frame(&vector, &(struct rig_packet){.src = RIG_VM, .dst = RIG_FAR}, HM_ENCAPSULATION_IPIP);
    foresee(f, vector.bytes, vector.len);
    path_rig_frame(f, 0, vector.bytes, vector.len);
    assert_int_equal(path_rig_sent(f, 0, &ethernet).dst, RIG_FAR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_frame_of_any_kind_and_length_is_looked_at_without_effect),
        TEST(test_a_frame_that_was_looked_at_goes_its_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
