# SPDX-License-Identifier: BSD-3-Clause
"""Owns the networks of the demonstration: two subnets, a routed network between them, a correspondent.

    correspondent c          router r               subnet a: bridge br0, hypervisor's kernel 10.1.0.3
      10.9.0.10 eth0 ------- to-c 10.9.0.1           |-- up0 (router)   |-- agent 10.1.0.2 (makes its own TAP)
                             to-a 10.1.0.1 --------- |-- vm-a, vm-a2: the guest's TAPs on two hosts
                             to-b 10.2.0.1 --------- subnet b: the same with 10.2.0.x, vm-b

Namespaces bear our process id. Bridges neither filter nor wait (no br_netfilter, no STP), and no interface has IPv6, so
that a capture holds what the test is about. The router checks sources strictly: what the guest sends in the foreign
subnet gets out only through the reverse tunnel.
"""

import os

from namespace import Namespace

GUEST_MAC = "52:54:00:0a:01:05"
GUEST_IP = "10.1.0.5"
GATEWAY = "10.1.0.1"
CORRESPONDENT_IP = "10.9.0.10"


class Subnet:
    """One side: where a hypervisor and an agent are."""

    def __init__(self, letter, number, space):
        self.letter = letter
        self.space = space
        self.prefix = f"10.{number}.0.0/24"
        self.router = f"10.{number}.0.1"
        self.agent = f"10.{number}.0.2"
        self.kernel = f"10.{number}.0.3"
        self.host = f"hv-{letter}1"


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

    def __init__(self, cleanup):
        self._cleanup = cleanup
        self.router = self.space("r")
        self.correspondent = self.space("c")
        self.subnets = {letter: Subnet(letter, number, self.space(letter)) for letter, number in (("a", 1), ("b", 2))}
        self.places = {name: Place(name, self.subnets[name[0]]) for name in ("a", "a2", "b")}
        self._wire_correspondent()
        for subnet in self.subnets.values():
            self._wire_subnet(subnet)

    def space(self, suffix):
        """A namespace that lives as long as the run."""
        space = Namespace(f"hm{os.getpid()}{suffix}")
        self._cleanup.callback(space.close)
        _quiet(space)
        return space

    def _wire_correspondent(self):
        self.router.sysctl({"net/ipv4/ip_forward": 1, "net/ipv4/conf/all/rp_filter": 1})
        self.router.ip(f"link add to-c type veth peer name eth0 netns {self.correspondent.name}",
                       "addr add 10.9.0.1/24 dev to-c", "link set to-c up")
        self.correspondent.ip(f"addr add {CORRESPONDENT_IP}/24 dev eth0", "link set eth0 up",
                              "route add default via 10.9.0.1")

    def _wire_subnet(self, subnet):
        outside = f"to-{subnet.letter}"
        self.router.ip(f"link add {outside} type veth peer name up0 netns {subnet.space.name}",
                       f"addr add {subnet.router}/24 dev {outside}", f"link set {outside} up")
        subnet.space.ip("link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                        f"addr add {subnet.kernel}/24 dev br0", "link set br0 up",
                        "link set up0 master br0", "link set up0 up",
                        f"route add default via {subnet.router}")
