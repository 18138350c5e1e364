/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of link/takeover: who is announced, with which MACs, and when no more. */
#include "firmware/link/takeover.h"

#include "tests/unit/rig/rig.h"

struct fixture {
    struct rig rig;
    struct hm_env env;
    struct hm_takeover takeover;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    rig_init(&f->rig);
    hm_env_init(&f->env, &f->rig.config, &f->rig.port, &f->rig.now);
    hm_takeover_init(&f->takeover, &f->env);
    *state = f;
    return 0;
}

static int setup_own(void **state)
{
    setup(state);
    ((struct fixture *)*state)->rig.config.takeover = HM_TAKEOVER_OWN;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hm_takeover_fini(&f->takeover);
    free(f);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define OWN_TEST(name) cmocka_unit_test_setup_teardown(name, setup_own, teardown)

static void pass_s(struct fixture *f, unsigned s)
{
    rig_pass_us(&f->rig, (uint64_t)s * 1000000);
    f->env.now = f->rig.now;
    while (hm_wheel_advance(&f->env.wheel, f->rig.now.mono_us / 1000, 64))
        ;
}

/* The last frame is a broadcast announcement of RIG_VM by `sender`, in a frame of `source`. */
static void assert_announced(struct fixture *f, const struct hm_mac *source, const struct hm_mac *sender)
{
    const struct rig_frame *frame = &f->rig.frames[f->rig.frame_count - 1];
    struct hm_arp arp;

    assert_true(f->rig.frame_count > 0);
    assert_true(rig_arp(frame, &arp));
    assert_memory_equal(frame->bytes, &HM_MAC_BROADCAST, 6);
    assert_memory_equal(frame->bytes + 6, source, 6);
    assert_int_equal(arp.op, HM_ARP_REQUEST);
    assert_int_equal(arp.sender_addr, RIG_VM);
    assert_int_equal(arp.target_addr, RIG_VM);
    assert_memory_equal(&arp.sender_mac, sender, 6);
}

static void start(struct fixture *f)
{
    hm_takeover_start(&f->takeover, 0, RIG_VM, &RIG_VM_MAC);
}

static void test_takeover_mac_speaks_with_the_nodes_mac_in_frame_and_packet(void **state)
{
    struct fixture *f = *state;

    start(f);
    assert_int_equal(f->rig.frame_count, 1);
    assert_announced(f, &RIG_VM_MAC, &RIG_VM_MAC);
    assert_memory_equal(hm_takeover_mac(&f->takeover), &RIG_VM_MAC, 6);
}

/* Bridges must not learn the node's MAC at the agent's port (RFC 5798 section 8.1.2 in spirit). */
static void test_takeover_own_speaks_with_the_agents_mac_in_both(void **state)
{
    struct fixture *f = *state;

    start(f);
    assert_announced(f, &RIG_AGENT_MAC, &RIG_AGENT_MAC);
    assert_memory_equal(hm_takeover_mac(&f->takeover), &RIG_AGENT_MAC, 6);
    hm_takeover_hand_back(&f->takeover);
    assert_announced(f, &RIG_AGENT_MAC, &RIG_VM_MAC);
}

static void test_announcements_are_repeated_and_then_refreshed_within_the_ageing_time(void **state)
{
    struct fixture *f = *state;
    unsigned before;

    start(f);
    for (unsigned i = 0; i < 10; i++)
        pass_s(f, 1);
    assert_true(f->rig.frame_count >= 3);
    for (unsigned i = 0; i < 10; i++) {
        before = f->rig.frame_count;
        pass_s(f, 150);
        assert_true(f->rig.frame_count > before);
    }
}

static void test_a_pause_ends_the_announcements_while_the_node_is_heard(void **state)
{
    struct fixture *f = *state;

    start(f);
    pass_s(f, 5);
    hm_takeover_pause(&f->takeover);
    rig_forget_frames(&f->rig);
    for (unsigned i = 0; i < 10; i++) { /* it goes on sending: it is back */
        pass_s(f, 9);
        hm_takeover_pause(&f->takeover);
    }
    assert_int_equal(f->rig.frame_count, 0);
    hm_takeover_resume(&f->takeover);
    assert_announced(f, &RIG_VM_MAC, &RIG_VM_MAC);
    rig_forget_frames(&f->rig);
    hm_takeover_resume(&f->takeover);
    assert_int_equal(f->rig.frame_count, 0);
    pass_s(f, 150);
    assert_true(f->rig.frame_count > 0);
}

/* An announcement that crosses the first frame of the returning node would take its place once more. */
static void test_no_quick_repetition_once_the_return_is_announced(void **state)
{
    struct fixture *f = *state;

    start(f);
    hm_takeover_settle(&f->takeover);
    rig_forget_frames(&f->rig);
    pass_s(f, 59);
    assert_int_equal(f->rig.frame_count, 0);
    pass_s(f, 2);
    assert_announced(f, &RIG_VM_MAC, &RIG_VM_MAC);
}

/* One forged frame must not make the node unreachable for long. */
static void test_a_pause_ends_when_the_node_is_silent(void **state)
{
    struct fixture *f = *state;

    start(f);
    pass_s(f, 5);
    hm_takeover_pause(&f->takeover);
    rig_forget_frames(&f->rig);
    pass_s(f, 11);
    assert_announced(f, &RIG_VM_MAC, &RIG_VM_MAC);
}

/* V is back, and answers for itself: an answer with its MAC from here would move the bridges again. */
static void test_a_paused_takeover_does_not_answer(void **state)
{
    struct fixture *f = *state;
    const struct hm_mac asker = RIG_MAC(9);

    start(f);
    pass_s(f, 2);
    hm_takeover_pause(&f->takeover);
    rig_forget_frames(&f->rig);
    hm_takeover_answer(&f->takeover, 0x0a010009u, &asker);
    assert_int_equal(f->rig.frame_count, 0);
}

static void test_answers_go_to_the_asker_with_the_mac_that_was_announced(void **state)
{
    struct fixture *f = *state;
    const struct hm_mac asker = RIG_MAC(9);
    struct hm_arp arp;

    start(f);
    rig_forget_frames(&f->rig);
    hm_takeover_answer(&f->takeover, 0x0a010009u, &asker);
    assert_int_equal(f->rig.frame_count, 1);
    assert_true(rig_arp(&f->rig.frames[0], &arp));
    assert_int_equal(arp.op, HM_ARP_REPLY);
    assert_memory_equal(f->rig.frames[0].bytes, &asker, 6);
    assert_memory_equal(f->rig.frames[0].bytes + 6, hm_takeover_mac(&f->takeover), 6);
    assert_memory_equal(&arp.sender_mac, hm_takeover_mac(&f->takeover), 6);
    assert_int_equal(arp.sender_addr, RIG_VM);
    assert_memory_equal(&arp.target_mac, &asker, 6);
    assert_int_equal(arp.target_addr, 0x0a010009u);
}

static void test_handing_back_with_the_nodes_mac_is_silent(void **state)
{
    struct fixture *f = *state;

    start(f);
    rig_forget_frames(&f->rig);
    hm_takeover_hand_back(&f->takeover);
    pass_s(f, 600);
    assert_int_equal(f->rig.frame_count, 0);
}

/* RFC 5944 section 4.6: a few times, and then no more. */
static void test_handing_back_with_the_agents_mac_restores_the_caches_and_ends(void **state)
{
    struct fixture *f = *state;

    start(f);
    rig_forget_frames(&f->rig);
    hm_takeover_hand_back(&f->takeover);
    for (unsigned i = 0; i < 10; i++)
        pass_s(f, 1);
    assert_in_range(f->rig.frame_count, 2, 5);
    assert_announced(f, &RIG_AGENT_MAC, &RIG_VM_MAC);
    rig_forget_frames(&f->rig);
    pass_s(f, 600);
    assert_int_equal(f->rig.frame_count, 0);
}

static void test_leaving_again_while_the_caches_are_restored_announces_the_agent(void **state)
{
    struct fixture *f = *state;

    start(f);
    hm_takeover_hand_back(&f->takeover);
    start(f);
    assert_announced(f, &RIG_AGENT_MAC, &RIG_AGENT_MAC);
    pass_s(f, 3);
    assert_announced(f, &RIG_AGENT_MAC, &RIG_AGENT_MAC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_takeover_mac_speaks_with_the_nodes_mac_in_frame_and_packet),
        OWN_TEST(test_takeover_own_speaks_with_the_agents_mac_in_both),
        TEST(test_announcements_are_repeated_and_then_refreshed_within_the_ageing_time),
        OWN_TEST(test_announcements_are_repeated_and_then_refreshed_within_the_ageing_time),
        TEST(test_a_pause_ends_the_announcements_while_the_node_is_heard),
        TEST(test_a_pause_ends_when_the_node_is_silent),
        TEST(test_no_quick_repetition_once_the_return_is_announced),
        TEST(test_a_paused_takeover_does_not_answer),
        TEST(test_answers_go_to_the_asker_with_the_mac_that_was_announced),
        OWN_TEST(test_answers_go_to_the_asker_with_the_mac_that_was_announced),
        TEST(test_handing_back_with_the_nodes_mac_is_silent),
        OWN_TEST(test_handing_back_with_the_agents_mac_restores_the_caches_and_ends),
        OWN_TEST(test_leaving_again_while_the_caches_are_restored_announces_the_agent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
