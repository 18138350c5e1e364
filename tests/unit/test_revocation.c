/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of agent/revocation, with a home agent that uses it: when revocations are sent, repeated and
 * ended, and which of those that come in count. */
#include "firmware/agent/home.h"

#include "tests/unit/rig/rig.h"

#define FROM_PORT 5434
#define NEW_SPI 1003 /* of peer B beside its own */

struct fixture {
    struct rig rig;
    struct hm_env env;
    struct hm_neighbours neighbours;
    struct hm_arp_updates updates;
    struct hm_security security;
    struct hm_revocations revocations;
    struct hm_home home;
    int verdict;                   /* of `revoked` */
    unsigned revoked;              /* calls of it that were for this agent as a foreign agent */
    unsigned sent;                 /* messages */
    uint8_t bytes[HM_MIP_MAX_LEN]; /* of the last */
    struct hm_datagram datagram;
    struct hm_revocation revocation; /* the last sent */
    struct hm_revocation_ack ack;
    struct hm_registration_reply reply;
    unsigned revocation_count, ack_count;
};

static void on_send(void *arg, const struct hm_datagram *datagram)
{
    struct fixture *f = arg;

    assert_true(datagram->len <= sizeof(f->bytes));
    memcpy(f->bytes, datagram->bytes, datagram->len);
    f->datagram = *datagram;
    f->sent++;
    if (f->bytes[0] == HM_MIP_REVOCATION) {
        f->revocation_count++;
        assert_int_equal(hm_revocation_decode(f->bytes, datagram->len, &f->revocation), 0);
    } else if (f->bytes[0] == HM_MIP_REVOCATION_ACK) {
        f->ack_count++;
        assert_int_equal(hm_revocation_ack_decode(f->bytes, datagram->len, &f->ack), 0);
    } else {
        assert_int_equal(hm_registration_decode_reply(f->bytes, datagram->len, &f->reply), 0);
    }
}

