/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of agent/home: which registration requests change which binding, and which do not. */
#include "firmware/agent/home.h"

#include "tests/unit/rig/rig.h"

struct fixture {
    struct rig rig;
    struct hm_env env;
    struct hm_neighbours neighbours;
    struct hm_arp_updates updates;
    struct hm_security security;
    struct hm_home home;
    unsigned replies;
    struct hm_registration_reply reply; /* the last */
    uint8_t reply_bytes[HM_MIP_MAX_LEN];
    uint64_t identification;
};

static void on_send(void *arg, const struct hm_datagram *datagram)
{
    struct fixture *f = arg;

    f->replies++;
    assert_true(datagram->len <= sizeof(f->reply_bytes));
    memcpy(f->reply_bytes, datagram->bytes, datagram->len);
    assert_int_equal(hm_registration_decode_reply(f->reply_bytes, datagram->len, &f->reply), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    rig_init(&f->rig);
    hm_env_init(&f->env, &f->rig.config, &f->rig.port, &f->rig.now);
    assert_int_equal(hm_neighbours_init(&f->neighbours, &f->env), 0);
    assert_int_equal(hm_arp_updates_init(&f->updates, &f->env, &f->neighbours), 0);
    assert_int_equal(hm_security_init(&f->security, &f->env), 0);
    assert_int_equal(hm_home_init(&f->home, &f->env, &f->security, &f->neighbours, &f->updates), 0);
    f->home.send = on_send;
    f->home.arg = f;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hm_home_fini(&f->home);
    hm_security_fini(&f->security);
    hm_arp_updates_fini(&f->updates);
    hm_neighbours_fini(&f->neighbours);
    free(f);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void pass_ms(struct fixture *f, uint64_t ms)
{
    for (uint64_t left = ms; left > 0;) {
        uint64_t step = left < 100 ? left : 100;
        rig_pass_us(&f->rig, step * 1000);
        f->env.now = f->rig.now;
        while (hm_wheel_advance(&f->env.wheel, f->rig.now.mono_us / 1000, 64))
            ;
        left -= step;
    }
}

/* What a test varies; zero is a good value of each but the peer. */
struct ask {
    const struct hm_peer_config *peer;
    uint16_t lifetime_s;
    uint32_t home_addr; /* 0: RIG_VM */
    uint32_t home_agent;
    uint32_t care_of_addr; /* 0: the peer's */
    uint8_t flags;         /* added to T */
    bool no_reverse_tunnel;
    uint64_t hold, handover; /* ids */
    uint32_t epoch;
    bool no_method, no_mac;
    uint64_t identification; /* 0: the clock's, and newer than the last */
    uint32_t from_addr;      /* 0: the peer's */
    uint32_t spi;            /* 0: the peer's */
    bool spoil;              /* the authenticator */
};

static size_t write_ask(struct fixture *f, const struct ask *ask, uint8_t *bytes, size_t cap)
{
    struct hm_writer writer;
    uint64_t newest = f->env.now.ntp > f->identification ? f->env.now.ntp : f->identification + 1;
    uint8_t reverse_tunnel = ask->no_reverse_tunnel ? 0 : HM_RRQ_T;
    struct hm_registration_request request = {
        .flags = reverse_tunnel | ask->flags,
        .lifetime_s = ask->lifetime_s,
        .home_addr = ask->home_addr != 0 ? ask->home_addr : RIG_VM,
        .home_agent = ask->home_agent != 0 ? ask->home_agent : RIG_AGENT,
        .care_of_addr = ask->care_of_addr != 0 ? ask->care_of_addr : ask->peer->addr,
        .identification = ask->identification != 0 ? ask->identification : newest};

    if (ask->identification == 0)
        f->identification = newest;
    hm_writer_init(&writer, bytes, cap);
    hm_registration_write_request(&writer, &request);
    hm_extension_write_nai(&writer, "vm1");
    if (!ask->no_method)
        hm_extension_write_pmip_method(&writer, HM_PMIP_METHOD_FA_HA);
    if (!ask->no_mac)
        hm_extension_write_mac(&writer, request.home_addr == RIG_VM ? &RIG_VM_MAC : &RIG_VM2_MAC);
    if (ask->hold != 0)
        hm_extension_write_hold(&writer, ask->hold, ask->epoch);
    if (ask->handover != 0)
        hm_extension_write_handover(&writer, ask->handover, ask->epoch);
    hm_extension_write_auth(&writer, HM_EXT_FA_HA_AUTH, ask->spi != 0 ? ask->spi : ask->peer->spi,
                            ask->peer->algorithm, &ask->peer->key);
    assert_false(writer.failed);
    if (ask->spoil)
        bytes[writer.len - 1] ^= 1;
    return writer.len;
}

static void deliver(struct fixture *f, uint32_t from_addr, const uint8_t *bytes, size_t len)
{
    uint8_t *copy = unit_copy(bytes, len);
    struct hm_datagram datagram = {.local_addr = RIG_AGENT,
                                   .local_port = HM_MIP_PORT,
                                   .remote_addr = from_addr,
                                   .remote_port = HM_MIP_PORT,
                                   .bytes = copy,
                                   .len = len};

    hm_home_receive(&f->home, &datagram);
    free(copy);
}

/* The code of the reply; -1: none came. */
static int ask(struct fixture *f, const struct ask *what)
{
    uint8_t bytes[HM_MIP_MAX_LEN];
    size_t len = write_ask(f, what, bytes, sizeof(bytes));
    unsigned before = f->replies;

    deliver(f, what->from_addr != 0 ? what->from_addr : what->peer->addr, bytes, len);
    return f->replies == before ? -1 : f->reply.code;
}

static const struct hm_binding *binding(struct fixture *f)
{
    return hm_binding_lookup(&f->home.bindings, RIG_VM);
}

#define B (&f->rig.peers[0])
#define C (&f->rig.peers[1])

static void activate_at_b(struct fixture *f)
{
    assert_int_equal(ask(f, &(struct ask){.peer = B, .lifetime_s = 300, .handover = 1, .epoch = 10}), 0);
    assert_int_equal(binding(f)->state, HM_BINDING_AWAY);
    assert_int_equal(binding(f)->care_of_addr, RIG_PEER_B);
}

static int renew_at_b(struct fixture *f)
{
    return ask(f, &(struct ask){.peer = B, .lifetime_s = 300, .handover = 1, .epoch = 10});
}

/* --- staging ------------------------------------------------------------------------------------------ */

static void test_a_hold_stages_and_changes_no_traffic(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, &(struct ask){.peer = B, .lifetime_s = 60, .hold = 1, .epoch = 10}), 0);
    assert_int_equal(binding(f)->state, HM_BINDING_STAGED);
    assert_int_equal(hm_binding_motion(binding(f))->staged_care_of_addr, RIG_PEER_B);
    assert_false(hm_binding_is_absent(binding(f)));
    assert_int_equal(f->rig.frame_count, 0);
    pass_ms(f, 61000);
    assert_int_equal(binding(f)->state, HM_BINDING_HOME);
    assert_int_equal(hm_binding_motion(binding(f))->staged_care_of_addr, 0);
    pass_ms(f, 61000);
    assert_null(binding(f));
}

