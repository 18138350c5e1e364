/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of output: what is counted as sent was. */
#include "firmware/link/output.h"

#include "firmware/base/err.h"
#include "tests/unit/rig/rig.h"

#define LEN 60

static int refuse(void *ctx, unsigned link, struct hm_frame *frame)
{
    (void)ctx;
    (void)link;
    (void)frame;
    return HM_ERR_PLATFORM;
}

static void begin(struct rig *rig, struct hm_env *env)
{
    rig_init(rig);
    hm_env_init(env, &rig->config, &rig->port, &rig->now);
}

static void send_one(struct hm_env *env)
{
    uint8_t memory[HM_FRAME_HEADROOM + LEN] = {0};
    struct hm_frame frame;

    hm_frame_init(&frame, memory, sizeof(memory), LEN);
    hm_output_frame(env, 0, &frame);
}

static void expect(const struct hm_env *env, uint64_t sent, uint64_t failed)
{
    assert_int_equal(env->counters.events[HM_COUNT_FRAMES_OUT], sent);
    assert_int_equal(env->counters.drops[HM_DROP_SEND_FAILED], failed);
}

static void test_a_frame_that_the_interface_refuses_is_a_drop(void **state)
{
    static struct rig rig;
    static struct hm_env env;

    (void)state;
    begin(&rig, &env);
    send_one(&env);
    expect(&env, 1, 0);
    rig.port.send_frame = refuse;
    send_one(&env);
    expect(&env, 1, 1);
}

static void test_a_frame_that_was_taken_and_not_sent_becomes_a_drop(void **state)
{
    static struct rig rig;
    static struct hm_env env;

    (void)state;
    begin(&rig, &env);
    send_one(&env);
    send_one(&env);
    hm_output_unsent(&env, 0, LEN);
    expect(&env, 1, 1);
}

static void test_what_waits_is_what_the_device_takes_and_the_way_allows(void **state)
{
    static struct rig rig;
    static struct hm_env env;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool takes = i % 2 == 1;
        begin(&rig, &env);
        rig.port.takes_super_frames = takes;
        rig.port.tunnel_way = HM_TUNNEL_WAY_WHOLE;
        rig.config.tunnel_way = i < 2 ? HM_TUNNEL_WAY_SINGLE : HM_TUNNEL_WAY_TRAIN;
        hm_env_init(&env, &rig.config, &rig.port, &rig.now);
        hm_output_init(&env);
        assert_int_equal(env.merge != NULL, takes);
        assert_int_equal(env.trains != NULL, takes && i == 3);
        hm_output_fini(&env);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_frame_that_the_interface_refuses_is_a_drop),
        cmocka_unit_test(test_a_frame_that_was_taken_and_not_sent_becomes_a_drop),
        cmocka_unit_test(test_what_waits_is_what_the_device_takes_and_the_way_allows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
