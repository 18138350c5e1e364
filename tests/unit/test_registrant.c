/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of agent/registrant: how a registration is asked for, repeated, and which replies count. */
#include "firmware/agent/registrant.h"

#include "tests/unit/rig/rig.h"

#define SENT_MAX 64

struct fixture {
    struct rig rig;
    struct hm_env env;
    struct hm_security security;
    struct hm_visitors visitors;
    struct hm_registrant registrant;
    struct hm_visitor *visitor;
    unsigned sent;
    uint64_t sent_ms[SENT_MAX];
    uint8_t bytes[SENT_MAX][HM_MIP_MAX_LEN];
    size_t lens[SENT_MAX];
    unsigned ends; /* calls of done */
    unsigned code;
    uint16_t lifetime_s;
};

static void on_send(void *arg, const struct hm_datagram *datagram)
{
    struct fixture *f = arg;

    assert_true(f->sent < SENT_MAX);
    assert_int_equal(datagram->remote_addr, RIG_PEER_B);
    assert_int_equal(datagram->remote_port, HM_MIP_PORT);
    memcpy(f->bytes[f->sent], datagram->bytes, datagram->len);
    f->lens[f->sent] = datagram->len;
    f->sent_ms[f->sent++] = hm_env_ms(&f->env);
}

static void on_done(void *arg, struct hm_visitor *visitor, enum hm_registration_purpose purpose,
                    unsigned code, uint16_t lifetime_s)
{
    struct fixture *f = arg;

    (void)visitor;
    (void)purpose;
    f->ends++;
    f->code = code;
    f->lifetime_s = lifetime_s;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct hm_control_node node = {.home_addr = RIG_GUEST,
                                   .mac = RIG_GUEST_MAC,
                                   .home_agent = RIG_PEER_B,
                                   .home_prefix = {.addr = 0x0a020000u, .len = 24},
                                   .router = 0x0a020001u};

    rig_init(&f->rig);
    f->rig.peers[0].more_count = 1;
    f->rig.peers[0].more[0] = (struct hm_association_config){.spi = 1003, .algorithm = HM_ALGORITHM_HMAC_MD5};
    f->rig.peers[0].more[0].key.len = 16;
    hm_env_init(&f->env, &f->rig.config, &f->rig.port, &f->rig.now);
    assert_int_equal(hm_security_init(&f->security, &f->env), 0);
    assert_int_equal(hm_visitors_init(&f->visitors, &f->env), 0);
    hm_registrant_init(&f->registrant, &f->env, &f->security, &f->visitors);
    f->registrant.send = on_send;
    f->registrant.send_arg = f;
    f->registrant.done = on_done;
    f->registrant.arg = f;
    f->visitor = hm_visitor_add(&f->visitors, &node, 0);
    assert_non_null(f->visitor);
    strcpy(f->visitor->vm, "guest1");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hm_visitor_remove(f->visitor);
    hm_visitors_fini(&f->visitors);
    hm_security_fini(&f->security);
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

static struct hm_registration_request sent(const struct fixture *f, unsigned i)
{
    struct hm_registration_request request;

    assert_true(i < f->sent);
    assert_int_equal(hm_registration_decode_request(f->bytes[i], f->lens[i], &request), 0);
    return request;
}

/* What a test varies in a reply; zero is a good value of each. */
struct answer {
    uint8_t code;
    uint32_t low_off; /* added to the low bits of the identification */
    uint32_t high;    /* 0: the request's */
    uint32_t from;    /* 0: the home agent's */
    uint32_t home_addr;
    uint32_t home_agent; /* 0: the one that was asked */
    uint32_t spi;
    bool spoil, unauthenticated;
    bool twice; /* two authenticators, each right */
    bool grants_udp, declines_udp;
};

static void answer(struct fixture *f, const struct answer *what)
{
    struct hm_registration_request last = sent(f, f->sent - 1);
    const struct hm_peer_config *peer = &f->rig.peers[0];
    bool is_new = what->spi == 1003;
    uint64_t high = what->high != 0 ? (uint64_t)what->high << 32 : last.identification & 0xffffffff00000000u;
    struct hm_registration_reply reply = {.code = what->code,
                                          .lifetime_s = 120,
                                          .home_addr = what->home_addr != 0 ? what->home_addr : RIG_GUEST,
                                          .home_agent = what->home_agent != 0 ? what->home_agent : RIG_PEER_B,
                                          .identification =
                                              high | (uint32_t)(last.identification + what->low_off)};
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct hm_writer writer;

    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_registration_write_reply(&writer, &reply);
    hm_extension_write_pmip_method(&writer, HM_PMIP_METHOD_FA_HA);
    if (what->grants_udp)
        hm_extension_write_udp_reply(&writer, &(struct hm_udp_tunnel_reply){.flags = HM_UDP_TUNNEL_FORCED});
    if (what->declines_udp)
        hm_extension_write_udp_reply(&writer, &(struct hm_udp_tunnel_reply){.code = HM_UDP_TUNNEL_DECLINED});
    for (unsigned i = what->unauthenticated; i < (what->twice ? 2 : 1); i++)
        hm_extension_write_auth(&writer, HM_EXT_FA_HA_AUTH, what->spi != 0 ? what->spi : peer->spi,
                                is_new ? peer->more[0].algorithm : peer->algorithm,
                                is_new ? &peer->more[0].key : &peer->key);
    if (what->spoil)
        bytes[writer.len - 1] ^= 1;
    struct hm_datagram datagram = {.local_addr = RIG_AGENT,
                                   .local_port = HM_MIP_PORT,
                                   .remote_addr = what->from != 0 ? what->from : RIG_PEER_B,
                                   .remote_port = HM_MIP_PORT,
                                   .bytes = bytes,
                                   .len = writer.len};
    hm_registrant_receive(&f->registrant, &datagram);
}

static void activate(struct fixture *f)
{
    hm_registrant_start(&f->registrant, f->visitor, HM_REGISTRATION_ACTIVATE, 300);
}

static void test_x1_x7_x8_x9_a_request_says_all_that_a_home_agent_needs(void **state)
{
    struct fixture *f = *state;
    static const uint8_t METHOD[] = {0x2f, 1, 0, 1, 1};
    static const uint8_t MAC[] = {0x93, 7, 1, 0x52, 0x54, 0, 0, 0, 0x25};

    activate(f);
    struct hm_registration_request request = sent(f, 0);
    assert_int_equal(request.flags, HM_RRQ_T); /* never D; r and x are 0 */
    assert_int_equal(request.lifetime_s, 300);
    assert_int_equal(request.home_addr, RIG_GUEST);
    assert_int_equal(request.home_agent, RIG_PEER_B);
    assert_int_equal(request.care_of_addr, RIG_AGENT);
    assert_string_equal(request.ext.nai, "guest1");
    assert_non_null(memmem(f->bytes[0], f->lens[0], METHOD, sizeof(METHOD)));
    assert_non_null(memmem(f->bytes[0], f->lens[0], MAC, sizeof(MAC)));
    assert_true(hm_extension_auth_is_right(&request.ext.fa_ha, f->bytes[0], HM_ALGORITHM_HMAC_SHA256,
                                           &f->rig.peers[0].key));
    assert_false(request.ext.mn_ha.present);
}

static void test_a16_a22_repetitions_are_a_second_apart_doubling_and_each_is_new(void **state)
{
    struct fixture *f = *state;

    activate(f);
    pass_ms(f, 16000);
    assert_true(f->sent >= 4);
    for (unsigned i = 1; i < f->sent; i++) {
        uint64_t apart_ms = f->sent_ms[i] - f->sent_ms[i - 1];
        assert_true(apart_ms >= 1000);
        assert_true(i == 1 || apart_ms >= 2 * (f->sent_ms[i - 1] - f->sent_ms[i - 2]) - 1);
        assert_true((int64_t)(sent(f, i).identification - sent(f, i - 1).identification) > 0);
        assert_memory_not_equal(f->bytes[i] + f->lens[i] - 32, f->bytes[i - 1] + f->lens[i - 1] - 32, 32);
    }
}

static void test_a16_requests_at_one_instant_have_growing_identifications(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 5; i++)
        activate(f);
    for (unsigned i = 1; i < 5; i++)
        assert_true((int64_t)(sent(f, i).identification - sent(f, i - 1).identification) > 0);
}

