/* SPDX-License-Identifier: BSD-3-Clause */
/* The home agent's decision: may an authentic, fresh request be granted, and if not, which code says why.
 *
 * Pure: configuration, request and binding in, a code out. The order of the checks is the order in which
 * an operator can mend things: what the message is, whether it came to the right place, who may ask for whom,
 * what is asked for, and last whether it comes too late. */
#include "firmware/agent/home_parts.h"
#include "firmware/agent/node.h"

bool hm_home_serves(const struct hm_home *home, uint32_t home_addr)
{
    const struct hm_router_config *config = home->env->config;
    return hm_prefix_contains(&config->home, home_addr) && home_addr != config->home.addr &&
           home_addr != hm_prefix_broadcast(&config->home) && home_addr != config->home_router &&
           !hm_env_is_own_addr(home->env, home_addr);
}

/* Is the message whole, and for this agent and one of its nodes? The tunnel's end is the agent's one address
 * (RFC 5944 section 4.2.3), so that is the home agent's address too. */
static enum hm_reply_code check_address(const struct hm_home *home,
                                        const struct hm_registration_request *request)
{
    if (request->flags & HM_RRQ_x)
        return HM_CODE_HA_MALFORMED;
    if (request->ext.has_unknown_critical_vendor)
        return HM_CODE_HA_VENDOR_MN;
    if (request->ext.has_agents_unknown_critical_vendor)
        return HM_CODE_HA_VENDOR_FA;
    if (request->home_agent != home->env->agent_addr)
        return HM_CODE_HA_UNKNOWN_ADDRESS;
    if (!hm_home_serves(home, request->home_addr))
        return HM_CODE_HA_PROHIBITED;
    return HM_CODE_ACCEPTED;
}

/* May an agent ask this in a node's name (RFC 5563)? It speaks for nodes at its own address only. What an
 * earlier configuration allowed may always be ended. */
static enum hm_reply_code check_proxy(const struct hm_home *home, const struct hm_peer *peer,
                                      const struct hm_registration_request *request)
{
    bool goes_home = request->lifetime_s == 0 && request->care_of_addr == request->home_addr;
    if (request->lifetime_s > 0 && home->env->config->refuses_proxies)
        return HM_CODE_HA_PMIP_UNSUPPORTED;
    if (request->lifetime_s > 0 && peer->config->may_not_proxy)
        return HM_CODE_HA_PMIP_DISALLOWED;
    if (request->ext.pmip_method != HM_PMIP_METHOD_FA_HA)
        return HM_CODE_HA_PMIP_UNSUPPORTED;
    if (request->care_of_addr != peer->config->addr && !goes_home)
        return HM_CODE_HA_PMIP_DISALLOWED;
    return request->flags & HM_RRQ_D ? HM_CODE_HA_PMIP_DISALLOWED : HM_CODE_ACCEPTED;
}

/* May a node ask this for itself? */
static enum hm_reply_code check_node(const struct hm_home *home,
                                     const struct hm_registration_request *request)
{
    if (request->lifetime_s == 0)
        return HM_CODE_ACCEPTED;
    if (!hm_ip_is_host(request->care_of_addr) || request->care_of_addr == request->home_addr)
        return HM_CODE_HA_MALFORMED;
    return hm_env_is_own_addr(home->env, request->care_of_addr) ? HM_CODE_HA_PROHIBITED : HM_CODE_ACCEPTED;
}

bool hm_home_is_tunnel_by_node(const struct hm_registration_request *request)
{
    const struct hm_auth_ext *node = &request->ext.mn_ha;
    return request->ext.udp_request.is_given && node->present &&
           request->ext.udp_request.end <= node->covered_len;
}

/* RFC 3519 section 4.6.1: the node's own extension is about its own tunnel (D), the agent's about the
 * agent's. */
static bool is_by_wrong_one(const struct hm_registration_request *request)
{
    return hm_home_is_tunnel_by_node(request) != ((request->flags & HM_RRQ_D) != 0);
}

