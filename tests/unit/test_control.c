/* SPDX-License-Identifier: BSD-3-Clause */
/* Control messages: written and read, and what of them is refused. */
#include "firmware/base/err.h"
#include "firmware/wire/control.h"
#include "tests/unit/cut.h"
#include "tests/unit/vectors.h"

static const struct hm_key key = {.bytes = "a key that is only for this test", .len = 32};

static void fill_text(char *text, size_t cap, char c)
{
    memset(text, c, cap - 1);
    text[cap - 1] = '\0';
}

/* A message with as much of everything as there is room for. */
static void make_full(struct hm_control_message *message)
{
    uint64_t random = 8;

    *message = (struct hm_control_message){.kind = HM_CONTROL_REPLY,
                                           .op = HM_OP_PREPARE,
                                           .code = HM_CONTROL_REFUSED,
                                           .key_id = 0x01020304,
                                           .timestamp = UINT64_C(0xe000000012345678),
                                           .request_id = UINT64_C(0xfedcba9876543210),
                                           .mac_count = HM_CONTROL_MAX_NODES,
                                           .addr_count = HM_CONTROL_MAX_NODES,
                                           .node_count = HM_CONTROL_MAX_NODES,
                                           .neighbour_count = HM_CONTROL_MAX_NEIGHBOURS,
                                           .handover_id = UINT64_MAX,
                                           .epoch = 3,
                                           .lifetime_s = 1800,
                                           .wait_ms = 5000,
                                           .dry_run = true,
                                           .agent_addr = 0x0a010001,
                                           .relayed = true};
    fill_text(message->vm, sizeof(message->vm), 'v');
    fill_text(message->host, sizeof(message->host), 'h');
    fill_text(message->state, sizeof(message->state), 's');
    fill_text(message->text, sizeof(message->text), 't');
    for (unsigned i = 0; i < HM_CONTROL_MAX_NODES; i++) {
        message->macs[i].b[5] = (uint8_t)i;
        message->addrs[i] = 0x0a010000 + i;
        message->nodes[i] =
            (struct hm_control_node){.home_addr = (uint32_t)unit_random(&random),
                                     .mac = {{2, 0, 0, 0, 0, (uint8_t)i}},
                                     .home_agent = (uint32_t)unit_random(&random),
                                     .home_prefix = {.addr = 0x0a010000, .len = (uint8_t)(16 + i)},
                                     .router = (uint32_t)unit_random(&random),
                                     .router_mac = {{2, 0, 0, 0, 1, (uint8_t)i}}};
    }
    for (unsigned i = 0; i < HM_CONTROL_MAX_NEIGHBOURS; i++)
        message->neighbours[i] =
            (struct hm_pair){.addr = (uint32_t)unit_random(&random), .mac = {{2, 0, 0, 0, 2, (uint8_t)i}}};
}

static void check_nodes_equal(const struct hm_control_message *a, const struct hm_control_message *b)
{
    assert_int_equal(a->node_count, b->node_count);
    for (unsigned i = 0; i < a->node_count; i++) {
        const struct hm_control_node *x = &a->nodes[i], *y = &b->nodes[i];
        assert_int_equal(x->home_addr, y->home_addr);
        assert_true(hm_mac_equal(&x->mac, &y->mac));
        assert_int_equal(x->home_agent, y->home_agent);
        assert_int_equal(x->home_prefix.addr, y->home_prefix.addr);
        assert_int_equal(x->home_prefix.len, y->home_prefix.len);
        assert_int_equal(x->router, y->router);
        assert_true(hm_mac_equal(&x->router_mac, &y->router_mac));
    }
}

static void check_equal(const struct hm_control_message *a, const struct hm_control_message *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->op, b->op);
    assert_int_equal(a->code, b->code);
    assert_int_equal(a->key_id, b->key_id);
    assert_true(a->timestamp == b->timestamp && a->request_id == b->request_id);
    assert_string_equal(a->vm, b->vm);
    assert_string_equal(a->host, b->host);
    assert_string_equal(a->state, b->state);
    assert_string_equal(a->text, b->text);
    assert_int_equal(a->mac_count, b->mac_count);
    assert_memory_equal(a->macs, b->macs, sizeof(a->macs));
    assert_int_equal(a->addr_count, b->addr_count);
    assert_memory_equal(a->addrs, b->addrs, sizeof(a->addrs));
    assert_int_equal(a->neighbour_count, b->neighbour_count);
    assert_memory_equal(a->neighbours, b->neighbours, sizeof(a->neighbours));
    assert_true(a->handover_id == b->handover_id);
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->lifetime_s, b->lifetime_s);
    assert_int_equal(a->wait_ms, b->wait_ms);
    assert_int_equal(a->dry_run, b->dry_run);
    assert_int_equal(a->agent_addr, b->agent_addr);
    assert_int_equal(a->relayed, b->relayed);
    check_nodes_equal(a, b);
}

