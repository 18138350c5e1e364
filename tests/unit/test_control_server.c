/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of agent/control_server: whose requests are handled, and each of them once. */
#include "firmware/agent/control_server.h"

#include "tests/unit/rig/rig.h"

#define BY_HYPERVISOR 0
#define BY_PEER 1

struct fixture {
    struct rig rig;
    struct hm_env env;
    struct hm_security security;
    struct hm_control_server server;
    unsigned handled, sent;
    bool answer_later;
    struct hm_control_request *open; /* the last */
    struct hm_control_message last;  /* sent */
    struct hm_control_from to;
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    size_t len;
};

static void handle(void *arg, struct hm_control_request *request)
{
    struct fixture *f = arg;

    f->handled++;
    f->open = request;
    if (!f->answer_later)
        hm_control_answer_text(&f->server, request, HM_CONTROL_OK, "answer %u", f->handled);
}

static void on_send(void *arg, const struct hm_control_from *to, const void *bytes, size_t len,
                    bool acknowledges)
{
    struct fixture *f = arg;

    (void)acknowledges;
    f->sent++;
    f->to = *to;
    f->len = len;
    memcpy(f->bytes, bytes, len);
    assert_int_equal(hm_control_decode(f->bytes, len, &f->last), 0);
}

static void start(struct fixture *f)
{
    assert_int_equal(hm_control_server_init(&f->server, &f->env, &f->security), 0);
    f->server.arg = f;
    f->server.handle = handle;
    f->server.send = on_send;
}

