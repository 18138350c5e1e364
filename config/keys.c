/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the table of keys of the agent's file, hypermip.ini. */
#include "config/keys.h"

#include <string.h>

#include "config/sections.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* In the order of their enums. */
static const char *const NO_YES[] = {"no", "yes", NULL};
static const char *const LEVELS[] = {"error", "warning", "info", "debug", NULL};
static const char *const ROLES[] = {"lan", "wan", NULL};
static const char *const TAKEOVERS[] = {"mac", "own", NULL};
static const char *const TUNNELS[] = {"ipip", "udp", "gre", NULL};
static const char *const TUNNEL_WAYS[] = {"single", "train", "whole", "auto", NULL};
static const char *const ALGORITHMS[] = {"hmac-sha256", "hmac-md5", NULL};

_Static_assert(COUNT(LEVELS) == HM_LOG_COUNT + 1, "a word for each log level");
_Static_assert(COUNT(TUNNELS) == HM_ENCAPSULATION_COUNT + 1, "a word for each encapsulation");
_Static_assert(COUNT(TUNNEL_WAYS) == HM_TUNNEL_WAY_AUTO + 2, "a word for each way");
_Static_assert(COUNT(ALGORITHMS) == HM_ALGORITHM_COUNT + 1, "a word for each algorithm");

/* clang-format off */
#define AT(member) .offset = offsetof(struct hm_agent_section, member)
static const struct hm_key_spec AGENT_KEYS[] = {
    {.key = "name", .type = HM_VALUE_NAME, AT(name), .required = true,
     .help = "What this agent is called in logs, reports and the name of its socket."},
    {.key = "hosts", .type = HM_VALUE_NAMES, AT(hosts), .repeatable = true, .otherwise = "none",
     .help = "The hypervisor hosts of this subnet, by the names that `notify-migrate --to` uses."},
    {.key = "user", .type = HM_VALUE_NAME, AT(user), .fallback = "nobody",
     .help = "The user to become once all devices and sockets are open; root stays root."},
    {.key = "log_level", .type = HM_VALUE_CHOICE, AT(log_level), .words = LEVELS, .fallback = "info",
     .help = "The least important lines that are still logged."},
    {.key = "socket", .type = HM_VALUE_PATH, AT(socket), .max = HM_SOCKET_PATH_MAX,
     .otherwise = HM_RUN_DIR "/NAME.sock",
     .help = "The Unix socket on which the agent answers `hypermip status` and the other reports."},
    {.key = "store", .type = HM_VALUE_PATH, AT(store), .max = HM_PATH_LEN - 1,
     .otherwise = HM_STORE_DIR "/NAME",
     .help = "The folder of the agent's store, which bindings, visitors and staged moves survive in; it is made when "
             "it is not there. none: they live in memory only, and are asked from the other agents after a restart."},
    {.key = "max_bindings", .type = HM_VALUE_NUMBER, AT(max_bindings), .min = 1, .max = 4194304, .fallback = "1024",
     .help = "How many absent VMs the home agent can hold; one more is refused."},
    {.key = "max_visitors", .type = HM_VALUE_NUMBER, AT(max_visitors), .min = 1, .max = 4194304, .fallback = "1024",
     .help = "How many visiting VMs the foreign agent can hold; one more is refused."},
    {.key = "max_handovers", .type = HM_VALUE_NUMBER, AT(max_handovers), .min = 1, .max = 65536, .fallback = "1024",
     .help = "How many handovers are kept, running and ended; the oldest ended one makes room. A VM that is staged needs "
             "one, and while all are running one more is refused."},
    {.key = "max_neighbours", .type = HM_VALUE_NUMBER, AT(max_neighbours), .min = 16, .max = 4194304,
     .fallback = "4096", .help = "How many (MAC, address) pairs of the subnet are remembered."},
    {.key = "icmp_errors_per_s", .type = HM_VALUE_NUMBER, AT(icmp_errors_per_s), .min = 1, .max = 1000000,
     .fallback = "100",
     .help = "How many ICMP errors \"fragmentation needed\" the agent sends in a second, and how many others."},
    {.key = "tunnel_way", .type = HM_VALUE_CHOICE, AT(tunnel_way), .words = TUNNEL_WAYS, .fallback = "auto",
     .help = "How packets go into a UDP tunnel. whole: TCP as super-frames, the sender's or made of its segments, and "
             "the kernel cuts them where it must; other packets in trains, many of one length in one write; train: "
             "super-frames are cut, and go in trains as well; single: one write for each packet. auto is the first "
             "of these that the kernel takes; one that it does not take falls back to the next."},
};
#undef AT