static void test_sample_is_read_and_written_byte_by_byte(void **state)
{
    uint8_t expected[200], bytes[HM_CONTROL_MAX_LEN];
    size_t len = unit_hex(VECTOR_CONTROL, expected, sizeof(expected));
    struct hm_control_message message;
    struct hm_key sample_key = {0};

    (void)state;
    sample_key.len = unit_hex(VECTOR_CONTROL_KEY, sample_key.bytes, sizeof(sample_key.bytes));
    assert_int_equal(hm_control_decode(expected, len, &message), HM_OK);
    assert_int_equal(message.kind, HM_CONTROL_REQUEST);
    assert_int_equal(message.op, HM_OP_IMMINENT);
    assert_int_equal(message.key_id, 0x1234);
    assert_true(message.timestamp == UINT64_C(0xe000000012345678));
    assert_true(message.request_id == UINT64_C(0x1122334455667788));
    assert_string_equal(message.vm, "vm1");
    assert_string_equal(message.host, "host-b");
    assert_true(message.mac_count == 1 && hm_mac_u64(&message.macs[0]) == 0x525400112233u);
    assert_true(message.addr_count == 1 && message.addrs[0] == 0x0a010005);
    assert_int_equal(message.wait_ms, 5000);
    assert_true(hm_control_is_authentic(expected, len, &sample_key));
    assert_false(hm_control_is_authentic(expected, len, &key));
    assert_int_equal(hm_control_encode(&message, &sample_key, bytes), len);
    assert_memory_equal(bytes, expected, len);
}

static void test_full_and_empty_messages_survive_the_way_there_and_back(void **state)
{
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    struct hm_control_message message, back;
    size_t len;

    (void)state;
    make_full(&message);
    len = hm_control_encode(&message, &key, bytes);
    assert_in_range(len, 1000, HM_CONTROL_MAX_LEN);
    assert_int_equal(hm_control_decode(bytes, len, &back), HM_OK);
    check_equal(&message, &back);
    assert_true(hm_control_is_authentic(bytes, len, &key));

    message = (struct hm_control_message){.kind = HM_CONTROL_REQUEST, .op = HM_OP_STATUS, .request_id = 1};
    len = hm_control_encode(&message, &key, bytes);
    assert_int_equal(len, HM_CONTROL_HEADER_LEN + HM_CONTROL_AUTHENTICATOR_LEN);
    assert_int_equal(hm_control_decode(bytes, len, &back), HM_OK);
    check_equal(&message, &back);
}

static void test_hint_is_a_header_and_nothing_else(void **state)
{
    struct hm_control_message message = {.kind = HM_CONTROL_HINT,
                                         .op = HM_OP_STATUS,
                                         .code = HM_CONTROL_KEY,
                                         .key_id = 5,
                                         .request_id = 6,
                                         .vm = "vm1"};
    uint8_t bytes[HM_CONTROL_MAX_LEN] = {0};
    struct hm_control_message back;

    (void)state;
    assert_int_equal(hm_control_encode(&message, NULL, bytes), HM_CONTROL_HEADER_LEN);
    assert_int_equal(hm_control_decode(bytes, HM_CONTROL_HEADER_LEN, &back), HM_OK);
    assert_int_equal(back.kind, HM_CONTROL_HINT);
    assert_int_equal(back.code, HM_CONTROL_KEY);
    assert_string_equal(back.vm, "");
    assert_false(hm_control_is_authentic(bytes, HM_CONTROL_HEADER_LEN, &key));
    for (size_t len = 0; len < HM_CONTROL_MAX_LEN; len++)
        assert_int_equal(hm_control_decode(bytes, len, &back),
                         len == HM_CONTROL_HEADER_LEN ? HM_OK : HM_ERR_MALFORMED);
}

static int decode(const uint8_t *bytes, size_t len)
{
    struct hm_control_message message;

    (void)hm_control_is_authentic(bytes, len, &key);
    return hm_control_decode(bytes, len, &message);
}

static int decode_authentic(const uint8_t *bytes, size_t len)
{
    struct hm_control_message message;

    return hm_control_is_authentic(bytes, len, &key) ? hm_control_decode(bytes, len, &message) : HM_ERR_AUTH;
}

static void test_no_beginning_is_authentic_and_no_byte_can_be_changed(void **state)
{
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    struct hm_control_message message;
    size_t len;

    (void)state;
    make_full(&message);
    len = hm_control_encode(&message, &key, bytes);
    unit_cut(bytes, len, decode_authentic, NULL, 0);
    for (size_t at = 0; at < len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[at] ^= (uint8_t)(1u << bit);
            assert_false(hm_control_is_authentic(bytes, len, &key));
            bytes[at] ^= (uint8_t)(1u << bit);
        }
    }
    assert_true(hm_control_is_authentic(bytes, len, &key));
    unit_tamper(bytes, len, decode);
    for (size_t cut = 0; cut <= len; cut++) { /* unauthentic ones must be harmless to decode too */
        uint8_t *copy = unit_copy(bytes, cut);
        (void)decode(copy, cut);
        free(copy);
    }
}

