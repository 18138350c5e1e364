/* SPDX-License-Identifier: BSD-3-Clause */
/* The home agent's first step: whose request is it, is it authentic, is it fresh; and the reply's
 * authenticators.
 *
 * Two kinds of request are taken (RFC 5563 section 4.3). With the extension 47 the agent that sends it
 * vouches for the node: its FA-HA authenticator is the one that authorizes, on every message. Without it the
 * node vouches for itself by the MN-HA authenticator, and the agent that relays it, if there is an
 * association with it, by the FA-HA authenticator on all but deregistrations (RFC 5944 sections 3.5.4
 * and 3.8.2.1). Which association it is, address and SPI say; only what a right authenticator covers is
 * believed.
 *
 * The newest accepted identification is kept with the binding, and with the node when it has an association
 * of its own. Of nodes that were forgotten to make room the newest of all is kept: nothing up to it is taken
 * for a node that is not known, nor anything from before the start. */
#include "firmware/agent/home_parts.h"

#include <string.h>

static bool is_right(const struct hm_auth_ext *auth, const struct hm_association *association,
                     const uint8_t *message)
{
    return association != NULL && auth->count == 1 && auth->spi == association->spi &&
           hm_extension_auth_is_right(auth, message, association->algorithm, association->key);
}

static bool drop(struct hm_home *home, const struct hm_datagram *datagram, enum hm_drop reason,
                 const char *why)
{
    char text[HM_IP_TEXT_LEN];
    hm_env_drop(home->env, reason, "request from %s: %s", hm_ip_text(datagram->remote_addr, text), why);
    return false;
}

/* The agent vouches for the node. */
static bool verify_by_agent(struct hm_home *home, const struct hm_datagram *datagram,
                            const struct hm_registration_request *request, struct hm_home_proof *proof)
{
    const struct hm_auth_ext *auth = &request->ext.fa_ha;
    if (proof->peer == NULL || auth->count != 1)
        return drop(home, datagram, HM_DROP_MIP_NO_SA, "no association with the agent");
    const struct hm_association *used = hm_security_association(proof->peer, auth->spi);
    if (used == NULL)
        return drop(home, datagram, HM_DROP_MIP_NO_SA, "unknown SPI");
    if (!hm_extensions_are_covered(&request->ext, auth) || !is_right(auth, used, datagram->bytes))
        return drop(home, datagram, HM_DROP_MIP_AUTH, "wrong FA-HA authenticator");
    proof->agent = used;
    return true;
}

/* Is there one right authenticator of the agent, after all that it vouches for? */
static bool is_agent_right(const struct hm_datagram *datagram, const struct hm_registration_request *request,
                           struct hm_home_proof *proof)
{
    const struct hm_auth_ext *auth = &request->ext.fa_ha;
    const struct hm_association *used =
        proof->peer != NULL ? hm_security_association(proof->peer, auth->spi) : NULL;
    if (!is_right(auth, used, datagram->bytes) || auth->covered_len < request->ext.mn_ha.covered_len)
        return false;
    proof->agent = used;
    return true;
}

/* The node vouches for itself. RFC 5944 section 3.8.2.1, a, c and d. */
static bool verify_by_node(struct hm_home *home, const struct hm_datagram *datagram,
                           const struct hm_registration_request *request, struct hm_home_proof *proof)
{
    const struct hm_auth_ext *auth = &request->ext.mn_ha;
    proof->mobile = hm_security_mobile(home->security, request->home_addr, request->ext.nai);
    if (proof->mobile == NULL || auth->count != 1 || auth->spi != proof->mobile->association.spi)
        return drop(home, datagram, HM_DROP_MIP_NO_SA, "no association with the node");
    if (proof->peer == NULL && request->ext.fa_ha.present)
        return drop(home, datagram, HM_DROP_MIP_NO_SA, "no association with the agent");
    bool agent_is_right = is_agent_right(datagram, request, proof);
    if (!is_right(auth, &proof->mobile->association, datagram->bytes)) {
        drop(home, datagram, HM_DROP_MIP_AUTH, "wrong MN-HA authenticator");
        proof->code = HM_CODE_HA_MN_AUTH;
        return agent_is_right;
    }
    if (proof->peer != NULL && !agent_is_right && request->lifetime_s != 0) {
        drop(home, datagram, HM_DROP_MIP_AUTH, "wrong FA-HA authenticator");
        proof->code = HM_CODE_HA_FA_AUTH;
        return true;
    }
    if (!hm_extensions_are_covered(&request->ext, agent_is_right ? &request->ext.fa_ha : auth))
        return drop(home, datagram, HM_DROP_MIP_AUTH, "extensions without an authenticator");
    return true;
}