#define AT(member) .offset = offsetof(struct hm_interface_section, member)
static const struct hm_key_spec INTERFACE_KEYS[] = {
    {.key = "tap", .type = HM_VALUE_DEVICE, AT(tap), .required = true, .help = "The TAP device."},
    {.key = "create", .type = HM_VALUE_CHOICE, AT(create), .words = NO_YES, .fallback = "yes",
     .help = "yes makes the device when it is not there, and it vanishes with the agent; no only attaches to one "
             "that is there."},
    {.key = "bridge", .type = HM_VALUE_DEVICE, AT(bridge), .otherwise = "none",
     .help = "A bridge of this machine that the device becomes a port of."},
    {.key = "role", .type = HM_VALUE_CHOICE, AT(role), .words = ROLES, .fallback = "lan",
     .help = "lan is the agent's subnet, where VMs live and visit: exactly one. wan leads to the other agents. A lan "
             "alone is a one-armed agent, lan and wan make the agent its subnet's gateway."},
    {.key = "address", .type = HM_VALUE_CIDR, AT(address), .required = true,
     .help = "The agent's own address there, and what is on link."},
    {.key = "mac", .type = HM_VALUE_MAC, AT(mac), .otherwise = "derived from the names of agent and interface",
     .help = "The agent's own Ethernet address there. The device's must be another one."},
    {.key = "mtu", .type = HM_VALUE_NUMBER, AT(mtu), .min = 576, .max = 65521, .fallback = "1500",
     .help = "The largest IP packet, in bytes."},
    {.key = "gateway", .type = HM_VALUE_IP, AT(gateway), .otherwise = "none",
     .help = "The default router, on link. At most one interface has it."},
    {.key = "route", .type = HM_VALUE_ROUTE, AT(routes), .repeatable = true, .otherwise = "none",
     .help = "A static route. The gateway is on link."},
};
#undef AT

#define AT(member) .offset = offsetof(struct hm_home_section, member)
static const struct hm_key_spec HOME_KEYS[] = {
    {.key = "prefix", .type = HM_VALUE_PREFIX, AT(prefix), .otherwise = "the prefix of the lan's address",
     .help = "The addresses of the VMs that belong here."},
    {.key = "router", .type = HM_VALUE_IP, AT(router),
     .otherwise = "the lan's gateway; without a gateway there, the agent's own lan address if it has a wan",
     .help = "The VMs' default router. A visited agent answers ARP for it."},
    {.key = "takeover", .type = HM_VALUE_CHOICE, AT(takeover), .words = TAKEOVERS, .fallback = "mac",
     .help = "How the home agent stands in for an absent VM: mac announces the VM's own Ethernet address at the "
             "agent's port; own announces the agent's, for networks that refuse a second one on a port."},
    {.key = "proxies", .type = HM_VALUE_CHOICE, AT(proxies), .words = NO_YES, .fallback = "yes",
     .help = "Whether other agents may register VMs of this home in their name (RFC 5563), which is how a move works; no "
             "leaves it to nodes with a [mobile] section to register themselves."},
    {.key = "lifetime_max_s", .type = HM_VALUE_NUMBER, AT(lifetime_max_s), .min = 1, .max = 65534, .fallback = "1800",
     .help = "The longest registration lifetime granted, in seconds."},
    {.key = "max_simultaneous", .type = HM_VALUE_NUMBER, AT(max_simultaneous), .min = 1, .max = HM_MAX_SIMULTANEOUS,
     .fallback = "2", .help = "How many care-of addresses a VM may have at once, each of which gets a copy of what "
                              "comes for it; 1 refuses simultaneous bindings."},
};
#undef AT

#define AT(member) .offset = offsetof(struct hm_foreign_section, member)
static const struct hm_key_spec FOREIGN_KEYS[] = {
    {.key = "lifetime_s", .type = HM_VALUE_NUMBER, AT(lifetime_s), .min = 1, .max = 65534, .fallback = "300",
     .help = "The registration lifetime asked for, in seconds; it is renewed while the VM is here."},
};
#undef AT

