/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the way from hypermip.ini's sections to the structs of router and platform.
 *
 * The order is: parse (loader.c), key files (key_file.c), cross checks (check.c), and only for a file
 * without a fault, assembly. So assembly trusts every value and does nothing but put it in its place. */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/file.h"
#include "config/key_file.h"
#include "config/sections.h"
#include "firmware/base/err.h"

static const void *values_of(const struct hm_document *document, const char *section)
{
    return hm_document_next(document, section, NULL)->values;
}

void hm_config_derive_mac(const char *agent, const char *interface, struct hm_mac *mac)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    const char *texts[] = {agent, interface};

    for (unsigned i = 0; i < 2; i++) {
        for (const char *at = texts[i];; at++) { /* with the zero, which keeps the two apart */
            hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
            if (*at == '\0')
                break;
        }
    }
    hash ^= hash >> 40;
    mac->b[0] = 0x02; /* locally administered, unicast */
    for (unsigned i = 1; i < 6; i++)
        mac->b[i] = (uint8_t)(hash >> (8 * (5 - i)));
}

static void assemble_link(const struct hm_section *section, const char *agent, struct hm_config *config)
{
    const struct hm_interface_section *interface = section->values;
    struct hm_link_config *link = &config->router.links[config->router.link_count];
    struct hm_tap_config *tap = &config->platform.taps[config->router.link_count];

    strcpy(link->name, section->name);
    link->role = (enum hm_link_role)interface->role;
    link->addr = interface->address.addr;
    link->prefix = interface->address.prefix;
    link->mac = interface->mac;
    if (hm_mac_is_zero(&link->mac))
        hm_config_derive_mac(agent, section->name, &link->mac);
    link->mtu = (uint16_t)interface->mtu;
    strcpy(tap->device, interface->tap);
    strcpy(tap->bridge, interface->bridge);
    tap->create = interface->create != 0;
    tap->mtu = link->mtu;
    tap->agent_mac = link->mac;
    config->platform.tap_count = ++config->router.link_count;
}

static void assemble_routes(const struct hm_section *section, unsigned link, struct hm_router_config *router)
{
    const struct hm_interface_section *interface = section->values;

    for (unsigned i = 0; i < interface->routes.count; i++) {
        router->routes[router->route_count++] = (struct hm_route_config){
            .prefix = interface->routes.prefixes[i], .gateway = interface->routes.gateways[i], .link = link};
    }
    if (interface->gateway != 0)
        router->routes[router->route_count++] =
            (struct hm_route_config){.gateway = interface->gateway, .link = link};
}

/* The lan is link 0, the others follow in the order of the file. */
static void assemble_links(const struct hm_document *document, const char *agent, struct hm_config *config)
{
    const struct hm_section *lan = hm_check_lan(document);
    const struct hm_section *section = NULL;

    assemble_link(lan, agent, config);
    assemble_routes(lan, 0, &config->router);
    while ((section = hm_document_next(document, "interface", section)) != NULL) {
        if (section == lan)
            continue;
        assemble_link(section, agent, config);
        assemble_routes(section, config->router.link_count - 1, &config->router);
    }
}

static void assemble_agent(const struct hm_agent_section *agent, struct hm_config *config)
{
    struct hm_router_config *router = &config->router;

    strcpy(router->name, agent->name);
    memcpy(router->hosts, agent->hosts.names, sizeof(router->hosts));
    router->host_count = agent->hosts.count;
    router->log_level = (enum hm_log_level)agent->log_level;
    router->max_bindings = agent->max_bindings;
    router->max_visitors = agent->max_visitors;
    router->max_handovers = agent->max_handovers;
    router->max_neighbours = agent->max_neighbours;
    router->icmp_errors_per_s = agent->icmp_errors_per_s;
    router->tunnel_way = agent->tunnel_way;
    strcpy(config->platform.user, agent->user);
    config->platform.log_level = router->log_level;
    if (agent->socket[0] != '\0')
        strcpy(config->platform.socket, agent->socket);
    else
        snprintf(config->platform.socket, HM_PATH_LEN, HM_RUN_DIR "/%s.sock", agent->name);
    if (agent->store[0] == '\0')
        snprintf(config->platform.store, HM_PATH_LEN, HM_STORE_DIR "/%s", agent->name);
    else if (strcmp(agent->store, "none") != 0)
        strcpy(config->platform.store, agent->store);
}