static void test_a14_a19_replies_that_do_not_answer_or_are_not_authentic_do_not_count(void **state)
{
    struct fixture *f = *state;
    static const struct answer WRONG[] = {
        {.low_off = 1},
        {.from = RIG_PEER_C},
        {.home_addr = RIG_GUEST + 1},
        {.home_agent = RIG_PEER_B + 7},
        {.spi = 1002},
        {.spoil = true},
        {.unauthenticated = true},
        {.code = 133, .spoil = true},
        {.code = 150, .spoil = true},
        {.spi = 1003, .spoil = true},
        {.twice = true},
        {.spi = 1003, .twice = true},
    };

    activate(f);
    for (unsigned i = 0; i < UNIT_COUNT(WRONG); i++) {
        answer(f, &WRONG[i]);
        assert_int_equal(f->ends, 0);
        assert_int_equal(f->sent, 1);
    }
    answer(f, &(struct answer){.high = 1}); /* only the low bits tell what is answered */
    assert_int_equal(f->ends, 1);
    assert_int_equal(f->code, 0);
    assert_int_equal(f->lifetime_s, 120);
    answer(f, &(struct answer){0}); /* once */
    assert_int_equal(f->ends, 1);
    assert_int_equal(f->env.counters.drops[HM_DROP_MIP_AUTH], 8);
}