static void test_wrong_headers_are_malformed(void **state)
{
    struct hm_control_message message = {.kind = HM_CONTROL_REQUEST, .op = HM_OP_STATUS, .request_id = 77};
    uint8_t bytes[HM_CONTROL_MAX_LEN + 1] = {0};
    size_t len = hm_control_encode(&message, &key, bytes);

    (void)state;
    for (size_t at = 0; at < 4; at++) {
        bytes[at] ^= 1;
        assert_int_equal(hm_control_decode(bytes, len, &message), HM_ERR_MALFORMED);
        assert_int_equal(message.kind, 0);
        bytes[at] ^= 1;
    }
    for (unsigned kind = 0; kind <= UINT8_MAX; kind++) {
        bytes[4] = (uint8_t)kind;
        assert_int_equal(hm_control_decode(bytes, len, &message),
                         kind == 1 || kind == 2 ? HM_OK : HM_ERR_MALFORMED);
    }
    bytes[4] = HM_CONTROL_REQUEST;
    for (unsigned op = 0; op <= UINT8_MAX; op++) {
        bool is_known = (op >= 1 && op <= 9) || (op >= 16 && op <= 28) || op == 32;
        bytes[5] = (uint8_t)op;
        assert_int_equal(hm_control_decode(bytes, len, &message), is_known ? HM_OK : HM_ERR_MALFORMED);
        assert_true(message.request_id == 77);
        assert_int_equal(strcmp(hm_control_op_name((enum hm_control_op)op), "unknown operation") != 0,
                         is_known);
    }
    bytes[5] = HM_OP_STATUS;
    bytes[6] = 1; /* a code in a request */
    assert_int_equal(hm_control_decode(bytes, len, &message), HM_ERR_MALFORMED);
    bytes[6] = 0;
    bytes[7] = 1; /* reserved: ignored */
    assert_int_equal(hm_control_decode(bytes, len, &message), HM_OK);
    assert_int_equal(hm_control_decode(bytes, HM_CONTROL_MAX_LEN + 1, &message), HM_ERR_MALFORMED);
}

static void test_codes_have_texts(void **state)
{
    (void)state;
    for (int code = HM_CONTROL_OK; code <= HM_CONTROL_CLOCK; code++)
        assert_string_not_equal(hm_control_code_text((enum hm_control_code)code), "unknown code");
    assert_string_equal(hm_control_code_text((enum hm_control_code)99), "unknown code");
}

static void test_a_piece_of_a_stream_survives_the_wire_and_every_cut(void **state)
{
    struct hm_control_message message = {.kind = HM_CONTROL_REQUEST,
                                         .op = HM_OP_SALVAGED,
                                         .request_id = 7,
                                         .handover_id = UINT64_MAX,
                                         .epoch = 3,
                                         .agent_addr = 0x0a010002,
                                         .offset = UINT64_MAX,
                                         .confirmed = 5,
                                         .limit = 6,
                                         .data_len = HM_CONTROL_DATA_LEN,
                                         .has_salvage = true,
                                         .is_last = true,
                                         .is_ready = true,
                                         .has_stop_notice = true,
                                         .has_old_path = true,
                                         .cut = HM_CUT_EXACT,
                                         .tap_dropped = 9};
    struct hm_control_message back;
    uint8_t bytes[HM_CONTROL_MAX_LEN];

    (void)state;
    for (unsigned i = 0; i < HM_CONTROL_DATA_LEN; i++)
        message.data[i] = (uint8_t)(i * 7);
    size_t len = hm_control_encode(&message, &key, bytes);
    assert_true(len > 0);
    assert_int_equal(hm_control_decode(bytes, len, &back), HM_OK);
    assert_int_equal(back.data_len, HM_CONTROL_DATA_LEN);
    assert_memory_equal(back.data, message.data, HM_CONTROL_DATA_LEN);
    assert_true(back.offset == message.offset && back.confirmed == 5 && back.limit == 6);
    assert_true(back.has_salvage && back.is_last && back.is_ready && back.has_stop_notice &&
                back.has_old_path);
    assert_int_equal(back.cut, HM_CUT_EXACT);
    assert_int_equal(back.tap_dropped, 9);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *part = unit_copy(bytes, cut);
        hm_control_decode(part, cut, &back); /* no byte past the end is read: the sanitizer's to say */
        assert_true(back.data_len <= HM_CONTROL_DATA_LEN);
        free(part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_piece_of_a_stream_survives_the_wire_and_every_cut),
        cmocka_unit_test(test_sample_is_read_and_written_byte_by_byte),
        cmocka_unit_test(test_full_and_empty_messages_survive_the_way_there_and_back),
        cmocka_unit_test(test_hint_is_a_header_and_nothing_else),
        cmocka_unit_test(test_no_beginning_is_authentic_and_no_byte_can_be_changed),
        cmocka_unit_test(test_wrong_headers_are_malformed),
        cmocka_unit_test(test_codes_have_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
