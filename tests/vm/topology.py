# SPDX-License-Identifier: BSD-3-Clause
"""Owns the networks of the demonstration: subnets, a routed network between them, a correspondent, a neighbour.

    correspondent cn         router r               subnet a: bridge br0, hypervisor's kernel 10.1.0.3
      10.9.0.10 eth0 ------- to-cn 10.9.0.1          |-- up0 (router)   |-- agent 10.1.0.2 (makes its own TAP)
                             to-a 10.1.0.1 --------- |-- vm-a, vm-a2: the guest's TAPs on two hosts
                             to-b 10.2.0.1 --------- subnet b: the same with 10.2.0.x, vm-b
    neighbour nb             and so on: c
      10.1.0.9 eth0 -------- on subnet a's bridge

With gateways the agents are the subnets' routers:

    router r: to-a 10.101.0.1 --- br1 --- [10.101.0.2 agent 10.1.0.1] --- br0 of subnet a

Namespaces bear our process id. Bridges neither filter nor wait (no br_netfilter, no STP), and no interface has IPv6, so
that a capture holds what the test is about. The router checks sources strictly: what the guest sends in a foreign
subnet gets out only through the reverse tunnel.
"""

import os

from namespace import Namespace

GUEST_MAC = "52:54:00:0a:01:05"
GUEST_IP = "10.1.0.5"
GATEWAY = "10.1.0.1"
CORRESPONDENT_IP = "10.9.0.10"
NEIGHBOUR_IP = "10.1.0.9"
BRIDGE = "type bridge stp_state 0 forward_delay 0 mcast_snooping 0"


def subnet_number(letter):
    """The second part of the subnet's addresses."""
    return ord(letter) - ord("a") + 1


class Subnet:
    """One side: where a hypervisor and an agent are."""

    def __init__(self, letter, space):
        number = subnet_number(letter)
        self.letter = letter
        self.space = space
        self.prefix = f"10.{number}.0.0/24"
        self.router = f"10.{number}.0.1"  # the machines' default router
        self.agent = f"10.{number}.0.2"
        self.kernel = f"10.{number}.0.3"
        self.host = f"hv-{letter}1"
        self.wan_router = f"10.10{number}.0.1"
        self.wan_agent = f"10.10{number}.0.2"


class Place:
    """A TAP on a subnet's bridge on which the guest can run."""

    def __init__(self, name, subnet):
        self.name = name
        self.subnet = subnet
        self.tap = f"vm-{name}"


def _quiet(space):
    space.sysctl({"net/ipv6/conf/all/disable_ipv6": 1, "net/ipv6/conf/default/disable_ipv6": 1,
                  "net/bridge/bridge-nf-call-iptables": 0, "net/bridge/bridge-nf-call-arptables": 0})
    space.ip("link set lo up")


class Topology:
    """All namespaces; close() takes them down. A guest's TAPs are made by whoever runs the guest."""

    is_gateways = False

    def __init__(self, cleanup, letters="ab"):
        self._cleanup = cleanup
        self.router = self.space("r")
        self.correspondent = self.space("cn")
        self.subnets = {letter: Subnet(letter, self.space(letter)) for letter in letters}
        self.places = {name: Place(name, self.subnets[name[0]]) for name in ("a", "a2", *letters[1:])}
        self._wire_correspondent()
        for subnet in self.subnets.values():
            self._wire_subnet(subnet)

    def space(self, suffix):
        """A namespace that lives as long as the run."""
        space = Namespace(f"hm{os.getpid()}{suffix}")
        self._cleanup.callback(space.close)
        _quiet(space)
        return space

    def add_neighbour(self):
        """A host of the guest's home LAN, as another place to talk from; gives its namespace."""
        home, space = self.subnets["a"].space, self.space("nb")
        home.ip(f"link add to-nb type veth peer name eth0 netns {space.name}", "link set to-nb master br0",
                "link set to-nb up")
        space.ip(f"addr add {NEIGHBOUR_IP}/24 dev eth0", "link set eth0 up", f"route add default via {GATEWAY}")
        return space

    def _wire_correspondent(self):
        self.router.sysctl({"net/ipv4/ip_forward": 1, "net/ipv4/conf/all/rp_filter": 1})
        self.router.ip(f"link add to-cn type veth peer name eth0 netns {self.correspondent.name}",
                       "addr add 10.9.0.1/24 dev to-cn", "link set to-cn up")
        self.correspondent.ip(f"addr add {CORRESPONDENT_IP}/24 dev eth0", "link set eth0 up",
                              "route add default via 10.9.0.1")

    def _wire_subnet(self, subnet):
        outside = f"to-{subnet.letter}"
        self.router.ip(f"link add {outside} type veth peer name up0 netns {subnet.space.name}",
                       f"addr add {subnet.router}/24 dev {outside}", f"link set {outside} up")
        subnet.space.ip(f"link add br0 {BRIDGE}", f"addr add {subnet.kernel}/24 dev br0", "link set br0 up",
                        "link set up0 master br0", "link set up0 up", f"route add default via {subnet.router}")


class GatewayTopology(Topology):
    """The same with agents that are the subnets' routers: their wan is on a bridge of its own, br1."""

    is_gateways = True

    def _wire_subnet(self, subnet):
        outside = f"to-{subnet.letter}"
        self.router.ip(f"link add {outside} type veth peer name up0 netns {subnet.space.name}",
                       f"addr add {subnet.wan_router}/24 dev {outside}", f"link set {outside} up",
                       f"route add {subnet.prefix} via {subnet.wan_agent}")
        subnet.space.ip(f"link add br0 {BRIDGE}", f"addr add {subnet.kernel}/24 dev br0", "link set br0 up",
                        f"link add br1 {BRIDGE}", "link set br1 up", "link set up0 master br1", "link set up0 up",
                        f"route add default via {subnet.router}")
