/* SPDX-License-Identifier: BSD-3-Clause */
/* The standard topology: three subnets with an agent each, a routed network, a correspondent, a VM.
 *
 * MACs tell what they belong to: 02:00:00:NET:00:HOST, and 52:54:00:00:NET:HOST for VMs. */
#include "platform/sim/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NET_CORRESPONDENT 9u
#define WAN_NET 0xc0000200u /* 192.0.2.0, RFC 5737 */
#define GATE_ON_WAN (WAN_NET + 254)
#define PEER_SPI 300u
#define WARM_UP_US (20u * HM_SIM_MS)
#define SETTLE_US (1u * HM_SIM_S)

static const char *const SITE_NAMES[HM_SIM_SITES] = {"a", "b", "c"};

static struct hm_mac mac_of(unsigned net, unsigned host)
{
    return (struct hm_mac){{0x02, 0, 0, (uint8_t)net, 0, (uint8_t)host}};
}

static uint32_t net_of(const struct hm_sim_world *world, unsigned site)
{
    if (world->options.twin_homes && site == HM_SIM_C)
        site = HM_SIM_A;
    return 0x0a000000u + ((site + 1) << 16);
}

static struct hm_prefix prefix_of(uint32_t net)
{
    return (struct hm_prefix){.addr = net, .len = HM_SIM_PREFIX_LEN};
}

static void make_key(struct hm_key *key, unsigned number)
{
    key->len = 32;
    for (unsigned i = 0; i < key->len; i++)
        key->bytes[i] = (uint8_t)(number * 37 + i * 11 + 1);
}

static struct hm_sim_pcap *capture(struct hm_sim_world *world, const char *name)
{
    char path[512];

    if (world->options.pcap_folder == NULL)
        return NULL;
    snprintf(path, sizeof(path), "%s/%s.pcap", world->options.pcap_folder, name);
    return hm_sim_pcap_create(path);
}

static void add_host(struct hm_sim_world *world, struct hm_sim_host *host, const char *name, uint32_t addr,
                     struct hm_sim_lan *lan)
{
    const struct hm_mac mac = mac_of(addr >> 16 & 0xff, addr & 0xff);

    hm_sim_host_init(host, &world->sim, name, &mac, addr, HM_SIM_PREFIX_LEN, (addr & 0xffffff00u) + 1);
    hm_sim_host_move(host, lan);
}

static void fill_peers(struct hm_sim_world *world, struct hm_sim_site *site, unsigned number)
{
    unsigned count = 0;

    for (unsigned other = 0; other < HM_SIM_SITES; other++) {
        struct hm_peer_config *peer = &site->peers[count];
        unsigned pair = number + other; /* 1, 2, 3: each pair of three sites once */

        if (other == number)
            continue;
        *peer = (struct hm_peer_config){.addr = world->sites[other].agent_peer_addr,
                                        .spi = PEER_SPI + pair,
                                        .algorithm = world->options.algorithm,
                                        .tunnel = world->options.tunnel,
                                        .host_count = 1,
                                        .homes = {prefix_of(world->sites[other].net)},
                                        .home_count = 1};
        make_key(&peer->key, pair);
        snprintf(peer->name, sizeof(peer->name), "%s", SITE_NAMES[other]);
        snprintf(peer->hosts[0], sizeof(peer->hosts[0]), "%s", world->sites[other].host_name);
        count++;
    }
}

static void fill_hypervisors(const struct hm_sim_world *world, struct hm_sim_site *site, unsigned number)
{
    struct hm_hypervisor_config *own = &site->hypervisors[0], *narrow = &site->hypervisors[1];

    *own = (struct hm_hypervisor_config){.key_id = HM_SIM_KEY_ID + number, .allow_count = HM_SIM_SITES};
    snprintf(own->name, sizeof(own->name), "%s", site->host_name);
    make_key(&own->key, 100 + number);
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        own->allow[i] = prefix_of(net_of(world, i));
    *narrow = (struct hm_hypervisor_config){
        .name = "narrow", .key_id = HM_SIM_NARROW_KEY_ID, .allow = {{0xc6336400u, 24}}, .allow_count = 1};
    make_key(&narrow->key, 200);
}

