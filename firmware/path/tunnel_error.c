/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP errors from inside a tunnel (RFC 2003 section 4): believed, remembered, and told to the inner sender.
 *
 * Such an error is addressed to the agent and quotes an outer header. It is believed only when that header is
 * one that we send: our address, a tunnel in use, not longer than what we have sent there, and, when the
 * inner header is quoted as well, a node that has this tunnel. Longer may be that of several packets which
 * went as one, when a router of this host sees them before they are taken apart: then the longest of all
 * counts that went there. "Fragmentation needed" lowers the tunnel's MTU
 * even when the quote is too short to know the inner sender, who is then told at its next large packet. What
 * is told onwards speaks of the inner packet as if the tunnel were one link. A next hop that does not answer
 * ARP is the same to the inner sender as a router that says so. */
#include "firmware/base/reader.h"
#include "firmware/path/path.h"
#include "firmware/wire/icmp.h"

#define TOS_AT 1
#define QUOTE_MIN_LEN 12 /* of a UDP data message's headers; routers quote 8 bytes at least */

struct tunnel_quote {
    struct hm_ipv4 outer, inner;
    struct hm_encapsulated wrapping; /* what stands between them */
    struct hm_frame inner_bytes;     /* len 0: the inner header is not quoted */
    struct hm_visitor *sender;       /* who sent the inner packet; NULL when it came from elsewhere */
    bool is_of_several;
};

static bool is_nodes_tunnel(struct hm_path *path, struct tunnel_quote *quote)
{
    const struct hm_agent *agent = path->agent;
    const struct hm_binding *binding = hm_binding_lookup(&agent->home.bindings, quote->inner.dst);
    quote->sender = hm_visitor_by_home(&agent->foreign.visitors, quote->outer.dst, quote->inner.src);
    if (quote->sender != NULL)
        return quote->sender->state == HM_VISITOR_PRESENT;
    return binding != NULL && hm_binding_has_care_of(binding, quote->outer.dst);
}

/* Finds the inner packet in what follows quote->outer; false: it is none that we sent. */
static bool read_inner(struct hm_path *path, uint8_t *bytes, size_t len, struct tunnel_quote *quote)
{
    if (hm_encapsulation_decode(quote->outer.protocol, bytes, len, &quote->wrapping) != HM_OK)
        return len < QUOTE_MIN_LEN; /* cut off: RFC 792 wants no more */
    bytes += quote->wrapping.header_len;
    len -= quote->wrapping.header_len;
    if (len < HM_IPV4_LEN)
        return true;
    if (hm_ipv4_decode_quote(bytes, len, &quote->inner) != HM_OK)
        return len < HM_IPV4_HEADER_MAX_LEN && bytes[0] >> 4 == 4; /* options cut off */
    size_t wrapped_len = quote->inner.total_len + HM_IPV4_LEN + quote->wrapping.header_len;
    if (quote->is_of_several ? wrapped_len > quote->outer.total_len
                             : !hm_ipv4_is_fragment(&quote->outer) && wrapped_len != quote->outer.total_len)
        return false;
    quote->inner_bytes = (struct hm_frame){.memory = bytes, .cap = len, .data = bytes, .len = len};
    return is_nodes_tunnel(path, quote);
}

static void relay(struct hm_path *path, const struct tunnel_quote *quote, struct hm_icmp_error error)
{
    if (quote->inner_bytes.len > 0 && !hm_env_is_own_addr(path->env, quote->inner.src))
        hm_path_icmp_error_as(path, quote->sender, &error, &quote->inner_bytes);
}

static void on_unreachable(struct hm_path *path, uint8_t code, const struct tunnel_quote *quote)
{
    bool is_near = hm_prefix_contains(&path->env->config->home, quote->inner.dst);
    struct hm_icmp_error error = {.type = HM_ICMP_UNREACHABLE, .code = HM_ICMP_HOST_UNREACHABLE};
    if (code > 2) /* port, source route and the rest say nothing about the inner packet */
        return;
    if (code != HM_ICMP_HOST_UNREACHABLE && !is_near)
        error.code = HM_ICMP_NET_UNREACHABLE;
    relay(path, quote, error);
}

static bool on_too_big(struct hm_path *path, struct hm_tunnel_state *state, uint16_t told_mtu,
                       const struct tunnel_quote *quote)
{
    struct hm_icmp_error error = {.type = HM_ICMP_UNREACHABLE, .code = HM_ICMP_FRAGMENTATION_NEEDED};
    uint16_t sent_len = quote->is_of_several ? state->largest_len : quote->outer.total_len;
    if ((quote->outer.fragment & HM_IPV4_DF) == 0 || hm_ipv4_is_fragment(&quote->outer) ||
        !hm_tunnel_state_lower(&path->tunnels, state, told_mtu, sent_len))
        return false;
    error.next_hop_mtu = hm_tunnel_state_room(&path->tunnels, state);
    relay(path, quote, error);
    return true;
}