static void test_a_withdrawn_hold_leaves_the_node_at_home(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, &(struct ask){.peer = B, .lifetime_s = 60, .hold = 1, .epoch = 10}), 0);
    assert_int_equal(ask(f, &(struct ask){.peer = B, .hold = 1, .epoch = 10}), 0);
    assert_int_equal(binding(f)->state, HM_BINDING_HOME);
}

static void test_a_withdrawn_hold_of_another_agent_changes_nothing(void **state)
{
    struct fixture *f = *state;

    activate_at_b(f);
    assert_int_equal(ask(f, &(struct ask){.peer = C, .lifetime_s = 60, .hold = 2, .epoch = 20}), 0);
    (void)ask(f, &(struct ask){.peer = B, .hold = 3, .epoch = 20});
    assert_int_equal(binding(f)->state, HM_BINDING_SWITCHING);
    assert_int_equal(hm_binding_motion(binding(f))->staged_care_of_addr, RIG_PEER_C);
}

/* The place where the node is goes on renewing while the next one is prepared ... */
static void test_renewals_are_accepted_while_another_place_is_staged(void **state)
{
    struct fixture *f = *state;

    activate_at_b(f);
    assert_int_equal(ask(f, &(struct ask){.peer = C, .lifetime_s = 60, .hold = 2, .epoch = 20}), 0);
    pass_ms(f, 1000);
    assert_int_equal(renew_at_b(f), 0);
    assert_int_equal(binding(f)->state, HM_BINDING_SWITCHING);
    assert_int_equal(binding(f)->care_of_addr, RIG_PEER_B);
    assert_int_equal(hm_binding_motion(binding(f))->staged_care_of_addr, RIG_PEER_C);
}