static void fill_mobiles(struct hm_sim_site *site)
{
    static const char *const NAMES[] = {"vm", "vm2"};

    for (unsigned i = 0; i < 2; i++) {
        struct hm_mobile_config *mobile = &site->mobiles[i];
        *mobile = (struct hm_mobile_config){.addr = HM_SIM_VM_ADDR + i};
        snprintf(mobile->name, sizeof(mobile->name), "%s", NAMES[i]);
        snprintf(mobile->nai, sizeof(mobile->nai), "%s", NAMES[i]);
        mobile->association.spi = HM_SIM_MOBILE_SPI + i;
        make_key(&mobile->association.key, 210 + i);
    }
    site->agent.config.mobiles = site->mobiles;
    site->agent.config.mobile_count = 2;
}

static void fill_links(const struct hm_sim_world *world, struct hm_sim_site *site, unsigned number)
{
    struct hm_router_config *config = &site->agent.config;

    config->links[0] = (struct hm_link_config){.name = "lan",
                                               .role = HM_LINK_LAN,
                                               .addr = site->agent_addr,
                                               .prefix = prefix_of(site->net),
                                               .mac = mac_of(number + 1, site->agent_addr & 0xff),
                                               .mtu = 1500};
    config->link_count = 1;
    config->routes[0] = (struct hm_route_config){.gateway = site->net + 1};
    config->route_count = 1;
    if (!world->options.gateways)
        return;
    config->links[1] = (struct hm_link_config){.name = "wan",
                                               .role = HM_LINK_WAN,
                                               .addr = site->agent_peer_addr,
                                               .prefix = prefix_of(WAN_NET),
                                               .mac = mac_of(0, number + 1),
                                               .mtu = 1500};
    config->link_count = 2;
    config->routes[0] = (struct hm_route_config){.gateway = GATE_ON_WAN, .link = 1};
    for (unsigned other = 0; other < HM_SIM_SITES; other++) {
        if (other != number && net_of(world, other) != site->net)
            config->routes[config->route_count++] = (struct hm_route_config){
                .prefix = prefix_of(net_of(world, other)), .gateway = WAN_NET + other + 1, .link = 1};
    }
}

static void fill_config(struct hm_sim_world *world, unsigned number)
{
    const struct hm_sim_world_options *options = &world->options;
    struct hm_sim_site *site = &world->sites[number];
    struct hm_router_config *config = &site->agent.config;

    snprintf(config->name, sizeof(config->name), "%s", site->name);
    snprintf(config->hosts[0], sizeof(config->hosts[0]), "%s", site->host_name);
    config->host_count = 1;
    config->log_level = options->log_to_stderr ? HM_LOG_DEBUG : HM_LOG_INFO;
    fill_links(world, site, number);
    config->home = prefix_of(site->net);
    config->home_router = world->options.gateways ? site->agent_addr : site->net + 1;
    config->takeover = options->takeover;
    config->lifetime_max_s = 1800;
    config->lifetime_s = options->lifetime_s != 0 ? options->lifetime_s : 300;
    config->staged_lifetime_s = options->staged_lifetime_s != 0 ? options->staged_lifetime_s : 60;
    config->wait_ms = 5000;
    config->buffer_len = 1u << 20;
    config->buffers_len = 8u << 20;
    config->drain_burst = 256;
    config->drain_per_s = 20000;
    config->marker_wait_ms = 1000;
    config->reorder_wait_ms = 250;
    config->tolerance_s = 7;
    config->tunnel_way = HM_TUNNEL_WAY_AUTO;
    config->control_port = HM_CONTROL_PORT;
    config->control_listen = true;
    fill_peers(world, site, number);
    config->peers = site->peers;
    config->peer_count = HM_SIM_SITES - 1;
    fill_hypervisors(world, site, number);
    config->hypervisors = site->hypervisors;
    config->hypervisor_count = 2;
    if (options->mobiles && number == HM_SIM_A)
        fill_mobiles(site);
    config->max_bindings = 64;
    config->max_visitors = 64;
    config->max_handovers = 64;
    config->max_neighbours = 128;
}

