/* SPDX-License-Identifier: BSD-3-Clause */
/* DHCP relay: a visitor's DHCP broadcasts reach its home, and the answers come back (RFC 2131, RFC 5563
 * section 6.3).
 *
 * A renewal is unicast and needs nothing of this. REBINDING and INIT-REBOOT are broadcast, from the visitor's
 * address or from 0.0.0.0, and a server of the foreign LAN would refuse them. The foreign agent puts the
 * whole packet into the reverse tunnel; the home agent sends it on the home LAN in the visitor's place, so
 * that the server (or the relay agent there) sees a client of its own subnet, and needs no option 82 (RFC
 * 3527) nor an address of ours in giaddr. What a server sends to the client's MAC goes the way back, and is
 * delivered to the visitor alone, whatever its destination address is.
 *
 * Both ways the client's hardware address must be that of a binding or visitor of the agent at the tunnel's
 * other end: it is what stands for the address where that is 0.0.0.0 or the broadcast address. */
#include "firmware/link/output.h"
#include "firmware/path/path.h"
#include "firmware/wire/dhcp.h"

#define UDP_HEADER_LEN 8

static bool has_ports(const struct hm_ipv4 *ip, const struct hm_frame *frame, uint16_t src_port,
                      uint16_t dst_port)
{
    struct hm_reader reader;
    if (ip->protocol != HM_IP_PROTO_UDP || hm_ipv4_is_fragment(ip))
        return false;
    hm_reader_init(&reader, frame->data + ip->header_len, ip->total_len - ip->header_len);
    return hm_read_u16(&reader) == src_port && hm_read_u16(&reader) == dst_port && !reader.failed;
}

/* The message in a packet that has_ports; a malformed one is counted. */
static bool read_message(struct hm_path *path, const struct hm_ipv4 *ip, const struct hm_frame *frame,
                         struct hm_dhcp *out)
{
    struct hm_reader reader;
    hm_reader_init(&reader, frame->data + ip->header_len, ip->total_len - ip->header_len);
    hm_read_skip(&reader, UDP_HEADER_LEN);
    if (!reader.failed && hm_dhcp_decode(reader.at, reader.left, out) == HM_OK)
        return true;
    hm_env_drop(path->env, HM_DROP_DHCP_MALFORMED, NULL);
    return false;
}

static bool is_clients(const struct hm_ipv4 *ip, const struct hm_frame *frame)
{
    return has_ports(ip, frame, HM_DHCP_CLIENT_PORT, HM_DHCP_SERVER_PORT);
}

static bool is_servers(const struct hm_ipv4 *ip, const struct hm_frame *frame)
{
    return has_ports(ip, frame, HM_DHCP_SERVER_PORT, HM_DHCP_CLIENT_PORT);
}

static void refuse(struct hm_path *path, const struct hm_dhcp *dhcp, const char *why)
{
    char text[HM_MAC_TEXT_LEN];
    hm_env_drop(path->env, HM_DROP_DHCP_RELAY, "client %s: %s", hm_mac_text(&dhcp->client_mac, text), why);
}

/* --- at the foreign agent ------------------------------------------------------------------------------ */

bool hm_path_dhcp_of_visitor(struct hm_path *path, struct hm_visitor *visitor, const struct hm_ipv4 *ip,
                             struct hm_frame *frame)
{
    struct hm_dhcp dhcp;
    if ((ip->dst != UINT32_MAX && ip->dst != hm_prefix_broadcast(&visitor->node.home_prefix)) ||
        !is_clients(ip, frame))
        return false;
    if (!read_message(path, ip, frame, &dhcp))
        return true;
    if (dhcp.is_reply || !hm_mac_equal(&dhcp.client_mac, &visitor->node.mac)) {
        refuse(path, &dhcp, "not the visitor's own request");
        return true;
    }
    hm_env_count(path->env, HM_COUNT_DHCP_CARRIED);
    hm_path_encapsulate(path, visitor->node.home_agent, visitor, frame);
    return true;
}

/* The visitor of this home agent with the client's MAC; any of its addresses will do. */
static struct hm_visitor *find_client(const struct hm_path *path, uint32_t home_agent,
                                      const struct hm_mac *mac)
{
    const struct hm_visitors *visitors = &path->agent->foreign.visitors;
    struct hm_visitor *visitor = hm_visitor_of_mac(visitors, mac, NULL);
    for (; visitor != NULL; visitor = hm_visitor_of_mac(visitors, mac, visitor))
        if (visitor->node.home_agent == home_agent && visitor->state == HM_VISITOR_PRESENT)
            return visitor;
    return NULL;
}

