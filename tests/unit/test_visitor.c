/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of agent/visitor: the state machine and the tables. */
#include "firmware/agent/visitor.h"

#include "tests/unit/rig/rig.h"

struct fixture {
    struct rig rig;
    struct hm_env env;
    struct hm_visitors visitors;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    rig_init(&f->rig);
    hm_env_init(&f->env, &f->rig.config, &f->rig.port, &f->rig.now);
    assert_int_equal(hm_visitors_init(&f->visitors, &f->env), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hm_visitors_fini(&f->visitors);
    free(f);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void test_every_state_and_event_leads_where_the_table_says(void **state)
{
#define S(x) HM_VISITOR_##x
    static const enum hm_visitor_state TABLE[HM_VISITOR_STATE_COUNT][HM_VISITOR_EVENT_COUNT] = {
        /* STOP, LAND, LEAVE, RESUME */
        [S(EXPECTED)] = {S(BUFFERING), S(PRESENT), S(LEAVING), S(EXPECTED)},
        [S(BUFFERING)] = {S(BUFFERING), S(PRESENT), S(LEAVING), S(EXPECTED)},
        [S(PRESENT)] = {S(STOPPED), S(PRESENT), S(LEAVING), S(PRESENT)},
        [S(STOPPED)] = {S(STOPPED), S(STOPPED), S(LEAVING), S(PRESENT)},
        [S(LEAVING)] = {S(LEAVING), S(LEAVING), S(LEAVING), S(LEAVING)},
    };
#undef S
    (void)state;
    for (unsigned from = 0; from < HM_VISITOR_STATE_COUNT; from++)
        for (unsigned event = 0; event < HM_VISITOR_EVENT_COUNT; event++)
            assert_int_equal(hm_visitor_next(from, event), TABLE[from][event]);
}

static struct hm_visitor *add(struct fixture *f, uint32_t home_agent, uint32_t addr, const struct hm_mac *mac)
{
    struct hm_control_node node = {.home_addr = addr, .mac = *mac, .home_agent = home_agent};

    return hm_visitor_add(&f->visitors, &node, 0);
}

static void test_the_same_address_of_two_homes_is_two_visitors(void **state)
{
    struct fixture *f = *state;
    struct hm_visitor *b = add(f, RIG_PEER_B, RIG_GUEST, &RIG_GUEST_MAC);
    struct hm_visitor *c = add(f, RIG_PEER_C, RIG_GUEST, &RIG_VM_MAC);

    assert_ptr_equal(hm_visitor_by_home(&f->visitors, RIG_PEER_B, RIG_GUEST), b);
    assert_ptr_equal(hm_visitor_by_home(&f->visitors, RIG_PEER_C, RIG_GUEST), c);
    assert_ptr_equal(hm_visitor_by_source(&f->visitors, &RIG_GUEST_MAC, RIG_GUEST), b);
    assert_ptr_equal(hm_visitor_by_source(&f->visitors, &RIG_VM_MAC, RIG_GUEST), c);
    assert_null(hm_visitor_by_source(&f->visitors, &RIG_VM_MAC, RIG_VM));
    hm_visitor_remove(b);
    assert_null(hm_visitor_by_home(&f->visitors, RIG_PEER_B, RIG_GUEST));
    assert_null(hm_visitor_by_source(&f->visitors, &RIG_GUEST_MAC, RIG_GUEST));
    assert_ptr_equal(hm_visitor_by_home(&f->visitors, RIG_PEER_C, RIG_GUEST), c);
}

static void test_all_addresses_of_a_mac_are_walked(void **state)
{
    struct fixture *f = *state;
    unsigned count = 0;

    for (uint32_t i = 0; i < 3; i++)
        assert_non_null(add(f, RIG_PEER_B, RIG_GUEST + i, &RIG_GUEST_MAC));
    assert_non_null(add(f, RIG_PEER_B, RIG_GUEST + 9, &RIG_VM_MAC));
    for (struct hm_visitor *at = hm_visitor_of_mac(&f->visitors, &RIG_GUEST_MAC, NULL); at != NULL;
         at = hm_visitor_of_mac(&f->visitors, &RIG_GUEST_MAC, at))
        count++;
    assert_int_equal(count, 3);
}

static void test_a_full_table_gives_null_and_room_again(void **state)
{
    struct fixture *f = *state;
    struct hm_visitor *last = NULL;

    for (unsigned i = 0; i < f->rig.config.max_visitors; i++) {
        last = add(f, RIG_PEER_B, RIG_GUEST + i, &RIG_GUEST_MAC);
        assert_non_null(last);
    }
    assert_null(add(f, RIG_PEER_B, RIG_FAR, &RIG_GUEST_MAC));
    hm_visitor_remove(last);
    assert_non_null(add(f, RIG_PEER_B, RIG_FAR, &RIG_GUEST_MAC));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_state_and_event_leads_where_the_table_says),
        TEST(test_the_same_address_of_two_homes_is_two_visitors),
        TEST(test_all_addresses_of_a_mac_are_walked),
        TEST(test_a_full_table_gives_null_and_room_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
