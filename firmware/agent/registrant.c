/* SPDX-License-Identifier: BSD-3-Clause */
/* The registrant: the proxy mobility agent's side of registration (RFC 5563, RFC 5944 section 3.6).
 *
 * A request is repeated after 1 s, doubling (RFC 5944 section 3.6.3); each repetition has a new
 * identification and so a new authenticator. A reply counts when it names the visitor, repeats the low 32
 * bits of its newest identification, and has the home agent's authenticator. Code 133 moves our idea of the
 * home agent's clock, and the request is sent once more at once. */
#include "firmware/agent/registrant.h"

#include "firmware/wire/revocation.h"

#define FIRST_REPEAT_MS 1000

static const unsigned MAX_ATTEMPTS[] = {
    [HM_REGISTRATION_STAGE] = 4,   [HM_REGISTRATION_ACTIVATE] = 8,   [HM_REGISTRATION_RENEW] = 5,
    [HM_REGISTRATION_UNSTAGE] = 4, [HM_REGISTRATION_DEREGISTER] = 5,
};
_Static_assert(sizeof(MAX_ATTEMPTS) / sizeof(MAX_ATTEMPTS[0]) == HM_REGISTRATION_PURPOSE_COUNT,
               "a limit for each purpose");

void hm_registrant_init(struct hm_registrant *registrant, struct hm_env *env, struct hm_security *security,
                        struct hm_visitors *visitors)
{
    *registrant = (struct hm_registrant){.env = env, .security = security, .visitors = visitors};
}

/* RFC 5944 section 5.7.1: the home agent's time as far as we know it, and greater than the last. */
static uint64_t next_identification(struct hm_registrant *registrant, const struct hm_peer *peer)
{
    uint64_t ntp = hm_ntp_add_ms(registrant->env->now.ntp, peer->clock_offset_ms);
    if ((int64_t)(ntp - registrant->identification) <= 0 &&
        registrant->identification - ntp < (UINT64_C(1) << 32))
        ntp = registrant->identification + 1;
    registrant->identification = ntp;
    return ntp;
}

static bool is_end(enum hm_registration_purpose purpose)
{
    return purpose == HM_REGISTRATION_UNSTAGE || purpose == HM_REGISTRATION_DEREGISTER;
}

/* RFC 3519 section 3.1: forced, since nothing between agents translates addresses. */
static bool wants_udp(const struct hm_registration_state *state, const struct hm_peer *peer)
{
    return peer->config->tunnel == HM_ENCAPSULATION_UDP && !is_end(state->purpose) &&
           !state->is_without_udp && !peer->declines_udp;
}

static void write_extensions(struct hm_registrant *registrant, const struct hm_visitor *visitor,
                             const struct hm_peer *peer, struct hm_writer *writer)
{
    enum hm_registration_purpose purpose = visitor->registration.purpose;
    if (visitor->vm[0] != '\0')
        hm_extension_write_nai(writer, visitor->vm);
    hm_extension_write_pmip_method(writer, HM_PMIP_METHOD_FA_HA);
    hm_extension_write_mac(writer, &visitor->node.mac);
    hm_extension_write_agent_mac(writer, &registrant->env->config->links[visitor->link].mac);
    if (purpose == HM_REGISTRATION_STAGE || purpose == HM_REGISTRATION_UNSTAGE)
        hm_extension_write_hold(writer, visitor->handover_id, visitor->epoch);
    else
        hm_extension_write_handover(writer, visitor->handover_id, visitor->epoch);
    if (visitor->has_stop_notice && (purpose == HM_REGISTRATION_STAGE || purpose == HM_REGISTRATION_ACTIVATE))
        hm_extension_write_stop_notice(writer);
    hm_extension_write_revocation(writer, 0, hm_revocation_time(registrant->env->now.ntp));
    if (wants_udp(&visitor->registration, peer))
        hm_extension_write_udp_request(writer, HM_UDP_TUNNEL_FORCED, HM_IP_PROTO_IPIP);
    hm_extension_write_auth(writer, HM_EXT_FA_HA_AUTH, peer->config->spi, peer->config->algorithm,
                            &peer->config->key);
}

