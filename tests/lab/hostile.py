# SPDX-License-Identifier: BSD-3-Clause
"""Forged, replayed, truncated and looping packets against live agents. The topology is drawn in test_hostile.sh.

Every packet that must not pass carries UDP port 6666: in the end none may have reached machine or correspondent.
Attackers are n on the home LAN and m on the foreign one; they can send whatever frames they like, and know keys only
where a claim says so. The machine itself, a visitor, is not trusted either.
"""

import signal
import struct

import control
import harness
import mip
from harness import LabError
from host import frame_socket, mac_bytes, ping, rarp
from moves import Moves
from network import CORRESPONDENT_IP, MACHINE_IP, MACHINE_MAC, OneArmed, SPI
from scapy.config import conf
from scapy.layers.inet import IP, IPOption_LSRR, UDP, fragment
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw, raw
from sniffer import Sniffer

conf.verb = 0
PORT = 6666
PAYLOAD = UDP(sport=PORT, dport=PORT) / Raw(b"hostile")
PASSED = f"udp port {PORT}"
ALL_FRAMES = 3  # ETH_P_ALL
LIFETIME_S = 9
OTHER_KEY = "ff" * 32
OTHER_IP = "10.1.0.66"
FLOOD = 1000


def patched(packet, at, value):
    """The packet's bytes, with some of them replaced."""
    data = bytearray(raw(packet))
    data[at:at + len(value)] = value
    return bytes(data)


class Attack:
    """One attacker's socket, aimed at one agent."""

    def __init__(self, course, side, attacker, mac):
        self._course = course
        self._side = side
        self._mac = mac
        self._socket = frame_socket(attacker, "eth0")
        course.lab.cleanup.callback(self._socket.close)

    def send(self, frame):
        self._socket.send(raw(frame).ljust(60, b"\0"))

    def frames(self, text, counter, *frames, count=None):
        """Sends frames; each (or `count` in all) must be counted, and nothing else may change."""
        lab, agent, course = self._course.lab, self._side.agent, self._course
        before, world = agent.counter(counter), course.world()
        count = len(frames) if count is None else count
        for frame in frames:
            self.send(frame)

        def risen():
            return agent.counter(counter) - before

        lab.becomes(f"{text}: {counter} +{count} at agent {self._side.letter}", lambda: risen() == count, 3, tell=risen)
        course.unchanged(text, world)

    def frame_of(self, packet, to=None):
        return mac_bytes(to or self._side.agent_mac) + mac_bytes(self._mac) + b"\x08\x00" + raw(packet)

    def packets(self, text, counter, *packets, to=None, count=None):
        """Sends IP packets, to the agent's MAC or another's."""
        self.frames(text, counter, *(self.frame_of(packet, to) for packet in packets), count=count)

    def datagrams(self, text, counter, source, port, *payloads):
        """Sends UDP datagrams in the name of another address, from and to the same port."""
        self.packets(text, counter, *(IP(src=source, dst=self._side.subnet.agent) / UDP(sport=port, dport=port)
                                      / Raw(payload) for payload in payloads))


