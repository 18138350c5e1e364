/* SPDX-License-Identifier: BSD-3-Clause */
/* The streams of frames to and from an agent that is played here, with datagrams lost, doubled and out of
 * order. */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/linux/clock.h"
#include "platform/linux/fetch.h"
#include "platform/linux/salvage.h"
#include "tests/unit/unit.h"

#define STREAM_MAX 200000
#define HELD_MAX 64
#define PATIENCE 20000 /* turns, of a millisecond at most: far more than any case needs */

static const struct hm_key key = {.bytes = "a key that is only for this test", .len = 32};
static const struct hm_control_message vm = {.vm = "vm1", .handover_id = 7};

/* The agent: in the same thread, asked between the client's turns. */
static struct {
    int fd;
    uint64_t chance;
    unsigned loss_percent; /* of the requests; and as many of the answers */
    uint8_t stream[STREAM_MAX];
    uint64_t len;   /* SALVAGE: taken so far; FETCH: what there is */
    uint64_t limit; /* FETCH: what is there already */
    bool is_ended;
    unsigned requests;
    uint64_t confirmed;
    bool refuses;
    struct { /* requests that are kept for a while, to change their order */
        uint8_t bytes[HM_CONTROL_MAX_LEN];
        ssize_t len;
        struct sockaddr_in from;
    } held[HELD_MAX];
    unsigned held_count;
    struct hm_control_message last;
} agent;

static struct hm_dialogue dialogue;
static struct hm_notify_target target;
static struct hm_salvage salvage;
static struct hm_fetch fetch;