#define AT(member) .offset = offsetof(struct hm_handover_section, member)
static const struct hm_key_spec HANDOVER_KEYS[] = {
    {.key = "staged_lifetime_s", .type = HM_VALUE_NUMBER, AT(staged_lifetime_s), .min = 1, .max = 65534,
     .fallback = "300", .help = "How long a staged move waits for its landing before all is undone, in seconds."},
    {.key = "wait_ms", .type = HM_VALUE_NUMBER, AT(wait_ms), .min = 100, .max = 600000, .fallback = "5000",
     .help = "How long a notice may take when the hypervisor does not say, in milliseconds."},
    {.key = "buffer_kib", .type = HM_VALUE_NUMBER, AT(buffer_kib), .min = 64, .max = 1048576, .fallback = "8192",
     .help = "How much may wait for one VM while it moves, in KiB; what comes beyond that is dropped and counted."},
    {.key = "buffers_mib", .type = HM_VALUE_NUMBER, AT(buffers_mib), .min = 1, .max = 65536, .fallback = "128",
     .help = "How much may wait for all VMs together, in MiB. The memory is taken when it is first used."},
    {.key = "drain_burst", .type = HM_VALUE_NUMBER, AT(drain_burst), .min = 1, .max = 1000, .fallback = "256",
     .help = "How many packets are delivered at once to a VM that has landed: fewer than its TAP's queue holds."},
    {.key = "drain_per_s", .type = HM_VALUE_NUMBER, AT(drain_per_s), .min = 1000, .max = 10000000, .fallback = "20000",
     .help = "How many more are then delivered in a second, until nothing waits."},
    {.key = "marker_wait_ms", .type = HM_VALUE_NUMBER, AT(marker_wait_ms), .min = 10, .max = 60000,
     .fallback = "1000",
     .help = "How long what waits for a VM that has landed waits for the marker that ends an older path."},
    {.key = "reorder_wait_ms", .type = HM_VALUE_NUMBER, AT(reorder_wait_ms), .min = 0, .max = 10000, .fallback = "250",
     .help = "How long the home agent holds a VM's first packets by its new path for the end of the old one."},
    {.key = "replay_window_ms", .type = HM_VALUE_NUMBER, AT(replay_window_ms), .min = 0, .max = 10000, .fallback = "0",
     .help = "For moves that nobody watches: what came for the VM in that time before its landing (or its stop, if that is "
             "told) is delivered once more. Longer than the pause it loses nothing, and doubles what the VM had got; 0 "
             "doubles nothing."},
};
#undef AT

#define AT(member) .offset = offsetof(struct hm_control_section, member)
static const struct hm_key_spec CONTROL_KEYS[] = {
    {.key = "port", .type = HM_VALUE_NUMBER, AT(port), .min = 1, .max = 65535, .fallback = "4340",
     .help = "The UDP port of the control channel, the same on all agents."},
    {.key = "listen", .type = HM_VALUE_CHOICE, AT(listen), .words = NO_YES, .fallback = "yes",
     .help = "Whether hypervisors are answered on the agent's own addresses."},
    {.key = "kernel_address", .type = HM_VALUE_ENDPOINTS, AT(kernel_address), .repeatable = true, .otherwise = "none",
     .help = "Addresses of this machine's kernel on which hypervisors are answered as well; the port is `port` when "
             "it is not given."},
    {.key = "tolerance_s", .type = HM_VALUE_NUMBER, AT(tolerance_s), .min = 1, .max = 3600, .fallback = "7",
     .help = "How far two clocks may be apart, in seconds (RFC 5944 section 5.7.1)."},
};
#undef AT