/* RFC 5944 section 3.8.3.2: the home agent field has its own address then, and that need not be the one that
 * was asked. */
static void test_a19_f12_h10_code_136_is_an_answer_whatever_home_agent_it_names(void **state)
{
    struct fixture *f = *state;
    static const struct answer WRONG[] = {
        {.code = 136, .home_agent = RIG_PEER_B + 7, .from = RIG_PEER_C},
        {.code = 136, .home_agent = RIG_PEER_B, .from = RIG_PEER_C},
        {.code = 136, .home_agent = RIG_PEER_B + 7, .from = RIG_PEER_B + 7},
        {.code = 136, .home_agent = RIG_PEER_B + 7, .low_off = 1},
        {.code = 136, .home_agent = RIG_PEER_B + 7, .spoil = true},
    };

    activate(f);
    for (unsigned i = 0; i < UNIT_COUNT(WRONG); i++) {
        answer(f, &WRONG[i]);
        assert_int_equal(f->ends, 0);
    }
    answer(f, &(struct answer){.code = 136, .home_agent = RIG_PEER_B + 7});
    assert_int_equal(f->ends, 1);
    assert_int_equal(f->code, 136);
}

static void test_a5_a_reply_with_any_of_the_peers_keys_counts(void **state)
{
    struct fixture *f = *state;

    activate(f);
    answer(f, &(struct answer){.spi = 1003});
    assert_int_equal(f->ends, 1);
}