static void pass_ms(struct fixture *f, uint64_t ms)
{
    rig_pass_us(&f->rig, ms * 1000);
    f->env.now = f->rig.now;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    rig_init(&f->rig);
    hm_env_init(&f->env, &f->rig.config, &f->rig.port, &f->rig.now);
    assert_int_equal(hm_security_init(&f->security, &f->env), 0);
    start(f);
    pass_ms(f, 60000);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hm_control_server_fini(&f->server);
    hm_security_fini(&f->security);
    free(f);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static struct hm_control_message status_request(struct fixture *f, uint64_t id)
{
    return (struct hm_control_message){.kind = HM_CONTROL_REQUEST,
                                       .op = HM_OP_STATUS,
                                       .key_id = f->rig.hypervisors[0].key_id,
                                       .timestamp = f->env.now.ntp,
                                       .request_id = id,
                                       .vm = "vm1"};
}

static void receive(struct fixture *f, const uint8_t *bytes, size_t len, uint32_t from_addr)
{
    uint8_t *copy = unit_copy(bytes, len);
    struct hm_control_from from = {.endpoint = {.addr = from_addr, .port = 5000}, .local_addr = RIG_AGENT};
    struct hm_control_message message;

    assert_int_equal(hm_control_decode(copy, len, &message), 0);
    hm_control_server_receive(&f->server, &from, &message, copy, len);
    free(copy);
}

static void ask_with(struct fixture *f, const struct hm_control_message *message, const struct hm_key *key)
{
    uint8_t bytes[HM_CONTROL_MAX_LEN];

    receive(f, bytes, hm_control_encode(message, key, bytes), RIG_VM);
}

static void ask(struct fixture *f, const struct hm_control_message *message)
{
    ask_with(f, message, &f->rig.hypervisors[0].key);
}

static void test_a_request_is_handled_and_answered_to_its_sender(void **state)
{
    struct fixture *f = *state;
    struct hm_control_message request = status_request(f, 7);

    ask(f, &request);
    assert_int_equal(f->handled, 1);
    assert_int_equal(f->sent, 1);
    assert_int_equal(f->last.kind, HM_CONTROL_REPLY);
    assert_int_equal(f->last.op, HM_OP_STATUS);
    assert_int_equal(f->last.request_id, 7);
    assert_int_equal(f->last.key_id, request.key_id);
    assert_int_equal(f->to.endpoint.addr, RIG_VM);
    assert_int_equal(f->to.endpoint.port, 5000);
    assert_true(hm_control_is_authentic(f->bytes, f->len, &f->rig.hypervisors[0].key));
}

static void test_a_repetition_gets_the_same_answer_and_is_not_redone(void **state)
{
    struct fixture *f = *state;
    struct hm_control_message request = status_request(f, 7);
    uint8_t first[HM_CONTROL_MAX_LEN];

    ask(f, &request);
    memcpy(first, f->bytes, f->len);
    pass_ms(f, 200);
    request.timestamp = f->env.now.ntp;
    ask(f, &request);
    assert_int_equal(f->handled, 1);
    assert_int_equal(f->sent, 2);
    assert_memory_equal(first, f->bytes, f->len);
}

static void test_a_repetition_of_an_open_request_waits_for_its_answer(void **state)
{
    struct fixture *f = *state;
    struct hm_control_message request = status_request(f, 7);

    f->answer_later = true;
    ask(f, &request);
    ask(f, &request);
    assert_int_equal(f->handled, 1);
    assert_int_equal(f->sent, 0);
    hm_control_answer_text(&f->server, f->open, HM_CONTROL_REFUSED, "no");
    assert_int_equal(f->sent, 1);
    assert_int_equal(f->last.code, HM_CONTROL_REFUSED);
}

static void test_wrong_keys_change_nothing_and_get_a_hint_or_two(void **state)
{
    struct fixture *f = *state;
    struct hm_control_message request = status_request(f, 7);

    for (unsigned i = 0; i < 100; i++)
        ask_with(f, &request, &f->rig.hypervisors[1].key);
    assert_int_equal(f->handled, 0);
    assert_in_range(f->sent, 1, 10);
    assert_int_equal(f->last.kind, HM_CONTROL_HINT);
    request.key_id = 31337;
    ask(f, &request);
    assert_int_equal(f->handled, 0);
    assert_int_equal(f->env.counters.drops[HM_DROP_CONTROL_AUTH], 100);
    assert_int_equal(f->env.counters.drops[HM_DROP_CONTROL_KEY], 1);
}

static void test_a_wrong_clock_is_told_ours_and_the_next_try_fits(void **state)
{
    static const int64_t OFF_MS[] = {-3600000, -7100, 7100, 3600000};
    struct fixture *f = *state;

    for (unsigned i = 0; i < UNIT_COUNT(OFF_MS); i++) {
        struct hm_control_message request = status_request(f, 7 + i);
        request.timestamp = hm_ntp_add_ms(f->env.now.ntp, OFF_MS[i]);
        ask(f, &request);
        assert_int_equal(f->handled, i);
        assert_int_equal(f->last.code, HM_CONTROL_CLOCK);
        request.timestamp = f->last.timestamp;
        ask(f, &request);
        assert_int_equal(f->handled, i + 1);
        assert_int_equal(f->last.code, HM_CONTROL_OK);
    }
}

static void test_what_was_sent_before_the_start_is_not_believed(void **state)
{
    struct fixture *f = *state;
    struct hm_control_message request = status_request(f, 7);

    hm_control_server_fini(&f->server);
    f->env.boot_ntp = f->env.now.ntp;
    start(f);
    pass_ms(f, 500);
    ask(f, &request);
    assert_int_equal(f->handled, 0);
    assert_int_equal(f->last.code, HM_CONTROL_CLOCK);
    request.timestamp = f->env.now.ntp;
    ask(f, &request);
    assert_int_equal(f->handled, 1);
}

/* Whatever the memory has forgotten: a replay is never handled again. */
static void test_no_recorded_request_is_ever_handled_twice(void **state)
{
    struct fixture *f = *state;
    static uint8_t records[600][HM_CONTROL_MAX_LEN];
    static size_t lens[600];
    unsigned count = 0;

    for (; count < 600; count++) {
        struct hm_control_message request = status_request(f, 1000 + count);
        /* Clocks of the hypervisor's hosts are a little apart. */
        request.timestamp = hm_ntp_add_ms(f->env.now.ntp, (int64_t)(count % 3) * 700 - 700);
        lens[count] = hm_control_encode(&request, &f->rig.hypervisors[0].key, records[count]);
        receive(f, records[count], lens[count], RIG_VM);
        pass_ms(f, 5);
    }
    unsigned handled = f->handled;
    for (unsigned i = 0; i < count; i++)
        receive(f, records[i], lens[i], RIG_FAR);
    assert_int_equal(f->handled, handled);
    pass_ms(f, 20000);
    for (unsigned i = 0; i < count; i++)
        receive(f, records[i], lens[i], RIG_FAR);
    assert_int_equal(f->handled, handled);
}

static void test_our_own_requests_sent_back_to_us_are_not_handled(void **state)
{
    struct fixture *f = *state;
    const struct hm_peer *peer = &f->security.peers[0];
    struct hm_control_message request = {.kind = HM_CONTROL_REQUEST,
                                         .op = HM_OP_ABORT,
                                         .key_id = peer->config->spi,
                                         .timestamp = f->env.now.ntp,
                                         .request_id = 9,
                                         .handover_id = 1,
                                         .agent_addr = RIG_AGENT};

    ask_with(f, &request, &peer->control_key);
    assert_int_equal(f->handled, 0);
    request.agent_addr = 0;
    ask_with(f, &request, &peer->control_key);
    assert_int_equal(f->handled, 0);
    assert_int_equal(f->sent, 0);
    request.agent_addr = peer->config->addr;
    ask_with(f, &request, &peer->control_key);
    assert_int_equal(f->handled, 1);
}

/* While keys are exchanged the other agent may use the new one already. */
static void test_a_peer_may_use_any_of_its_keys_and_each_with_its_own_id(void **state)
{
    struct fixture *f = *state;
    struct hm_peer_config *config = &f->rig.peers[0];
    const struct hm_peer *peer = &f->security.peers[0];
    struct hm_control_message request = {.kind = HM_CONTROL_REQUEST,
                                         .op = HM_OP_ABORT,
                                         .key_id = 1003,
                                         .timestamp = f->env.now.ntp,
                                         .request_id = 9,
                                         .handover_id = 1,
                                         .agent_addr = config->addr};

    config->more_count = 1;
    config->more[0] = (struct hm_association_config){.spi = 1003, .key = {.len = 32, .bytes = {7}}};
    hm_security_fini(&f->security);
    assert_int_equal(hm_security_init(&f->security, &f->env), 0);
    peer = &f->security.peers[0];
    ask_with(f, &request, &peer->control_key);
    assert_int_equal(f->handled, 0);
    ask_with(f, &request, &peer->associations[1].control_key);
    assert_int_equal(f->handled, 1);
    assert_int_equal(f->last.key_id, 1003);
    assert_true(hm_control_is_authentic(f->bytes, f->len, &peer->associations[1].control_key));
}

static void test_hypervisors_and_peers_may_ask_what_is_theirs(void **state)
{
    struct fixture *f = *state;
    const struct hm_peer *peer = &f->security.peers[0];

    for (unsigned op = HM_OP_IMMINENT; op <= HM_OP_LAND; op++) {
        if (op > HM_OP_SHIELD && op < HM_OP_PREPARE)
            continue;
        for (unsigned by = BY_HYPERVISOR; by <= BY_PEER; by++) {
            struct hm_control_message request = status_request(f, op * 2 + by + 100);
            unsigned handled = f->handled;
            request.op = op;
            request.agent_addr = peer->config->addr;
            if (by == BY_PEER)
                request.key_id = peer->config->spi;
            ask_with(f, &request, by == BY_PEER ? &peer->control_key : &f->rig.hypervisors[0].key);
            assert_int_equal(f->handled - handled, (op < HM_OP_PREPARE) == (by == BY_HYPERVISOR));
            assert_int_equal(f->last.code, f->handled > handled ? HM_CONTROL_OK : HM_CONTROL_REFUSED);
        }
    }
}

static void test_open_requests_are_never_pushed_out(void **state)
{
    struct fixture *f = *state;
    struct hm_control_request *first = NULL;

    f->answer_later = true;
    for (unsigned i = 0; i < 1000; i++) {
        struct hm_control_message request = status_request(f, 100 + i);
        ask(f, &request);
        if (i == 0)
            first = f->open;
    }
    assert_true(f->handled < 1000);
    assert_int_equal(f->handled + f->env.counters.drops[HM_DROP_CONTROL_FULL], 1000);
    assert_int_equal(first->message.request_id, 100);
    hm_control_answer_text(&f->server, first, HM_CONTROL_OK, "at last");
    assert_int_equal(f->last.request_id, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_request_is_handled_and_answered_to_its_sender),
        TEST(test_a_repetition_gets_the_same_answer_and_is_not_redone),
        TEST(test_a_repetition_of_an_open_request_waits_for_its_answer),
        TEST(test_wrong_keys_change_nothing_and_get_a_hint_or_two),
        TEST(test_a_wrong_clock_is_told_ours_and_the_next_try_fits),
        TEST(test_what_was_sent_before_the_start_is_not_believed),
        TEST(test_no_recorded_request_is_ever_handled_twice),
        TEST(test_our_own_requests_sent_back_to_us_are_not_handled),
        TEST(test_a_peer_may_use_any_of_its_keys_and_each_with_its_own_id),
        TEST(test_hypervisors_and_peers_may_ask_what_is_theirs),
        TEST(test_open_requests_are_never_pushed_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