static void assemble_mobility(const struct hm_document *document, struct hm_router_config *router)
{
    const struct hm_home_section *home = values_of(document, "home");
    const struct hm_foreign_section *foreign = values_of(document, "foreign");
    const struct hm_handover_section *handover = values_of(document, "handover");

    hm_check_home(document, &router->home);
    hm_check_home_router(document, &router->home_router);
    router->takeover = (enum hm_takeover_mode)home->takeover;
    router->lifetime_max_s = (uint16_t)home->lifetime_max_s;
    router->max_simultaneous = home->max_simultaneous;
    router->refuses_proxies = home->proxies == 0;
    router->lifetime_s = (uint16_t)foreign->lifetime_s;
    router->staged_lifetime_s = (uint16_t)handover->staged_lifetime_s;
    router->wait_ms = handover->wait_ms;
    router->buffer_len = (size_t)handover->buffer_kib * 1024;
    router->buffers_len = (size_t)handover->buffers_mib * 1024 * 1024;
    router->drain_burst = handover->drain_burst;
    router->drain_per_s = handover->drain_per_s;
    router->marker_wait_ms = handover->marker_wait_ms;
    router->reorder_wait_ms = handover->reorder_wait_ms;
    router->replay_window_ms = handover->replay_window_ms;
}

static void assemble_control(const struct hm_control_section *control, struct hm_config *config)
{
    config->router.control_port = (uint16_t)control->port;
    config->router.control_listen = control->listen != 0;
    config->router.tolerance_s = (uint16_t)control->tolerance_s;
    for (unsigned i = 0; i < control->kernel_address.count; i++) {
        uint16_t port = control->kernel_address.ports[i];

        config->platform.kernel_addrs[config->platform.kernel_addr_count++] = (struct hm_kernel_address){
            .addr = control->kernel_address.addrs[i], .port = port != 0 ? port : (uint16_t)control->port};
    }
}

static void assemble_peer(const struct hm_section *section, struct hm_peer_config *to)
{
    const struct hm_peer_section *peer = section->values;

    strcpy(to->name, section->name);
    to->addr = peer->address;
    to->spi = peer->spi;
    to->tunnel = (enum hm_encapsulation)peer->tunnel;
    to->may_not_proxy = peer->proxies == 0;
    to->algorithm = (enum hm_algorithm)peer->algorithm;
    to->key = peer->key;
    memcpy(to->hosts, peer->hosts.names, sizeof(to->hosts));
    to->host_count = peer->hosts.count;
    memcpy(to->homes, peer->home.prefixes, sizeof(to->homes));
    to->home_count = peer->home.count;
}

static void assemble_association(const struct hm_section *section, struct hm_router_config *router)
{
    const struct hm_association_section *from = section->values;

    for (unsigned i = 0; i < router->peer_count; i++) {
        struct hm_peer_config *peer = &router->peers[i];

        if (strcmp(peer->name, from->peer) == 0)
            peer->more[peer->more_count++] = (struct hm_association_config){
                .spi = from->spi, .algorithm = (enum hm_algorithm)from->algorithm, .key = from->key};
    }
}

static void assemble_mobile(const struct hm_section *section, struct hm_mobile_config *to)
{
    const struct hm_mobile_section *mobile = section->values;

    strcpy(to->name, section->name);
    strcpy(to->nai, mobile->nai[0] != '\0' ? mobile->nai : section->name);
    to->addr = mobile->address;
    to->mac = mobile->mac;
    to->association = (struct hm_association_config){
        .spi = mobile->spi, .algorithm = (enum hm_algorithm)mobile->algorithm, .key = mobile->key};
}

static void assemble_hypervisor(const struct hm_section *section, struct hm_hypervisor_config *to)
{
    const struct hm_hypervisor_section *hypervisor = section->values;

    strcpy(to->name, section->name);
    to->key_id = hypervisor->key_id;
    to->key = hypervisor->key;
    memcpy(to->allow, hypervisor->allow.prefixes, sizeof(to->allow));
    to->allow_count = hypervisor->allow.count;
}

