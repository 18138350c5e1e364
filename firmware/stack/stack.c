/* SPDX-License-Identifier: BSD-3-Clause */
/* The IP stack: lwIP, for what is addressed to the agent itself.
 *
 * In: path/ hands a packet to hm_stack_input, lwIP's ip4_input takes a copy; datagrams come back through
 * on_datagram, reassembled tunnel packets through on_tunnel. Out: lwIP calls output_packet, which looks the
 * next hop up in the router's routes and leaves by link/neighbour. lwIP bounds the memory of reassembly (the
 * oldest makes room) but tells nobody what it dropped, there or elsewhere, and answers without limit: both
 * are mended here. `at_work` is the stack that is inside lwIP now: the routing hook has no other way to know
 * whose packet it is asked about. */
#include "firmware/stack/stack.h"

#include <stdlib.h>

#include "firmware/link/route.h"
#include "firmware/stack/hooks.h"
#include "firmware/wire/icmp.h"

#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/ip4_frag.h"
#include "lwip/raw.h"
#include "lwip/stats.h"
#include "lwip/sys.h"
#include "lwip/udp.h"

#define MAX_PORTS 2
#define TUNNEL_PROTOCOLS 2 /* beside UDP */
#define MAX_DATAGRAM_LEN 2048
#define MAX_PACKET_LEN 65535

struct stack_socket {
    struct hm_stack *stack;
    struct udp_pcb *pcb;
    unsigned link;
    uint16_t port;
};

struct hm_stack {
    struct hm_env *env;
    struct hm_neighbours *neighbours;
    struct hm_stack_handlers handlers;
    struct hm_stack_path path;
    struct netif netifs[HM_MAX_LINKS];
    unsigned netif_count;
    struct stack_socket sockets[HM_MAX_LINKS * MAX_PORTS];
    unsigned socket_count;
    struct raw_pcb *tunnels[HM_MAX_LINKS][TUNNEL_PROTOCOLS];
    struct hm_timer reassembly;
    enum hm_carriage sent; /* how what is being sent goes */
    enum hm_carriage come; /* how what is being received came */
    bool bypass;           /* what is being sent goes straight out */
    uint8_t *scratch;      /* one whole packet with headroom, on its way out of lwIP */
    uint8_t *reassembled;  /* the same, on its way out of reassembly */
};

static struct hm_stack *at_work;
static struct hm_stack *reassembly_owner; /* lwIP's reassembly clock is global: one stack turns it */

/* Only for the statistics of interfaces, which nobody reads. */
u32_t sys_now(void)
{
    return at_work == NULL ? 0 : (u32_t)hm_env_ms(at_work->env);
}

struct netif *hm_stack_hook_route(const ip4_addr_t *src, const ip4_addr_t *dest)
{
    (void)src;
    struct hm_route route;
    if (at_work == NULL || !hm_route_find(at_work->env->config, lwip_ntohl(ip4_addr_get_u32(dest)), &route))
        return NULL;
    return &at_work->netifs[route.link];
}

int hm_stack_hook_input(struct pbuf *p, struct netif *input)
{
    const struct hm_stack *stack = input->state;
    struct netif *netif;
    ip4_addr_t dest;
    if (p->len < IP_HLEN)
        return 0;
    ip4_addr_copy(dest, ((const struct ip_hdr *)p->payload)->dest);
    NETIF_FOREACH(netif)
    {
        if (netif->state != stack && ip4_addr_eq(&dest, netif_ip4_addr(netif))) {
            pbuf_free(p);
            return 1;
        }
    }
    return 0;
}

/* What lwIP has thrown away since the start of the process. */
struct losses {
    uint32_t reassembly; /* fragments, and packets given up */
    uint32_t malformed;
    uint32_t unwanted;
};

static struct losses counted; /* what of it somebody has been told */

static struct losses all_losses(void)
{
    const struct stats_ *all = &lwip_stats;
    return (struct losses){.reassembly = all->ip_frag.drop + all->mib2.ipreasmfails,
                           .malformed = all->udp.chkerr + all->udp.lenerr + all->icmp.chkerr +
                                        all->icmp.lenerr + all->ip.lenerr,
                           .unwanted = all->udp.proterr + all->ip.proterr + all->icmp.proterr +
                                       all->icmp.err + all->mib2.ipinaddrerrors};
}