#define AT(member) .offset = offsetof(struct hm_peer_section, member)
static const struct hm_key_spec PEER_KEYS[] = {
    {.key = "address", .type = HM_VALUE_IP, AT(address), .required = true,
     .help = "The other agent's address: its care-of address and its home agent address."},
    {.key = "hosts", .type = HM_VALUE_NAMES, AT(hosts), .repeatable = true, .otherwise = "none",
     .help = "The hypervisor hosts of its subnet."},
    {.key = "home", .type = HM_VALUE_PREFIXES, AT(home), .repeatable = true, .otherwise = "none",
     .help = "The prefixes that it is home agent of."},
    {.key = "tunnel", .type = HM_VALUE_CHOICE, AT(tunnel), .words = TUNNELS, .fallback = "udp",
     .help = "The tunnel that is asked for when a VM of its home visits here: udp (RFC 3519), ipip (RFC 2003) or gre "
             "(RFC 2784). udp is the fast one; an agent that does not know it is content with ipip. Only with udp may the "
             "other agent ask for it, too."},
    {.key = "proxies", .type = HM_VALUE_CHOICE, AT(proxies), .words = NO_YES, .fallback = "yes",
     .help = "Whether it may register VMs of this home, which then are where it says; no: none of them can move there."},
    {.key = "spi", .type = HM_VALUE_NUMBER, AT(spi), .required = true, .min = HM_SPI_MIN, .max = UINT32_MAX,
     .help = "The security parameter index, the same on both sides, another one for each pair of agents."},
    {.key = "algorithm", .type = HM_VALUE_CHOICE, AT(algorithm), .words = ALGORITHMS, .fallback = "hmac-sha256",
     .help = "The authentication algorithm, the same on both sides."},
    {.key = "key", .type = HM_VALUE_KEY, AT(key), .otherwise = "taken from key_file",
     .help = "The secret that both agents share; `hypermip keygen` makes one."},
    {.key = "key_file", .type = HM_VALUE_PATH, AT(key_file), .max = HM_PATH_LEN - 1, .otherwise = "key is given",
     .help = "A file that holds the secret in hex digits, relative to this file's folder."},
};
#undef AT

#define AT(member) .offset = offsetof(struct hm_association_section, member)
static const struct hm_key_spec ASSOCIATION_KEYS[] = {
    {.key = "peer", .type = HM_VALUE_NAME, AT(peer), .required = true,
     .help = "The agent with which it is, by its [peer NAME]."},
    {.key = "spi", .type = HM_VALUE_NUMBER, AT(spi), .required = true, .min = HM_SPI_MIN, .max = UINT32_MAX,
     .help = "The security parameter index, the same on both sides, and no other key's."},
    {.key = "algorithm", .type = HM_VALUE_CHOICE, AT(algorithm), .words = ALGORITHMS, .fallback = "hmac-sha256",
     .help = "The authentication algorithm, the same on both sides."},
    {.key = "key", .type = HM_VALUE_KEY, AT(key), .otherwise = "taken from key_file",
     .help = "The secret that both agents share; `hypermip keygen` makes one."},
    {.key = "key_file", .type = HM_VALUE_PATH, AT(key_file), .max = HM_PATH_LEN - 1, .otherwise = "key is given",
     .help = "A file that holds the secret in hex digits, relative to this file's folder."},
};
#undef AT

#define AT(member) .offset = offsetof(struct hm_mobile_section, member)
static const struct hm_key_spec MOBILE_KEYS[] = {
    {.key = "address", .type = HM_VALUE_IP, AT(address), .required = true,
     .help = "Its home address, one of [home] prefix."},
    {.key = "nai", .type = HM_VALUE_NAI, AT(nai), .otherwise = "NAME",
     .help = "Its network access identifier (RFC 2794): a registration that names another one is not its own, and "
             "one without a home address is given the address above."},
    {.key = "mac", .type = HM_VALUE_MAC, AT(mac), .otherwise = "what the registration or the home LAN tells",
     .help = "Its Ethernet address."},
    {.key = "spi", .type = HM_VALUE_NUMBER, AT(spi), .required = true, .min = HM_SPI_MIN, .max = UINT32_MAX,
     .help = "The security parameter index of its MN-HA authenticator (RFC 5944 section 3.5.2)."},
    {.key = "algorithm", .type = HM_VALUE_CHOICE, AT(algorithm), .words = ALGORITHMS, .fallback = "hmac-sha256",
     .help = "The authentication algorithm, the same on both sides."},
    {.key = "key", .type = HM_VALUE_KEY, AT(key), .otherwise = "taken from key_file",
     .help = "The secret that it shares with this agent; `hypermip keygen` makes one."},
    {.key = "key_file", .type = HM_VALUE_PATH, AT(key_file), .max = HM_PATH_LEN - 1, .otherwise = "key is given",
     .help = "A file that holds the secret in hex digits, relative to this file's folder."},
};
#undef AT

