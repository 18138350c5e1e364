# SPDX-License-Identifier: BSD-3-Clause
"""What our agents send, read by tshark, and what they say to a peer that is not ours. The topology: test_wire.sh."""

import collections
import socket

import authenticators
import harness
import mip
from control import NTP_EPOCH, ntp
from harness import execute
from host import ping, without_offloads
from judge import LONGEST, tshark
from moves import Moves
from network import CORRESPONDENT_IP, MACHINE_IP, MACHINE_MAC, OneArmed, SPI
from sniffer import Sniffer, claim_good

# Of every request of ours, before that of the handover and the authenticator.
EXTENSIONS = (mip.NAI, mip.PMIP, mip.PMIP_SKIPPABLE, mip.VENDOR)
VENDOR_ID = "32473"
COMMON_FIELDS = ("ip.src", "ip.dst", "udp.srcport", "udp.dstport", "mip.life", "mip.homeaddr", "mip.haaddr",
                 "mip.ident", "mip.ext.type", "mip.auth.spi")
MD5_PEER, MD5_SPI, MD5_KEY = "10.2.0.9", 1001, "0f0e0d0c0b0a09080706050403020100"
NODE_IP, NODE_MAC = "10.1.0.50", "52:54:00:0a:01:50"
STAGED_LIFETIME_S, LIFETIME_S = 40, 200
# Who sends it on the journey there and back: a is home agent, both are asked by their hypervisors.
AUTHENTICATED = (("b", "registration request"), ("a", "registration reply"), ("a", "revocation"),
                 ("b", "acknowledgment"),
                 *((name, f"control {kind}") for name in "ab"
                   for kind in ("request between agents", "reply between agents", "reply to a hypervisor")))


def read_messages(capture, kind, *names):
    """Of each registration message of a type: {field: all its values, as text}; the SPI as a number."""
    names = (*COMMON_FIELDS, *names)
    words = [word for name in names for word in ("-e", name)]
    lines = tshark(capture.path, "-Y", f"mip.type == {kind}", "-T", "fields", *words).splitlines()
    found = [dict(zip(names, line.split("\t"))) for line in lines]
    for fields in found:
        fields["mip.auth.spi"] = int(fields["mip.auth.spi"], 0)
    return found