static int set_up(void **state)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t name_len = sizeof(name);

    (void)state;
    memset(&agent, 0, sizeof(agent));
    agent.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(agent.fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(getsockname(agent.fd, (struct sockaddr *)&name, &name_len), 0);
    target = (struct hm_notify_target){
        .addr = INADDR_LOOPBACK, .port = ntohs(name.sin_port), .key_id = 300, .key = key};
    assert_int_equal(hm_dialogue_open(&dialogue, &target), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hm_dialogue_close(&dialogue);
    close(agent.fd);
    return 0;
}

static bool is_lost(void)
{
    return unit_random(&agent.chance) % 100 < agent.loss_percent;
}

static void take_piece(const struct hm_control_message *request, struct hm_control_message *reply)
{
    if (request->offset == agent.len && !agent.is_ended) {
        memcpy(agent.stream + agent.len, request->data, request->data_len);
        agent.len += request->data_len;
        agent.is_ended = request->is_last;
        agent.last = *request;
    }
    reply->offset = agent.len;
}

static void give_piece(const struct hm_control_message *request, struct hm_control_message *reply)
{
    uint64_t left = request->offset < agent.limit ? agent.limit - request->offset : 0;

    if (request->confirmed > agent.confirmed)
        agent.confirmed = request->confirmed;
    reply->offset = request->offset;
    reply->data_len = left < HM_CONTROL_DATA_LEN ? (unsigned)left : HM_CONTROL_DATA_LEN;
    memcpy(reply->data, agent.stream + request->offset, reply->data_len);
    reply->limit = agent.limit;
    reply->is_ready = agent.limit >= agent.len / 2;
    reply->is_last = agent.limit == agent.len;
    /* more comes while it is fetched */
    agent.limit = agent.limit + 3000 < agent.len ? agent.limit + 3000 : agent.len;
}

static void answer(unsigned number)
{
    struct hm_control_message request, reply = {.kind = HM_CONTROL_REPLY};
    uint8_t bytes[HM_CONTROL_MAX_LEN];
    struct hm_time now;
    size_t len;

    assert_int_equal(hm_control_decode(agent.held[number].bytes, (size_t)agent.held[number].len, &request),
                     0);
    agent.requests++;
    hm_clock_read(&now);
    reply.op = request.op;
    reply.key_id = request.key_id;
    reply.request_id = request.request_id;
    reply.timestamp = now.ntp;
    if (agent.refuses)
        reply.code = HM_CONTROL_REFUSED;
    else if (request.op == HM_OP_SALVAGE)
        take_piece(&request, &reply);
    else
        give_piece(&request, &reply);
    len = hm_control_encode(&reply, &key, bytes);
    assert_true(len > 0);
    if (!is_lost())
        sendto(agent.fd, bytes, len, 0, (struct sockaddr *)&agent.held[number].from,
               sizeof(agent.held[number].from));
}

/* Takes all that has come, and answers it in any order. */
static void play_agent(void)
{
    struct pollfd ready[] = {{.fd = agent.fd, .events = POLLIN}, {.fd = dialogue.fd, .events = POLLIN}};

    poll(ready, 2, 1);
    while (agent.held_count < HELD_MAX) {
        socklen_t from_len = sizeof(agent.held[0].from);

        agent.held[agent.held_count].len =
            recvfrom(agent.fd, agent.held[agent.held_count].bytes, HM_CONTROL_MAX_LEN, 0,
                     (struct sockaddr *)&agent.held[agent.held_count].from, &from_len);
        if (agent.held[agent.held_count].len < 0)
            break;
        if (!is_lost())
            agent.held_count++;
    }
    while (agent.held_count > 0) {
        unsigned pick =
            agent.loss_percent > 0 ? (unsigned)(unit_random(&agent.chance) % agent.held_count) : 0;

        answer(pick);
        memmove(&agent.held[pick], &agent.held[pick + 1],
                (--agent.held_count - pick) * sizeof(agent.held[0]));
    }
}

static uint64_t make_stream(uint8_t *to, unsigned frames, size_t largest, uint64_t seed)
{
    uint64_t len = 0;

    for (unsigned i = 0; i < frames; i++) {
        size_t frame_len = 14 + unit_random(&seed) % (largest - 13);

        to[len++] = (uint8_t)(frame_len >> 8);
        to[len++] = (uint8_t)frame_len;
        for (size_t k = 0; k < frame_len; k++)
            to[len++] = (uint8_t)unit_random(&seed);
    }
    assert_true(len <= STREAM_MAX);
    return len;
}

/* ---- salvage ---- */

static void expect_salvage(unsigned frames)
{
    static uint8_t stream[STREAM_MAX];
    uint64_t len = make_stream(stream, frames, 1514, 42);

    hm_salvage_begin(&salvage, &dialogue, &vm, stream, len, HM_CUT_EXACT, 5);
    for (unsigned turn = 0; turn < PATIENCE && !salvage.is_over; turn++) {
        play_agent();
        hm_dialogue_work(&dialogue);
        hm_salvage_work(&salvage);
    }
    hm_salvage_end(&salvage);
    assert_true(salvage.is_over && !salvage.is_refused);
    assert_int_equal(agent.len, len);
    assert_memory_equal(agent.stream, stream, len);
    assert_true(agent.is_ended);
    assert_int_equal(agent.last.cut, HM_CUT_EXACT);
    assert_int_equal(agent.last.tap_dropped, 5);
    assert_int_equal(agent.last.handover_id, 7);
}

static void test_salvage_of_nothing_is_one_piece(void **state)
{
    (void)state;
    expect_salvage(0);
    assert_int_equal(agent.requests, 1);
}

static void test_salvage_arrives_in_as_many_pieces_as_needed(void **state)
{
    (void)state;
    expect_salvage(100);
    assert_int_equal(agent.requests, (agent.len + HM_CONTROL_DATA_LEN - 1) / HM_CONTROL_DATA_LEN);
}

static void test_salvage_survives_loss_and_disorder(void **state)
{
    (void)state;
    agent.loss_percent = 20;
    agent.chance = 3;
    expect_salvage(60);
    assert_true(agent.requests < 600);
}

static void test_salvage_that_is_refused_is_over(void **state)
{
    static const uint8_t STREAM[] = {0, 1, 7};

    (void)state;
    agent.refuses = true;
    hm_salvage_begin(&salvage, &dialogue, &vm, STREAM, sizeof(STREAM), HM_CUT_EXACT, 0);
    for (unsigned turn = 0; turn < PATIENCE && !salvage.is_over; turn++) {
        play_agent();
        hm_dialogue_work(&dialogue);
        hm_salvage_work(&salvage);
    }
    hm_salvage_end(&salvage);
    assert_true(salvage.is_refused);
    assert_int_equal(salvage.refusal.reply.code, HM_CONTROL_REFUSED);
}

/* ---- fetch ---- */

static struct {
    uint8_t stream[STREAM_MAX]; /* what was written, as a stream again */
    uint64_t len;
    uint64_t chance;
    bool is_tight; /* refuses now and then */
} tap;

static bool write_frame(void *ctx, const uint8_t *frame, size_t len)
{
    assert_ptr_equal(ctx, &tap);
    if (tap.is_tight && unit_random(&tap.chance) % 3 == 0)
        return false;
    tap.stream[tap.len++] = (uint8_t)(len >> 8);
    tap.stream[tap.len++] = (uint8_t)len;
    memcpy(tap.stream + tap.len, frame, len);
    tap.len += len;
    return true;
}

static void expect_fetch(unsigned frames, size_t largest)
{
    bool was_ready = false;

    memset(&tap, 0, sizeof(tap));
    tap.is_tight = agent.loss_percent > 0;
    agent.len = make_stream(agent.stream, frames, largest, 9);
    hm_fetch_begin(&fetch, &dialogue, &vm, write_frame, &tap);
    for (unsigned turn = 0; turn < PATIENCE && !hm_fetch_is_complete(&fetch); turn++) {
        play_agent();
        hm_dialogue_work(&dialogue);
        hm_fetch_work(&fetch);
        if (hm_fetch_is_ready(&fetch) && !was_ready)
            assert_true(tap.len >= fetch.ready_at || fetch.ready_at > fetch.confirmed);
        was_ready = was_ready || hm_fetch_is_ready(&fetch);
        assert_false(fetch.is_refused);
    }
    hm_fetch_end(&fetch);
    assert_true(hm_fetch_is_complete(&fetch) && was_ready);
    assert_int_equal(tap.len, agent.len);
    assert_memory_equal(tap.stream, agent.stream, agent.len);
    assert_int_equal(agent.confirmed, agent.len);
    assert_int_equal(fetch.frames, frames);
}

static void test_fetch_of_nothing_ends(void **state)
{
    (void)state;
    expect_fetch(0, 60);
}

static void test_fetch_gives_every_frame_in_order(void **state)
{
    (void)state;
    expect_fetch(150, 1514);
    assert_true(agent.requests < 250);
}

static void test_fetch_takes_frames_longer_than_a_piece(void **state)
{
    (void)state;
    expect_fetch(20, 9014);
}

static void test_fetch_survives_loss_and_a_full_tap(void **state)
{
    (void)state;
    agent.loss_percent = 15;
    agent.chance = 11;
    expect_fetch(60, 1514);
}

static void test_fetch_that_is_refused_says_so(void **state)
{
    (void)state;
    agent.refuses = true;
    hm_fetch_begin(&fetch, &dialogue, &vm, write_frame, &tap);
    for (unsigned turn = 0; turn < PATIENCE && !fetch.is_refused; turn++) {
        play_agent();
        hm_dialogue_work(&dialogue);
        hm_fetch_work(&fetch);
    }
    hm_fetch_end(&fetch);
    assert_true(fetch.is_refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_salvage_of_nothing_is_one_piece, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_salvage_arrives_in_as_many_pieces_as_needed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_salvage_survives_loss_and_disorder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_salvage_that_is_refused_is_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fetch_of_nothing_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fetch_gives_every_frame_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fetch_takes_frames_longer_than_a_piece, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fetch_survives_loss_and_a_full_tap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fetch_that_is_refused_says_so, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
