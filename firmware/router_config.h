/* SPDX-License-Identifier: BSD-3-Clause */
/* What a router is told at its start: a plain struct, filled in and checked by config/. */
#ifndef HM_ROUTER_CONFIG_H
#define HM_ROUTER_CONFIG_H

#include "firmware/base/addr.h"
#include "firmware/base/log.h"
#include "firmware/wire/encapsulation.h"

#define HM_NAME_LEN 64 /* with the zero at the end */
#define HM_MAX_LINKS 8
#define HM_MAX_ROUTES 64
#define HM_MAX_PEERS 64
#define HM_MAX_HOSTS 32 /* hypervisor hosts of one agent */
#define HM_MAX_PREFIXES 16
#define HM_MAX_HYPERVISORS 256
#define HM_MAX_KERNEL_ADDRS 8
#define HM_MAX_ASSOCIATIONS 8 /* of one peer, its own among them */
#define HM_MAX_MOBILES 1024
#define HM_MAX_SIMULTANEOUS 3 /* care-of addresses of one node */
#define HM_KEY_MAX_LEN 64
#define HM_KEY_MIN_LEN 16 /* RFC 5944 section 5.1: 128 bits */
#define HM_SPI_MIN 256    /* RFC 5944 section 1.6: 0-255 are reserved */

enum hm_algorithm {
    HM_ALGORITHM_HMAC_SHA256,
    HM_ALGORITHM_HMAC_MD5,
    HM_ALGORITHM_COUNT,
};

enum hm_link_role {
    HM_LINK_LAN, /* the agent's subnet: VMs live and visit here */
    HM_LINK_WAN, /* towards the other agents */
};

enum hm_takeover_mode {
    HM_TAKEOVER_MAC, /* stand in for an absent node with its own MAC */
    HM_TAKEOVER_OWN, /* with the agent's MAC (RFC 5944 section 4.6) */
};

struct hm_key {
    uint8_t bytes[HM_KEY_MAX_LEN]; /* secret: never logged */
    size_t len;                    /* HM_KEY_MIN_LEN.. */
};

struct hm_link_config {
    char name[HM_NAME_LEN];
    enum hm_link_role role;
    uint32_t addr;           /* the agent's address */
    struct hm_prefix prefix; /* on link */
    struct hm_mac mac;       /* the agent's; never zero */
    uint16_t mtu;            /* of IP packets, 576..65535 */
};

struct hm_route_config {
    struct hm_prefix prefix; /* 0.0.0.0/0: the default */
    uint32_t gateway;        /* on link */
    unsigned link;
};

/* A key with its name and use, as both sides know it (RFC 5944 section 3.2). */
struct hm_association_config {
    uint32_t spi;
    enum hm_algorithm algorithm;
    struct hm_key key;
};

struct hm_peer_config {
    char name[HM_NAME_LEN];
    uint32_t addr; /* its care-of and home agent address */
    enum hm_encapsulation
        tunnel;         /* asked for when a node of its home visits, and the most that it is granted */
    bool may_not_proxy; /* RFC 5563 section 8.1: it registers no node of this home */
    uint32_t spi;
    enum hm_algorithm algorithm;
    struct hm_key key; /* registrations; the control channel derives its own from it */
    char hosts[HM_MAX_HOSTS][HM_NAME_LEN];
    unsigned host_count;
    struct hm_prefix homes[HM_MAX_PREFIXES];
    unsigned home_count;
    struct hm_association_config more[HM_MAX_ASSOCIATIONS - 1]; /* accepted beside its own: keys that roll */
    unsigned more_count;
};

/* A node with an association of its own with this home agent. */
struct hm_mobile_config {
    char name[HM_NAME_LEN];
    char nai[HM_NAME_LEN]; /* RFC 2794 */
    uint32_t addr;         /* its home address */
    struct hm_mac mac;     /* zero: learnt */
    struct hm_association_config association;
};

struct hm_hypervisor_config {
    char name[HM_NAME_LEN];
    uint32_t key_id;
    struct hm_key key;
    struct hm_prefix allow[HM_MAX_PREFIXES]; /* what it may move; none: nothing */
    unsigned allow_count;
};

/* How packets go into a UDP tunnel: the best that the platform takes, or one by name. */
enum hm_tunnel_way {
    HM_TUNNEL_WAY_SINGLE, /* each in a datagram of its own, those that TCP super-frames stand for as well */
    HM_TUNNEL_WAY_TRAIN,  /* all in trains, which the kernel takes apart (UDP segmentation offload) */
    HM_TUNNEL_WAY_WHOLE,  /* TCP as super-frames: the kernel cuts them with their outer headers (UDP tunnel
                           * GSO); others in trains */
    HM_TUNNEL_WAY_COUNT,
};
#define HM_TUNNEL_WAY_AUTO HM_TUNNEL_WAY_COUNT

struct hm_router_config {
    char name[HM_NAME_LEN];
    char hosts[HM_MAX_HOSTS][HM_NAME_LEN]; /* hypervisor hosts of this subnet */
    unsigned host_count;
    enum hm_log_level log_level;

    struct hm_link_config links[HM_MAX_LINKS]; /* links[0] has role LAN */
    unsigned link_count;
    struct hm_route_config routes[HM_MAX_ROUTES];
    unsigned route_count;

    struct hm_prefix home; /* VMs that belong here */
    uint32_t home_router;  /* their default router; the agent's own LAN address in gateway mode */
    enum hm_takeover_mode takeover;
    uint16_t lifetime_max_s;   /* granted by the home agent */
    unsigned max_simultaneous; /* care-of addresses of one node, up to HM_MAX_SIMULTANEOUS; 0 counts as 1 */
    bool refuses_proxies;      /* nodes register themselves, or not at all */
    uint16_t lifetime_s;       /* asked for by the foreign agent */
    uint16_t staged_lifetime_s;
    uint32_t wait_ms;     /* how long a notice may take when it does not say */
    size_t buffer_len;    /* bytes that may wait for one VM, */
    size_t buffers_len;   /* and for all together */
    unsigned drain_burst; /* packets that are delivered at once after a landing; then */
    unsigned drain_per_s;
    uint32_t marker_wait_ms;   /* how long an end marker is waited for once the VM has landed */
    uint32_t reorder_wait_ms;  /* and how long a VM's packets by the new way wait for the old way's marker */
    uint32_t replay_window_ms; /* what came within it is delivered once more when the stop is not known
                                  exactly; 0: not */
    uint16_t tolerance_s;      /* of time stamps, RFC 5944 section 5.7.1 */

    unsigned tunnel_way; /* enum hm_tunnel_way, or HM_TUNNEL_WAY_AUTO: the most that may be used */

    uint16_t control_port;
    bool control_listen; /* on the agent's own addresses */

    struct hm_peer_config *peers; /* peer_count; owned by whoever filled this in, outlives the router */
    unsigned peer_count;
    struct hm_mobile_config *mobiles; /* likewise */
    unsigned mobile_count;
    struct hm_hypervisor_config *hypervisors;
    unsigned hypervisor_count;

    unsigned max_bindings;
    unsigned max_visitors;
    unsigned max_handovers;
    unsigned max_neighbours;
    unsigned icmp_errors_per_s; /* fragmentation needed, and as many of the others; 0: 100 */
};

/* One-armed: all on one link; the subnet keeps its own router. */
static inline bool hm_router_config_is_one_armed(const struct hm_router_config *config)
{
    return config->link_count == 1;
}

#endif
