# SPDX-License-Identifier: BSD-3-Clause
"""Owns a second reading of the control channel's datagrams (firmware/wire/control.h), made from its page alone.

It speaks in a hypervisor's name, in an agent's, or in nobody's, and it can answer like an agent whose clock is wrong.
"""

import hashlib
import hmac
import os
import select
import socket
import struct
import time

from agent import CONTROL_PORT

MAGIC = b"HMC1"
HEADER = struct.Struct(">4sBBBBIQQ")
MAC_LEN = 32
REQUEST, REPLY, HINT = 1, 2, 3
IMMINENT, LANDED, CANCEL, STATUS, PREPARE, LOCATE, ABORT = 1, 2, 3, 4, 16, 17, 20
OK, REFUSED, UNKNOWN_VM, UNKNOWN_HOST, UNREACHABLE, MALFORMED, KEY, CLOCK = range(8)
ITEM_VM, ITEM_HOST, ITEM_IP, ITEM_AGENT, ITEM_TEXT = 1, 2, 4, 12, 14
NTP_EPOCH = 2208988800
PEER_LABEL = b"hypermip control"


def ntp(offset_s=0.0):
    """Now, or that much later, as a 64-bit NTP time stamp."""
    return int((time.time() + offset_s + NTP_EPOCH) * 2**32)


def seconds(stamp):
    """How much later than now a time stamp is."""
    return stamp / 2**32 - NTP_EPOCH - time.time()


def authenticator(key, data):
    return hmac.new(bytes.fromhex(key), data, hashlib.sha256).digest()


def peer_key(key):
    """What two agents use for the control channel, made from their registrations' key."""
    return authenticator(key, PEER_LABEL).hex()


def item(kind, value):
    value = value.encode() if isinstance(value, str) else value
    return bytes([kind, len(value)]) + value


def encode(key_id, key, operation, items=b"", kind=REQUEST, code=OK, stamp=None, request_id=None):
    head = HEADER.pack(MAGIC, kind, operation, code, 0, key_id, ntp() if stamp is None else stamp,
                       int.from_bytes(os.urandom(8), "big") if request_id is None else request_id)
    return head + items + authenticator(key, head + items)


class Message:
    """A datagram taken apart."""

    def __init__(self, data, key=None):
        self.data = data
        (magic, self.kind, self.operation, self.code, _, self.key_id, self.stamp,
         self.request_id) = HEADER.unpack_from(data)
        if magic != MAGIC:
            raise ValueError("not of the control channel")
        self.authentic = key is not None and hmac.compare_digest(authenticator(key, data[:-MAC_LEN]), data[-MAC_LEN:])
        self.items = []
        at, end = HEADER.size, len(data) - (0 if self.kind == HINT else MAC_LEN)
        while at < end:
            kind, length = data[at], data[at + 1]
            self.items.append((kind, data[at + 2:at + 2 + length]))
            at += 2 + length
        if at != end:
            raise ValueError("items pass the end")

    def text(self):
        return b" ".join(value for kind, value in self.items if kind == ITEM_TEXT).decode()


class Caller:
    """A UDP socket of a namespace's kernel from which datagrams are sent to an agent."""

    def __init__(self, lab, space, agent_addr, key_id, key, address=("0.0.0.0", 0)):
        self.key_id = key_id
        self.key = key
        self._agent = (agent_addr, CONTROL_PORT)
        self.socket = space.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(address)
        lab.cleanup.callback(self.socket.close)

    def send(self, data):
        self.socket.sendto(data, self._agent)

    def answer(self, timeout_s=3):
        """The next datagram that comes, or None."""
        if not select.select([self.socket], [], [], timeout_s)[0]:
            return None
        return Message(self.socket.recv(2048), self.key)

    def ask(self, data, timeout_s=3):
        self.send(data)
        return self.answer(timeout_s)

    def request(self, operation, *items, **how):
        return encode(self.key_id, self.key, operation, b"".join(items), **how)


class WrongClockAgent:
    """Answers on a kernel's address like an agent that is `offset_s` ahead; a `stubborn` one accepts no correction."""

    TOLERANCE_S = 7

    def __init__(self, space, address, key, offset_s, stubborn):
        self._key = key
        self._offset_s = offset_s
        self._stubborn = stubborn
        self.accepted = 0
        self._socket = space.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, CONTROL_PORT))

    def close(self):
        self._socket.close()

    def serve(self, process):
        """Until the process has ended."""
        while process.poll() is None:
            if select.select([self._socket], [], [], 0.05)[0]:
                self._answer(*self._socket.recvfrom(2048))

    def _answer(self, data, sender):
        request = Message(data, self._key)
        fits = abs(seconds(request.stamp) - self._offset_s) <= self.TOLERANCE_S
        good = request.authentic and fits and not self._stubborn
        self.accepted += good
        self._socket.sendto(encode(request.key_id, self._key, request.operation, kind=REPLY, code=OK if good else CLOCK,
                                   stamp=ntp(self._offset_s), request_id=request.request_id), sender)