static void deliver(struct hm_path *path, uint32_t home_agent, const struct hm_ipv4 *ip,
                    struct hm_frame *frame)
{
    struct hm_dhcp dhcp;
    if (!read_message(path, ip, frame, &dhcp))
        return;
    struct hm_visitor *visitor = find_client(path, home_agent, &dhcp.client_mac);
    if (visitor == NULL || !dhcp.is_reply) {
        refuse(path, &dhcp, "no visitor of the agent that sent it");
        return;
    }
    hm_env_count(path->env, HM_COUNT_DHCP_CARRIED);
    hm_path_deliver(path, visitor, false, frame);
}

/* --- at the home agent --------------------------------------------------------------------------------- */

/* The binding that a request out of a tunnel is for: by its address, or, without one, by the client's MAC. */
static const struct hm_binding *find_sender(const struct hm_path *path, uint32_t care_of_addr, uint32_t src,
                                            const struct hm_mac *mac)
{
    const struct hm_bindings *bindings = &path->agent->home.bindings;
    const struct hm_binding *binding = hm_binding_of_mac(bindings, mac, NULL);
    for (; binding != NULL; binding = hm_binding_of_mac(bindings, mac, binding))
        if (hm_binding_is_absent(binding) && hm_binding_is_at(binding, care_of_addr) &&
            (src == 0 || src == binding->home_addr))
            return binding;
    return NULL;
}

/* Sends the request on the home LAN, as the client would. A takeover that is paused means that the client's
 * MAC was seen there: it must not be taken away again. */
static void send_at_home(struct hm_path *path, const struct hm_binding *binding, struct hm_frame *frame)
{
    unsigned link = path->env->home_link;
    const struct hm_mac *mac =
        !binding->takeover.paused ? hm_takeover_mac(&binding->takeover) : &path->env->config->links[link].mac;
    hm_env_count(path->env, HM_COUNT_DHCP_CARRIED);
    hm_output_ethernet(path->env, link, &HM_MAC_BROADCAST, mac, frame);
}

static void send_request(struct hm_path *path, uint32_t care_of_addr, const struct hm_ipv4 *ip,
                         struct hm_frame *frame)
{
    struct hm_dhcp dhcp;
    if (!read_message(path, ip, frame, &dhcp))
        return;
    const struct hm_binding *binding = find_sender(path, care_of_addr, ip->src, &dhcp.client_mac);
    if (binding == NULL || dhcp.is_reply || frame->len > path->env->config->links[path->env->home_link].mtu)
        refuse(path, &dhcp, "no node of ours at the agent that sent it");
    else
        send_at_home(path, binding, frame);
}

static const struct hm_binding *absent_client(const struct hm_path *path, const struct hm_mac *mac)
{
    const struct hm_bindings *bindings = &path->agent->home.bindings;
    const struct hm_binding *binding = hm_binding_of_mac(bindings, mac, NULL);
    while (binding != NULL && !hm_binding_is_absent(binding))
        binding = hm_binding_of_mac(bindings, mac, binding);
    return binding;
}

bool hm_path_dhcp_of_server(struct hm_path *path, unsigned link, const struct hm_ethernet *ethernet,
                            const struct hm_ipv4 *ip, struct hm_frame *frame)
{
    struct hm_dhcp dhcp;
    if (link != path->env->home_link || path->agent->home.bindings.by_mac.count == 0 ||
        !is_servers(ip, frame))
        return false;
    if (!read_message(path, ip, frame, &dhcp))
        return true;
    const struct hm_binding *binding = absent_client(path, &dhcp.client_mac);
    if (binding == NULL || !dhcp.is_reply ||
        (!hm_mac_is_group(&ethernet->dst) && !hm_mac_equal(&ethernet->dst, &binding->mac)))
        return false;
    hm_env_count(path->env, HM_COUNT_DHCP_CARRIED);
    hm_path_encapsulate(path, binding->care_of_addr, NULL, frame);
    return true;
}

/* --- out of the tunnel --------------------------------------------------------------------------------- */

bool hm_path_dhcp_of_tunnel(struct hm_path *path, uint32_t remote_addr, const struct hm_ipv4 *ip,
                            struct hm_frame *frame)
{
    bool is_broadcast =
        ip->dst == UINT32_MAX || ip->dst == hm_prefix_broadcast(&path->env->config->home) || ip->src == 0;
    if (is_broadcast && is_clients(ip, frame)) {
        send_request(path, remote_addr, ip, frame);
        return true;
    }
    if (is_servers(ip, frame) &&
        hm_visitor_by_home(&path->agent->foreign.visitors, remote_addr, ip->dst) == NULL &&
        hm_security_peer_by_addr(&path->agent->security, remote_addr) != NULL) {
        deliver(path, remote_addr, ip, frame);
        return true;
    }
    return false;
}