/* ... and after that is off: all is as before. */
static void test_renewals_are_accepted_after_a_staged_place_was_withdrawn(void **state)
{
    struct fixture *f = *state;

    activate_at_b(f);
    assert_int_equal(ask(f, &(struct ask){.peer = C, .lifetime_s = 60, .hold = 2, .epoch = 20}), 0);
    assert_int_equal(ask(f, &(struct ask){.peer = C, .hold = 2, .epoch = 20}), 0);
    assert_int_equal(binding(f)->state, HM_BINDING_AWAY);
    pass_ms(f, 200000);
    assert_int_equal(renew_at_b(f), 0);
    pass_ms(f, 200000);
    assert_int_equal(binding(f)->state, HM_BINDING_AWAY);
}

static void test_renewals_are_accepted_after_a_staged_place_expired(void **state)
{
    struct fixture *f = *state;

    activate_at_b(f);
    assert_int_equal(ask(f, &(struct ask){.peer = C, .lifetime_s = 60, .hold = 2, .epoch = 20}), 0);
    pass_ms(f, 200000);
    assert_int_equal(binding(f)->state, HM_BINDING_AWAY);
    assert_int_equal(renew_at_b(f), 0);
}

static void test_renewals_are_accepted_while_and_after_a_return_is_staged(void **state)
{
    struct fixture *f = *state;
    const struct hm_control_node node = {
        .home_addr = RIG_VM, .mac = RIG_VM_MAC, .home_agent = RIG_AGENT, .home_prefix = f->rig.config.home};

    activate_at_b(f);
    assert_int_equal(hm_home_stage_return(&f->home, &node, 2, 20, 60), 0);
    assert_int_equal(renew_at_b(f), 0);
    assert_int_equal(binding(f)->state, HM_BINDING_SWITCHING);
    hm_home_unstage(&f->home, RIG_VM, 2, "cancelled");
    assert_int_equal(binding(f)->state, HM_BINDING_AWAY);
    pass_ms(f, 1000);
    assert_int_equal(renew_at_b(f), 0);
}

/* The agent that the node has left must not get it back by a late renewal. */
static void test_a_renewal_by_the_place_that_was_left_is_refused(void **state)
{
    struct fixture *f = *state;

    activate_at_b(f);
    assert_int_equal(ask(f, &(struct ask){.peer = C, .lifetime_s = 300, .handover = 2, .epoch = 20}), 0);
    assert_int_equal(renew_at_b(f), HM_CODE_HA_PROHIBITED);
    assert_int_equal(binding(f)->care_of_addr, RIG_PEER_C);
}

static void test_a_renewal_does_not_undo_a_return(void **state)
{
    struct fixture *f = *state;
    const struct hm_control_node node = {
        .home_addr = RIG_VM, .mac = RIG_VM_MAC, .home_agent = RIG_AGENT, .home_prefix = f->rig.config.home};

    activate_at_b(f);
    assert_int_equal(hm_home_stage_return(&f->home, &node, 2, 20, 60), 0);
    hm_home_landed(&f->home, hm_binding_lookup(&f->home.bindings, RIG_VM), "first frame");
    assert_int_equal(binding(f)->state, HM_BINDING_HOME);
    pass_ms(f, 1000);
    assert_int_equal(renew_at_b(f), HM_CODE_HA_PROHIBITED);
    assert_int_equal(binding(f)->state, HM_BINDING_HOME);
}