/* False: it is about nothing that we sent. */
static bool take_error(struct hm_path *path, const uint8_t *icmp, struct hm_tunnel_state *state,
                       const struct tunnel_quote *quote)
{
    struct hm_icmp_error error = {.type = HM_ICMP_UNREACHABLE, .code = HM_ICMP_HOST_UNREACHABLE};
    uint16_t told_mtu = (uint16_t)(icmp[6] << 8 | icmp[7]);
    if (icmp[0] == HM_ICMP_UNREACHABLE && icmp[1] == HM_ICMP_FRAGMENTATION_NEEDED)
        return on_too_big(path, state, told_mtu, quote);
    if (icmp[0] == HM_ICMP_UNREACHABLE)
        on_unreachable(path, icmp[1], quote);
    else if (icmp[0] == HM_ICMP_TIME_EXCEEDED)
        relay(path, quote, error);
    else if (icmp[0] == HM_ICMP_PARAMETER_PROBLEM &&
             icmp[4] == TOS_AT) /* the one field that is the inner's */
        relay(path, quote, (struct hm_icmp_error){.type = HM_ICMP_PARAMETER_PROBLEM, .pointer = TOS_AT});
    return true;
}

static bool is_ours(const struct hm_path *path, const struct hm_tunnel_state *state,
                    struct tunnel_quote *quote)
{
    const struct hm_ipv4 *outer = &quote->outer;
    if (state == NULL || outer->src != path->env->agent_addr || outer->header_len != HM_IPV4_LEN ||
        (outer->fragment & HM_IPV4_OFFSET) != 0)
        return false;
    quote->is_of_several = outer->total_len > state->largest_len;
    return !quote->is_of_several ||
           (outer->protocol == HM_IP_PROTO_UDP && path->env->tunnel_way != HM_TUNNEL_WAY_SINGLE);
}

/* Is it about a tunnelled packet? Of UDP the quote may not reach to the message's type: then whatever agents
 * send each other from port to port counts as one. Registration messages are short, and have no DF. */
static bool is_tunnel(uint8_t protocol, const uint8_t *bytes, size_t len)
{
    struct hm_reader reader;
    if (protocol != HM_IP_PROTO_UDP || len >= QUOTE_MIN_LEN)
        return hm_encapsulation_is_one(protocol, bytes, len);
    hm_reader_init(&reader, bytes, len);
    return hm_read_u16(&reader) == HM_TUNNEL_PORT && hm_read_u16(&reader) == HM_TUNNEL_PORT && !reader.failed;
}

static void forged(struct hm_path *path, const struct hm_ipv4 *ip)
{
    char text[HM_IP_TEXT_LEN];
    hm_env_drop(path->env, HM_DROP_ICMP_FORGED, "by %s", hm_ip_text(ip->src, text));
}

bool hm_path_tunnel_error(struct hm_path *path, const struct hm_ipv4 *ip, struct hm_frame *frame)
{
    struct tunnel_quote quote = {.sender = NULL};
    uint8_t *icmp = frame->data + ip->header_len;
    size_t len = frame->len - ip->header_len;
    if (len == 0 || !hm_icmp_is_error(icmp[0]))
        return false;
    if (len < HM_ICMP_LEN + HM_IPV4_LEN || hm_checksum_add(0, icmp, len) != 0xffff ||
        hm_ipv4_decode_quote(icmp + HM_ICMP_LEN, len - HM_ICMP_LEN, &quote.outer) != HM_OK ||
        !hm_env_is_own_addr(path->env, quote.outer.src)) {
        forged(path, ip);
        return true;
    }
    if (!is_tunnel(quote.outer.protocol, icmp + HM_ICMP_LEN + HM_IPV4_LEN, len - HM_ICMP_LEN - HM_IPV4_LEN))
        return false;
    struct hm_tunnel_state *state = hm_tunnel_state_find(&path->tunnels, quote.outer.dst);
    size_t inner_at = HM_ICMP_LEN + HM_IPV4_LEN;
    if (is_ours(path, state, &quote) && read_inner(path, icmp + inner_at, len - inner_at, &quote) &&
        take_error(path, icmp, state, &quote))
        hm_env_count(path->env, HM_COUNT_TUNNEL_ERRORS);
    else
        forged(path, ip);
    return true;
}

void hm_path_silent(void *arg, struct hm_frame *frame)
{
    struct hm_path *path = arg;
    struct tunnel_quote quote = {.sender = NULL};
    struct hm_icmp_error error = {.type = HM_ICMP_UNREACHABLE, .code = HM_ICMP_HOST_UNREACHABLE};
    if (hm_ipv4_decode(frame->data, frame->len, &quote.outer) != HM_OK)
        return;
    if (!hm_env_is_own_addr(path->env, quote.outer.src))
        hm_path_icmp_error_as(path, NULL, &error, frame);
    else if (is_tunnel(quote.outer.protocol, frame->data + HM_IPV4_LEN, frame->len - HM_IPV4_LEN) &&
             read_inner(path, frame->data + HM_IPV4_LEN, frame->len - HM_IPV4_LEN, &quote))
        relay(path, &quote, error);
}