static void name_site(struct hm_sim_world *world, unsigned number)
{
    struct hm_sim_site *site = &world->sites[number];

    snprintf(site->name, sizeof(site->name), "%s", SITE_NAMES[number]);
    snprintf(site->host_name, sizeof(site->host_name), "hv-%s1", site->name);
    site->net = net_of(world, number);
    site->agent_addr = site->net + (world->options.gateways ? 1 : 2);
    if (world->options.twin_homes && number == HM_SIM_C) /* lwIP is shared: no address twice */
        site->agent_addr = site->net + 3;
    site->agent_peer_addr = world->options.gateways ? WAN_NET + number + 1 : site->agent_addr;
}

static void build_site(struct hm_sim_world *world, unsigned number)
{
    struct hm_sim_site *site = &world->sites[number];

    hm_sim_lan_init(&site->lan, &world->sim, site->name);
    site->lan.pcap = site->pcap = capture(world, site->name);
    hm_sim_agent_init(&site->agent, &world->sim, number);
    site->agent.log_to_stderr = world->options.log_to_stderr;
    site->agent.on_sent = world->options.on_sent;
    if (world->options.stores)
        hm_sim_agent_give_store(&site->agent);
    if (world->options.super_frames)
        hm_sim_agent_take_super_frames(&site->agent, world->options.tunnel_way, world->options.batch_us);
    site->agent.clock_offset_us = world->options.clock_us[number];
    fill_config(world, number);
    hm_sim_port_attach(&site->agent.links[0], &site->lan);
    if (world->options.gateways)
        hm_sim_port_attach(&site->agent.links[1], &world->wan);
    add_host(world, &site->neighbour, "neighbour", site->net + 9, &site->lan);
    add_host(world, &site->machine, site->host_name, site->net + 21, &site->lan);
    hm_sim_hypervisor_init(&site->hypervisor, &site->machine, &site->agent, site->agent_addr,
                           HM_SIM_KEY_ID + number, &site->hypervisors[0].key);
    site->hypervisor.clock_offset_us = world->options.clock_us[number];
}

/* The gate has its interface 0 in LAN "net"; 1.. in the sites' LANs, or 1 in LAN "wan". */
static void build_gate(struct hm_sim_world *world)
{
    struct hm_mac mac = mac_of(NET_CORRESPONDENT, 1);

    hm_sim_gate_init(&world->gate, &world->sim);
    hm_sim_gate_add_iface(&world->gate, "net", &mac, 0x0a090001u, HM_SIM_PREFIX_LEN, &world->net);
    if (world->options.gateways) {
        mac = mac_of(0, 254);
        hm_sim_gate_add_iface(&world->gate, "wan", &mac, GATE_ON_WAN, HM_SIM_PREFIX_LEN, &world->wan);
    }
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        struct hm_prefix prefix = prefix_of(net_of(world, i));

        mac = mac_of(world->options.same_router_mac ? 1 : i + 1, 1);
        if (world->options.twin_homes && i == HM_SIM_C)
            continue;
        if (world->options.gateways)
            hm_sim_gate_add_route(&world->gate, &prefix, WAN_NET + i + 1, 1);
        else
            hm_sim_gate_add_iface(&world->gate, SITE_NAMES[i], &mac, net_of(world, i) + 1, HM_SIM_PREFIX_LEN,
                                  &world->sites[i].lan);
    }
}

void hm_sim_world_add_vm(struct hm_sim_world *world, struct hm_sim_host *vm, const char *name,
                         enum hm_sim_site_number site, uint8_t number)
{
    const struct hm_mac mac = {{0x52, 0x54, 0, 0, (uint8_t)(site + 1), number}};
    uint32_t net = world->sites[site].net;

    hm_sim_host_init(vm, &world->sim, name, &mac, net + number, HM_SIM_PREFIX_LEN, net + 1);
    hm_sim_host_move(vm, &world->sites[site].lan);
    hm_sim_world_ping(world, vm, hm_sim_host_addr(&world->sites[site].neighbour));
    hm_sim_world_ping(world, vm, hm_sim_host_addr(&world->correspondent));
}