/* A withdrawal that comes late, with an epoch that is not older, must not rename the staged handover: the
 * return is found by its id. */
static void test_a_late_withdrawal_does_not_rename_a_staged_return(void **state)
{
    struct fixture *f = *state;
    const struct hm_control_node node = {
        .home_addr = RIG_VM, .mac = RIG_VM_MAC, .home_agent = RIG_AGENT, .home_prefix = f->rig.config.home};

    activate_at_b(f);
    assert_int_equal(hm_home_stage_return(&f->home, &node, 2, 20, 60), 0);
    (void)ask(f, &(struct ask){.peer = C, .hold = 3, .epoch = 20});
    hm_home_unstage(&f->home, RIG_VM, 2, "cancelled");
    assert_int_equal(binding(f)->state, HM_BINDING_AWAY);
    assert_int_equal(hm_binding_motion(binding(f))->staged_care_of_addr, 0);
}

/* --- deregistration ----------------------------------------------------------------------------------- */

static void test_the_care_of_agent_deregisters(void **state)
{
    struct fixture *f = *state;

    activate_at_b(f);
    assert_int_equal(ask(f, &(struct ask){.peer = B, .handover = 1, .epoch = 10}), 0);
    assert_int_equal(binding(f)->state, HM_BINDING_HOME);
}

static void test_another_agent_cannot_deregister_the_node(void **state)
{
    struct fixture *f = *state;

    activate_at_b(f);
    (void)ask(f, &(struct ask){.peer = C});
    assert_int_equal(binding(f)->state, HM_BINDING_AWAY);
    (void)ask(f, &(struct ask){.peer = C, .care_of_addr = RIG_VM});
    assert_int_equal(binding(f)->state, HM_BINDING_AWAY);
}

/* The node has been at B, at C, and is at B again. What B says of the first visit, though sent just now, is
 * about that, and not about the second. */
static void test_a_late_deregistration_does_not_end_a_newer_visit(void **state)
{
    struct fixture *f = *state;

    activate_at_b(f);
    assert_int_equal(ask(f, &(struct ask){.peer = C, .lifetime_s = 300, .handover = 2, .epoch = 20}), 0);
    assert_int_equal(ask(f, &(struct ask){.peer = B, .lifetime_s = 300, .handover = 3, .epoch = 30}), 0);
    assert_int_equal(ask(f, &(struct ask){.peer = B, .handover = 1, .epoch = 10}), HM_CODE_HA_PROHIBITED);
    assert_int_equal(binding(f)->state, HM_BINDING_AWAY);
    assert_int_equal(binding(f)->care_of_addr, RIG_PEER_B);
    assert_int_equal(ask(f, &(struct ask){.peer = B, .handover = 3, .epoch = 30}), 0);
    assert_int_equal(binding(f)->state, HM_BINDING_HOME);
}

static void test_a_late_return_is_not_staged(void **state)
{
    struct fixture *f = *state;
    const struct hm_control_node node = {
        .home_addr = RIG_VM, .mac = RIG_VM_MAC, .home_agent = RIG_AGENT, .home_prefix = f->rig.config.home};

    activate_at_b(f);
    assert_int_equal(hm_home_stage_return(&f->home, &node, 2, 9, 60), HM_ERR_REPLAY);
    assert_int_equal(binding(f)->state, HM_BINDING_AWAY);
    assert_int_equal(ask(f, &(struct ask){.peer = C, .lifetime_s = 60, .hold = 3, .epoch = 30}), 0);
    assert_int_equal(hm_home_stage_return(&f->home, &node, 2, 20, 60), HM_ERR_REPLAY);
    assert_int_equal(hm_binding_motion(binding(f))->staged_care_of_addr, RIG_PEER_C);
}

static void test_deregistering_an_unknown_node_makes_no_entry(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, &(struct ask){.peer = B, .handover = 1, .epoch = 10}), 0);
    assert_null(binding(f));
}

/* --- refusals ----------------------------------------------------------------------------------------- */

