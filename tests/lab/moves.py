# SPDX-License-Identifier: BSD-3-Clause
"""Owns the claims about one machine that moves away and comes back, whatever the agents are: one-armed or gateways.

A is the home subnet's side and B the foreign one's. In captures of an agent's TAP "from the machine's MAC" means: sent
by the agent in the machine's name, an announcement of the takeover or an answer in its place.
"""

import socket
import time

import harness
from host import bridge_ports, deaf_to_arp, neighbours, ping
from network import CORRESPONDENT_IP, MACHINE_IP, MACHINE_MAC
from sniffer import Sniffer

IN_MACHINES_NAME = f"ether src {MACHINE_MAC}"
ARP_ABOUT_MACHINE = f"arp and (arp[14:4] = 0x{bytes(map(int, MACHINE_IP.split('.'))).hex()})"  # as the sender
TOO_BIG = "icmp[0] = 3 and icmp[1] = 4"
ICMP_OVERHEAD = 28  # of a ping: IP and ICMP header
TCP_PORT, TCP_BYTES = 7001, 100_000
LOCKTIME_S = 1
QUIET_S = 2.5  # longer than the pause between any two of the first announcements


def converse(lab, name, client_space, server_space, server_address):
    """A claim that a TCP connection carries something in each direction."""
    listener = server_space.socket(socket.AF_INET, socket.SOCK_STREAM)
    client = client_space.socket(socket.AF_INET, socket.SOCK_STREAM)
    lab.cleanup.callback(listener.close)
    lab.cleanup.callback(client.close)
    listener.bind((server_address, TCP_PORT))
    listener.listen()
    for one in (listener, client):
        one.settimeout(harness.PATIENCE_S)
    client.connect((server_address, TCP_PORT))
    server, _ = listener.accept()
    server.settimeout(harness.PATIENCE_S)
    arrived = []
    for sender, receiver in ((client, server), (server, client)):
        sender.sendall(b"x" * TCP_BYTES)
        sender.shutdown(socket.SHUT_WR)
        arrived.append(sum(map(len, iter(lambda: receiver.recv(65536), b""))))
    server.close()
    lab.equal(f"TCP {name}", arrived, [TCP_BYTES] * 2)


