/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what `check --live` says of the agent's port: what its bridge does there.
 *
 * The agent speaks with the MACs of machines that are away: the bridge must learn them at its port. It hears
 * what is for machines whose MACs no port has: the bridge must flood that to it. Nobody may answer ARP in its
 * place. And it reads and writes frames without a VLAN tag. */
#include <string.h>

#include "platform/linux/bridge_port.h"
#include "platform/linux/live.h"

struct attribute {
    unsigned type;      /* IFLA_BRPORT_* */
    const char *option; /* of bridge(8) */
    bool is_good_on;
    enum hm_live_demand demand;
    enum hm_live_verdict verdict; /* when it is not as it should be */
    const char *text;
};

static const struct attribute ATTRIBUTES[] = {
    {IFLA_BRPORT_LEARNING, "learning", true, HM_LIVE_MACS, HM_LIVE_FAULT,
     "learns no MACs at the agent's port: what is for a machine that is away goes to where it was"},
    {IFLA_BRPORT_LOCKED, "locked", false, HM_LIVE_MACS, HM_LIVE_FAULT,
     "lets through only MACs that it was told of"},
    {IFLA_BRPORT_ISOLATED, "isolated", false, HM_LIVE_RECEPTION, HM_LIVE_WARNING,
     "is isolated: nothing passes between it and other isolated ports, such as those of machines"},
    {IFLA_BRPORT_UNICAST_FLOOD, "flood", true, HM_LIVE_RECEPTION, HM_LIVE_WARNING,
     "is not flooded to: what is for a machine whose MAC was forgotten does not reach the agent"},
    {IFLA_BRPORT_BCAST_FLOOD, "bcast_flood", true, HM_LIVE_RECEPTION, HM_LIVE_FAULT,
     "gets no broadcasts: the agent hears no ARP"},
    {IFLA_BRPORT_NEIGH_SUPPRESS, "neigh_suppress", false, HM_LIVE_ARP, HM_LIVE_WARNING,
     "gets no ARP that the bridge can answer itself, from what it knew before a machine moved"},
    {IFLA_BRPORT_PROXYARP, "proxy_arp", false, HM_LIVE_ARP, HM_LIVE_WARNING,
     "has a bridge that answers ARP in the name of others"},
    {IFLA_BRPORT_PROXYARP_WIFI, "proxy_arp_wifi", false, HM_LIVE_ARP, HM_LIVE_WARNING,
     "has a bridge that answers ARP in the name of others"},
};
#define ATTRIBUTE_COUNT (sizeof(ATTRIBUTES) / sizeof(ATTRIBUTES[0]))

static const char *text_of_ok(enum hm_live_demand demand)
{
    switch (demand) {
    case HM_LIVE_MACS:
        return "its bridge learns every MAC that the agent speaks with";
    case HM_LIVE_RECEPTION:
        return "its bridge floods to it, and it is not isolated";
    default:
        return "its bridge answers no ARP in the agent's place";
    }
}

static void check_demand(struct hm_live *live, const char *device, const struct hm_bridge_port *port,
                         enum hm_live_demand demand)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < ATTRIBUTE_COUNT; i++) {
        const struct attribute *one = &ATTRIBUTES[i];

        if (one->demand != demand || !port->has[one->type] || port->is_on[one->type] == one->is_good_on)
            continue;
        wrong++;
        hm_live_say(live, demand, one->verdict, device, "%s: ip link set %s type bridge_slave %s %s",
                    one->text, device, one->option, one->is_good_on ? "on" : "off");
    }
    if (wrong == 0)
        hm_live_say(live, demand, HM_LIVE_OK, device, "%s", text_of_ok(demand));
}

/* Two of the agent's interfaces in one bridge are in one VLAN. */
static void check_shared(struct hm_live *live, unsigned link)
{
    char bridge[HM_DEVICE_LEN], other[HM_DEVICE_LEN];

    hm_live_bridge(live, link, bridge);
    for (unsigned i = 0; i < link && bridge[0] != '\0'; i++) {
        hm_live_bridge(live, i, other);
        if (strcmp(bridge, other) == 0)
            hm_live_say(live, HM_LIVE_VLAN, HM_LIVE_WARNING, live->config->platform.taps[link].device,
                        "is in bridge %s, and so is %s: give each VLAN a bridge of its own", bridge,
                        live->config->platform.taps[i].device);
    }
}

static void check_vlan(struct hm_live *live, unsigned link, const char *device,
                       const struct hm_bridge_port *port)
{
    char bridge[HM_DEVICE_LEN];
    long filters = 0;

    hm_live_bridge(live, link, bridge);
    (void)hm_live_read_of(bridge, "bridge/vlan_filtering", &filters);
    if (filters == 0)
        hm_live_say(live, HM_LIVE_VLAN, HM_LIVE_OK, device, "bridge %s filters no VLANs", bridge);
    else if (port->pvid == 0)
        hm_live_say(
            live, HM_LIVE_VLAN, HM_LIVE_FAULT, device,
            "what it sends untagged belongs to no VLAN: bridge vlan add dev %s vid VLAN pvid untagged",
            device);
    else if (!port->is_pvid_untagged)
        hm_live_say(
            live, HM_LIVE_VLAN, HM_LIVE_FAULT, device,
            "gets VLAN %u with tags, which the agent does not read: bridge vlan add dev %s vid %u pvid "
            "untagged",
            port->pvid, device, port->pvid);
    else if (port->others > 0)
        hm_live_say(live, HM_LIVE_VLAN, HM_LIVE_WARNING, device,
                    "is in %u more VLANs than its own (%u): give each an [interface] of its own",
                    port->others, port->pvid);
    else
        hm_live_say(live, HM_LIVE_VLAN, HM_LIVE_OK, device, "is an untagged member of VLAN %u alone",
                    port->pvid);
}

void hm_live_check_port(struct hm_live *live, unsigned link)
{
    const char *device = live->config->platform.taps[link].device;
    struct hm_bridge_port port;

    check_shared(live, link);
    if (!hm_bridge_port_read(device, &port))
        return; /* not there, or in no bridge: told by hm_live_check_device */
    check_vlan(live, link, device, &port);
    check_demand(live, device, &port, HM_LIVE_RECEPTION);
    if (live->config->router.links[link].role != HM_LINK_LAN)
        return;
    check_demand(live, device, &port, HM_LIVE_MACS);
    check_demand(live, device, &port, HM_LIVE_ARP);
}
