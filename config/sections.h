/* SPDX-License-Identifier: BSD-3-Clause */
/* The values of each section as the file gives them, before they are put together for the router. */
#ifndef HM_CONFIG_SECTIONS_H
#define HM_CONFIG_SECTIONS_H

#include "config/platform_config.h"
#include "firmware/router_config.h"

/* Lists remember the line of each item, for faults that concern one item. */
struct hm_names {
    char names[HM_MAX_HOSTS][HM_NAME_LEN];
    unsigned lines[HM_MAX_HOSTS];
    unsigned count;
};

struct hm_prefixes {
    struct hm_prefix prefixes[HM_MAX_PREFIXES];
    unsigned lines[HM_MAX_PREFIXES];
    unsigned count;
};

struct hm_routes {
    struct hm_prefix prefixes[HM_MAX_ROUTES];
    uint32_t gateways[HM_MAX_ROUTES];
    unsigned lines[HM_MAX_ROUTES];
    unsigned count;
};

struct hm_endpoints {
    uint32_t addrs[HM_MAX_KERNEL_ADDRS];
    uint16_t ports[HM_MAX_KERNEL_ADDRS]; /* 0: the control port */
    unsigned lines[HM_MAX_KERNEL_ADDRS];
    unsigned count;
};

struct hm_cidr {
    uint32_t addr;
    struct hm_prefix prefix;
};

struct hm_agent_section {
    char name[HM_NAME_LEN];
    struct hm_names hosts;
    char user[HM_NAME_LEN];
    unsigned log_level; /* enum hm_log_level */
    char socket[HM_PATH_LEN];
    char store[HM_PATH_LEN];
    uint32_t max_bindings;
    uint32_t max_visitors;
    uint32_t max_handovers;
    uint32_t max_neighbours;
    uint32_t icmp_errors_per_s;
    unsigned tunnel_way; /* enum hm_tunnel_way, or HM_TUNNEL_WAY_AUTO */
};

struct hm_interface_section {
    char tap[HM_DEVICE_LEN];
    unsigned create;
    char bridge[HM_DEVICE_LEN];
    unsigned role; /* enum hm_link_role */
    struct hm_cidr address;
    struct hm_mac mac;
    uint32_t mtu;
    uint32_t gateway;
    struct hm_routes routes;
};

struct hm_home_section {
    struct hm_prefix prefix;
    uint32_t router;
    unsigned takeover; /* enum hm_takeover_mode */
    unsigned proxies;  /* 0: no, 1: yes */
    uint32_t lifetime_max_s;
    uint32_t max_simultaneous;
};

struct hm_foreign_section {
    uint32_t lifetime_s;
};

struct hm_handover_section {
    uint32_t staged_lifetime_s;
    uint32_t wait_ms;
    uint32_t buffer_kib;
    uint32_t buffers_mib;
    uint32_t drain_burst;
    uint32_t drain_per_s;
    uint32_t marker_wait_ms;
    uint32_t reorder_wait_ms;
    uint32_t replay_window_ms;
};

struct hm_control_section {
    uint32_t port;
    unsigned listen;
    struct hm_endpoints kernel_address;
    uint32_t tolerance_s;
};

struct hm_peer_section {
    uint32_t address;
    struct hm_names hosts;
    struct hm_prefixes home;
    unsigned tunnel;  /* enum hm_encapsulation */
    unsigned proxies; /* 0: no, 1: yes */
    uint32_t spi;
    unsigned algorithm; /* enum hm_algorithm */
    struct hm_key key;
    char key_file[HM_PATH_LEN];
};

struct hm_association_section {
    char peer[HM_NAME_LEN];
    uint32_t spi;
    unsigned algorithm; /* enum hm_algorithm */
    struct hm_key key;
    char key_file[HM_PATH_LEN];
};

struct hm_mobile_section {
    uint32_t address;
    char nai[HM_NAME_LEN];
    struct hm_mac mac;
    uint32_t spi;
    unsigned algorithm; /* enum hm_algorithm */
    struct hm_key key;
    char key_file[HM_PATH_LEN];
};

struct hm_hypervisor_section {
    uint32_t key_id;
    struct hm_key key;
    char key_file[HM_PATH_LEN];
    struct hm_prefixes allow;
};

/* Of notify.conf. */
struct hm_notify_agent_section {
    uint32_t address;
    uint32_t port;
};

struct hm_notify_key_section {
    uint32_t id;
    struct hm_key key;
    char key_file[HM_PATH_LEN];
};

#endif