static void test_a20_code_133_moves_the_clock_and_the_request_is_sent_again(void **state)
{
    struct fixture *f = *state;
    uint32_t theirs = RIG_EPOCH_S + 3600;

    activate(f);
    answer(f, &(struct answer){.code = 133, .high = theirs});
    assert_int_equal(f->ends, 0);
    assert_int_equal(f->sent, 2);
    assert_int_equal(sent(f, 1).identification >> 32, theirs);
    answer(f, &(struct answer){.code = 133, .high = theirs}); /* it may be the answer to a copy: */
    assert_int_equal(f->ends, 0);
    assert_int_equal(f->sent, 2); /* nothing is sent at once, */
    pass_ms(f, 1500);
    assert_int_equal(f->sent, 3); /* and the repetition has what was learnt */
    assert_in_range(sent(f, 2).identification >> 32, theirs, theirs + 1);
    answer(f, &(struct answer){0});
    assert_int_equal(f->ends, 1);
    assert_int_equal(f->code, 0);
}

static void test_a20_a_clock_that_cannot_be_agreed_on_is_told_in_the_end(void **state)
{
    struct fixture *f = *state;

    activate(f);
    answer(f, &(struct answer){.code = 133, .high = RIG_EPOCH_S + 3600});
    answer(f, &(struct answer){.code = 133, .high = RIG_EPOCH_S + 3600});
    for (unsigned i = 0; i < 600 && f->ends == 0; i++)
        pass_ms(f, 1000);
    assert_int_equal(f->ends, 1);
    assert_int_equal(f->code, 133);
}

static void test_x6_after_149_and_150_nothing_is_asked_again(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 2; i++) {
        activate(f);
        answer(f, &(struct answer){.code = (uint8_t)(149 + i)});
        assert_int_equal(f->code, 149 + i);
        pass_ms(f, 60000);
        assert_int_equal(f->sent, i + 1);
    }
    assert_int_equal(f->ends, 2);
}

/* --- the tunnel --------------------------------------------------------------------------------------- */

static struct hm_peer *want(struct fixture *f, enum hm_encapsulation tunnel)
{
    f->rig.peers[0].tunnel = tunnel;
    return hm_security_peer_by_addr(&f->security, RIG_PEER_B);
}

static void test_u1_a_udp_tunnel_is_asked_for_and_used_when_granted(void **state)
{
    struct fixture *f = *state;
    struct hm_peer *peer = want(f, HM_ENCAPSULATION_UDP);

    activate(f);
    struct hm_registration_request request = sent(f, 0);
    assert_true(request.ext.udp_request.is_given);
    assert_int_equal(request.ext.udp_request.flags, HM_UDP_TUNNEL_FORCED);
    assert_int_equal(request.ext.udp_request.encapsulation, HM_IP_PROTO_IPIP);
    assert_int_equal(peer->tunnel, HM_ENCAPSULATION_IPIP);
    answer(f, &(struct answer){.grants_udp = true, .spoil = true});
    assert_int_equal(peer->tunnel, HM_ENCAPSULATION_IPIP);
    answer(f, &(struct answer){.grants_udp = true});
    assert_int_equal(peer->tunnel, HM_ENCAPSULATION_UDP);
    assert_int_equal(f->code, 0);
}

static void test_u2_a_home_agent_that_does_not_know_it_is_met_by_ip_in_ip(void **state)
{
    struct fixture *f = *state;
    struct hm_peer *peer = want(f, HM_ENCAPSULATION_UDP);

    peer->tunnel = HM_ENCAPSULATION_UDP; /* as it was before it was exchanged */
    activate(f);
    answer(f, &(struct answer){0});
    assert_int_equal(peer->tunnel, HM_ENCAPSULATION_IPIP);
    assert_int_equal(f->code, 0);
}

static void test_u2_a_home_agent_that_declines_it_is_met_by_ip_in_ip(void **state)
{
    struct fixture *f = *state;
    struct hm_peer *peer = want(f, HM_ENCAPSULATION_UDP);

    activate(f);
    answer(f, &(struct answer){.declines_udp = true});
    assert_int_equal(peer->tunnel, HM_ENCAPSULATION_IPIP);
    assert_int_equal(f->code, 0);
}