static void transmit(struct hm_registrant *registrant, struct hm_visitor *visitor, const struct hm_peer *peer)
{
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct hm_writer writer;
    struct hm_registration_state *state = &visitor->registration;
    state->identification = next_identification(registrant, peer);
    state->attempts++;
    bool is_gre = peer->config->tunnel == HM_ENCAPSULATION_GRE && !is_end(state->purpose);
    bool wants_copies = state->purpose == HM_REGISTRATION_STAGE && !visitor->has_stop_notice &&
                        registrant->env->config->replay_window_ms > 0;
    struct hm_registration_request request = {.flags = HM_RRQ_T | (wants_copies ? HM_RRQ_S : 0) |
                                                       (is_gre ? HM_RRQ_G : 0),
                                              .lifetime_s = is_end(state->purpose) ? 0 : visitor->lifetime_s,
                                              .home_addr = visitor->node.home_addr,
                                              .home_agent = visitor->node.home_agent,
                                              .care_of_addr = registrant->env->agent_addr,
                                              .identification = state->identification};
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_registration_write_request(&writer, &request);
    write_extensions(registrant, visitor, peer, &writer);
    assert(!writer.failed);
    struct hm_datagram datagram = {.local_addr = registrant->env->agent_addr,
                                   .local_port = HM_MIP_PORT,
                                   .remote_addr = visitor->node.home_agent,
                                   .remote_port = HM_MIP_PORT,
                                   .bytes = bytes,
                                   .len = writer.len};
    hm_env_count(registrant->env, HM_COUNT_RRQ_SENT);
    registrant->send(registrant->send_arg, &datagram);
}

static void finish(struct hm_registrant *registrant, struct hm_visitor *visitor, unsigned code,
                   uint16_t lifetime_s)
{
    visitor->registration.open = false;
    hm_timer_cancel(&registrant->env->wheel, &visitor->registration.timer);
    registrant->done(registrant->arg, visitor, visitor->registration.purpose, code, lifetime_s);
}

/* Doubles, and is always short beside the staged lifetime, after which a home agent gives a diversion up. */
static uint64_t repeat_ms(const struct hm_registrant *registrant, unsigned attempts)
{
    uint64_t repeat = (uint64_t)FIRST_REPEAT_MS << (attempts - 1);
    uint64_t limit = (uint64_t)registrant->env->config->staged_lifetime_s * 1000 / 4;
    if (limit < FIRST_REPEAT_MS)
        limit = FIRST_REPEAT_MS;
    return repeat < limit ? repeat : limit;
}

static void on_timer(void *arg)
{
    struct hm_visitor *visitor = arg;
    struct hm_registration_state *state = &visitor->registration;
    struct hm_registrant *registrant = state->registrant;
    struct hm_peer *peer = hm_security_peer_by_addr(registrant->security, visitor->node.home_agent);
    if (peer == NULL || state->attempts >= MAX_ATTEMPTS[state->purpose]) {
        finish(registrant, visitor, state->refusal != 0 ? state->refusal : HM_REGISTRATION_SILENT, 0);
        return;
    }
    transmit(registrant, visitor, peer);
    hm_timer_arm(&registrant->env->wheel, &state->timer, repeat_ms(registrant, state->attempts));
}

void hm_registrant_start(struct hm_registrant *registrant, struct hm_visitor *visitor,
                         enum hm_registration_purpose purpose, uint16_t lifetime_s)
{
    struct hm_registration_state *state = &visitor->registration;
    hm_timer_cancel(&registrant->env->wheel, &state->timer);
    *state = (struct hm_registration_state){.registrant = registrant, .open = true, .purpose = purpose};
    visitor->lifetime_s = lifetime_s;
    hm_timer_init(&state->timer, on_timer, visitor);
    on_timer(visitor);
}

/* The visitor whose open request this reply answers, or NULL. It is the sender that tells whose node it is:
 * with code 136 the home agent field is where it says which address should have been asked. */
static struct hm_visitor *find_asker(struct hm_registrant *registrant, const struct hm_datagram *datagram,
                                     const struct hm_registration_reply *reply)
{
    struct hm_visitor *visitor =
        hm_visitor_by_home(registrant->visitors, datagram->remote_addr, reply->home_addr);
    if (visitor == NULL || !visitor->registration.open)
        return NULL;
    if (reply->home_agent != visitor->node.home_agent && reply->code != HM_CODE_HA_UNKNOWN_ADDRESS)
        return NULL;
    return (uint32_t)visitor->registration.identification == (uint32_t)reply->identification ? visitor : NULL;
}