/* What the node's configuration, or the home LAN, knows better than its request. */
static void fill_in(struct hm_home *home, const struct hm_mobile_config *node,
                    struct hm_registration_request *request)
{
    request->home_addr = node->addr;
    if (request->ext.nai[0] == '\0')
        memcpy(request->ext.nai, node->nai, sizeof(node->nai));
    if (!hm_mac_is_zero(&node->mac)) {
        request->ext.has_mac = true;
        request->ext.mac = node->mac;
    } else if (!request->ext.has_mac && hm_binding_lookup(&home->bindings, node->addr) == NULL) {
        struct hm_neighbour *seen = hm_neighbour_lookup(home->neighbours, home->env->home_link, node->addr);
        request->ext.has_mac = seen != NULL;
        if (seen != NULL)
            request->ext.mac = seen->mac;
    }
}

bool hm_home_verify(struct hm_home *home, const struct hm_datagram *datagram,
                    struct hm_registration_request *request, struct hm_home_proof *proof)
{
    *proof = (struct hm_home_proof){.code = HM_CODE_ACCEPTED};
    int err = hm_registration_decode_request(datagram->bytes, datagram->len, request);
    if (err != HM_OK)
        return drop(home, datagram, err == HM_ERR_REFUSED ? HM_DROP_MIP_EXTENSION : HM_DROP_MIP_MALFORMED,
                    err == HM_ERR_REFUSED ? "unknown extension" : "malformed");
    /* RFC 5944 section 3.5.4: the agent's association is found by the request's source address. */
    proof->peer = hm_security_peer_by_addr(home->security, datagram->remote_addr);
    if (proof->peer != NULL)
        proof->agent = &proof->peer->associations[0];
    proof->has_named_address = request->home_addr != 0;
    if (request->ext.has_pmip_method)
        return verify_by_agent(home, datagram, request, proof);
    if (!verify_by_node(home, datagram, request, proof))
        return false;
    if (proof->code == HM_CODE_ACCEPTED)
        fill_in(home, proof->mobile->config, request);
    return true;
}

const char *hm_home_asker(const struct hm_home_proof *proof)
{
    return proof->mobile != NULL ? proof->mobile->config->name : proof->peer->config->name;
}

uint64_t hm_home_oldest_fresh(const struct hm_home *home)
{
    uint64_t boot = home->env->boot_ntp;
    return (int64_t)(home->forgotten - boot) > 0 && home->forgotten != 0 ? home->forgotten : boot - 1;
}

/* The newest that was accepted, or must count as such. */
static uint64_t newest(const struct hm_home *home, const struct hm_home_proof *proof,
                       const struct hm_binding *binding)
{
    uint64_t ntp = binding != NULL ? binding->identification : hm_home_oldest_fresh(home);
    const struct hm_mobile *mobile = proof->mobile;
    if (mobile != NULL && mobile->identification != 0 && (int64_t)(mobile->identification - ntp) > 0)
        ntp = mobile->identification;
    return ntp;
}

bool hm_home_is_fresh(const struct hm_home *home, const struct hm_home_proof *proof,
                      const struct hm_registration_request *request, const struct hm_binding *binding)
{
    /* The difference has a sign, so it holds across the end of an era (2036). */
    return hm_security_is_timely(home->env, request->identification) &&
           (int64_t)(request->identification - newest(home, proof, binding)) > 0;
}