static unsigned count_sections(const struct hm_document *document, const char *name)
{
    const struct hm_section *section = NULL;
    unsigned count = 0;

    while ((section = hm_document_next(document, name, section)) != NULL)
        count++;
    return count;
}

static int assemble_lists(const struct hm_document *document, struct hm_router_config *router)
{
    const struct hm_section *section = NULL;

    router->peers = calloc(count_sections(document, "peer") + 1, sizeof(*router->peers));
    router->hypervisors = calloc(count_sections(document, "hypervisor") + 1, sizeof(*router->hypervisors));
    router->mobiles = calloc(count_sections(document, "mobile") + 1, sizeof(*router->mobiles));
    if (router->peers == NULL || router->hypervisors == NULL || router->mobiles == NULL)
        return HM_ERR_MEMORY;
    while ((section = hm_document_next(document, "peer", section)) != NULL)
        assemble_peer(section, &router->peers[router->peer_count++]);
    while ((section = hm_document_next(document, "hypervisor", section)) != NULL)
        assemble_hypervisor(section, &router->hypervisors[router->hypervisor_count++]);
    while ((section = hm_document_next(document, "mobile", section)) != NULL)
        assemble_mobile(section, &router->mobiles[router->mobile_count++]);
    while ((section = hm_document_next(document, "association", section)) != NULL)
        assemble_association(section, router);
    return 0;
}

static int assemble(const struct hm_document *document, struct hm_config *config)
{
    const struct hm_agent_section *agent = values_of(document, "agent");

    assemble_agent(agent, config);
    assemble_links(document, agent->name, config);
    assemble_mobility(document, &config->router);
    assemble_control(values_of(document, "control"), config);
    return assemble_lists(document, &config->router);
}

static void resolve_keys(const struct hm_document *document, const char *path, enum hm_config_secrets secrets)
{
    static const char *const KINDS[] = {"peer", "association", "mobile", "hypervisor"};

    for (unsigned i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        struct hm_section *section = NULL;

        while ((section = hm_document_next(document, KINDS[i], section)) != NULL)
            hm_key_file_resolve(section, path, secrets, document->faults);
    }
}

int hm_config_parse(const char *path, const char *text, size_t len, enum hm_config_secrets secrets,
                    struct hm_config *config, struct hm_faults *faults)
{
    struct hm_document document;
    int err;

    memset(config, 0, sizeof(*config));
    err = hm_document_parse(&document, &HM_AGENT_FILE, text, len, faults);
    if (err != 0)
        goto free_document;
    resolve_keys(&document, path, secrets);
    hm_check_document(&document);
    err = faults->faults != 0 ? HM_ERR_REFUSED : assemble(&document, config);
    if (err != 0)
        hm_config_fini(config);

free_document:
    hm_document_free(&document);
    return err;
}

/* Secrets that stand in the file itself ask for more care with its mode. */
static void warn_public(const struct hm_file *file, const struct hm_config *config, struct hm_faults *faults)
{
    if (file->is_public &&
        config->router.peer_count + config->router.hypervisor_count + config->router.mobile_count != 0)
        hm_faults_warn(faults, 0, "can be read by everybody, and may hold keys (chmod 600)");
}

int hm_config_load(const char *path, enum hm_config_secrets secrets, struct hm_config *config,
                   struct hm_faults *faults)
{
    struct hm_file file;
    int err;

    hm_faults_init(faults, path);
    memset(config, 0, sizeof(*config));
    err = hm_file_read(path, &file, faults);
    if (err != 0)
        return err;
    err = hm_config_parse(path, file.text, file.len, secrets, config, faults);
    if (err == 0)
        warn_public(&file, config, faults);
    hm_file_fini(&file);
    return err;
}

void hm_config_fini(struct hm_config *config)
{
    struct hm_router_config *router = &config->router;

    if (router->peers != NULL)
        explicit_bzero(router->peers, router->peer_count * sizeof(*router->peers));
    if (router->mobiles != NULL)
        explicit_bzero(router->mobiles, router->mobile_count * sizeof(*router->mobiles));
    if (router->hypervisors != NULL)
        explicit_bzero(router->hypervisors, router->hypervisor_count * sizeof(*router->hypervisors));
    free(router->peers);
    free(router->mobiles);
    free(router->hypervisors);
    memset(config, 0, sizeof(*config));
}