class Course:
    def __init__(self, lab):
        self.lab = lab
        self.network = OneArmed(lab)
        self.a, self.b = self.network.a, self.network.b
        self.ha, self.fa = self.a.subnet.agent, self.b.subnet.agent
        self.a.agent.set("peer other", address=MD5_PEER, home="10.3.0.0/24", spi=MD5_SPI, algorithm="hmac-md5",
                         key=MD5_KEY)
        for side in (self.a, self.b):
            side.agent.set("handover", staged_lifetime_s=STAGED_LIFETIME_S)
            side.agent.set("foreign", lifetime_s=LIFETIME_S)
        self.network.add_machine().without_offloads()
        # The ways between the sites, and to the correspondent, have no offloads: what comes there was cut and summed up,
        # and is looked at.
        for space, cable in ((self.network.router, "to-cn"), (self.network.router, "to-a"), (self.network.router, "to-b"),
                             (self.a.space, "up0"), (self.b.space, "up0")):
            without_offloads(space, cable)

    def judged_by_a_kernel(self):
        """The correspondent's and the machine's, to which the agents' super-frames came as plain frames with sums of their
        own."""
        self.lab.part("by a kernel")
        for name, space in (("correspondent", self.network.correspondent), ("machine", self.network.machine.space)):
            names, values = (line.split() for line in execute(space, "cat", "/proc/net/snmp").stdout.splitlines()
                             if line.startswith("Tcp:"))
            figures = dict(zip(names[1:], map(int, values[1:])))
            self.lab.claim(f"much has come to the {name}, and no segment with a wrong checksum",
                           figures["InSegs"] > 50 and figures["InCsumErrors"] == 0 and figures["InErrs"] == 0, figures)
        figures_of = {"a gathered": self.a.agent.counter("gathered"), "a merged": self.a.agent.counter("merged"),
                      "b merged": self.b.agent.counter("merged"), "b whole": self.b.agent.counter("whole")}
        self.lab.claim("the correspondent's segments went into the tunnel together, the machine's super-frames whole, "
                       "and both agents have merged segments", all(figures_of.values()), figures_of)

    def travel(self):
        """Away and back, with all that the agents may have to send on the way."""
        self.lab.part("away and back, captured")
        network, machine = self.network, self.network.machine
        network.start_agents()
        captures = {side.letter: Sniffer(self.lab, side.space, side.tap, "in") for side in (self.a, self.b)}
        captures |= {f"{side.letter}'s cable": Sniffer(self.lab, network.router, f"to-{side.letter}", "in")
                     for side in (self.a, self.b)}
        moves = Moves(network)
        moves.all_reach_each_other("before:")
        moves.staged(self.a, self.b)
        moves.lands_at(self.b)
        moves.all_reach_each_other("away:")
        moves.carries_tcp()
        correspondent = network.correspondent
        for space, target in ((correspondent, MACHINE_IP), (machine.space, CORRESPONDENT_IP)):
            ping(space, target, "-s", "3000", "-M", "dont")
            ping(space, target, "-s", "1472", "-M", "do")
            ping(space, target, "-t", "2", tries=1)
            ping(space, target, "-Q", "0x2b")  # DSCP 10, and congestion experienced
        execute(self.a.host.space, "ping", "-n", "-c", "1", "-s", "4000", "-W", "1", self.ha)
        moves.staged(self.b, self.a)
        moves.lands_at(self.a)
        moves.all_reach_each_other("home again:")
        return {letter: capture.finish() for letter, capture in captures.items()}

    def judged_by_tshark(self, captures):
        self.lab.part("by tshark")
        for name, capture in captures.items():
            judgement = capture.judged()
            claim_good(self.lab, f"what agent {name} sent", judgement, "Mobile IP", "control", "ARP", "ICMP",
                       "UDP tunnel", "TCP in UDP tunnel")
            if "cable" in name:
                self.lab.equal(f"nothing by agent {name} is longer than {LONGEST} bytes, or waits for its checksum",
                               (judgement.super_frames, capture.pending()), (0, set()))

    def registrations(self, captures):
        self.lab.part("registrations")
        requests = read_messages(captures["b"], 1, "mip.flags", "mip.coa", "mip.nai",
                                 "mip.ext.pmipv4nonskipext.pernodeauthmethod", "mip.ext.pmipv4skipext.interfaceid",
                                 "mip.ext.cvse.vendor_id", "mip.ext.nvse.vendor_id")
        replies = read_messages(captures["a"], 3, "mip.code")
        # The revocation waits until the home agent's store has the landing: the deregistration comes before it.
        self.lab.equal("what the foreign agent asked for: stage, activate, deregister; their lifetimes",
                       [request["mip.life"] for request in requests], [str(STAGED_LIFETIME_S), str(LIFETIME_S), "0"])
        same = {"ip.src": self.fa, "ip.dst": self.ha, "udp.srcport": "434", "udp.dstport": "434",
                "mip.homeaddr": MACHINE_IP, "mip.haaddr": self.ha, "mip.coa": self.fa, "mip.nai": "vm1",
                "mip.auth.spi": SPI, "mip.ext.pmipv4nonskipext.pernodeauthmethod": "1",
                "mip.ext.pmipv4skipext.interfaceid": MACHINE_MAC.replace(":", "")}
        for name, handover, request in zip(("stage", "activate"), (mip.CRITICAL_VENDOR, mip.VENDOR), requests):
            found = {key: request[key] for key in same}
            self.lab.equal(f"{name}: addresses, ports, name, MAC, SPI", found, same)
            self.lab.equal(f"{name}: of the flags T and no other", int(request["mip.flags"], 0), mip.REVERSE_TUNNEL)
            self.lab.equal(f"{name}: its extensions", [int(kind) for kind in request["mip.ext.type"].split(",")],
                           [*EXTENSIONS, handover, mip.REVOCATION, mip.UDP_TUNNEL_REQUEST, mip.FA_HA_AUTH])
            vendors = request["mip.ext.cvse.vendor_id"].split(",") + request["mip.ext.nvse.vendor_id"].split(",")
            self.lab.equal(f"{name}: the vendor's number", set(vendors) - {""}, {VENDOR_ID})
        self.lab.equal("each was answered once, and accepted", [reply["mip.code"] for reply in replies],
                       ["0"] * len(requests))
        for request, reply in zip(requests, replies):
            self.lab.equal(f"the reply to the one of {request['mip.life']} s", reply,
                           {"ip.src": self.ha, "ip.dst": self.fa, "udp.srcport": "434", "udp.dstport": "434",
                            "mip.code": "0", "mip.life": request["mip.life"], "mip.homeaddr": MACHINE_IP,
                            "mip.haaddr": self.ha, "mip.ident": request["mip.ident"],
                            "mip.ext.type": ",".join(map(str, self._reply_extensions(request))), "mip.auth.spi": SPI})

    @staticmethod
    def _reply_extensions(request):
        """A tunnel is granted where one was asked for."""
        granted = [mip.UDP_TUNNEL_REPLY] if request["mip.life"] != "0" else []
        return [mip.PMIP, *granted, mip.REVOCATION, mip.FA_HA_AUTH]

    def revocations(self, captures):
        """The machine went home: its home agent revoked the visit before anybody deregistered."""
        self.lab.part("revocations")
        sent = read_messages(captures["a"], 7, "mip.rev.a", "mip.rev.hda", "mip.rev.fda", "mip.revid")
        acknowledged = read_messages(captures["b"], 15, "mip.revid")
        self.lab.equal("one, by the home agent", len(sent), 1)
        same = {"udp.srcport": "434", "udp.dstport": "434", "mip.homeaddr": MACHINE_IP, "mip.auth.spi": SPI,
                "mip.ext.type": str(mip.FA_HA_AUTH)}
        found = {key: sent[0][key] for key in (*same, "ip.src", "ip.dst", "mip.rev.a", "mip.rev.hda", "mip.rev.fda")}
        self.lab.equal("its fields", found, {**same, "ip.src": self.ha, "ip.dst": self.fa, "mip.rev.a": "1",
                                             "mip.rev.hda": self.ha, "mip.rev.fda": self.fa})
        found = [{key: ack[key] for key in (*same, "ip.src", "ip.dst", "mip.revid")} for ack in acknowledged]
        self.lab.equal("one acknowledgment of it", found, [{**same, "ip.src": self.fa, "ip.dst": self.ha,
                                                            "mip.revid": sent[0]["mip.revid"]}])

    def authenticated(self, captures):
        """Of every kind of message that bears an authenticator, by both agents together: right, by openssl."""
        self.lab.part("authenticators, by openssl")
        key = self.network.peer_key
        ways = {"between agents": {spi: authenticators.peer_control_key(one)
                                   for spi, one in ((SPI, key), (MD5_SPI, MD5_KEY))},
                "to a hypervisor": {side.notifier.key_id: side.notifier.key for side in (self.a, self.b)}}
        right, wrong = collections.Counter(), []
        for name in ("a", "b"):
            for kind, message in authenticators.registrations(captures[name].path):
                is_right = authenticators.is_right_registration(message, SPI, key)
                right.update([(name, kind)] if is_right else [])
                wrong += [] if is_right else [(name, kind, message.hex())]
            for kind, message in authenticators.control_messages(captures[name].path):
                by = [way for way, keys in ways.items() if authenticators.is_right_control(message, keys)]
                right.update((name, f"{kind} {way}") for way in by)
                wrong += [] if by else [(name, kind, message.hex())]
        self.lab.equal("no authenticator is wrong", wrong, [])
        for name, kind in AUTHENTICATED:
            self.lab.claim(f"agent {name}: {kind}: {right[name, kind]}, and right", right[name, kind] > 0, right)

    # --- a foreign agent that is not ours

    def stranger(self):
        """Agent B is gone; a socket has its address, and later that of another peer."""
        self.lab.part("a foreign agent by scapy")
        self.b.agent.end()
        for address, spi, key, algorithm in ((self.fa, SPI, self.network.peer_key, "hmac-sha256"),
                                             (MD5_PEER, MD5_SPI, MD5_KEY, "hmac-md5")):
            self.b.space.ip(f"addr add {address}/24 dev br0")
            self.network.router.ip("neigh flush dev to-b")
            with self.b.space.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
                peer.bind((address, mip.PORT))
                peer.settimeout(3)
                self._registers(peer, address, spi, key, algorithm)

    def _registers(self, peer, address, spi, key, algorithm):
        said = mip.proxied("other", NODE_MAC)

        def exchange(name, lifetime_s, code, identification):
            request = mip.request(NODE_IP, self.ha, address, lifetime_s, said, identification)
            peer.sendto(mip.sign(request, spi, key, algorithm), (self.ha, mip.PORT))
            reply = mip.Reply(peer.recv(2048))
            self.lab.equal(f"{algorithm}: {name}: code {code}, lifetime {lifetime_s}", (reply.code, reply.lifetime_s),
                           (code, lifetime_s))
            self.lab.claim(f"{algorithm}: {name}: the reply is authentic, by Python and by openssl",
                           reply.is_authentic(key, algorithm)
                           and authenticators.is_right_registration(reply.data, spi, key, algorithm))
            return reply

        wrong = ntp(-3600)
        reply = exchange("a clock an hour slow", 30, mip.IDENTIFICATION, wrong)
        told_s = (reply.identification >> 32) - NTP_EPOCH
        self.lab.claim(f"{algorithm}: it tells its own time, and repeats what identifies the request",
                       abs(told_s - (ntp() / 2**32 - NTP_EPOCH)) < 5
                       and reply.identification & 0xffffffff == wrong & 0xffffffff, hex(reply.identification))
        right = (reply.identification >> 32) + 1 << 32 | 1
        reply = exchange("the time that was told", 30, mip.ACCEPTED, right)
        self.lab.equal(f"{algorithm}: the reply repeats the identification", reply.identification, right)
        row = next(row for row in self.a.agent.rows("bindings") if row["home_address"] == NODE_IP)
        self.lab.equal(f"{algorithm}: the home agent has the binding",
                       (row["state"], row["care_of"], row["mac"], row["vm"]), ("away", address, NODE_MAC, "other"))
        self._is_tunnelled(address, algorithm)
        exchange("the same again", 30, mip.IDENTIFICATION, right)
        exchange("deregistration", 0, mip.ACCEPTED, right + 1)
        self.lab.equal(f"{algorithm}: the binding is home", self.a.agent.states("bindings")[NODE_IP], "home")

    def _is_tunnelled(self, address, algorithm):
        """What the correspondent sends to the node arrives here, in IP in IP."""
        here = Sniffer(self.lab, self.b.space, "br0", "in")
        ping(self.network.correspondent, NODE_IP, tries=1)
        lines = here.finish().frames(f"ip proto 4 and src host {self.ha} and dst host {address}")
        self.lab.claim(f"{algorithm}: what is for the node comes through the tunnel",
                       lines and all(f"{CORRESPONDENT_IP} > {NODE_IP}: ICMP echo request" in line for line in lines),
                       lines)


def course(lab):
    one = Course(lab)
    captures = one.travel()
    one.judged_by_tshark(captures)
    one.judged_by_a_kernel()
    one.registrations(captures)
    one.revocations(captures)
    one.authenticated(captures)
    one.stranger()


harness.main(course)
