# SPDX-License-Identifier: BSD-3-Clause
"""Faults are planted for the judges to find. What is judged in test_judge.sh."""

import subprocess
import sys

import authenticators
import control
import harness
import judge
import mip
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether, GRE
from scapy.packet import Packet, Raw, raw
from sniffer import PCAP_HEADER, RECORD

KEY, OTHER_KEY, SPI = "000102030405060708090a0b0c0d0e0f", "0f" * 16, 257
PEERS = {"src": "10.1.0.2", "dst": "10.2.0.2"}
ENDS = {"src": "10.9.0.10", "dst": "10.1.0.5"}
HEAD = Ether(src="02:00:00:00:0a:02", dst="02:00:00:00:0b:02")
WRONG = 0x1234
TUNNEL_DATA = Raw(b"\x04\x04\x00\x00")  # RFC 3519: type 4, next header IP in IP
MOBILE_IP = UDP(sport=mip.PORT, dport=mip.PORT)
REQUEST = mip.sign(mip.request("10.1.0.5", "10.1.0.2", "10.2.0.2", 300, mip.short(mip.NAI, b"vm1")), SPI, KEY)
# A request in HMAC-MD5 that was made by scapy and signed by openssl, once: nothing here has made it.
SAMPLE = bytes.fromhex("0102012c0a0100050a0100010a020001e000000012345678830e766d314064632e6578616d706c65201400000100"
                       "38522d1f7a26ec028701b93e9e27816e2214000001017e25e13dd175d71bb06e9925124dcbcd")


def tunnelled(tunnel, inner):
    if tunnel == "IP in IP":
        return HEAD / IP(**PEERS, proto=4) / Raw(raw(inner))
    if tunnel == "GRE":
        return HEAD / IP(**PEERS) / GRE() / inner
    return HEAD / IP(**PEERS) / MOBILE_IP / TUNNEL_DATA / Raw(raw(inner))


def good_frames():
    yield HEAD / ARP(psrc="10.1.0.2", pdst="10.1.0.5")
    yield HEAD / IP(**PEERS) / MOBILE_IP / Raw(REQUEST)
    yield HEAD / IP(**PEERS) / UDP(sport=4340, dport=4340) / Raw(control.encode(SPI, KEY, control.STATUS))
    yield HEAD / IP(**PEERS) / ICMP()
    for tunnel in judge.TUNNELS:
        yield tunnelled(tunnel, IP(**ENDS) / TCP(sport=7001, dport=7002) / Raw(b"x" * 99))


def planted():
    """(what must be said of it, frame)"""
    longer = REQUEST[:24] + bytes([mip.NAI, 200]) + REQUEST[26:]
    yield "malformed", HEAD / IP(**PEERS) / MOBILE_IP / Raw(longer)
    yield "malformed", HEAD / IP(**PEERS) / MOBILE_IP / Raw(REQUEST[:20])
    yield "ip checksum", HEAD / IP(**PEERS, chksum=WRONG) / ICMP()
    yield "icmp checksum", HEAD / IP(**PEERS) / ICMP(chksum=WRONG)
    yield "udp checksum", HEAD / IP(**PEERS) / UDP(sport=mip.PORT, dport=mip.PORT, chksum=WRONG) / Raw(REQUEST)
    for tunnel in judge.TUNNELS:
        yield "ip checksum", tunnelled(tunnel, IP(**ENDS, chksum=WRONG) / TCP(sport=7001, dport=7002))
        yield "tcp checksum", tunnelled(tunnel, IP(**ENDS) / TCP(sport=7001, dport=7002, chksum=WRONG))
        yield "udp checksum", tunnelled(tunnel, IP(**ENDS) / UDP(sport=7001, dport=7002, chksum=WRONG) / Raw(b"x"))


def capture(lab, name, frames):
    path = lab.path(name)
    with open(path, "wb") as file:
        file.write(PCAP_HEADER)
        for frame in frames:
            data = raw(frame) if isinstance(frame, Packet) else frame
            file.write(RECORD.pack(0, 0, len(data), len(data)) + data)
    return path


