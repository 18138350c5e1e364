/* SPDX-License-Identifier: BSD-3-Clause */
/* Durable records: each kind there and back, cut at every length, changed in every byte. */
#include "firmware/base/err.h"
#include "firmware/wire/record.h"
#include "tests/unit/cut.h"

static const struct hm_mac MAC = {{0x52, 0x54, 0, 0x11, 0x22, 0x33}};
static const struct hm_control_node NODE = {.home_addr = 0x0a010005,
                                            .mac = {{0x52, 0x54, 0, 0x11, 0x22, 0x33}},
                                            .home_agent = 0x0a010002,
                                            .home_prefix = {0x0a010000, 24},
                                            .router = 0x0a010001,
                                            .router_mac = {{2, 0, 0, 0, 0, 1}}};

static struct hm_record record_of(enum hm_record_kind kind)
{
    struct hm_record record = {.kind = kind};

    switch (kind) {
    case HM_RECORD_AGENT:
        record.agent = (struct hm_agent_record){.last_epoch = 7, .forgotten = 8};
        break;
    case HM_RECORD_BINDING:
        record.binding = (struct hm_binding_record){.home_addr = 0x0a010005,
                                                    .mac = MAC,
                                                    .vm = "vm1",
                                                    .care_of = {{0x0a020002, 300, 9}, {0x0a030002, 60, 10}},
                                                    .care_of_count = 2,
                                                    .handover_id = 11,
                                                    .epoch = 12,
                                                    .staged = {0x0a010002, 0, 13},
                                                    .staged_handover_id = 14,
                                                    .staged_epoch = 15,
                                                    .identification = UINT64_C(0xe000000012345678),
                                                    .agent_mac = {{2, 0, 0, 0, 0, 2}},
                                                    .is_revocable = true,
                                                    .registered_time = 16};
        break;
    case HM_RECORD_HANDOVER:
        record.handover = (struct hm_handover_record){.id = 17,
                                                      .role = 1,
                                                      .epoch = 18,
                                                      .stage = HM_RECORD_STOPPED,
                                                      .vm = "vm1",
                                                      .host = "hv-b1",
                                                      .other = 0x0a020002,
                                                      .started_ntp = 19,
                                                      .end_ntp = 20};
        for (unsigned i = 0; i < HM_CONTROL_MAX_NODES; i++)
            record.handover.nodes[record.handover.node_count++] = NODE;
        break;
    case HM_RECORD_MOBILE:
        record.mobile = (struct hm_mobile_record){.home_addr = 0x0a010005, .identification = 21};
        break;
    case HM_RECORD_REVOCATION:
        record.revocation = (struct hm_revocation_record){0x0a010005, 0x0a020002, 26};
        break;
    case HM_RECORD_SHIELD:
        record.shield = (struct hm_shield_record){.mac = MAC, .key_id = 300};
        break;
    case HM_RECORD_VISITOR:
        record.visitor = (struct hm_visitor_record){.node = NODE,
                                                    .vm = "vm1",
                                                    .was_here = true,
                                                    .handover_id = 22,
                                                    .epoch = 23,
                                                    .end_ntp = 24,
                                                    .is_revocable = true,
                                                    .registered_time = 25};
        for (unsigned i = 0; i < HM_CONTROL_MAX_NEIGHBOURS; i++)
            record.visitor.neighbours[record.visitor.neighbour_count++] = (struct hm_pair){0x0a010009, MAC};
        break;
    }
    return record;
}

static const enum hm_record_kind KINDS[] = {HM_RECORD_AGENT,  HM_RECORD_BINDING,    HM_RECORD_HANDOVER,
                                            HM_RECORD_MOBILE, HM_RECORD_REVOCATION, HM_RECORD_SHIELD,
                                            HM_RECORD_VISITOR};

static uint8_t key[HM_RECORD_KEY_LEN], value[HM_RECORD_MAX_LEN];
static size_t key_len, value_len;

static void encode(const struct hm_record *record)
{
    key_len = hm_record_encode_key(record, key);
    value_len = hm_record_encode(record, value);
}

static void seal(void)
{
    uint32_t sum = hm_record_sum(key, key_len, value, value_len - 4);

    for (unsigned i = 0; i < 4; i++)
        value[value_len - 4 + i] = (uint8_t)(sum >> (24 - 8 * i));
}

static int decode_value(const uint8_t *bytes, size_t len)
{
    struct hm_record record;

    return hm_record_decode(key, key_len, bytes, len, &record);
}

static int decode_key(const uint8_t *bytes, size_t len)
{
    struct hm_record record;

    return hm_record_decode(bytes, len, value, value_len, &record);
}