/* The asker takes it for the beginning of a second; where that would not be newer than what was accepted last
 * (in this second, or from an agent with a fast clock), it is the second after that. */
uint64_t hm_home_clock_to_tell(const struct hm_home *home, const struct hm_home_proof *proof,
                               const struct hm_binding *binding)
{
    const uint64_t seconds = 0xffffffff00000000u;
    uint64_t ntp = home->env->now.ntp & seconds;
    uint64_t last = newest(home, proof, binding);
    if ((int64_t)(last - ntp) >= 0)
        ntp = (last + (UINT64_C(1) << 32)) & seconds;
    return ntp;
}

/* RFC 5944 section 3.8.3.3: for the node first, then for the agent. On a deregistration that the node itself
 * asked for, the agent gets none (section 3.5.4), but for the news that it failed. */
static void write_authenticators(const struct hm_home *home, struct hm_writer *writer,
                                 const struct hm_registration_request *request,
                                 const struct hm_home_proof *proof, const struct hm_registration_reply *reply)
{
    bool is_by_node = hm_home_is_tunnel_by_node(request);
    if (reply->ext.udp_reply.is_given && is_by_node)
        hm_extension_write_udp_reply(writer, &reply->ext.udp_reply);
    if (proof->mobile != NULL) {
        const struct hm_association *node = &proof->mobile->association;
        if (!proof->has_named_address) /* RFC 2794 section 3: so that the agent can tell whose it is */
            hm_extension_write_nai(writer, request->ext.nai);
        hm_extension_write_auth(writer, HM_EXT_MN_HA_AUTH, node->spi, node->algorithm, node->key);
    } else {
        hm_extension_write_pmip_method(writer, HM_PMIP_METHOD_FA_HA);
    }
    if (proof->mobile != NULL && (proof->peer == NULL || request->lifetime_s == 0))
        return;
    if (reply->ext.udp_reply.is_given && !is_by_node)
        hm_extension_write_udp_reply(writer, &reply->ext.udp_reply);
    if (home->revocations != NULL &&
        request->ext.has_revocation) /* RFC 3543 section 3.2: only to who asked */
        hm_extension_write_revocation(writer, 0, hm_revocations_time(home->revocations));
    hm_extension_write_auth(writer, HM_EXT_FA_HA_AUTH, proof->agent->spi, proof->agent->algorithm,
                            proof->agent->key);
}

/* RFC 5944 section 3.8.3.1: a node that is back on its home LAN is answered there, whatever its binding says.
 */
static bool is_returning(const struct hm_datagram *datagram, const struct hm_registration_request *request)
{
    return request->lifetime_s == 0 && request->care_of_addr == request->home_addr &&
           datagram->remote_addr == request->home_addr;
}

void hm_home_send_reply(struct hm_home *home, const struct hm_datagram *datagram,
                        const struct hm_registration_request *request, const struct hm_home_proof *proof,
                        const struct hm_registration_reply *reply)
{
    uint8_t bytes[HM_MIP_MAX_LEN];
    struct hm_writer writer;
    hm_writer_init(&writer, bytes, sizeof(bytes));
    hm_registration_write_reply(&writer, reply);
    write_authenticators(home, &writer, request, proof, reply);
    assert(!writer.failed);
    struct hm_datagram answer = {.local_addr = datagram->local_addr,
                                 .local_port = datagram->local_port,
                                 .remote_addr = datagram->remote_addr,
                                 .remote_port = datagram->remote_port,
                                 .bypass = is_returning(datagram, request),
                                 .bytes = bytes,
                                 .len = writer.len};
    hm_env_count(home->env, HM_COUNT_RRP_SENT);
    hm_env_count(home->env, reply->code <= HM_CODE_ACCEPTED_NO_SIMULTANEOUS ? HM_COUNT_RRP_ACCEPTED
                                                                            : HM_COUNT_RRP_DENIED);
    home->send(home->arg, &answer);
}