static void count_each(struct hm_stack *stack, enum hm_drop reason, uint32_t count)
{
    for (; count > 0; count--)
        hm_env_drop(stack->env, reason, NULL);
}

/* A packet out of a tunnel may enter the stack from within it: the inner call counts, the outer one the rest.
 */
static void count_losses(struct hm_stack *stack)
{
    const struct losses before = counted;
    counted = all_losses();
    count_each(stack, HM_DROP_IP_REASSEMBLY, counted.reassembly - before.reassembly);
    count_each(stack, HM_DROP_STACK_MALFORMED, counted.malformed - before.malformed);
    count_each(stack, HM_DROP_STACK_UNWANTED, counted.unwanted - before.unwanted);
}

/* lwIP's own ICMP errors come under the same limit as the packet path's. */
static bool may_leave(struct hm_stack *stack, const struct hm_frame *frame)
{
    struct hm_ipv4 ip;
    if (hm_ipv4_decode(frame->data, frame->len, &ip) != HM_OK || ip.protocol != HM_IP_PROTO_ICMP ||
        ip.total_len == ip.header_len || (ip.fragment & HM_IPV4_OFFSET) != 0 ||
        !hm_icmp_is_error(frame->data[ip.header_len]))
        return true;
    if (!hm_env_icmp_allowed(stack->env, HM_ICMP_BUDGET_OTHER))
        return false;
    hm_env_count(stack->env, HM_COUNT_ICMP_OTHER);
    return true;
}

static err_t output_packet(struct netif *netif, struct pbuf *p, const ip4_addr_t *dest)
{
    struct hm_stack *stack = netif->state;
    struct hm_frame frame;
    struct hm_route route;
    if (stack != at_work) /* lwIP fell back to another router's interface */
        return ERR_RTE;
    uint32_t addr = lwip_ntohl(ip4_addr_get_u32(dest));
    if (hm_ip_is_multicast(addr) || ip4_addr_isbroadcast(dest, netif))
        route = (struct hm_route){.link = (unsigned)(netif - stack->netifs), .next_hop = addr};
    else if (!hm_route_find(stack->env->config, addr, &route))
        return ERR_RTE;
    hm_frame_init(&frame, stack->scratch, HM_FRAME_HEADROOM + MAX_PACKET_LEN, p->tot_len);
    pbuf_copy_partial(p, frame.data, p->tot_len, 0);
    if (!may_leave(stack, &frame))
        return ERR_OK;
    if (stack->sent != HM_CARRIAGE_BARE)
        stack->path.tunnel_output(stack->path.arg, addr, stack->sent, &frame);
    else if (stack->bypass || !stack->path.output(stack->path.arg, addr, &frame))
        hm_neighbour_send(stack->neighbours, route.link, route.next_hop, &frame);
    return ERR_OK;
}

static err_t init_netif(struct netif *netif)
{
    const struct hm_stack *stack = netif->state;
    netif->name[0] = 'h';
    netif->name[1] = 'm';
    netif->output = output_packet;
    netif->mtu = stack->env->config->links[netif - stack->netifs].mtu;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

/* A tunnelled packet that came in fragments is whole; p begins with its outer header, and is freed. */
static void hand_tunnelled(struct hm_stack *stack, struct pbuf *p)
{
    struct netif *input = ip_current_input_netif();
    struct hm_frame frame;
    hm_frame_init(&frame, stack->reassembled, HM_FRAME_HEADROOM + MAX_PACKET_LEN, p->tot_len);
    pbuf_copy_partial(p, frame.data, p->tot_len, 0);
    pbuf_free(p);
    stack->path.tunnel(stack->path.arg, (unsigned)(input - stack->netifs), &frame);
}

/* Is it one by UDP? Then p begins with its outer header. */
static bool is_tunnelled(const struct stack_socket *socket, struct pbuf *p, u16_t port)
{
    u16_t udp_at = IPH_HL_BYTES(ip4_current_header()), headers_len = (u16_t)(udp_at + UDP_HLEN);
    if (socket->port != HM_TUNNEL_PORT || port != HM_TUNNEL_PORT || pbuf_add_header(p, headers_len) != 0)
        return false;
    if (hm_encapsulation_is_one(HM_IP_PROTO_UDP, (const uint8_t *)p->payload + udp_at,
                                (size_t)p->len - udp_at))
        return true;
    pbuf_remove_header(p, headers_len);
    return false;
}

static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
    (void)pcb;
    const struct stack_socket *socket = arg;
    struct hm_stack *stack = socket->stack;
    uint8_t bytes[MAX_DATAGRAM_LEN];
    if (stack != at_work) { /* a broadcast that came in to another router */
        pbuf_free(p);
        return;
    }
    struct hm_datagram datagram = {.local_addr = stack->env->config->links[socket->link].addr,
                                   .local_port = socket->port,
                                   .remote_addr = lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(from))),
                                   .remote_port = port,
                                   .carriage = stack->come,
                                   .bytes = bytes,
                                   .len = p->tot_len};
    datagram.is_broadcast = lwip_ntohl(ip4_addr_get_u32(ip4_current_dest_addr())) != datagram.local_addr;
    if (!datagram.is_broadcast && is_tunnelled(socket, p, port)) {
        hand_tunnelled(stack, p);
        return;
    }
    if (p->tot_len <= sizeof(bytes)) {
        pbuf_copy_partial(p, bytes, p->tot_len, 0);
        pbuf_free(p);
        stack->handlers.datagram(stack->handlers.arg, &datagram);
        return;
    }
    hm_env_drop(stack->env, HM_DROP_STACK_FULL, "datagram of %u bytes to port %u", p->tot_len, socket->port);
    pbuf_free(p);
}