class Course:
    def __init__(self, lab):
        self.lab = lab
        self.network = OneArmed(lab)
        self.a, self.b = self.network.a, self.network.b
        self.b.agent.set("foreign", lifetime_s=LIFETIME_S)
        self.machine = self.network.add_machine()
        self.network.start_agents()
        self.on_home_lan = Attack(self, self.a, self.a.host.space, self.a.host.mac)
        self.on_foreign_lan = Attack(self, self.b, self.b.host.space, self.b.host.mac)
        self.by_machine = Attack(self, self.b, self.machine.space, MACHINE_MAC)
        self.ha, self.fa = self.a.subnet.agent, self.b.subnet.agent
        self.sent = {}

    def world(self):
        """Bindings, visitors and handovers, without what changes with time alone."""
        def steady(row):
            return {key: value for key, value in row.items()
                    if key not in ("lifetime_s", "delivered") and not key.endswith("_ms")}
        return [steady(row) for side in (self.a, self.b) for report in ("bindings", "visitors", "handovers")
                for row in side.agent.rows(report)]

    def unchanged(self, text, world):
        now = self.world()
        if now != world:
            self.lab.claim(f"{text}: nothing has changed", False, f"{now}, before: {world}")

    def go_away(self):
        """The machine moves; what the agents say to each other then is what will be replayed."""
        self.lab.part("the machine goes away")
        taps = {side.letter: Sniffer(self.lab, side.space, side.tap, "in") for side in (self.a, self.b)}
        moves = Moves(self.network)
        moves.all_reach_each_other("before:")
        moves.staged(self.a, self.b)
        moves.lands_at(self.b)
        self.lab.becomes("the handover is done", lambda: self.a.agent.rows("handovers")[0]["state"] == "done")
        for name, tap, port in (("registrations", "b", "dst port 434"), ("replies", "a", "src port 434"),
                                ("control-a", "a", "dst port 4340"), ("control-b", "b", "dst port 4340")):
            self.sent[name] = taps[tap].finish().payloads(f"udp and {port}")
            if not self.sent[name]:
                raise LabError(f"no {name} seen")

    # --- the tunnel

    def tunnels(self):
        self.lab.part("tunnelled packets")
        for attack, own, peer, inside, address in (
                (self.on_home_lan, self.ha, self.fa, {"src": MACHINE_IP, "dst": CORRESPONDENT_IP}, "src"),
                (self.on_foreign_lan, self.fa, self.ha, {"src": CORRESPONDENT_IP, "dst": MACHINE_IP}, "dst")):
            good, outer = IP(**inside) / PAYLOAD, IP(src=peer, dst=own)
            attack.packets("by a stranger", "drop-tunnel-peer", IP(src=CORRESPONDENT_IP, dst=own) / good,
                           IP(src="10.3.0.2", dst=own) / good)
            attack.packets("by a stranger, in fragments", "drop-tunnel-peer",
                           *fragment(IP(src=CORRESPONDENT_IP, dst=own) / good / Raw(b"x" * 64), fragsize=40))
            attack.packets("in the peer's name, of another node", "drop-tunnel-inner",
                           outer / IP(**{**inside, address: OTHER_IP}) / PAYLOAD,
                           outer / IP(src="10.3.0.9", dst="10.3.0.10") / PAYLOAD)
            attack.packets("cut, with a wrong checksum, longer than it is, of no version", "drop-tunnel-malformed",
                           IP(src=peer, dst=own, proto=4) / Raw(raw(good)[:10]),
                           IP(src=peer, dst=own, proto=4) / Raw(patched(good, 10, b"\x12\x34")),
                           IP(src=peer, dst=own, proto=4) / Raw(raw(IP(**inside, len=400) / PAYLOAD)),
                           IP(src=peer, dst=own, proto=4) / Raw(patched(good, 0, b"\x65")),
                           IP(src=peer, dst=own, proto=4))
            attack.packets("that would go round", "drop-tunnel-loop", outer / IP(src=own, dst=inside["dst"]) / PAYLOAD,
                           outer / IP(src=MACHINE_IP, dst=own) / IP(**inside) / PAYLOAD)
            attack.packets("whose time is over", "drop-ip-ttl", outer / IP(**inside, ttl=1) / PAYLOAD)
        self.on_home_lan.packets("to the absent node, by its own care-of address", "drop-tunnel-loop",
                                 IP(src=self.fa, dst=MACHINE_IP) / PAYLOAD, to=MACHINE_MAC)

    # --- registrations

    def registrations(self):
        self.lab.part("registrations")
        key, said = self.network.peer_key, mip.proxied("vm1", MACHINE_MAC)
        attack = self.on_home_lan
        # First: what the home agent answers below also arrives there, and counts.
        self.on_foreign_lan.datagrams("old replies", "drop-mip-unexpected", self.ha, mip.PORT, *self.sent["replies"])

        def to_a(text, counter, *messages, source=self.fa):
            attack.datagrams(text, counter, source, mip.PORT, *messages)

        def unsigned(lifetime_s=0, care_of=self.fa, extensions=said, **how):
            return mip.request(MACHINE_IP, self.ha, care_of, lifetime_s, extensions, **how)

        signed = mip.sign(unsigned(), SPI, key)
        to_a("a deregistration, and a registration elsewhere, by a wrong key", "drop-mip-auth",
             mip.sign(unsigned(), SPI, OTHER_KEY), mip.sign(unsigned(300, CORRESPONDENT_IP), SPI, OTHER_KEY))
        to_a("with one bit changed under the authenticator", "drop-mip-auth", patched(signed, 3, b"\x01"),
             patched(signed, len(signed) - 1, bytes([signed[-1] ^ 1])))
        to_a("with values behind the authenticator, under a made-up one", "drop-mip-auth",
             mip.sign(signed + mip.short(mip.NAI, b"other"), SPI, OTHER_KEY, kind=mip.MN_HA_AUTH))
        to_a("by a key that is not known, by none, by two", "drop-mip-no-sa", mip.sign(unsigned(), 999, key),
             unsigned(), mip.sign(signed, SPI, key))
        to_a("by the right key from another address", "drop-mip-no-sa", signed, source=CORRESPONDENT_IP)
        to_a("cut", "drop-mip-malformed", signed[:1], signed[:23], signed[:-1], signed[:30])
        to_a("with an extension that must be known", "drop-mip-extension",
             mip.sign(unsigned(extensions=said + mip.short(99, b"x")), SPI, key))
        to_a("of no known type, or empty", "drop-mip-type", b"\x63" + signed[1:], b"")
        to_a("replayed", "drop-mip-replay", *self.sent["registrations"])
        to_a("an hour old, an hour early, by the right key", "drop-mip-replay",
             *(mip.sign(unsigned(identification=control.ntp(offset)), SPI, key) for offset in (-3600, 3600)))
        to_a("replies that nobody asked for", "drop-mip-unexpected", *self.sent["replies"])
        to_a("for another agent's address, by the right key", "rrp-denied",
             mip.sign(unsigned(300, CORRESPONDENT_IP), SPI, key))
        to_a("for a router's address, by the right key", "rrp-denied",
             mip.sign(mip.request(self.a.router, self.ha, self.fa, 300, said), SPI, key))

    def reply_by_a_wrong_key(self):
        """A registration is open for as long as its home agent is silent: a forged reply comes just then."""
        self.lab.part("a reply to an open request")
        listener = frame_socket(self.b.space, self.b.tap, ALL_FRAMES)
        self.lab.cleanup.callback(listener.close)
        self.a.agent.process.send_signal(signal.SIGSTOP)
        try:
            identification = self._next_identification(listener)
            reply = struct.pack(">BBH4s4sQ", 3, mip.ACCEPTED, 65535, self._packed(MACHINE_IP), self._packed(self.ha),
                                identification)
            source = (self.ha, mip.PORT)
            attack = self.on_foreign_lan
            before = self.b.agent.counter("rrq-sent")
            for text, counter, forged in (
                    ("accepted, by a wrong key", "drop-mip-auth", mip.sign(reply, SPI, OTHER_KEY)),
                    ("accepted, by no key", "drop-mip-auth", reply),
                    ("by the right key, to another request", "drop-mip-unexpected",
                     mip.sign(reply[:-8] + struct.pack(">Q", identification ^ 1), SPI, self.network.peer_key))):
                self._sends_to_b(attack, text, counter, source, forged)
            self.lab.becomes("the foreign agent goes on asking", lambda: self.b.agent.counter("rrq-sent") > before, 3)
        finally:
            self.a.agent.process.send_signal(signal.SIGCONT)

    def _sends_to_b(self, attack, text, counter, source, message):
        """Agent A is halted: only B's state can be looked at."""
        before = self.b.agent.counter(counter)
        attack.send(attack.frame_of(IP(src=source[0], dst=self.fa) / UDP(sport=source[1], dport=source[1])
                                    / Raw(message)))
        self.lab.becomes(f"{text}: {counter} +1 at agent b", lambda: self.b.agent.counter(counter) == before + 1, 3)
        self.lab.equal(f"{text}: the visitor stays", self.b.agent.states("visitors"), {MACHINE_IP: "present"})

    def _next_identification(self, listener):
        """That of the next registration request that agent B sends: it renews before the lifetime is over."""
        listener.settimeout(LIFETIME_S)
        while True:
            frame = listener.recv(2048)
            if frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[36:38] == b"\x01\xb2" and frame[42] == 1:
                return struct.unpack_from(">Q", frame, 42 + 16)[0]

    @staticmethod
    def _packed(address):
        return bytes(map(int, address.split(".")))

    # --- the control channel

    def control_channel(self):
        self.lab.part("control messages")
        attack, ours = self.on_home_lan, self.a.notifier
        cancel = control.item(control.ITEM_VM, "vm1")

        def to_a(text, counter, *messages, source=self.fa):
            attack.datagrams(text, counter, source, 4340, *messages)

        def signed(key=ours.key, key_id=ours.key_id, operation=control.CANCEL, items=cancel, **how):
            return control.encode(key_id, key, operation, items, **how)

        good = signed()
        to_a("cut, of another protocol, with items that pass the end", "drop-control-malformed", b"", good[:27],
             b"HMC2" + good[4:], signed(items=cancel + b"\x02\xff"), signed(items=b"\x01\x04a\nb\0"))
        to_a("with a key id that is not known", "drop-control-key", signed(key_id=7777))
        to_a("by a wrong key", "drop-control-auth", signed(OTHER_KEY), good[:-1] + bytes([good[-1] ^ 1]))
        to_a("an agent's, by a hypervisor's key as it stands", "drop-control-auth",
             signed(self.network.peer_key, SPI, control.ABORT))
        to_a("an hour old, an hour early", "drop-control-clock", *(signed(stamp=control.ntp(offset))
                                                                   for offset in (-3600, 3600)))
        to_a("our own requests, sent back", "drop-control-auth", *self._requests("control-a"))
        to_a("the other agent's answers, replayed", "drop-control-unexpected", *self._replies("control-b"))
        self.on_foreign_lan.datagrams("a move announced by a wrong key", "drop-control-auth", self.ha, 4340,
                                      signed(OTHER_KEY, SPI, control.PREPARE))

    def replays(self):
        """At once, while their time stamps still fit."""
        self.lab.part("control messages, replayed at once")
        self.on_home_lan.datagrams("the other agent's requests", "control-repeats", self.fa, 4340,
                                   *self._requests("control-b"))
        self.on_foreign_lan.datagrams("the other agent's requests", "control-repeats", self.ha, 4340,
                                      *self._requests("control-a"))

    def _requests(self, name):
        return [data for data in self.sent[name] if control.Message(data).kind == control.REQUEST]

    def _replies(self, name):
        return [data for data in self.sent[name] if control.Message(data).kind == control.REPLY]

    # --- the LANs

    def home_lan(self):
        self.lab.part("on the home LAN")
        attack, mac, n = self.on_home_lan, self.a.agent_mac, self.a.host
        good = IP(src=n.address, dst=MACHINE_IP) / PAYLOAD
        attack.packets("no IP header that could be one", "drop-ip-header", patched(good, 0, b"\x55"),
                       patched(good, 0, b"\x41"), patched(good, 2, b"\x40\x00"), b"\x45")
        attack.packets("a wrong header checksum", "drop-ip-checksum", patched(good, 10, b"\x12\x34"), to=MACHINE_MAC)
        attack.packets("impossible sources", "drop-ip-martian", *(IP(src=source, dst=self.ha) / PAYLOAD
                                                                  for source in ("127.0.0.1", self.ha, "224.0.0.1")))
        attack.packets("in the absent node's name to itself", "drop-home-source",
                       IP(src=MACHINE_IP, dst=MACHINE_IP) / PAYLOAD, to=MACHINE_MAC)
        attack.packets("time over", "drop-ip-ttl", IP(src=n.address, dst=MACHINE_IP, ttl=1) / PAYLOAD, to=MACHINE_MAC)
        attack.packets("source-routed", "drop-ip-source-route",
                       IP(src=n.address, dst=MACHINE_IP, options=[IPOption_LSRR(routers=[self.ha])]) / PAYLOAD,
                       to=MACHINE_MAC)
        # To the agent alone: other hosts do fall for such claims, with or without an agent.
        head, claim = Ether(src=n.mac, dst=mac), {"psrc": MACHINE_IP, "pdst": MACHINE_IP, "hwdst": "00:00:00:00:00:00"}
        attack.frames("ARP that claims the absent node's address", "drop-home-source",
                      *(head / ARP(op=op, hwsrc=n.mac, **claim) for op in (1, 2)))
        attack.frames("ARP of a group", "drop-arp-group-mac", head / ARP(hwsrc="01:00:5e:00:00:01", **claim))
        attack.frames("ARP with other lengths and types", "drop-arp-malformed",
                      *(patched(head / ARP(hwsrc=n.mac, **claim), 14 + at, value)
                        for at, value in ((4, b"\x08"), (5, b"\x10"), (0, b"\x00\x06"), (2, b"\x86\xdd"))))
        self.lab.claim("the home neighbour still reaches the machine", n.pings(MACHINE_IP))

    def foreign_lan(self):
        self.lab.part("on the foreign LAN")
        self.by_machine.packets("the visitor with other addresses", "drop-visitor-source",
                                *(IP(src=source, dst=CORRESPONDENT_IP) / PAYLOAD
                                  for source in (OTHER_IP, self.b.host.address, self.ha, "0.0.0.0")))
        self.by_machine.packets("the visitor to everybody", "drop-mobile-broadcast",
                                *(IP(src=MACHINE_IP, dst=group) / PAYLOAD
                                  for group in ("255.255.255.255", "10.1.0.255", "224.0.0.9")),
                                to="ff:ff:ff:ff:ff:ff")
        self.on_foreign_lan.packets("another with the visitor's address", "drop-not-a-router",
                                    IP(src=MACHINE_IP, dst=CORRESPONDENT_IP) / PAYLOAD)

    def many_fragments(self):
        """Fragments that never become whole cost the agent no more than it has set aside."""
        self.lab.part("fragments without end")
        attack = self.on_home_lan
        first = raw(IP(src=self.fa, dst=self.ha, proto=4, flags="MF") / Raw(b"x" * 64))
        for number in range(FLOOD):
            packet = IP(first)
            packet.id, packet.chksum = number, None
            attack.send(attack.frame_of(packet))
        self.lab.claim("the agent still answers what comes in fragments", self.a.host.pings(self.ha, "-s", "3000"))

    # --- at the end

    def all_is_well(self, captures):
        self.lab.part("after all that")
        for name, capture in captures.items():
            self.lab.equal(f"nothing of it reached {name}", capture.finish().frames(PASSED), [])
        self.lab.equal("the machine is away and present",
                       (self.a.agent.states("bindings"), self.b.agent.states("visitors")),
                       ({MACHINE_IP: "away"}, {MACHINE_IP: "present"}))
        Moves(self.network).all_reach_each_other("after all that:")

    def machines_mac_at_home(self):
        """Last, since whoever sends the machine's MAC at home gets its frames from the bridge, as on any LAN."""
        self.lab.part("the machine's MAC on the home LAN")
        self.on_home_lan.frames("an announcement with the absent machine's MAC", "home-again", rarp(MACHINE_MAC))
        self.lab.becomes("the next renewal proves it away: the home agent takes its place anew",
                         lambda: ping(self.network.correspondent, MACHINE_IP, tries=1).returncode == 0, 2 * LIFETIME_S)


def course(lab):
    one = Course(lab)
    one.go_away()
    captures = {"the machine": Sniffer(lab, one.machine.space, "eth0", "in"),
                "the correspondent": Sniffer(lab, one.network.correspondent, "eth0", "in")}
    one.replays()
    one.tunnels()
    one.registrations()
    one.control_channel()
    one.home_lan()
    one.foreign_lan()
    one.many_fragments()
    one.reply_by_a_wrong_key()
    one.all_is_well(captures)
    one.machines_mac_at_home()


harness.main(course)
