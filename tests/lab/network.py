# SPDX-License-Identifier: BSD-3-Clause
"""Owns the two networks of the lab, one-armed and with gateways, each with its agents, hosts and machine.

Both are the demonstration's network (../vm/topology.py): subnets a and b, a routed network, a correspondent. Every test
draws the one that it uses.
"""

import secrets

import topology
from agent import Agent, CONTROL_PORT, Notifier
from harness import execute
from host import Host, Machine, neighbours, without_offloads
from sniffer import Sniffer, claim_good

MACHINE_MAC = topology.GUEST_MAC
MACHINE_IP = topology.GUEST_IP
CORRESPONDENT_IP = topology.CORRESPONDENT_IP
ROUTERS_MAC = "00:00:5e:00:01:01"
SPI = 1000


class Side:
    """One subnet with its agent, its hypervisor host's notifier, and a host that has nothing to do with it all."""

    def __init__(self, subnet):
        self.subnet = subnet
        self.space = subnet.space
        self.letter = subnet.letter
        self.number = topology.subnet_number(subnet.letter)
        self.router = subnet.router  # the machines' default router
        self.agent_mac = f"02:00:00:00:0{subnet.letter}:02"
        self.tap = f"hm-{subnet.letter}"
        self.tunnel_addr = subnet.agent  # where the other agent finds this one
        self.control_addr = subnet.agent  # where hypervisors find it
        self.agent = None
        self.notifier = None
        self.host = None


class _Lab(topology.Topology):
    """What both networks have in common; close by the lab's cleanup."""

    def __init__(self, lab):
        super().__init__(lab.cleanup)
        self.lab = lab
        self.sides = {letter: self._make_side(subnet) for letter, subnet in self.subnets.items()}
        self.a, self.b = self.sides["a"], self.sides["b"]
        key = secrets.token_hex(32)
        for side, other in ((self.a, self.b), (self.b, self.a)):
            self._add_agent(side, other, key)
            self._add_host(side)
        self.peer_key = key
        self.machine = None

    def add_machine(self, addresses=(MACHINE_IP,)):
        self.machine = Machine(self, self.subnets, MACHINE_MAC, list(addresses), self.a.router)
        self.machine.land("a")
        return self.machine

    def start_agents(self):
        self.a.agent.start()
        self.b.agent.start()

    def watch_wire(self, *kinds):
        """What each agent sends towards the other is captured on the wire between them, whole and summed up, and judged
        at the end: these kinds must be among it, from both sides."""
        for side in self.sides.values():
            without_offloads(side.space, "up0")
            capture = Sniffer(self.lab, self.router, f"to-{side.letter}", "in")
            self.lab.at_end.append(lambda side=side, capture=capture: self._judge_wire(side, capture, kinds))

    def _judge_wire(self, side, capture, kinds):
        judgement = capture.finish().judged(f"eth.src == {self.wire_mac(side)}")
        name = f"what agent {side.letter} sent on the wire"
        claim_good(self.lab, name, judgement, *kinds)
        self.lab.equal(f"{name}: all cut, and summed up", (judgement.super_frames, capture.pending()), (0, set()))

    def wire_mac(self, side):
        """By which an agent sends towards the other."""
        return side.agent_mac

    def _make_side(self, subnet):
        return Side(subnet)

    def _interfaces(self, side, other):
        raise NotImplementedError

    def _add_agent(self, side, other, key):
        subnet = side.subnet
        side.notifier = Notifier(self.lab, side.space, side.letter, side.control_addr, 300 + side.number)
        sections = {"agent": {"hosts": subnet.host}, **self._interfaces(side, other)}
        sections["home"] = {"prefix": subnet.prefix}
        sections["control"] = {"port": CONTROL_PORT, "listen": "yes"}
        sections[f"peer agent-{other.letter}"] = {"address": other.tunnel_addr, "hosts": other.subnet.host,
                                                  "home": other.subnet.prefix, "spi": SPI, "algorithm": "hmac-sha256",
                                                  "key": key, "tunnel": self.tunnel}
        sections[f"hypervisor {subnet.host}"] = side.notifier.section(subnet.prefix, other.subnet.prefix)
        side.agent = Agent(self.lab, side.space, f"agent-{side.letter}", sections)

    def _add_host(self, side):
        name = {"a": "n", "b": "m"}[side.letter]
        side.host = Host(self, name, side.subnet, f"10.{side.number}.0.7", f"02:00:00:00:0{side.letter}:07",
                         side.router)

    def mac_of(self, space, device):
        return execute(space, "cat", f"/sys/class/net/{device}/address").stdout.strip()


class OneArmed(_Lab):
    """Each subnet has its own router; the agent is one more host. Their tunnel is the default one, UDP.

    Both routers have one MAC, as those of one VRRP group do: for what the machine goes on sending to that MAC the
    bridge of the foreign subnet has another port than the agent's.
    """

    tunnel, tunnel_mtu = "udp", 1468

    def __init__(self, lab):
        super().__init__(lab)
        self.router.ip(*(f"link set to-{letter} address {ROUTERS_MAC}" for letter in self.sides))

    def _interfaces(self, side, other):
        return {"interface lan": {"tap": side.tap, "bridge": "br0", "role": "lan", "mac": side.agent_mac,
                                  "address": f"{side.subnet.agent}/24", "gateway": side.subnet.router}}

    def router_mac(self, side):
        """Of the subnet's true router."""
        return self.mac_of(self.router, f"to-{side.letter}")

    def router_knows(self, side):
        """The ARP cache of the subnet's router."""
        return neighbours(self.router, f"to-{side.letter}")


class IpInIp(OneArmed):
    """The same, with the tunnel that every agent knows."""

    tunnel, tunnel_mtu = "ipip", 1480


class Gateways(_Lab, topology.GatewayTopology):
    """Each agent is its subnet's router: 10.N.0.1 on the lan, 10.10N.0.2 on the wan, whose router is 10.10N.0.1. The tunnel is
    GRE, on request."""

    tunnel, tunnel_mtu = "gre", 1476

    def _make_side(self, subnet):
        side = Side(subnet)
        side.router = side.control_addr = subnet.router
        side.tunnel_addr = subnet.wan_agent
        side.wan_router = subnet.wan_router
        side.wan_mac = f"02:00:00:00:1{subnet.letter}:02"
        return side

    def _interfaces(self, side, other):
        lan = {"tap": side.tap, "bridge": "br0", "role": "lan", "mac": side.agent_mac, "address": f"{side.router}/24"}
        wan = {"tap": f"{side.tap}-w", "bridge": "br1", "role": "wan", "mac": side.wan_mac,
               "address": f"{side.tunnel_addr}/24"}
        if side.letter == "a":  # by static routes at one, by a default router at the other
            there = (other.subnet.prefix, f"{other.tunnel_addr}/32", f"{CORRESPONDENT_IP}/32")
            wan["route"] = [f"{prefix} via {side.wan_router}" for prefix in there]
        else:
            wan["gateway"] = side.wan_router
        return {"interface lan": lan, "interface wan": wan}

    def wire_mac(self, side):
        return side.wan_mac

    def router_mac(self, side):
        return side.agent_mac

    def router_knows(self, side):
        return {row["address"]: row["mac"] for row in side.agent.rows("neighbours") if row["interface"] == "lan"}