static u8_t on_tunnel(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
    (void)pcb;
    (void)from;
    struct hm_stack *stack = arg;
    struct netif *input = ip_current_input_netif();
    if (input->state != stack)
        return 0;
    hand_tunnelled(stack, p);
    return 1;
}

static void on_reassembly(void *arg)
{
    struct hm_stack *stack = arg;
    if (reassembly_owner == NULL)
        reassembly_owner = stack;
    if (reassembly_owner == stack) {
        counted = all_losses();
        at_work = stack;
        ip_reass_tmr();
        at_work = NULL;
        count_losses(stack);
    }
    hm_timer_arm(&stack->env->wheel, &stack->reassembly, IP_TMR_INTERVAL);
}

static int open_socket(struct hm_stack *stack, unsigned link, uint16_t port)
{
    struct stack_socket *socket = &stack->sockets[stack->socket_count];
    *socket = (struct stack_socket){.stack = stack, .pcb = udp_new(), .link = link, .port = port};
    if (socket->pcb == NULL)
        return HM_ERR_MEMORY;
    stack->socket_count++;
    if (udp_bind(socket->pcb, netif_ip_addr4(&stack->netifs[link]), port) != ERR_OK)
        return HM_ERR_EXISTS;
    udp_recv(socket->pcb, on_datagram, socket);
    return HM_OK;
}

static int open_link(struct hm_stack *stack, unsigned link, const uint16_t *ports, unsigned port_count)
{
    const struct hm_link_config *config = &stack->env->config->links[link];
    ip4_addr_t addr, mask, gateway = {0};
    ip4_addr_set_u32(&addr, lwip_htonl(config->addr));
    ip4_addr_set_u32(&mask, lwip_htonl(hm_prefix_mask(config->prefix.len)));
    if (netif_add(&stack->netifs[link], &addr, &mask, &gateway, stack, init_netif, ip4_input) == NULL)
        return HM_ERR_MEMORY;
    stack->netif_count++;
    netif_set_up(&stack->netifs[link]);
    for (unsigned i = 0; i < TUNNEL_PROTOCOLS; i++) {
        struct raw_pcb *pcb = raw_new(i == 0 ? HM_IP_PROTO_IPIP : HM_IP_PROTO_GRE);
        if (pcb == NULL)
            return HM_ERR_MEMORY;
        stack->tunnels[link][i] = pcb;
        raw_bind(pcb, netif_ip_addr4(&stack->netifs[link]));
        raw_recv(pcb, on_tunnel, stack);
    }
    for (unsigned i = 0; i < port_count; i++) {
        int err = open_socket(stack, link, ports[i]);
        if (err != HM_OK)
            return err;
    }
    return HM_OK;
}