static void test_refusals_have_their_codes_and_change_nothing(void **state)
{
    struct fixture *f = *state;
    const struct {
        struct ask ask;
        int code;
    } cases[] = {
        {{.peer = B, .lifetime_s = 300, .home_agent = RIG_PEER_B}, HM_CODE_HA_UNKNOWN_ADDRESS},
        {{.peer = B, .lifetime_s = 300, .home_addr = RIG_FAR}, HM_CODE_HA_PROHIBITED},
        {{.peer = B, .lifetime_s = 300, .home_addr = RIG_AGENT}, HM_CODE_HA_PROHIBITED},
        {{.peer = B, .lifetime_s = 300, .home_addr = RIG_ROUTER}, HM_CODE_HA_PROHIBITED},
        {{.peer = B, .lifetime_s = 300, .home_addr = 0x0a010000u}, HM_CODE_HA_PROHIBITED},
        {{.peer = B, .lifetime_s = 300, .home_addr = 0x0a0100ffu}, HM_CODE_HA_PROHIBITED},
        {{.peer = B, .lifetime_s = 300, .care_of_addr = RIG_PEER_C}, HM_CODE_HA_PMIP_DISALLOWED},
        {{.peer = B, .lifetime_s = 300, .flags = HM_RRQ_x}, HM_CODE_HA_MALFORMED},
        {{.peer = B, .lifetime_s = 300, .flags = HM_RRQ_M}, HM_CODE_HA_ENCAPSULATION},
        {{.peer = B, .lifetime_s = 300, .flags = HM_RRQ_G | HM_RRQ_M}, HM_CODE_HA_ENCAPSULATION},
        {{.peer = B, .lifetime_s = 300, .flags = HM_RRQ_D}, HM_CODE_HA_PMIP_DISALLOWED},
        {{.peer = B, .lifetime_s = 300, .no_reverse_tunnel = true}, HM_CODE_HA_REVERSE_MANDATORY},
        {{.peer = B, .lifetime_s = 300, .no_method = true}, -1},
        {{.peer = B, .lifetime_s = 300, .no_mac = true}, HM_CODE_HA_MALFORMED},
        {{.peer = B, .lifetime_s = 300, .spi = 1002}, -1},
        {{.peer = B, .lifetime_s = 300, .from_addr = RIG_PEER_C}, -1},
        {{.peer = B, .lifetime_s = 300, .from_addr = RIG_FAR}, -1},
        {{.peer = B, .lifetime_s = 300, .spoil = true}, -1},
    };

    for (unsigned i = 0; i < UNIT_COUNT(cases); i++) {
        int code = ask(f, &cases[i].ask);
        if (code != cases[i].code)
            fail_msg("case %u: %d instead of %d", i, code, cases[i].code);
        assert_int_equal(f->home.bindings.slab.used, 0);
    }
    assert_int_equal(f->rig.frame_count, 0);
}

/* In gateway mode the agent has several addresses; the tunnel ends at one, and that is the home agent's. */
static void test_h10_h17_only_the_address_of_the_tunnel_is_the_home_agents(void **state)
{
    struct fixture *f = *state;

    f->env.agent_addr = RIG_FAR;
    assert_int_equal(ask(f, &(struct ask){.peer = B, .lifetime_s = 300, .home_agent = RIG_AGENT}),
                     HM_CODE_HA_UNKNOWN_ADDRESS);
    assert_int_equal(f->reply.home_agent, RIG_FAR);
    assert_int_equal(ask(f, &(struct ask){.peer = B, .lifetime_s = 300, .home_agent = RIG_FAR}), 0);
    assert_int_equal(f->reply.home_agent, RIG_FAR);
}

static void test_simultaneous_bindings_are_answered_with_code_1(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, &(struct ask){.peer = B, .lifetime_s = 300, .flags = HM_RRQ_S}),
                     HM_CODE_ACCEPTED_NO_SIMULTANEOUS);
}