static void test_u6_one_that_refuses_it_is_asked_without_and_not_again(void **state)
{
    struct fixture *f = *state;

    want(f, HM_ENCAPSULATION_UDP);
    activate(f);
    answer(f, &(struct answer){.code = 129});
    assert_int_equal(f->ends, 0);
    assert_int_equal(f->sent, 2); /* at once */
    assert_false(sent(f, 1).ext.udp_request.is_given);
    answer(f, &(struct answer){0});
    assert_int_equal(f->ends, 1);
    assert_int_equal(f->code, 0);
    activate(f);
    assert_false(sent(f, 2).ext.udp_request.is_given);
    answer(f, &(struct answer){.code = 129}); /* for another reason */
    assert_int_equal(f->ends, 2);
    assert_int_equal(f->code, 129);
}

static void test_a_refusal_for_another_reason_is_the_end_the_second_time(void **state)
{
    struct fixture *f = *state;
    struct hm_peer *peer = want(f, HM_ENCAPSULATION_UDP);

    activate(f);
    answer(f, &(struct answer){.code = 129});
    answer(f, &(struct answer){.code = 129});
    assert_int_equal(f->ends, 1);
    assert_int_equal(f->code, 129);
    assert_false(peer->declines_udp);
}

static void test_g6_gre_is_asked_for_by_its_flag_and_not_at_the_end(void **state)
{
    struct fixture *f = *state;
    struct hm_peer *peer = want(f, HM_ENCAPSULATION_GRE);

    activate(f);
    assert_true(sent(f, 0).flags & HM_RRQ_G);
    assert_false(sent(f, 0).ext.udp_request.is_given);
    answer(f, &(struct answer){0});
    assert_int_equal(peer->tunnel, HM_ENCAPSULATION_GRE);
    hm_registrant_start(&f->registrant, f->visitor, HM_REGISTRATION_DEREGISTER, 0);
    assert_false(sent(f, 1).flags & HM_RRQ_G);
}

static void test_a12_an_agents_deregistration_has_its_authenticator(void **state)
{
    struct fixture *f = *state;

    hm_registrant_start(&f->registrant, f->visitor, HM_REGISTRATION_DEREGISTER, 0);
    struct hm_registration_request request = sent(f, 0);
    assert_int_equal(request.lifetime_s, 0);
    assert_true(request.ext.has_pmip_method);
    assert_true(hm_extension_auth_is_right(&request.ext.fa_ha, f->bytes[0], HM_ALGORITHM_HMAC_SHA256,
                                           &f->rig.peers[0].key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_x1_x7_x8_x9_a_request_says_all_that_a_home_agent_needs),
        TEST(test_a16_a22_repetitions_are_a_second_apart_doubling_and_each_is_new),
        TEST(test_a16_requests_at_one_instant_have_growing_identifications),
        TEST(test_a14_a19_replies_that_do_not_answer_or_are_not_authentic_do_not_count),
        TEST(test_a19_f12_h10_code_136_is_an_answer_whatever_home_agent_it_names),
        TEST(test_a5_a_reply_with_any_of_the_peers_keys_counts),
        TEST(test_a20_code_133_moves_the_clock_and_the_request_is_sent_again),
        TEST(test_a20_a_clock_that_cannot_be_agreed_on_is_told_in_the_end),
        TEST(test_x6_after_149_and_150_nothing_is_asked_again),
        TEST(test_u1_a_udp_tunnel_is_asked_for_and_used_when_granted),
        TEST(test_u2_a_home_agent_that_does_not_know_it_is_met_by_ip_in_ip),
        TEST(test_u2_a_home_agent_that_declines_it_is_met_by_ip_in_ip),
        TEST(test_u6_one_that_refuses_it_is_asked_without_and_not_again),
        TEST(test_a_refusal_for_another_reason_is_the_end_the_second_time),
        TEST(test_g6_gre_is_asked_for_by_its_flag_and_not_at_the_end),
        TEST(test_a12_an_agents_deregistration_has_its_authenticator),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