int hm_stack_create(struct hm_env *env, struct hm_neighbours *neighbours, const uint16_t *ports,
                    unsigned port_count, const struct hm_stack_handlers *handlers,
                    const struct hm_stack_path *path, struct hm_stack **out)
{
    static bool initialised;
    if (!initialised)
        lwip_init();
    initialised = true;
    assert(port_count <= MAX_PORTS);
    struct hm_stack *stack = calloc(1, sizeof(*stack));
    if (stack == NULL)
        return HM_ERR_MEMORY;
    stack->env = env;
    stack->neighbours = neighbours;
    stack->handlers = *handlers;
    stack->path = *path;
    stack->scratch = malloc(HM_FRAME_HEADROOM + MAX_PACKET_LEN);
    hm_timer_init(&stack->reassembly, on_reassembly, stack);
    stack->reassembled = malloc(HM_FRAME_HEADROOM + MAX_PACKET_LEN);
    int err = stack->scratch == NULL || stack->reassembled == NULL ? HM_ERR_MEMORY : HM_OK;
    for (unsigned i = 0; err == HM_OK && i < env->config->link_count; i++)
        err = open_link(stack, i, ports, port_count);
    if (err != HM_OK) {
        hm_stack_destroy(stack);
        return err;
    }
    hm_timer_arm(&env->wheel, &stack->reassembly, IP_TMR_INTERVAL);
    *out = stack;
    return HM_OK;
}

void hm_stack_destroy(struct hm_stack *stack)
{
    if (stack == NULL)
        return;
    hm_timer_cancel(&stack->env->wheel, &stack->reassembly);
    if (reassembly_owner == stack)
        reassembly_owner = NULL;
    for (unsigned i = 0; i < stack->socket_count; i++)
        udp_remove(stack->sockets[i].pcb);
    for (unsigned i = 0; i < stack->netif_count; i++) {
        for (unsigned k = 0; k < TUNNEL_PROTOCOLS; k++)
            if (stack->tunnels[i][k] != NULL)
                raw_remove(stack->tunnels[i][k]);
        netif_remove(&stack->netifs[i]);
    }
    free(stack->scratch);
    free(stack->reassembled);
    free(stack);
}

void hm_stack_input(struct hm_stack *stack, unsigned link, enum hm_carriage carriage,
                    const struct hm_frame *frame)
{
    struct pbuf *p =
        frame->len <= MAX_PACKET_LEN ? pbuf_alloc(PBUF_LINK, (u16_t)frame->len, PBUF_POOL) : NULL;
    if (p == NULL) {
        hm_env_drop(stack->env, HM_DROP_STACK_FULL, NULL);
        return;
    }
    pbuf_take(p, frame->data, (u16_t)frame->len);
    struct hm_stack *before = at_work;
    if (before == NULL)
        counted = all_losses();
    enum hm_carriage outer = stack->come; /* of the packet in which this one was */
    at_work = stack;
    stack->come = carriage;
    ip4_input(p, &stack->netifs[link]);
    stack->come = outer;
    at_work = before;
    count_losses(stack);
}

static struct udp_pcb *find_pcb(struct hm_stack *stack, uint32_t addr, uint16_t port)
{
    for (unsigned i = 0; i < stack->socket_count; i++) {
        const struct stack_socket *socket = &stack->sockets[i];
        if (socket->port == port && stack->env->config->links[socket->link].addr == addr)
            return socket->pcb;
    }
    return NULL;
}

int hm_stack_send(struct hm_stack *stack, const struct hm_datagram *datagram)
{
    struct hm_route route;
    struct udp_pcb *pcb = find_pcb(stack, datagram->local_addr, datagram->local_port);
    assert(pcb != NULL);
    if (!hm_route_find(stack->env->config, datagram->remote_addr, &route))
        return HM_ERR_NO_ROUTE;
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)datagram->len, PBUF_RAM);
    if (p == NULL)
        return HM_ERR_FULL;
    pbuf_take(p, datagram->bytes, (u16_t)datagram->len);
    ip_addr_t dst;
    ip_addr_set_ip4_u32(&dst, lwip_htonl(datagram->remote_addr));
    struct hm_stack *before = at_work;
    at_work = stack;
    stack->bypass = datagram->bypass;
    enum hm_carriage sent = stack->sent;
    stack->sent = datagram->carriage;
    err_t err =
        udp_sendto_if_src(pcb, p, &dst, datagram->remote_port, &stack->netifs[route.link], &pcb->local_ip);
    stack->bypass = false;
    stack->sent = sent;
    at_work = before;
    pbuf_free(p);
    return err == ERR_OK ? HM_OK : HM_ERR_NO_ROUTE;
}