static void test_every_kind_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(KINDS); i++) {
        struct hm_record record = record_of(KINDS[i]), back;
        uint8_t again[HM_RECORD_MAX_LEN];

        encode(&record);
        assert_int_equal(hm_record_decode(key, key_len, value, value_len, &back), HM_OK);
        assert_int_equal(back.kind, KINDS[i]);
        assert_int_equal(hm_record_encode(&back, again), value_len);
        assert_memory_equal(again, value, value_len);
        assert_int_equal(hm_record_encode_key(&back, again), key_len);
        assert_memory_equal(again, key, key_len);
    }
}

static void test_fields_of_a_binding(void **state)
{
    struct hm_record record = record_of(HM_RECORD_BINDING), back;

    (void)state;
    encode(&record);
    assert_int_equal(hm_record_decode(key, key_len, value, value_len, &back), HM_OK);
    assert_int_equal(back.binding.home_addr, 0x0a010005);
    assert_string_equal(back.binding.vm, "vm1");
    assert_int_equal(back.binding.care_of_count, 2);
    assert_int_equal(back.binding.care_of[1].addr, 0x0a030002);
    assert_int_equal(back.binding.staged.addr, 0x0a010002);
    assert_int_equal(back.binding.staged_epoch, 15);
    assert_true(back.binding.identification == UINT64_C(0xe000000012345678));
    assert_true(back.binding.is_revocable);
}

/* Written by an earlier version: the MAC alone. */
static void test_a_shield_without_its_hypervisor_comes_back(void **state)
{
    struct hm_record record = record_of(HM_RECORD_SHIELD), back;

    (void)state;
    record.shield.key_id = 0;
    encode(&record);
    assert_int_equal(key_len, 1 + 6);
    assert_int_equal(hm_record_decode(key, key_len, value, value_len, &back), HM_OK);
    assert_memory_equal(&back.shield.mac, &MAC, 6);
    assert_int_equal(back.shield.key_id, 0);
}

static void test_a_shields_hypervisor_is_part_of_its_key(void **state)
{
    struct hm_record record = record_of(HM_RECORD_SHIELD), back;

    (void)state;
    encode(&record);
    assert_int_equal(key_len, 1 + 6 + 4);
    assert_int_equal(hm_record_decode(key, key_len, value, value_len, &back), HM_OK);
    assert_int_equal(back.shield.key_id, 300);
    memset(key + 1 + 6, 0, 4); /* none has one form only */
    seal();
    assert_int_equal(decode_value(value, value_len), HM_ERR_MALFORMED);
}

static void test_no_cut_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(KINDS); i++) {
        struct hm_record record = record_of(KINDS[i]);

        encode(&record);
        unit_cut(value, value_len, decode_value, NULL, 0);
        unit_cut(key, key_len, decode_key, NULL, 0);
    }
}

static void test_every_changed_byte_is_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(KINDS); i++) {
        struct hm_record record = record_of(KINDS[i]);

        encode(&record);
        for (size_t at = 0; at < value_len * 8; at++) {
            value[at / 8] ^= (uint8_t)(1u << at % 8);
            assert_int_equal(decode_value(value, value_len), HM_ERR_MALFORMED);
            value[at / 8] ^= (uint8_t)(1u << at % 8);
        }
        for (size_t at = 0; at < key_len * 8; at++) {
            key[at / 8] ^= (uint8_t)(1u << at % 8);
            assert_int_equal(decode_key(key, key_len), HM_ERR_MALFORMED);
            key[at / 8] ^= (uint8_t)(1u << at % 8);
        }
    }
}

static void test_a_later_version_is_told_from_damage(void **state)
{
    struct hm_record record = record_of(HM_RECORD_SHIELD);

    (void)state;
    encode(&record);
    value[0] = HM_RECORD_VERSION + 1;
    seal();
    assert_int_equal(decode_value(value, value_len), HM_ERR_UNKNOWN);
    value[0] = HM_RECORD_VERSION;
    key[0] = 'X';
    seal();
    assert_int_equal(decode_key(key, key_len), HM_ERR_UNKNOWN);
}

static void test_the_sum_is_that_of_ieee_802_3(void **state)
{
    (void)state;
    assert_int_equal(hm_record_sum((const uint8_t *)"1234", 4, (const uint8_t *)"56789", 5), 0xcbf43926);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_comes_back),
        cmocka_unit_test(test_fields_of_a_binding),
        cmocka_unit_test(test_a_shield_without_its_hypervisor_comes_back),
        cmocka_unit_test(test_a_shields_hypervisor_is_part_of_its_key),
        cmocka_unit_test(test_no_cut_is_taken),
        cmocka_unit_test(test_every_changed_byte_is_seen),
        cmocka_unit_test(test_a_later_version_is_told_from_damage),
        cmocka_unit_test(test_the_sum_is_that_of_ieee_802_3),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