struct hm_sim_world *hm_sim_world_create(uint64_t seed, const struct hm_sim_world_options *options)
{
    struct hm_sim_world *world = calloc(1, sizeof(*world));

    if (world == NULL)
        abort();
    hm_sim_init(&world->sim, seed);
    if (options != NULL)
        world->options = *options;
    hm_sim_lan_init(&world->net, &world->sim, "net");
    hm_sim_lan_init(&world->wan, &world->sim, "wan");
    world->net.pcap = world->net_pcap = capture(world, "net");
    if (world->options.gateways)
        world->wan.pcap = world->wan_pcap = capture(world, "wan");
    add_host(world, &world->correspondent, "correspondent", 0x0a090005u, &world->net);
    add_host(world, &world->stranger, "stranger", 0x0a090042u, &world->net);
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        name_site(world, i);
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        build_site(world, i);
    build_gate(world);
    for (unsigned i = 0; i < HM_SIM_SITES; i++)
        hm_sim_agent_start(&world->sites[i].agent);
    hm_sim_run_for(&world->sim, WARM_UP_US);
    hm_sim_world_add_vm(world, &world->vm, "vm", HM_SIM_A, HM_SIM_VM_ADDR & 0xff);
    hm_sim_run_for(&world->sim, HM_SIM_ARP_LOCKTIME_US);
    return world;
}

void hm_sim_world_destroy(struct hm_sim_world *world)
{
    if (world == NULL)
        return;
    for (unsigned i = 0; i < HM_SIM_SITES; i++) {
        hm_sim_agent_fini(&world->sites[i].agent);
        hm_sim_pcap_destroy(world->sites[i].pcap);
    }
    hm_sim_pcap_destroy(world->net_pcap);
    hm_sim_pcap_destroy(world->wan_pcap);
    hm_sim_fini(&world->sim);
    free(world);
}

static bool has_answer(void *ctx)
{
    const struct hm_sim_host *host = ctx;

    return host->pings_answered > 0 && host->last_ping == (uint16_t)host->pings_sent;
}

bool hm_sim_world_ping(struct hm_sim_world *world, struct hm_sim_host *from, uint32_t to)
{
    hm_sim_host_ping(from, to, 56);
    return hm_sim_run_while_not(&world->sim, has_answer, from, HM_SIM_S);
}

struct hm_control_message hm_sim_about(enum hm_control_op op, const struct hm_sim_host *vm)
{
    struct hm_control_message message = {.op = op, .addr_count = vm->iface.addr_count};
    char text[HM_IP_TEXT_LEN];

    snprintf(message.vm, sizeof(message.vm), "%s", hm_ip_text(hm_sim_host_addr(vm), text));
    memcpy(message.addrs, vm->iface.addrs, vm->iface.addr_count * sizeof(message.addrs[0]));
    return message;
}

struct hm_control_message hm_sim_imminent(const struct hm_sim_host *vm, const struct hm_sim_site *to)
{
    struct hm_control_message message = hm_sim_about(HM_OP_IMMINENT, vm);

    snprintf(message.host, sizeof(message.host), "%s", to->host_name);
    return message;
}

void hm_sim_migrate(struct hm_sim_host *const *nics, unsigned count, struct hm_sim_lan *lan,
                    uint64_t pause_us)
{
    assert(count > 0);
    for (unsigned i = 0; i < count; i++)
        hm_sim_host_pause(nics[i]);
    hm_sim_run_for(nics[0]->sim, pause_us);
    for (unsigned i = 0; i < count; i++) {
        hm_sim_host_move(nics[i], lan);
        hm_sim_host_resume(nics[i]);
    }
}

int hm_sim_world_handover(struct hm_sim_world *world, struct hm_sim_host *vm, enum hm_sim_site_number from,
                          enum hm_sim_site_number to, uint64_t pause_us)
{
    const struct hm_control_message request = hm_sim_imminent(vm, &world->sites[to]);
    int code = hm_sim_hypervisor_call(&world->sites[from].hypervisor, &request);

    if (code == HM_CONTROL_OK)
        hm_sim_migrate(&vm, 1, &world->sites[to].lan, pause_us);
    hm_sim_run_for(&world->sim, SETTLE_US);
    return code;
}
