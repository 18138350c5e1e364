/* SPDX-License-Identifier: BSD-3-Clause */
/* Admit: may a packet with these addresses and options go on at all?
 *
 * Options: source routes lead round every check that is made here, so such packets are dropped, as are
 * options that do not fit their header. Other options are carried as they are. Reverse path (RFC 1812
 * section 5.3.8), in gateway mode: a packet is taken for forwarding only from the side to which its source is
 * routed: from a LAN when the route to its source leads to that LAN, from a WAN when it leads to any WAN (two
 * uplinks need not agree on the way). Mobile nodes are the exception on both sides, and need none here: a
 * visitor is known by its MAC and address before, and what an absent node sends comes out of its tunnel,
 * where its peer is checked. So a source of the home prefix on the WAN is always false, and so is the source
 * of an absent node on its home LAN, but for the node's own MAC: then it is back. */
#include "firmware/link/route.h"
#include "firmware/path/path.h"
#include "firmware/wire/ipv4_options.h"

bool hm_path_admit_options(struct hm_path *path, const struct hm_ipv4 *ip, const struct hm_frame *frame)
{
    char text[HM_IP_TEXT_LEN];
    enum hm_ipv4_options options = hm_ipv4_options_check(frame->data, ip->header_len);
    if (options == HM_IPV4_OPTIONS_FINE)
        return true;
    hm_env_drop(path->env,
                options == HM_IPV4_OPTIONS_SOURCE_ROUTE ? HM_DROP_IP_SOURCE_ROUTE : HM_DROP_IP_OPTIONS,
                "from %s", hm_ip_text(ip->src, text));
    return false;
}

static bool is_martian(const struct hm_path *path, const struct hm_ipv4 *ip)
{
    if (hm_env_is_own_addr(path->env, ip->src) || hm_path_is_link_broadcast(path, ip->src))
        return true;
    if (ip->src == 0) /* a host that asks for its address */
        return ip->dst != UINT32_MAX;
    return !hm_ip_is_host(ip->src) ||
           (!hm_ip_is_host(ip->dst) && !hm_ip_is_multicast(ip->dst) && ip->dst != UINT32_MAX);
}

bool hm_path_admit_addresses(struct hm_path *path, const struct hm_ipv4 *ip)
{
    char src[HM_IP_TEXT_LEN], dst[HM_IP_TEXT_LEN];
    if (!is_martian(path, ip))
        return true;
    hm_env_drop(path->env, HM_DROP_IP_MARTIAN, "source %s, destination %s", hm_ip_text(ip->src, src),
                hm_ip_text(ip->dst, dst));
    return false;
}

static bool is_routed_back(const struct hm_path *path, unsigned link, uint32_t src)
{
    struct hm_route route;
    const struct hm_router_config *config = path->env->config;
    bool is_home = hm_prefix_contains(&config->home, src);
    if (config->links[link].role == HM_LINK_WAN)
        return !is_home && hm_route_find(config, src, &route) &&
               config->links[route.link].role == HM_LINK_WAN;
    if (is_home && link == path->env->home_link)
        return true;
    return hm_route_find(config, src, &route) && route.link == link;
}

bool hm_path_admit_source(struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                          const struct hm_ipv4 *ip)
{
    char text[HM_IP_TEXT_LEN], vm[HM_NAME_LEN];
    const struct hm_router_config *config = path->env->config;
    if (hm_router_config_is_one_armed(config))
        return true;
    const struct hm_binding *sender = hm_binding_lookup(&path->agent->home.bindings, ip->src);
    if (link == path->env->home_link && sender != NULL && hm_binding_is_absent(sender) &&
        !hm_mac_equal(&sender->mac, &ethernet->src)) {
        hm_env_drop(path->env, HM_DROP_HOME_SOURCE, "%s is away", hm_binding_vm(sender, vm));
        return false;
    }
    if (is_routed_back(path, link, ip->src))
        return true;
    hm_env_drop(path->env, HM_DROP_IP_SOURCE, "%s on %s", hm_ip_text(ip->src, text),
                config->links[link].name);
    return false;
}