static void test_lifetimes_are_lowered_and_never_raised(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(ask(f, &(struct ask){.peer = B, .lifetime_s = 0xffff}), 0);
    assert_int_equal(f->reply.lifetime_s, 1800);
    assert_int_equal(ask(f, &(struct ask){.peer = B, .lifetime_s = 20}), 0);
    assert_int_equal(f->reply.lifetime_s, 20);
    assert_int_equal(ask(f, &(struct ask){.peer = C, .lifetime_s = 600, .hold = 1, .epoch = 1}), 0);
    assert_int_equal(f->reply.lifetime_s, 60);
}

static void test_a_full_table_is_answered_and_keeps_its_bindings(void **state)
{
    struct fixture *f = *state;

    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(ask(f, &(struct ask){.peer = B, .lifetime_s = 300, .home_addr = RIG_VM + i}), 0);
    assert_int_equal(ask(f, &(struct ask){.peer = B, .lifetime_s = 300, .home_addr = RIG_VM + 8}),
                     HM_CODE_HA_RESOURCES);
    assert_int_equal(f->home.bindings.slab.used, 8);
    assert_int_equal(renew_at_b(f), 0);
}

/* --- identification ----------------------------------------------------------------------------------- */

static void test_a_replayed_request_changes_nothing_and_gets_133(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct ask what = {.peer = B, .lifetime_s = 300, .handover = 1, .epoch = 10};
    size_t len = write_ask(f, &what, bytes, sizeof(bytes));

    deliver(f, B->addr, bytes, len);
    assert_int_equal(f->reply.code, 0);
    assert_int_equal(ask(f, &(struct ask){.peer = B, .handover = 1, .epoch = 10}), 0);
    assert_int_equal(binding(f)->state, HM_BINDING_HOME);
    deliver(f, B->addr, bytes, len);
    assert_int_equal(f->reply.code, HM_CODE_HA_IDENTIFICATION);
    assert_int_equal(binding(f)->state, HM_BINDING_HOME);
    pass_ms(f, 59000);
    deliver(f, B->addr, bytes, len);
    assert_int_equal(f->reply.code, HM_CODE_HA_IDENTIFICATION);
    pass_ms(f, 2000);
    deliver(f, B->addr, bytes, len);
    assert_int_equal(f->reply.code, HM_CODE_HA_IDENTIFICATION);
    assert_null(binding(f));
}

static void test_133_repeats_the_low_bits_and_tells_the_clock(void **state)
{
    struct fixture *f = *state;
    uint64_t hour_off = f->env.now.ntp + ((uint64_t)3600 << 32) + 0x1234;

    assert_int_equal(ask(f, &(struct ask){.peer = B, .lifetime_s = 300, .identification = hour_off}),
                     HM_CODE_HA_IDENTIFICATION);
    assert_int_equal((uint32_t)f->reply.identification, 0x1234);
    assert_int_equal(f->reply.identification >> 32, f->env.now.ntp >> 32);
    assert_null(binding(f));
}

/* What is told must be good for the very next request, whatever was accepted before. */
static void test_a_request_with_the_time_that_133_told_is_accepted(void **state)
{
    struct fixture *f = *state;
    uint64_t begin = f->env.now.ntp;
    static const int32_t AHEAD_MS[] = {-6000, -300, 0, 300, 900, 1500, 5900};

    for (unsigned i = 0; i < UNIT_COUNT(AHEAD_MS); i++) {
        uint64_t told;
        pass_ms(f, 20700);
        /* Another agent, whose clock is a little off, has registered the node. */
        assert_int_equal(ask(f, &(struct ask){.peer = C,
                                              .lifetime_s = 300,
                                              .identification = hm_ntp_add_ms(f->env.now.ntp, AHEAD_MS[i])}),
                         0);
        assert_int_equal(ask(f, &(struct ask){.peer = B, .lifetime_s = 300, .identification = begin}),
                         HM_CODE_HA_IDENTIFICATION);
        told = f->reply.identification & 0xffffffff00000000u;
        if (ask(f, &(struct ask){.peer = B, .lifetime_s = 300, .identification = told}) != 0)
            fail_msg("another agent's clock is %d ms ahead: what was told is refused", AHEAD_MS[i]);
    }
}

