/* SPDX-License-Identifier: BSD-3-Clause */
/* The store's batches: an answer waits for its own, changes meanwhile collect for the next, a restart reads
 * them all. */
#include "tests/unit/rig/home_rig.h"

#include "firmware/base/err.h"
#include "firmware/base/table.h"
#include "firmware/router.h"
#include "firmware/wire/record.h"

#define MAX_RECORDS 64

struct kept {
    uint8_t key[HM_RECORD_KEY_LEN];
    size_t key_len;
    uint8_t value[HM_RECORD_MAX_LEN];
    size_t value_len;
};

struct fixture {
    struct home_rig home; /* first: the port's ctx is the rig's */
    struct kept kept[MAX_RECORDS];
    unsigned count;   /* of kept */
    unsigned changes; /* since the last commit */
    unsigned commits;
    uint64_t ticket; /* of the last */
};

static struct fixture *fixture_of(void *ctx)
{
    return HM_CONTAINER_OF(ctx, struct fixture, home.rig);
}

static void on_store(void *ctx, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct fixture *f = fixture_of(ctx);
    unsigned at = 0;

    f->changes++;
    while (at < f->count && (f->kept[at].key_len != key_len || memcmp(f->kept[at].key, key, key_len) != 0))
        at++;
    if (value == NULL) {
        if (at < f->count)
            f->kept[at] = f->kept[--f->count];
        return;
    }
    assert_true(at < MAX_RECORDS && key_len <= HM_RECORD_KEY_LEN && value_len <= HM_RECORD_MAX_LEN);
    f->count += at == f->count;
    memcpy(f->kept[at].key, key, key_len);
    f->kept[at].key_len = key_len;
    memcpy(f->kept[at].value, value, value_len);
    f->kept[at].value_len = value_len;
}

static void on_commit(void *ctx, uint64_t ticket)
{
    struct fixture *f = fixture_of(ctx);

    assert_int_equal(ticket, f->ticket + 1);
    assert_true(f->changes > 0);
    f->ticket = ticket;
    f->commits++;
    f->changes = 0;
}

static void start(struct fixture *f)
{
    assert_int_equal(
        hm_router_create(&f->home.rig.config, &f->home.rig.port, &f->home.rig.now, &f->home.router), 0);
    for (unsigned i = 0; i < f->count; i++)
        assert_int_equal(hm_router_load(f->home.router, f->kept[i].key, f->kept[i].key_len, f->kept[i].value,
                                        f->kept[i].value_len),
                         0);
    home_rig_tick(&f->home);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    home_rig_init(&f->home);
    f->home.rig.port.store = on_store;
    f->home.rig.port.commit = on_commit;
    start(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hm_router_destroy(f->home.router);
    free(f);
    return 0;
}

/* The last commit is durable; the code of the reply that is sent then, -1 for none. */
static int stored(struct fixture *f)
{
    struct home_reply reply;

    rig_forget_frames(&f->home.rig);
    hm_router_stored(f->home.router, f->ticket, &f->home.rig.now);
    home_find_reply(&f->home, &reply);
    return reply.came ? reply.reply.code : -1;
}

static void test_a_reply_waits_for_its_commit(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(HOME_ASK(&f->home, .lifetime_s = 60), -1);
    assert_string_equal(home_binding(&f->home, "state"), "away"); /* frames do not wait */
    assert_int_equal(f->commits, 1);
    assert_int_equal(stored(f), HM_CODE_ACCEPTED);
    home_rig_pass_ms(&f->home, 1000);
    assert_int_equal(f->commits, 1); /* nothing has changed */
}

static void test_changes_meanwhile_are_one_commit(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(HOME_ASK(&f->home, .lifetime_s = 60), -1);
    assert_int_equal(HOME_ASK(&f->home, .lifetime_s = 61), -1);
    assert_int_equal(HOME_ASK(&f->home, .lifetime_s = 62, .home_addr = RIG_VM2, .nai = "vm2"), -1);
    assert_int_equal(HOME_ASK(&f->home, .lifetime_s = 63), -1);
    assert_int_equal(f->commits, 1);
    assert_int_equal(stored(f), HM_CODE_ACCEPTED); /* the first alone */
    assert_int_equal(f->commits, 2);
    assert_int_equal(stored(f), HM_CODE_ACCEPTED);
    assert_int_equal(stored(f), -1);
    assert_int_equal(f->commits, 2);
}

static void test_a_refusal_has_nothing_to_wait_for(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(HOME_ASK(&f->home, .lifetime_s = 60, .no_reverse_tunnel = true),
                     HM_CODE_HA_REVERSE_MANDATORY);
    assert_int_equal(f->commits, 0);
}

static void test_a_full_queue_drops_and_counts(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 2100; i++)
        assert_int_equal(HOME_ASK(&f->home, .lifetime_s = 60), -1);
    assert_int_equal(f->commits, 1);
    assert_int_equal(home_counter(&f->home, "drop-store-full"), 2100 - 2048);
}

static void test_a_restart_has_what_was_stored(void **state)
{
    struct fixture *f = *state;

    HOME_ASK(&f->home, .lifetime_s = 60);
    stored(f);
    hm_router_destroy(f->home.router);
    f->ticket = 0;
    start(f);
    assert_string_equal(home_binding(&f->home, "state"), "away");
    assert_string_equal(home_binding(&f->home, "care_of"), "10.2.0.2");
    stored(f);
    home_rig_pass_ms(&f->home, 61000);
    assert_string_equal(home_binding(&f->home, "state"), "home");
    home_rig_pass_ms(&f->home, 61000);
    assert_string_equal(home_binding(&f->home, "state"), "none");
    stored(f);
    assert_int_equal(f->count, 0);
}

/* The node's own association outlives its binding. */
static void test_a23_a_nodes_identification_outlives_its_binding(void **state)
{
    struct fixture *f = *state;
    uint64_t ahead = f->home.rig.now.ntp + (UINT64_C(5) << 32);

    HOME_ASK(&f->home, .node = true, .lifetime_s = 60, .identification = ahead);
    stored(f);
    for (unsigned i = 0; i < f->count; i++)
        if (f->kept[i].key[0] == HM_RECORD_BINDING)
            f->kept[i] = f->kept[--f->count];
    hm_router_destroy(f->home.router);
    f->ticket = 0;
    start(f);
    assert_int_equal(HOME_ASK(&f->home, .node = true, .lifetime_s = 60, .identification = ahead),
                     HM_CODE_HA_IDENTIFICATION);
}

static void test_bytes_that_are_no_record_are_told(void **state)
{
    struct fixture *f = *state;

    HOME_ASK(&f->home, .lifetime_s = 60);
    f->kept[0].value[1] ^= 1;
    assert_int_equal(hm_router_load(f->home.router, f->kept[0].key, f->kept[0].key_len, f->kept[0].value,
                                    f->kept[0].value_len),
                     HM_ERR_MALFORMED);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_reply_waits_for_its_commit),
        STORE_TEST(test_changes_meanwhile_are_one_commit),
        STORE_TEST(test_a_refusal_has_nothing_to_wait_for),
        STORE_TEST(test_a_full_queue_drops_and_counts),
        STORE_TEST(test_a_restart_has_what_was_stored),
        STORE_TEST(test_a23_a_nodes_identification_outlives_its_binding),
        STORE_TEST(test_bytes_that_are_no_record_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