class Moves:
    def __init__(self, network):
        self.network = network
        self.lab = network.lab
        self.machine = network.machine
        self.a, self.b = network.a, network.b

    # --- shorthands

    def binding(self):
        return self.a.agent.states("bindings").get(MACHINE_IP)

    def visitor(self):
        return self.b.agent.states("visitors").get(MACHINE_IP)

    def imminent(self, source, destination, *words):
        words = words or ("--ip", MACHINE_IP, "--mac", MACHINE_MAC)
        return source.notifier.tell("imminent", "vm1", "--to", destination.subnet.host, *words)

    def staged(self, source, destination):
        code, said = self.imminent(source, destination)
        self.lab.claim("notify-migrate imminent ends with 0", code == 0, said)

    def touch(self, space, address):
        """Makes an entry of an ARP cache new: for its locktime, a second, a kernel may refuse an update of it. Linux
        takes gratuitous ARP and requests to itself at once, as our agents send them, and so the test goes on."""
        space.ip("neigh flush dev eth0")
        self.lab.claim(f"{address} is asked for anew, just before the landing", ping(space, address).returncode == 0)

    def lands_unheard(self, side, space, address):
        """While a host gets no update of its ARP cache in the first second: of a kernel that is stricter than Linux, or
        because frames are lost. Only those that are repeated can mend the entry."""
        self.touch(space, address)
        before = neighbours(space).get(address)
        with deaf_to_arp(space):
            end = time.monotonic() + LOCKTIME_S
            self.lands_at(side)
            time.sleep(max(0, end - time.monotonic()))  # it is the first second's end that is awaited
            self.lab.equal(f"the first updates of {address} were not heard", neighbours(space).get(address), before)

    def lands_at(self, side):
        self.machine.land(side.letter)
        if side is self.b:
            self.lab.need("the agents see the landing: visitor present, binding away",
                          lambda: (self.visitor(), self.binding()) == ("present", "away"),
                          tell=lambda: (self.visitor(), self.binding()))
        else:
            self.lab.need("the agents see the landing: binding home, no visitor",
                          lambda: (self.visitor(), self.binding()) == (None, "home"),
                          tell=lambda: (self.visitor(), self.binding()))

    # --- claims

    def all_reach_each_other(self, when):
        correspondent, host = self.network.correspondent, self.a.host
        claim = self.lab.claim
        claim(f"{when} the correspondent reaches the machine", ping(correspondent, MACHINE_IP).returncode == 0)
        claim(f"{when} the machine reaches the correspondent", self.machine.pings(CORRESPONDENT_IP))
        claim(f"{when} a home neighbour reaches the machine", host.pings(MACHINE_IP))
        claim(f"{when} the machine reaches a home neighbour", self.machine.pings(host.address))

    def caches_at_home_name_the_machine(self, when):
        self.lab.equal(f"{when} the home neighbour's ARP cache has the machine's own MAC",
                       self.a.host.neighbours().get(MACHINE_IP), MACHINE_MAC)

    def machine_knows(self, when, expected):
        """The machine's ARP cache: {address: MAC}."""
        for address, mac in expected.items():
            self.lab.becomes(f"{when} the machine's ARP cache has {mac} for {address}",
                             lambda: self.machine.neighbours().get(address) == mac, tell=self.machine.neighbours)

    def true_macs(self):
        return {self.a.router: self.network.router_mac(self.a), self.a.host.address: self.a.host.mac}

    def stays_on_its_path_while_staged(self):
        """From before the notice to after it: the machine is at home, and nobody is told anything else."""
        self.lab.part("staging")
        agent, tap = self.a.agent, Sniffer(self.lab, self.a.space, self.a.tap, "in")
        self.staged(self.a, self.b)
        self.lab.equal("the binding is staged", self.binding(), "staged")
        self.lab.equal("the visitor is expected", self.visitor(), "expected")
        self.all_reach_each_other("staged:")
        self.lab.equal("the tunnel is not used", (agent.counter("tunnel-out"), self.b.agent.counter("tunnel-out")),
                       (0, 0))
        tap.finish()
        self.lab.equal("the home agent announced nothing about the machine", tap.frames(ARP_ABOUT_MACHINE), [])
        self.lab.equal("the home agent sent nothing in the machine's name", tap.frames(IN_MACHINES_NAME), [])

    def goes_away(self):
        self.lab.part("landing in the foreign subnet")
        taken_over = self.a.agent.counter("arp-takeover")
        self.touch(self.machine.space, self.a.router)
        self.lands_at(self.b)
        self.all_reach_each_other("away:")
        self.lab.claim("away: a host of the foreign subnet reaches the machine", self.b.host.pings(MACHINE_IP))
        self.lab.claim("the home agent announced itself in the machine's place",
                       self.a.agent.counter("arp-takeover") > taken_over)
        self.caches_at_home_name_the_machine("away:")
        self.a.host.space.ip("neigh flush dev eth0")
        self.lab.claim("away: a home neighbour that has to ask reaches the machine", self.a.host.pings(MACHINE_IP))
        self.caches_at_home_name_the_machine("asked anew:")
        self.lab.claim("the foreign agent sent the machine updates of its ARP cache",
                       self.b.agent.counter("arp-updates") > 0)
        for name, address in (("router", self.a.router), ("neighbour", self.a.host.address)):
            self._cache_leads_to_agent(name, address)
        self._records_have_times()

    def _cache_leads_to_agent(self, name, address):
        """Whichever MAC the machine has for it, the agent's or that of home, the bridge leads it to the agent's TAP."""
        def ports():
            return bridge_ports(self.b.space, self.machine.neighbours().get(address))

        self.lab.becomes(f"away: what the machine sends to its home {name} gets to the foreign agent",
                         lambda: ports() == [self.b.tap], tell=lambda: (self.machine.neighbours(), ports()))

    def _records_have_times(self):
        def row(side):
            return side.agent.rows("handovers")[0]

        def is_done():
            return row(self.a)["state"] == row(self.b)["state"] == "done"

        self.lab.becomes("both agents' records of the handover are done", is_done)
        source, destination = row(self.a), row(self.b)
        for name, record, steps in (("source", source, ("staged", "landed", "ended")),
                                    ("destination", destination, ("staged", "landed", "registered", "delivered",
                                                                  "ended"))):
            times = [record[f"{step}_ms"] for step in steps]
            self.lab.claim(f"the {name}'s record has the times of {', '.join(steps)}, in order",
                           None not in times[:3] and times[:2] == sorted(times[:2]), record)
        self.lab.claim("the destination's record has the restoration", destination["restoration_ms"] is not None,
                       destination)
        self.lab.equal("both records are of one handover", (source["id"], source["epoch"], source["vm"]),
                       (destination["id"], destination["epoch"], "vm1"))

    def carries_every_size(self):
        self.lab.part("sizes")
        correspondent, claim = self.network.correspondent, self.lab.claim
        fragmented = self.a.agent.counter("fragmented"), self.b.agent.counter("fragmented")
        claim("2,000 bytes may be cut on the way to the machine",
              ping(correspondent, MACHINE_IP, "-s", "2000", "-M", "dont").returncode == 0)
        claim("2,000 bytes may be cut on the way from the machine",
              self.machine.pings(CORRESPONDENT_IP, "-s", "2000", "-M", "dont"))
        claim("2,000 bytes of a home neighbour too", self.a.host.pings(MACHINE_IP, "-s", "2000", "-M", "dont"))
        now = self.a.agent.counter("fragmented"), self.b.agent.counter("fragmented")
        claim("both agents cut", now[0] > fragmented[0] and now[1] > fragmented[1], (fragmented, now))
        for name, space, target in (("the correspondent", correspondent, MACHINE_IP),
                                    ("a home neighbour", self.a.host.space, MACHINE_IP),
                                    ("the machine", self.machine.space, CORRESPONDENT_IP)):
            self._is_told_the_mtu(name, space, target)

    def _is_told_the_mtu(self, name, space, target):
        told = Sniffer(self.lab, space, "eth0", "in")
        done = ping(space, target, "-s", str(1500 - ICMP_OVERHEAD), "-M", "do")
        self.lab.claim(f"1,500 bytes that must not be cut do not pass: {name}", done.returncode != 0, done.stdout)
        self.lab.claim(f"{name} is told the MTU of the tunnel",
                       f"mtu = {self.network.tunnel_mtu}" in done.stdout + done.stderr,
                       done.stdout + done.stderr)
        told.finish()
        lines = told.frames(TOO_BIG)
        self.lab.claim(f"the ICMP message says so, and its checksum is right: {name}",
                       lines and all(f"mtu {self.network.tunnel_mtu}" in line and "wrong" not in line for line in lines),
                       lines)
        done = ping(space, target, "-s", str(self.network.tunnel_mtu - ICMP_OVERHEAD), "-M", "do")
        self.lab.claim(f"as many bytes that must not be cut pass: {name}", done.returncode == 0, done.stdout)

    def carries_tcp(self):
        correspondent, machine = self.network.correspondent, self.machine.space
        for name, client, server, address in (("to", correspondent, machine, MACHINE_IP),
                                              ("from", machine, correspondent, CORRESPONDENT_IP)):
            converse(self.lab, f"{name} the machine", client, server, address)

    def comes_home(self):
        self.lab.part("return home")
        before = self.a.host.neighbours().get(MACHINE_IP), self._cache_of_router()
        self.staged(self.b, self.a)
        self.lab.equal("while the return is staged the machine is away", (self.visitor(), self.binding()),
                       ("present", "switching"))
        self.all_reach_each_other("return staged:")
        tap = Sniffer(self.lab, self.a.space, self.a.tap, "in")
        self.lands_at(self.a)
        self.all_reach_each_other("home again:")
        self.lab.equal("the caches of home neighbour and router are as they were",
                       (self.a.host.neighbours().get(MACHINE_IP), self._cache_of_router()), before)
        self.machine_knows("home again:", self.true_macs())
        self.lab.equal("no visitors", self.b.agent.rows("visitors"), [])
        tap.finish()
        self.lab.equal("since the landing the home agent sent nothing in the machine's name",
                       tap.frames(IN_MACHINES_NAME), [])

    def _cache_of_router(self):
        """The router's entry for the machine, where a router with a kernel is."""
        known = self.network.router_knows(self.a)
        return known.get(MACHINE_IP)

    def comes_home_at_once(self):
        """The return overtakes the takeover's repetitions: they must not be sent any more."""
        self.lab.part("there and back at once")
        self.staged(self.a, self.b)
        self.lands_at(self.b)
        self.staged(self.b, self.a)
        self.lands_unheard(self.a, self.machine.space, self.a.router)
        tap = Sniffer(self.lab, self.a.space, self.a.tap, "in")
        taken_over = self.a.agent.counter("arp-takeover")
        time.sleep(QUIET_S)  # it is the absence of something that is awaited
        tap.finish()
        self.lab.equal("home at once: no announcement follows", self.a.agent.counter("arp-takeover"), taken_over)
        self.lab.equal("home at once: nothing in the machine's name", tap.frames(IN_MACHINES_NAME), [])
        self.all_reach_each_other("home at once:")
        self.machine_knows("home at once:", self.true_macs())

    def travels_in_the_agents_name(self):
        """takeover = own: the home agent stands in with its own MAC, and repairs the neighbours' caches at the end."""
        self.lab.part("there and back, takeover = own")
        self.a.agent.set("home", takeover="own")
        self.a.agent.restart()
        self.all_reach_each_other("takeover = own, before:")
        self.staged(self.a, self.b)
        tap = Sniffer(self.lab, self.a.space, self.a.tap, "in")
        self.lands_unheard(self.b, self.a.host.space, MACHINE_IP)
        self._neighbour_has("away", self.a.agent_mac)
        self.all_reach_each_other("takeover = own, away:")
        self.staged(self.b, self.a)
        tap.finish()
        self.lab.equal("no frame of the home agent had the machine's MAC", tap.frames(IN_MACHINES_NAME), [])
        self.lands_unheard(self.a, self.a.host.space, MACHINE_IP)
        self._neighbour_has("home again", MACHINE_MAC)
        self.all_reach_each_other("takeover = own, home again:")

    def _neighbour_has(self, when, mac):
        self.lab.becomes(f"takeover = own, {when}: the home neighbour's ARP cache has {mac}",
                         lambda: self.a.host.neighbours().get(MACHINE_IP) == mac, tell=self.a.host.neighbours)