/* --- takeover ----------------------------------------------------------------------------------------- */

static void test_the_takeover_begins_with_the_activation_and_is_not_repeated_by_renewals(void **state)
{
    struct fixture *f = *state;

    activate_at_b(f);
    assert_int_equal(f->rig.frame_count, 1);
    assert_int_equal(rig_count_from(&f->rig, &RIG_VM_MAC), 1);
    pass_ms(f, 10000);
    assert_int_equal(f->rig.frame_count, 3);
    assert_int_equal(renew_at_b(f), 0);
    assert_int_equal(f->rig.frame_count, 3);
    assert_int_equal(ask(f, &(struct ask){.peer = C, .lifetime_s = 300, .handover = 2, .epoch = 20}), 0);
    assert_int_equal(f->rig.frame_count, 3);
}

/* Whoever sends one frame with the node's MAC must not silence the takeover for the rest of the visit: the
 * next registration by the agent where the node is shows that it is there. */
static void test_a_renewal_resumes_a_takeover_that_was_paused(void **state)
{
    struct fixture *f = *state;

    activate_at_b(f);
    pass_ms(f, 10000);
    hm_home_seen_again(&f->home, hm_binding_lookup(&f->home.bindings, RIG_VM));
    rig_forget_frames(&f->rig);
    pass_ms(f, 5000);
    assert_int_equal(rig_count_from(&f->rig, &RIG_VM_MAC), 0);
    assert_int_equal(renew_at_b(f), 0);
    pass_ms(f, 1000);
    assert_true(rig_count_from(&f->rig, &RIG_VM_MAC) > 0);
}

static void test_an_expired_binding_is_home_and_silent(void **state)
{
    struct fixture *f = *state;

    activate_at_b(f);
    pass_ms(f, 299000);
    assert_int_equal(binding(f)->state, HM_BINDING_AWAY);
    pass_ms(f, 2000);
    assert_int_equal(binding(f)->state, HM_BINDING_HOME);
    rig_forget_frames(&f->rig);
    pass_ms(f, 61000);
    assert_null(binding(f));
    assert_int_equal(rig_count_from(&f->rig, &RIG_VM_MAC), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_hold_stages_and_changes_no_traffic),
        TEST(test_a_withdrawn_hold_leaves_the_node_at_home),
        TEST(test_a_withdrawn_hold_of_another_agent_changes_nothing),
        TEST(test_renewals_are_accepted_while_another_place_is_staged),
        TEST(test_renewals_are_accepted_after_a_staged_place_was_withdrawn),
        TEST(test_renewals_are_accepted_after_a_staged_place_expired),
        TEST(test_renewals_are_accepted_while_and_after_a_return_is_staged),
        TEST(test_a_renewal_by_the_place_that_was_left_is_refused),
        TEST(test_a_renewal_does_not_undo_a_return),
        TEST(test_a_late_withdrawal_does_not_rename_a_staged_return),
        TEST(test_the_care_of_agent_deregisters),
        TEST(test_another_agent_cannot_deregister_the_node),
        TEST(test_a_late_deregistration_does_not_end_a_newer_visit),
        TEST(test_a_late_return_is_not_staged),
        TEST(test_deregistering_an_unknown_node_makes_no_entry),
        TEST(test_refusals_have_their_codes_and_change_nothing),
        TEST(test_h10_h17_only_the_address_of_the_tunnel_is_the_home_agents),
        TEST(test_simultaneous_bindings_are_answered_with_code_1),
        TEST(test_lifetimes_are_lowered_and_never_raised),
        TEST(test_a_full_table_is_answered_and_keeps_its_bindings),
        TEST(test_a_replayed_request_changes_nothing_and_gets_133),
        TEST(test_133_repeats_the_low_bits_and_tells_the_clock),
        TEST(test_a_request_with_the_time_that_133_told_is_accepted),
        TEST(test_the_takeover_begins_with_the_activation_and_is_not_repeated_by_renewals),
        TEST(test_a_renewal_resumes_a_takeover_that_was_paused),
        TEST(test_an_expired_binding_is_home_and_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