#define AT(member) .offset = offsetof(struct hm_hypervisor_section, member)
static const struct hm_key_spec HYPERVISOR_KEYS[] = {
    {.key = "key_id", .type = HM_VALUE_NUMBER, AT(key_id), .required = true, .min = HM_SPI_MIN, .max = UINT32_MAX,
     .help = "The number of the key, as in the host's notify.conf. No peer's spi may be the same."},
    {.key = "key", .type = HM_VALUE_KEY, AT(key), .otherwise = "taken from key_file",
     .help = "The secret shared with the host; `hypermip keygen` makes one."},
    {.key = "key_file", .type = HM_VALUE_PATH, AT(key_file), .max = HM_PATH_LEN - 1, .otherwise = "key is given",
     .help = "A file that holds the secret in hex digits, relative to this file's folder."},
    {.key = "allow", .type = HM_VALUE_PREFIXES, AT(allow), .repeatable = true, .otherwise = "nothing",
     .help = "The prefixes whose VMs this host may move, and shield."},
};
#undef AT

#define KEYS(table, type) .keys = (table), .key_count = COUNT(table), .values_len = sizeof(struct type)
static const struct hm_section_spec AGENT_SECTIONS[] = {
    {.name = "agent", .required = true, .max_count = 1, KEYS(AGENT_KEYS, hm_agent_section),
     .help = "The agent itself and its capacities."},
    {.name = "interface", .named = true, .required = true, .max_count = HM_MAX_LINKS,
     KEYS(INTERFACE_KEYS, hm_interface_section), .help = "A TAP device on which the agent has an address."},
    {.name = "home", .max_count = 1, KEYS(HOME_KEYS, hm_home_section),
     .help = "The home agent's part: VMs that belong to this subnet."},
    {.name = "foreign", .max_count = 1, KEYS(FOREIGN_KEYS, hm_foreign_section),
     .help = "The foreign agent's part: VMs that visit this subnet."},
    {.name = "handover", .max_count = 1, KEYS(HANDOVER_KEYS, hm_handover_section),
     .help = "Announced moves."},
    {.name = "control", .max_count = 1, KEYS(CONTROL_KEYS, hm_control_section),
     .help = "The channel on which hypervisors and other agents speak to this one."},
    {.name = "peer", .named = true, .max_count = HM_MAX_PEERS, KEYS(PEER_KEYS, hm_peer_section),
     .help = "Another subnet's agent, and the security association with it."},
    {.name = "association", .named = true, .max_count = HM_MAX_PEERS * (HM_MAX_ASSOCIATIONS - 1),
     KEYS(ASSOCIATION_KEYS, hm_association_section),
     .help = "A further key that is accepted from a peer beside its own, to change keys without a gap: add the new one "
             "here on both sides, then exchange it with the peer's on one side after the other, then remove the old."},
    {.name = "mobile", .named = true, .max_count = HM_MAX_MOBILES, KEYS(MOBILE_KEYS, hm_mobile_section),
     .help = "A node of this home with a security association of its own: its registrations carry its authenticator "
             "(RFC 5944), from whatever agent they come."},
    {.name = "hypervisor", .named = true, .max_count = HM_MAX_HYPERVISORS,
     KEYS(HYPERVISOR_KEYS, hm_hypervisor_section), .help = "A host that may announce moves to this agent."},
};
/* clang-format on */

const struct hm_file_spec HM_AGENT_FILE = {
    .title = "hypermip.ini",
    .sections = AGENT_SECTIONS,
    .section_count = COUNT(AGENT_SECTIONS),
};

const struct hm_section_spec *hm_file_spec_lookup(const struct hm_file_spec *file, const char *section)
{
    for (unsigned i = 0; i < file->section_count; i++) {
        if (strcmp(file->sections[i].name, section) == 0)
            return &file->sections[i];
    }
    return NULL;
}

int hm_section_spec_lookup(const struct hm_section_spec *section, const char *key)
{
    for (unsigned i = 0; i < section->key_count; i++) {
        if (strcmp(section->keys[i].key, key) == 0)
            return (int)i;
    }
    return -1;
}