def by_tshark(lab):
    lab.part("tshark")
    good, faults = list(good_frames()), list(planted())
    judgement = judge.Judgement(capture(lab, "good.pcap", good))
    lab.claim(f"good frames are good: {judgement.told()}", judgement.holds(), judgement.shown)
    kinds = {*judge.TUNNELS, *(f"TCP in {tunnel}" for tunnel in judge.TUNNELS), "Mobile IP", "control", "ARP", "ICMP"}
    lab.equal("each is known for what it is", dict(judgement.kinds), dict.fromkeys(kinds, 1))
    bad = capture(lab, "bad.pcap", [*good, *(frame for _, frame in faults), *good])
    judgement = judge.Judgement(bad)
    lab.equal("of each planted fault it is found what it is, and of no other frame anything", judgement.faulty,
              {number: what for number, (what, _) in enumerate(faults, len(good) + 1)})
    lab.claim("the faulty frames are shown", judgement.shown and not judgement.holds(), judgement.shown)
    everywhere = frozenset(range(1, 2 * len(good) + len(faults) + 1))
    found = set(judge.Judgement(bad, everywhere).faulty.values())
    lab.equal("of frames whose sum the kernel has yet to make all but that is judged", found,
              {"malformed", "ip checksum", "icmp checksum"})
    quotation = HEAD / IP(**PEERS) / ICMP(type=11, code=1, chksum=WRONG) / IP(flags="MF", proto=17) / Raw(bytes(8))
    judgement = judge.Judgement(capture(lab, "quote.pcap", [quotation]))
    lab.claim("an excepted quotation excuses no wrong checksum", not judgement.holds(), judgement.told())
    for name, frames in (("nothing", []), ("a super-frame alone", [HEAD / IP(**PEERS) / UDP() / Raw(bytes(9000))])):
        judgement = judge.Judgement(capture(lab, "empty.pcap", frames))
        lab.claim(f"a judgement of {name} does not hold", not judgement.holds(), judgement.told())
    judgement = judge.Judgement(bad, only="arp")
    lab.equal("a filter takes what it takes, and no more", (judgement.frames, judgement.holds()), (2, True))


def of_programs(lab):
    """As CTest runs a scenario."""
    lab.part("a program that is judged")
    good = capture(lab, "good.pcap", good_frames())
    bad = capture(lab, "bad.pcap", [frame for _, frame in planted()])
    for name, program, expected in (("sent good frames", f'cp {good} "$HM_SIM_SENT"', 0),
                                    ("sent a bad one", f'cp {bad} "$HM_SIM_SENT"', 1), ("sent nothing", "true", 1),
                                    ("failed by itself", f'cp {good} "$HM_SIM_SENT"; exit 7', 7)):
        done = subprocess.run([sys.executable, "-B", judge.__file__, "--", "sh", "-c", program], capture_output=True,
                              text=True, check=False)
        lab.equal(f"one that {name} ends with {expected}", done.returncode, expected)


def flipped(message, at):
    return message[:at] + bytes([message[at] ^ 1]) + message[at + 1:]


def by_openssl(lab):
    lab.part("openssl")
    md5 = SPI, KEY, "hmac-md5"
    lab.claim("a request of long ago is right", authenticators.is_right_registration(SAMPLE, *md5))
    lab.claim("one of ours in HMAC-SHA-256 too", authenticators.is_right_registration(REQUEST, SPI, KEY))
    places = (0, 24, len(SAMPLE) - 22, len(SAMPLE) - 17, len(SAMPLE) - 1)
    lab.equal("a changed bit is found: first byte, extension, authenticator's head, SPI, its last byte",
              [authenticators.is_right_registration(flipped(SAMPLE, at), *md5) for at in places], [False] * len(places))
    lab.claim("and another key", not authenticators.is_right_registration(SAMPLE, SPI, OTHER_KEY, "hmac-md5"))
    derived = authenticators.peer_control_key(KEY)
    message = control.encode(SPI, derived, control.ABORT, control.item(control.ITEM_VM, "vm1"))
    keys = {SPI: derived}
    lab.claim("a control message by the derived key is right", authenticators.is_right_control(message, keys))
    lab.equal("a changed bit is found: magic, key id, items, authenticator",
              [authenticators.is_right_control(flipped(message, at), keys) for at in (0, 11, 30, len(message) - 1)],
              [False] * 4)
    lab.claim("and the key that the derived one is made from", not authenticators.is_right_control(message, {SPI: KEY}))
    path = capture(lab, "messages.pcap", [HEAD / IP(**PEERS) / MOBILE_IP / Raw(SAMPLE), tunnelled(
        "UDP tunnel", IP(**PEERS) / UDP(sport=4340, dport=4340) / Raw(message))])
    lab.equal("they are taken out of a capture whole, out of a tunnel too",
              (authenticators.registrations(path), authenticators.control_messages(path)),
              ([("registration request", SAMPLE)], [("control request", message)]))


def course(lab):
    by_tshark(lab)
    of_programs(lab)
    by_openssl(lab)


harness.main(course)