enum hm_reply_code hm_home_decide_tunnel(const struct hm_peer *peer,
                                         const struct hm_registration_request *request,
                                         enum hm_encapsulation *kind)
{
    const struct hm_udp_tunnel_request *udp = &request->ext.udp_request;
    bool is_gre = (request->flags & HM_RRQ_G) != 0,
         is_by_proxy = request->ext.has_pmip_method && peer != NULL;
    *kind = is_gre ? HM_ENCAPSULATION_GRE : HM_ENCAPSULATION_IPIP;
    /* A tunnel's kind is agreed with the agent for all of its visitors: one of them does not choose it. */
    if ((request->flags & HM_RRQ_M) || (is_gre && !is_by_proxy))
        return HM_CODE_HA_ENCAPSULATION;
    if (!udp->is_given)
        return HM_CODE_ACCEPTED;
    if (udp->has_reserved || is_by_wrong_one(request))
        return HM_CODE_HA_MALFORMED;
    if (udp->encapsulation != HM_IP_PROTO_IPIP && (udp->encapsulation != 0 || is_gre))
        return HM_CODE_HA_UDP_UNAVAILABLE;
    if (!(udp->flags & HM_UDP_TUNNEL_FORCED)) /* there is no translation between agents: declined */
        return HM_CODE_ACCEPTED;
    if (peer == NULL || peer->config->tunnel != HM_ENCAPSULATION_UDP || hm_home_is_tunnel_by_node(request))
        return HM_CODE_HA_PROHIBITED;
    *kind = HM_ENCAPSULATION_UDP;
    return HM_CODE_ACCEPTED;
}

static enum hm_reply_code check_service(const struct hm_home *home, const struct hm_peer *peer,
                                        const struct hm_registration_request *request,
                                        const struct hm_binding *binding)
{
    enum hm_encapsulation kind;
    enum hm_reply_code code = hm_home_decide_tunnel(peer, request, &kind);
    if (code != HM_CODE_ACCEPTED || request->lifetime_s == 0)
        return code;
    if (!(request->flags & HM_RRQ_T))
        return HM_CODE_HA_REVERSE_MANDATORY;
    if (!request->ext.has_mac && binding == NULL)
        return request->ext.has_pmip_method ? HM_CODE_HA_MALFORMED : HM_CODE_HA_PROHIBITED;
    if (request->ext.has_mac && !hm_node_mac_is_possible(home->env, home->neighbours, &request->ext.mac))
        return HM_CODE_HA_PROHIBITED;
    unsigned max = hm_home_max_simultaneous(home);
    if ((request->flags & HM_RRQ_S) && !request->ext.has_hold && max > 1 && binding != NULL &&
        hm_binding_count(binding) >= max && !hm_binding_has_care_of(binding, request->care_of_addr))
        return HM_CODE_HA_TOO_MANY_BINDINGS;
    return HM_CODE_ACCEPTED;
}

/* A late message of an older handover must not win. The place where the node is may go on renewing and
 * deregistering while the next one is staged. */
static bool is_late(const struct hm_registration_request *request, const struct hm_binding *binding)
{
    const struct hm_extensions *ext = &request->ext;
    if (binding == NULL)
        return false;
    if (ext->has_hold && request->lifetime_s != 0 && hm_binding_is_overtaken(binding, ext->epoch))
        return true;
    return ext->has_handover && hm_binding_is_older(binding, ext->epoch);
}

enum hm_reply_code hm_home_decide(const struct hm_home *home, const struct hm_peer *peer,
                                  const struct hm_registration_request *request,
                                  const struct hm_binding *binding)
{
    enum hm_reply_code code = check_address(home, request);
    if (code == HM_CODE_ACCEPTED)
        code = request->ext.has_pmip_method ? check_proxy(home, peer, request) : check_node(home, request);
    if (code == HM_CODE_ACCEPTED)
        code = check_service(home, peer, request, binding);
    if (code == HM_CODE_ACCEPTED && is_late(request, binding))
        code = HM_CODE_HA_PROHIBITED;
    return code;
}
