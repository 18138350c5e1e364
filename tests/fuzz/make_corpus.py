#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Owns the seeds of the fuzz corpora: writes corpus/PARSER/NAME beside itself, the same bytes each time.

The messages are built here from the RFCs' drawings and from the control channel's header, with Python's
own hmac, so they do not depend on the code that they test. Inputs that a run has found are added by hand.
"""
import hashlib
import hmac
import pathlib
import struct

TOP = pathlib.Path(__file__).resolve().parent / "corpus"
FIXED_REQUEST = bytes.fromhex("0102012c0a0100050a0100010a020001e000000012345678")
FIXED_REPLY = bytes.fromhex("0300012c0a0100050a010001e000000012345678")
VM_MAC = bytes.fromhex("525400112233")
VENDOR = struct.pack(">I", 32473)
HANDOVER = struct.pack(">QI", 0x0102030405060708, 10)


def save(parser, name, data):
    folder = TOP / parser
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def auth(message, kind, spi, key, digest):
    length = 4 + hashlib.new(digest).digest_size
    covered = message + struct.pack(">BBI", kind, length, spi)
    return covered + hmac.new(key, covered, digest).digest()


def nai(text):
    return bytes([131, len(text)]) + text


def critical(kind, value, vendor=VENDOR):
    return struct.pack(">BBH", 38, 0, 6 + len(value)) + vendor + struct.pack(">H", kind) + value


def normal(kind, value, vendor=VENDOR):
    return struct.pack(">BBH", 134, 8 + len(value), 0) + vendor + struct.pack(">H", kind) + value


PROXY = nai(b"vm1@dc.example") + bytes.fromhex("2f01000101") + bytes.fromhex("930701") + VM_MAC
REVOCATION = bytes.fromhex("8906800001020304")
KEY = bytes(range(16))


def registrations(parser, fixed):
    two = auth(auth(fixed + nai(b"vm1@dc.example"), 32, 256, KEY, "md5"), 34, 257, KEY, "md5")
    proxy = fixed + PROXY + critical(1, HANDOVER) + normal(3, VM_MAC)
    done = fixed + PROXY + normal(2, HANDOVER) + REVOCATION
    save(parser, "fixed", fixed)
    save(parser, "two_authenticators", two)
    save(parser, "hold", auth(proxy, 34, 257, KEY, "sha256"))
    save(parser, "handover", auth(done, 34, 257, KEY, "sha256"))
    save(parser, "mobile_foreign", auth(auth(fixed, 32, 256, KEY, "md5"), 33, 258, KEY, "md5"))
    others = b"\0\0" + critical(1, b"", bytes(4)) + normal(99, b"abc") + bytes([200, 2, 1, 2])
    save(parser, "others", auth(fixed + others, 34, 257, KEY, "md5"))
    save(parser, "unknown", fixed + bytes([36, 1, 0, 0]))
    save(parser, "length", fixed + bytes([131, 200, 65]))


def revocations():
    sent = bytes.fromhex("07008000 0a010005 0a010001 0a020001 12345678")
    ack = bytes.fromhex("0f000000 0a010005 12345678")
    save("revocation", "sent", auth(sent, 34, 257, KEY, "sha256"))
    save("revocation", "acknowledged", auth(ack, 34, 257, KEY, "md5"))
    save("revocation", "by_foreign_agent", auth(sent[:2] + b"\0\0" + sent[4:], 34, 257, KEY, "md5"))
    save("revocation", "message", auth(sent + bytes([145, 4, 1]) + b"bye", 34, 257, KEY, "md5"))
    save("revocation", "fixed", sent)
    save("revocation", "unknown", sent + bytes([36, 1, 0, 0]))


def item(kind, value=b""):
    return bytes([kind, len(value)]) + value


def control(kind, op, code, *items):
    message = b"HMC1" + bytes([kind, op, code, 0])
    message += struct.pack(">IQQ", 0x1234, 0xE000000012345678, 0x1122334455667788) + b"".join(items)
    return message if kind == 3 else message + hmac.new(bytes(range(32)), message, "sha256").digest()


def controls():
    addr, router = bytes([10, 1, 0, 5]), bytes([10, 1, 0, 1])
    node = addr + VM_MAC + router + bytes([10, 1, 0, 0, 24]) + router + bytes.fromhex("020000000001")
    vm, host = item(1, b"vm1"), item(2, b"host-b")
    numbers = [item(kind, struct.pack(">I", value)) for kind, value in ((8, 3), (9, 1800), (10, 5000))]
    save("control", "imminent", control(1, 1, 0, vm, host, item(3, VM_MAC), item(4, addr), numbers[2]))
    save("control", "dry_run", control(1, 1, 0, vm, host, item(11)))
    save("control", "prepare", control(1, 16, 0, vm, item(5, node), item(6, addr + router),
                                       item(7, bytes(7) + b"\1"), *numbers, item(12, router), item(15)))
    save("control", "reply", control(2, 4, 1, item(13, b"staged"), item(14, "in K\u00fcche".encode())))
    save("control", "hint", control(3, 1, 6))
    save("control", "unknown_items", control(1, 4, 0, vm, item(200, b"later")))


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def ipv4(protocol, payload, options=b"", fragment=0, ttl=64, dst=bytes([10, 3, 0, 7])):
    total = 20 + len(options) + len(payload)
    head = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, total, 7, fragment, ttl, protocol, 0)
    head += bytes([10, 1, 0, 5]) + dst + options
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def packets(parser):
    udp = struct.pack(">HHHH", 1000, 2000, 12, 0) + b"data"
    save(parser, "udp", ipv4(17, udp))
    save(parser, "options", ipv4(17, udp, options=bytes.fromhex("94040000")))
    save(parser, "first_fragment", ipv4(17, udp, fragment=0x2000))
    save(parser, "last_fragment", ipv4(17, udp, fragment=3))
    save(parser, "echo", ipv4(1, bytes.fromhex("0800f7ff00000000"), ttl=1))
    save(parser, "icmp_error", ipv4(1, bytes.fromhex("0304000000000000") + ipv4(17, udp)))
    save(parser, "group", ipv4(17, udp, dst=bytes([224, 0, 0, 1])))
    save(parser, "tunnel", ipv4(4, ipv4(17, udp)))
    save(parser, "large", ipv4(17, bytes(range(256)) * 4))


def segments():
    def tcp(flags, options=b"", payload=b"data"):
        head = struct.pack(">HHIIBBHHH", 1000, 2000, 1, 2, (20 + len(options)) // 4 << 4, flags, 256, 0, 0)
        return head + options + payload

    save("tcp", "plain", tcp(0x18))
    frame = b"\2" * 12 + b"\x08\0" + ipv4(6, tcp(0x10), fragment=0x4000)
    after = b"\2" * 12 + b"\x08\0" + ipv4(6, struct.pack(">HHI", 1000, 2000, 5) + tcp(0x18)[8:], fragment=0x4000)
    train = b"".join(struct.pack(">H", 0x8000 | len(one)) + one for one in (frame, after))
    save("merge", "train", train)
    save("merge", "batches", train + b"\0\0" + train + struct.pack(">H", 20) + b"\xff" * 12 + b"\x08\6" + bytes(6))
    save("tcp", "stamps", tcp(0x91, bytes.fromhex("0101080a0000000700000008")))
    save("tcp", "signed", tcp(0x10, bytes.fromhex("1312") + bytes(16) + b"\1\1"))
    save("tcp", "past_the_end", tcp(0x10, bytes.fromhex("01010805")))
    save("tcp", "short", tcp(0x02)[:19])


def tunnels():
    inner = ipv4(6, struct.pack(">HHIIBBHHH", 1000, 2000, 1, 2, 5 << 4, 0x18, 256, 0, 0) + bytes(300), fragment=0x4000)
    data = struct.pack(">HHHHBBH", 434, 434, 12 + len(inner), 0, 4, 4, 0)
    save("encapsulation", "ipip", b"\x04" + inner)
    save("encapsulation", "udp", b"\x11" + data + inner)
    save("encapsulation", "gre", b"\x2f" + bytes.fromhex("b0000800123400000000000700000001") + inner)
    ethernet = b"\2" * 12 + b"\x08\0"

    def super_frame(name, flags, gso_type, headers, size, start, offset, frame, transport=0, network=0):
        save("super_frame", name, struct.pack(">BBHHHHHHH", flags, gso_type, headers, size, start, offset, transport,
                                              network, 0) + frame)

    super_frame("tcp", 1, 1, 54, 100, 34, 16, ethernet + inner)
    super_frame("tunnel", 9, 0x21, 86, 100, 66, 16, ethernet + ipv4(17, data + inner, fragment=0x4000), 34, 46)
    super_frame("train", 1, 5, 42, 100, 34, 6, ethernet + ipv4(17, data + inner))


def frames():
    def arp(ethertype, op, sender, target_mac, target):
        body = bytes.fromhex("000108000604") + struct.pack(">H", op) + VM_MAC + sender + target_mac + target
        return (b"\xff" * 6 + VM_MAC + struct.pack(">H", ethertype) + body).ljust(60, b"\0")

    addr, router, none = bytes([10, 1, 0, 5]), bytes([10, 1, 0, 1]), bytes(4)
    save("arp", "rarp", arp(0x8035, 3, none, VM_MAC, none))
    save("arp", "request", arp(0x0806, 1, addr, bytes(6), router))
    save("arp", "probe", arp(0x0806, 1, none, bytes(6), addr))
    save("arp", "announcement", arp(0x0806, 1, addr, bytes(6), addr))
    save("arp", "reply", arp(0x0806, 2, addr, b"\2" * 6, router))
    save("arp", "short", arp(0x0806, 2, addr, b"\2" * 6, router)[:40])


def leases():
    def dhcp(op, yours, options):
        head = bytes([op, 1, 6, 0]) + bytes.fromhex("12345678") + bytes(8) + yours + bytes(8) + VM_MAC
        return head.ljust(236, b"\0") + bytes.fromhex("63825363") + options

    addr = bytes([10, 1, 0, 5])
    save("dhcp", "discover", dhcp(1, bytes(4), bytes.fromhex("350101 3703010306 ff")))
    save("dhcp", "request", dhcp(1, bytes(4), bytes.fromhex("350103 3204") + addr + b"\xff"))
    save("dhcp", "ack", dhcp(2, addr, bytes.fromhex("350105 36040a010001 00 330400000e10 0104ffffff00 ff")))
    save("dhcp", "no_end", dhcp(2, addr, bytes.fromhex("350105 3304")))


def records():
    """A length of the key, the key, the value without its sum: the fuzz program adds that."""
    def name(text):
        return bytes([len(text)]) + text

    def record(parser_name, key, fields):
        save("record", parser_name, bytes([len(key)]) + key + b"\1" + fields)

    addr, router, peer = bytes([10, 1, 0, 5]), bytes([10, 1, 0, 1]), bytes([10, 2, 0, 2])
    node = addr + VM_MAC + router + bytes([10, 1, 0, 0, 24]) + router + bytes.fromhex("020000000001")
    time = bytes.fromhex("e000000012345678")
    care_of, none = peer + struct.pack(">H", 300) + time, bytes(14)
    end = HANDOVER[8:] + time
    binding = VM_MAC + name(b"vm1") + b"\1" + care_of + HANDOVER
    record("agent", b"A", HANDOVER[8:] + time)
    record("binding", b"B" + addr, binding + none + bytes(12) + time + VM_MAC + b"\1" + bytes(4))
    record("staged", b"B" + addr, VM_MAC + name(b"") + b"\0" + HANDOVER + care_of + HANDOVER + time + bytes(11))
    record("handover", b"H\0" + HANDOVER[:8], HANDOVER[8:] + b"\1" + name(b"vm1") + name(b"hv-b1") + peer + time +
           time + b"\1" + node)
    record("mobile", b"M" + addr, time)
    record("revocation", b"R" + addr + peer, time)
    record("shield", b"S" + VM_MAC + bytes([0, 0, 1, 44]), b"")
    record("shield_of_before", b"S" + VM_MAC, b"")
    record("visitor", b"V" + router + addr, node + name(b"vm1") + b"\1" + HANDOVER[:8] + end + b"\1" + router + VM_MAC +
           b"\1" + bytes(4))
    record("unknown", b"X", b"")


def routers():
    """A move to another site, and super-frames between the VM and its correspondent on all parts of their way."""
    vm, correspondent, gate = 0, 8, 2  # as fuzz_addr and fuzz_mac choose

    def super_frame(site, form, payload_len, macs, src, dst, gso_size=1400, count=1):
        head = bytes([site << 4 | 15, form, 3]) + struct.pack(">HH", payload_len, gso_size)
        return head + bytes(macs) + bytes([0, src, dst, 7, 0x10]) * count

    move = bytes([0x14, 0x20])
    down, up = (correspondent, vm), (vm, correspondent)
    events = move + super_frame(0, 0, 40000, (vm, gate), *down) + super_frame(1, 2, 40000, (), *down)
    events += super_frame(1, 3, 10, (), *down, 1300, 11)
    events += super_frame(1, 0, 40000, (1 | 1 << 4, vm), *up) + super_frame(0, 2, 40000, (), *up)
    save("router", "super_frames_single", bytes([0x10]) + events)
    save("router", "super_frames_train", bytes([0x30]) + events)
    save("router", "super_frames_whole", bytes([0x50]) + events)


registrations("request", FIXED_REQUEST)
registrations("reply", FIXED_REPLY)
revocations()
controls()
packets("ipv4")
packets("icmp")
segments()
tunnels()
frames()
leases()
records()
routers()