static int on_revoked(void *arg, const struct hm_peer *peer, const struct hm_revocation *revocation)
{
    struct fixture *f = arg;

    if ((revocation->flags & HM_REVOCATION_A) == 0)
        return hm_home_revoked(&f->home, peer, revocation);
    f->revoked++;
    return f->verdict;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    rig_init(&f->rig);
    f->rig.peers[0].more_count = 1;
    f->rig.peers[0].more[0] =
        (struct hm_association_config){.spi = NEW_SPI, .algorithm = HM_ALGORITHM_HMAC_MD5};
    f->rig.peers[0].more[0].key.len = 16;
    hm_env_init(&f->env, &f->rig.config, &f->rig.port, &f->rig.now);
    assert_int_equal(hm_neighbours_init(&f->neighbours, &f->env), 0);
    assert_int_equal(hm_arp_updates_init(&f->updates, &f->env, &f->neighbours), 0);
    assert_int_equal(hm_security_init(&f->security, &f->env), 0);
    assert_int_equal(hm_revocations_init(&f->revocations, &f->env, &f->security), 0);
    assert_int_equal(hm_home_init(&f->home, &f->env, &f->security, &f->neighbours, &f->updates), 0);
    f->revocations.send = f->home.send = on_send;
    f->revocations.send_arg = f->revocations.arg = f->home.arg = f;
    f->revocations.revoked = on_revoked;
    f->home.revocations = &f->revocations;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hm_home_fini(&f->home);
    hm_revocations_fini(&f->revocations);
    hm_security_fini(&f->security);
    hm_arp_updates_fini(&f->updates);
    hm_neighbours_fini(&f->neighbours);
    free(f);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void pass_ms(struct fixture *f, uint64_t ms)
{
    for (; ms > 0; ms--) {
        rig_pass_us(&f->rig, 1000);
        f->env.now = f->rig.now;
        while (hm_wheel_advance(&f->env.wheel, f->rig.now.mono_us / 1000, 64))
            ;
    }
}

/* Signs what the writer holds with the peer's key, and hands it in as the peer's. */
static void deliver(struct fixture *f, const struct hm_peer_config *peer, struct hm_writer *writer,
                    bool spoil)
{
    hm_extension_write_auth(writer, HM_EXT_FA_HA_AUTH, peer->spi, peer->algorithm, &peer->key);
    assert_false(writer->failed);
    if (spoil)
        writer->bytes[writer->len - 1] ^= 1;
    uint8_t *copy = unit_copy(writer->bytes, writer->len);
    struct hm_datagram datagram = {.local_addr = RIG_AGENT,
                                   .local_port = HM_MIP_PORT,
                                   .remote_addr = peer->addr,
                                   .remote_port = FROM_PORT,
                                   .bytes = copy,
                                   .len = writer->len};
    if (copy[0] == HM_MIP_REQUEST)
        hm_home_receive(&f->home, &datagram);
    else if (copy[0] == HM_MIP_REVOCATION)
        hm_revocations_receive(&f->revocations, &datagram);
    else
        hm_revocations_receive_ack(&f->revocations, &datagram);
    free(copy);
}

static void deliver_ack(struct fixture *f, const struct hm_peer_config *peer, uint32_t id, bool spoil)
{
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct hm_writer writer;
    struct hm_revocation_ack ack = {.home_addr = RIG_VM, .id = id};

    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_revocation_ack_write(&writer, &ack);
    deliver(f, peer, &writer, spoil);
}

static void deliver_revocation(struct fixture *f, const struct hm_peer_config *peer,
                               const struct hm_revocation *revocation, bool spoil)
{
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct hm_writer writer;

    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_revocation_write(&writer, revocation);
    deliver(f, peer, &writer, spoil);
}

/* The VM registers through the peer; epoch: of the handover that brought it there. */
static void visit(struct fixture *f, const struct hm_peer_config *peer, uint32_t epoch, bool supports)
{
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct hm_writer writer;
    struct hm_registration_request request = {.flags = HM_RRQ_T,
                                              .lifetime_s = 300,
                                              .home_addr = RIG_VM,
                                              .home_agent = RIG_AGENT,
                                              .care_of_addr = peer->addr,
                                              .identification = f->env.now.ntp};

    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_registration_write_request(&writer, &request);
    hm_extension_write_pmip_method(&writer, HM_PMIP_METHOD_FA_HA);
    hm_extension_write_mac(&writer, &RIG_VM_MAC);
    hm_extension_write_handover(&writer, epoch, epoch);
    if (supports)
        hm_extension_write_revocation(&writer, 0, hm_revocation_time(f->env.now.ntp));
    deliver(f, peer, &writer, false);
    assert_int_equal(f->reply.code, HM_CODE_ACCEPTED);
    pass_ms(f, 1);
}

static void test_v1_support_is_told_only_to_who_told_it(void **state)
{
    struct fixture *f = *state;
    uint32_t first;

    visit(f, &f->rig.peers[0], 1, true);
    assert_true(f->reply.ext.has_revocation);
    assert_true(hm_extensions_are_covered(&f->reply.ext, &f->reply.ext.fa_ha));
    first = f->reply.ext.revocation_timestamp;
    visit(f, &f->rig.peers[0], 1, true);
    assert_true(hm_revocation_is_after(f->reply.ext.revocation_timestamp, first));
    visit(f, &f->rig.peers[0], 1, false);
    assert_false(f->reply.ext.has_revocation);
}

static void test_v9_a_move_revokes_the_old_place_only_if_it_supports_that(void **state)
{
    struct fixture *f = *state;

    visit(f, &f->rig.peers[0], 1, true);
    visit(f, &f->rig.peers[1], 2, true);
    assert_int_equal(f->revocation_count, 1);
    assert_int_equal(f->datagram.local_port, HM_MIP_PORT);
    assert_int_equal(f->revocation.flags, HM_REVOCATION_A);
    assert_int_equal(f->revocation.home_addr, RIG_VM);
    assert_int_equal(f->revocation.home_agent, RIG_AGENT);
    assert_int_equal(f->revocation.care_of_addr, RIG_PEER_B);
    deliver_ack(f, &f->rig.peers[0], f->revocation.id, false);
    visit(f, &f->rig.peers[0], 3, false);
    assert_int_equal(f->revocation_count, 2);
    assert_int_equal(f->revocation.care_of_addr, RIG_PEER_C);
    deliver_ack(f, &f->rig.peers[1], f->revocation.id, false);
    visit(f, &f->rig.peers[1], 4, true);
    pass_ms(f, 10000);
    assert_int_equal(f->revocation_count, 2);
}

/* The place where it is again is not told that it has left. */
static void test_v5_a_new_registration_ends_the_revocation_of_the_earlier(void **state)
{
    struct fixture *f = *state;

    visit(f, &f->rig.peers[0], 1, true);
    visit(f, &f->rig.peers[1], 2, true);
    visit(f, &f->rig.peers[0], 3, true);
    assert_int_equal(f->revocation_count, 2);
    assert_int_equal(f->revocation.care_of_addr, RIG_PEER_C);
    assert_int_not_equal(f->revocation.id, f->reply.ext.revocation_timestamp);
    deliver_ack(f, &f->rig.peers[1], f->revocation.id, false);
    pass_ms(f, 100000);
    assert_int_equal(f->revocation_count, 2);
}

static void test_v6_repetitions_double_and_end_with_the_lifetime(void **state)
{
    static const unsigned due_ms[] = {0, 1000, 3000, 7000, 15000};
    struct fixture *f = *state;
    uint32_t last = 0;
    unsigned now_ms = 0;

    hm_revocations_start(&f->revocations, RIG_VM, RIG_PEER_B, 20000);
    for (unsigned i = 0; i < UNIT_COUNT(due_ms); i++) {
        pass_ms(f, due_ms[i] - now_ms);
        now_ms = due_ms[i];
        assert_int_equal(f->revocation_count, i + 1);
        assert_true(i == 0 || hm_revocation_is_after(f->revocation.id, last));
        last = f->revocation.id;
    }
    pass_ms(f, 100000);
    assert_int_equal(f->revocation_count, UNIT_COUNT(due_ms));
    assert_int_equal(f->revocations.slab.used, 0);
    assert_int_equal(f->env.wheel.count, 0);
}

static void test_v4_one_a_second_at_most(void **state)
{
    struct fixture *f = *state;

    hm_revocations_start(&f->revocations, RIG_VM, RIG_PEER_B, 20000);
    for (unsigned i = 0; i < 10; i++) {
        pass_ms(f, 50);
        deliver_ack(f, &f->rig.peers[0], f->revocation.id, false);
        hm_revocations_start(&f->revocations, RIG_VM, RIG_PEER_B, 20000);
    }
    assert_int_equal(f->revocation_count, 1);
    pass_ms(f, 501);
    assert_int_equal(f->revocation_count, 2);
    deliver_ack(f, &f->rig.peers[0], f->revocation.id, false);
    pass_ms(f, 1001);
    assert_int_equal(f->revocations.slab.used, 0);
}

static void test_acknowledgments_that_do_not_count(void **state)
{
    struct fixture *f = *state;
    uint32_t first;

    hm_revocations_start(&f->revocations, RIG_VM, RIG_PEER_B, 20000);
    first = f->revocation.id;
    deliver_ack(f, &f->rig.peers[0], first - 1, false);
    deliver_ack(f, &f->rig.peers[0], first + 1, false);
    deliver_ack(f, &f->rig.peers[1], first, false);
    assert_int_equal(f->env.counters.drops[HM_DROP_MIP_UNEXPECTED], 3);
    deliver_ack(f, &f->rig.peers[0], first, true);
    assert_int_equal(f->env.counters.drops[HM_DROP_MIP_AUTH], 1);
    assert_int_equal(f->env.counters.events[HM_COUNT_REVOCATIONS_ACKED], 0);
    pass_ms(f, 1000);
    assert_int_equal(f->revocation_count, 2);
    deliver_ack(f, &f->rig.peers[0], first, false); /* late, and as good */
    assert_int_equal(f->env.counters.events[HM_COUNT_REVOCATIONS_ACKED], 1);
    deliver_ack(f, &f->rig.peers[0], first, false);
    assert_int_equal(f->env.counters.drops[HM_DROP_MIP_UNEXPECTED], 4);
    pass_ms(f, 20000);
    assert_int_equal(f->revocation_count, 2);
}

static void test_memory_is_bounded(void **state)
{
    struct fixture *f = *state;

    for (uint32_t i = 0; i < 2 * f->rig.config.max_bindings; i++)
        hm_revocations_start(&f->revocations, RIG_VM + i, RIG_PEER_B, 20000);
    assert_int_equal(f->revocation_count, f->rig.config.max_bindings);
    hm_revocations_start(&f->revocations, RIG_VM, RIG_FAR, 20000); /* no peer */
    assert_int_equal(f->revocation_count, f->rig.config.max_bindings);
    pass_ms(f, 30000);
    assert_int_equal(f->revocations.slab.used, 0);
}

static void test_v3_v7_an_acknowledgment_goes_to_where_the_revocation_came_from(void **state)
{
    struct fixture *f = *state;
    const struct hm_revocation revocation = {.flags = HM_REVOCATION_A,
                                             .home_addr = RIG_GUEST,
                                             .home_agent = RIG_PEER_B,
                                             .care_of_addr = RIG_AGENT,
                                             .id = 77};

    deliver_revocation(f, &f->rig.peers[0], &revocation, false);
    assert_int_equal(f->revoked, 1);
    assert_int_equal(f->ack_count, 1);
    assert_int_equal(f->ack.id, 77);
    assert_int_equal(f->ack.home_addr, RIG_GUEST);
    assert_int_equal(f->ack.flags, 0);
    assert_int_equal(f->datagram.remote_addr, RIG_PEER_B);
    assert_int_equal(f->datagram.remote_port, FROM_PORT);
    assert_int_equal(f->datagram.local_port, HM_MIP_PORT);
    f->verdict = HM_ERR_REPLAY;
    deliver_revocation(f, &f->rig.peers[0], &revocation, false);
    assert_int_equal(f->ack_count, 1);
    assert_int_equal(f->env.counters.drops[HM_DROP_MIP_REPLAY], 1);
}

/* Peer B as one that has its new key in the first place already, where this agent has the old one. */
static struct hm_peer_config rolled(const struct fixture *f)
{
    struct hm_peer_config peer = f->rig.peers[0];

    peer.spi = NEW_SPI;
    peer.algorithm = peer.more[0].algorithm;
    peer.key = peer.more[0].key;
    return peer;
}

static void test_a5_v3_v7_a_revocation_by_any_of_the_peers_keys_counts_and_is_answered_by_that(void **state)
{
    struct fixture *f = *state;
    const struct hm_peer_config peer = rolled(f);
    const struct hm_revocation revocation = {.flags = HM_REVOCATION_A,
                                             .home_addr = RIG_GUEST,
                                             .home_agent = RIG_PEER_B,
                                             .care_of_addr = RIG_AGENT,
                                             .id = 77};

    deliver_revocation(f, &peer, &revocation, true);
    assert_int_equal(f->revoked + f->ack_count, 0);
    deliver_revocation(f, &peer, &revocation, false);
    assert_int_equal(f->revoked, 1);
    assert_int_equal(f->ack_count, 1);
    assert_int_equal(f->ack.ext.fa_ha.spi, NEW_SPI);
    assert_true(hm_extension_auth_is_right(&f->ack.ext.fa_ha, f->bytes, peer.algorithm, &peer.key));
    deliver_revocation(f, &f->rig.peers[0], &revocation, false);
    assert_int_equal(f->ack_count, 2);
    assert_int_equal(f->ack.ext.fa_ha.spi, f->rig.peers[0].spi);
}

static void test_a5_v3_an_acknowledgment_by_any_of_the_peers_keys_counts(void **state)
{
    struct fixture *f = *state;
    const struct hm_peer_config peer = rolled(f);

    hm_revocations_start(&f->revocations, RIG_VM, RIG_PEER_B, 20000);
    assert_int_equal(f->revocation.ext.fa_ha.spi, f->rig.peers[0].spi);
    deliver_ack(f, &peer, f->revocation.id, false);
    assert_int_equal(f->env.counters.events[HM_COUNT_REVOCATIONS_ACKED], 1);
    pass_ms(f, 20000);
    assert_int_equal(f->revocation_count, 1);
}

static void test_v4_a5_an_spi_that_is_not_the_peers_does_not_count(void **state)
{
    struct fixture *f = *state;
    struct hm_peer_config peer = f->rig.peers[0];
    const struct hm_revocation revocation = {.flags = HM_REVOCATION_A,
                                             .home_addr = RIG_GUEST,
                                             .home_agent = RIG_PEER_B,
                                             .care_of_addr = RIG_AGENT,
                                             .id = 77};

    peer.spi = f->rig.peers[1].spi;
    peer.key = f->rig.peers[1].key;
    deliver_revocation(f, &peer, &revocation, false);
    assert_int_equal(f->env.counters.drops[HM_DROP_MIP_NO_SA], 1);
    assert_int_equal(f->revoked + f->sent, 0);
}

static void test_v4_two_authenticators_are_as_wrong_as_none(void **state)
{
    struct fixture *f = *state;
    const struct hm_peer_config *peer = &f->rig.peers[0];
    const struct hm_revocation revocation = {.flags = HM_REVOCATION_A,
                                             .home_addr = RIG_GUEST,
                                             .home_agent = RIG_PEER_B,
                                             .care_of_addr = RIG_AGENT,
                                             .id = 77};
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct hm_writer writer;

    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_revocation_write(&writer, &revocation);
    hm_extension_write_auth(&writer, HM_EXT_FA_HA_AUTH, peer->spi, peer->algorithm, &peer->key);
    deliver(f, peer, &writer, false);
    assert_int_equal(f->env.counters.drops[HM_DROP_MIP_NO_SA], 1);
    assert_int_equal(f->revoked + f->sent, 0);
}

static void test_v4_v5_revocations_that_do_not_count(void **state)
{
    struct fixture *f = *state;
    const struct hm_revocation right = {.flags = HM_REVOCATION_A,
                                        .home_addr = RIG_GUEST,
                                        .home_agent = RIG_PEER_B,
                                        .care_of_addr = RIG_AGENT,
                                        .id = 77};
    struct hm_revocation wrong = right;

    deliver_revocation(f, &f->rig.peers[0], &right, true);
    assert_int_equal(f->env.counters.drops[HM_DROP_MIP_AUTH], 1);
    deliver_revocation(f, &f->rig.peers[1], &right, false); /* another peer's node */
    wrong.flags = 0;                                        /* reflected: in the role of a foreign agent */
    deliver_revocation(f, &f->rig.peers[0], &wrong, false);
    wrong.flags = HM_REVOCATION_A;
    wrong.care_of_addr = RIG_PEER_C;
    deliver_revocation(f, &f->rig.peers[0], &wrong, false);
    wrong = (struct hm_revocation){.home_addr = RIG_VM, .home_agent = RIG_FAR, .care_of_addr = RIG_PEER_B};
    deliver_revocation(f, &f->rig.peers[0], &wrong, false);
    assert_int_equal(f->env.counters.drops[HM_DROP_MIP_ROLE], 4);
    assert_int_equal(f->revoked + f->sent, 0);
}

static void test_v8_a_foreign_agent_ends_its_own_binding_and_no_other(void **state)
{
    struct fixture *f = *state;
    struct hm_revocation revocation = {
        .home_addr = RIG_VM, .home_agent = RIG_AGENT, .care_of_addr = RIG_PEER_B, .id = 1};
    const struct hm_binding *binding;

    visit(f, &f->rig.peers[0], 1, true);
    binding = hm_binding_lookup(&f->home.bindings, RIG_VM);
    revocation.id = hm_revocation_time(f->env.now.ntp) - 1000; /* from before its registration */
    deliver_revocation(f, &f->rig.peers[0], &revocation, false);
    assert_int_equal(f->env.counters.drops[HM_DROP_MIP_REPLAY], 1);
    revocation.id += 2000;
    revocation.care_of_addr = RIG_PEER_C;
    deliver_revocation(f, &f->rig.peers[1], &revocation, false);
    assert_int_equal(binding->state, HM_BINDING_AWAY);
    revocation.care_of_addr = RIG_PEER_B;
    deliver_revocation(f, &f->rig.peers[0], &revocation, false);
    assert_int_equal(binding->state, HM_BINDING_HOME);
    assert_int_equal(f->ack_count, 2);
    assert_int_equal(f->revocation_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_v1_support_is_told_only_to_who_told_it),
        TEST(test_v9_a_move_revokes_the_old_place_only_if_it_supports_that),
        TEST(test_v5_a_new_registration_ends_the_revocation_of_the_earlier),
        TEST(test_v6_repetitions_double_and_end_with_the_lifetime),
        TEST(test_v4_one_a_second_at_most),
        TEST(test_acknowledgments_that_do_not_count),
        TEST(test_memory_is_bounded),
        TEST(test_v3_v7_an_acknowledgment_goes_to_where_the_revocation_came_from),
        TEST(test_a5_v3_v7_a_revocation_by_any_of_the_peers_keys_counts_and_is_answered_by_that),
        TEST(test_a5_v3_an_acknowledgment_by_any_of_the_peers_keys_counts),
        TEST(test_v4_a5_an_spi_that_is_not_the_peers_does_not_count),
        TEST(test_v4_two_authenticators_are_as_wrong_as_none),
        TEST(test_v4_v5_revocations_that_do_not_count),
        TEST(test_v8_a_foreign_agent_ends_its_own_binding_and_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