/* RFC 5944 section 3.6.2.3 */
static void resynchronise(struct hm_registrant *registrant, struct hm_visitor *visitor, struct hm_peer *peer,
                          uint64_t identification)
{
    uint64_t theirs = identification & 0xffffffff00000000u;
    hm_security_note_clock(registrant->env, peer, theirs);
    registrant->identification = theirs; /* an hour too fast must not keep us an hour too fast */
    visitor->registration.resynced = true;
    transmit(registrant, visitor, peer);
}

/* RFC 3543 section 3.5: what the home agent revokes later is after the time of its last reply. */
static void note_revocation(struct hm_visitor *visitor, const struct hm_registration_reply *reply)
{
    if (reply->code > HM_CODE_ACCEPTED_NO_SIMULTANEOUS)
        return;
    visitor->is_revocable = reply->ext.has_revocation;
    visitor->registered_time = reply->ext.revocation_timestamp;
}

/* RFC 3519 section 4.4. A home agent that does not know of it says nothing, and the tunnel is the usual one.
 */
static void note_tunnel(struct hm_registrant *registrant, const struct hm_visitor *visitor,
                        struct hm_peer *peer, const struct hm_registration_reply *reply)
{
    const struct hm_registration_state *state = &visitor->registration;
    if (reply->code > HM_CODE_ACCEPTED_NO_SIMULTANEOUS || is_end(state->purpose))
        return;
    peer->declines_udp |= state->is_without_udp;
    if (reply->ext.udp_reply.is_given && reply->ext.udp_reply.code == HM_UDP_TUNNEL_AGREED)
        hm_security_agree_tunnel(registrant->security, peer, HM_ENCAPSULATION_UDP);
    else
        hm_security_agree_tunnel(registrant->security, peer,
                                 peer->config->tunnel == HM_ENCAPSULATION_GRE ? HM_ENCAPSULATION_GRE
                                                                              : HM_ENCAPSULATION_IPIP);
}

/* Was it refused for the sake of the UDP tunnel, perhaps? Then once more without. */
static bool is_udp_refused(const struct hm_visitor *visitor, const struct hm_peer *peer, uint8_t code)
{
    return wants_udp(&visitor->registration, peer) &&
           (code == HM_CODE_HA_PROHIBITED || code == HM_CODE_HA_UDP_UNAVAILABLE);
}

static void ask_without_udp(struct hm_registrant *registrant, struct hm_visitor *visitor,
                            const struct hm_peer *peer)
{
    visitor->registration.is_without_udp = true;
    transmit(registrant, visitor, peer);
}

void hm_registrant_receive(struct hm_registrant *registrant, const struct hm_datagram *datagram)
{
    char text[HM_IP_TEXT_LEN];
    struct hm_registration_reply reply;
    hm_ip_text(datagram->remote_addr, text);
    int err = hm_registration_decode_reply(datagram->bytes, datagram->len, &reply);
    if (err != HM_OK) {
        hm_env_drop(registrant->env, err == HM_ERR_REFUSED ? HM_DROP_MIP_EXTENSION : HM_DROP_MIP_MALFORMED,
                    "reply from %s", text);
        return;
    }
    struct hm_visitor *visitor = find_asker(registrant, datagram, &reply);
    struct hm_peer *peer = hm_security_peer_by_addr(registrant->security, datagram->remote_addr);
    if (visitor == NULL || peer == NULL) {
        hm_env_drop(registrant->env, HM_DROP_MIP_UNEXPECTED, "reply from %s", text);
        return;
    }
    const struct hm_auth_ext *auth = &reply.ext.fa_ha;
    const struct hm_association *association = hm_security_association(peer, auth->spi);
    if (auth->count != 1 || association == NULL || !hm_extensions_are_covered(&reply.ext, auth) ||
        !hm_extension_auth_is_right(auth, datagram->bytes, association->algorithm, association->key)) {
        hm_env_drop(registrant->env, HM_DROP_MIP_AUTH, "reply from %s", text);
        return;
    }
    note_revocation(visitor, &reply);
    note_tunnel(registrant, visitor, peer, &reply);
    if (reply.code == HM_CODE_HA_IDENTIFICATION && !visitor->registration.resynced)
        resynchronise(registrant, visitor, peer, reply.identification);
    else if (reply.code ==
             HM_CODE_HA_IDENTIFICATION) /* the answer to a copy, perhaps: the next repetition tells */
        visitor->registration.refusal = reply.code;
    else if (is_udp_refused(visitor, peer, reply.code))
        ask_without_udp(registrant, visitor, peer);
    else
        finish(registrant, visitor, reply.code, reply.lifetime_s);
}
