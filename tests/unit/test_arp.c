/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP, and QEMU's RARP announcement. */
#include "firmware/base/err.h"
#include "firmware/wire/arp.h"
#include "firmware/wire/ethernet.h"
#include "tests/unit/cut.h"
#include "tests/unit/vectors.h"

static const struct hm_mac vm_mac = {{0x52, 0x54, 0, 0x11, 0x22, 0x33}};

static int decode(const uint8_t *bytes, size_t len)
{
    struct hm_arp arp;

    return hm_arp_decode(bytes, len, &arp);
}

static void test_qemu_announcement_is_read_and_written(void **state)
{
    uint8_t frame[HM_ARP_FRAME_LEN], bytes[HM_ARP_FRAME_LEN];
    struct hm_arp arp;

    (void)state;
    assert_int_equal(unit_hex(VECTOR_RARP, frame, sizeof(frame)), HM_ARP_FRAME_LEN);
    assert_int_equal(hm_arp_decode(frame + HM_ETHERNET_LEN, sizeof(frame) - HM_ETHERNET_LEN, &arp), HM_OK);
    assert_int_equal(arp.op, HM_RARP_REQUEST);
    assert_true(hm_mac_equal(&arp.sender_mac, &vm_mac) && hm_mac_equal(&arp.target_mac, &vm_mac));
    assert_true(arp.sender_addr == 0 && arp.target_addr == 0);
    assert_false(hm_arp_is_probe(&arp));
    memset(bytes, 0xaa, sizeof(bytes));
    hm_arp_encode_frame(bytes, &HM_MAC_BROADCAST, &vm_mac, HM_ETHERTYPE_RARP, &arp);
    assert_memory_equal(bytes, frame, sizeof(bytes));
}

static void test_request_is_written_and_read(void **state)
{
    struct hm_arp arp = {.op = HM_ARP_REQUEST,
                         .sender_mac = vm_mac,
                         .sender_addr = 0x0a010005,
                         .target_mac = HM_MAC_ZERO,
                         .target_addr = 0x0a010001};
    uint8_t expected[HM_ARP_FRAME_LEN] = {0}, bytes[HM_ARP_FRAME_LEN];
    struct hm_arp back;

    (void)state;
    unit_hex(
        "ffffffffffff 525400112233 0806 0001 0800 06 04 0001 525400112233 0a010005 000000000000 0a010001",
        expected, sizeof(expected));
    hm_arp_encode_frame(bytes, &HM_MAC_BROADCAST, &vm_mac, HM_ETHERTYPE_ARP, &arp);
    assert_memory_equal(bytes, expected, sizeof(bytes));
    assert_int_equal(hm_arp_decode(bytes + HM_ETHERNET_LEN, HM_ARP_LEN, &back), HM_OK);
    assert_int_equal(back.op, arp.op);
    assert_int_equal(back.sender_addr, arp.sender_addr);
    assert_int_equal(back.target_addr, arp.target_addr);
    assert_true(hm_mac_is_zero(&back.target_mac));
    assert_false(hm_arp_is_probe(&back));
    back.sender_addr = 0;
    assert_true(hm_arp_is_probe(&back));
    back.op = HM_ARP_REPLY;
    assert_false(hm_arp_is_probe(&back));
}

static void test_short_or_foreign_packets_are_malformed(void **state)
{
    uint8_t frame[HM_ARP_FRAME_LEN];
    uint8_t *arp = frame + HM_ETHERNET_LEN;

    (void)state;
    unit_hex(VECTOR_RARP, frame, sizeof(frame));
    unit_cut(arp, HM_ARP_LEN, decode, NULL, 0);
    for (size_t at = 0; at < 6; at++) { /* hardware and protocol type, and both lengths */
        arp[at] ^= 1;
        assert_int_equal(decode(arp, HM_ARP_LEN), HM_ERR_MALFORMED);
        arp[at] ^= 1;
    }
    assert_int_equal(decode(arp, HM_ARP_LEN), HM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_qemu_announcement_is_read_and_written),
        cmocka_unit_test(test_request_is_written_and_read),
        cmocka_unit_test(test_short_or_foreign_packets_are_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
