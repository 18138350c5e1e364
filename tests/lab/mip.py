# SPDX-License-Identifier: BSD-3-Clause
"""Owns registration messages that are not our agents' own: fixed parts by scapy, authenticators by Python's hmac.

protocol.md's facts apply: RFC 5944 sections 1.8 and 3.3 to 3.5, RFC 5563 section 5, RFC 3115, RFC 2794.
"""

import hashlib
import hmac
import struct

from scapy.layers.mobileip import MobileIP, MobileIPRRP, MobileIPRRQ
from scapy.packet import raw

from control import ntp

PORT = 434
REVERSE_TUNNEL = 0x02  # flag T
UDP_TUNNEL_REPLY, UDP_TUNNEL_REQUEST = 44, 144
MN_HA_AUTH, FA_HA_AUTH, CRITICAL_VENDOR, PMIP, NAI, VENDOR, REVOCATION, PMIP_SKIPPABLE = 32, 34, 38, 47, 131, 134, 137, 147
ACCEPTED, IDENTIFICATION, PMIP_DISALLOWED = 0, 133, 150
REPLY_FIXED_LEN = 20
DIGESTS = {"hmac-sha256": hashlib.sha256, "hmac-md5": hashlib.md5}


def short(kind, value):
    return bytes([kind, len(value)]) + value


def long(kind, sub_type, value):
    return struct.pack(">BBH", kind, sub_type, len(value)) + value


def proxied(name, mac):
    """What a proxy mobility agent says of a node: its name, that FA and HA share a key for it, its MAC."""
    return (short(NAI, name.encode()) + long(PMIP, 1, b"\x01")
            + short(PMIP_SKIPPABLE, b"\x01" + bytes.fromhex(mac.replace(":", ""))))


def sign(message, spi, key, algorithm="hmac-sha256", kind=FA_HA_AUTH):
    """The message with its authentication extension."""
    digest = DIGESTS[algorithm]
    head = struct.pack(">BBI", kind, 4 + digest().digest_size, spi)
    covered = message + head
    return covered + hmac.new(bytes.fromhex(key), covered, digest).digest()


def request(home_addr, home_agent, care_of, lifetime_s, extensions, identification=None, flags=REVERSE_TUNNEL):
    """A registration request without its authenticator."""
    fixed = MobileIP(type=1) / MobileIPRRQ(flags=flags, lifetime=lifetime_s, homeaddr=home_addr, haaddr=home_agent,
                                           coaddr=care_of, id=ntp() if identification is None else identification)
    return raw(fixed) + extensions


class Reply:
    """A registration reply as scapy reads it, and the question whether its authenticator is right."""

    def __init__(self, data):
        self.data = data
        self.fixed = MobileIP(data)[MobileIPRRP]
        self.code, self.lifetime_s, self.identification = self.fixed.code, self.fixed.lifetime, self.fixed.id

    def extensions(self):
        """{type: value}; of one that is there twice the last."""
        at, found = REPLY_FIXED_LEN, {}
        while at < len(self.data):
            kind = self.data[at]
            if kind in (CRITICAL_VENDOR, PMIP):
                start, length = at + 4, struct.unpack_from(">H", self.data, at + 2)[0]
            else:
                start, length = at + 2, self.data[at + 1]
            found[kind] = self.data[start:start + length]
            at = start + length
        return found

    def covered(self, algorithm="hmac-sha256"):
        """What the authenticator, the last of it all, is made over."""
        return self.data[:-DIGESTS[algorithm]().digest_size]

    def authenticator(self, algorithm="hmac-sha256"):
        return self.data[-DIGESTS[algorithm]().digest_size:]

    def is_authentic(self, key, algorithm="hmac-sha256"):
        return hmac.compare_digest(hmac.new(bytes.fromhex(key), self.covered(algorithm), DIGESTS[algorithm]).digest(),
                                   self.authenticator(algorithm))
