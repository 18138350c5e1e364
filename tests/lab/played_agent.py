# SPDX-License-Identifier: BSD-3-Clause
"""Owns an agent played by us, towards a watch: it takes over the VM's MAC at its stop, keeps what comes for it, and gives
it back as a stream. Made from the pages firmware/wire/control.h and marker.h alone.
"""

import select
import socket
import struct
import threading
import time

import control
from agent import CONTROL_PORT

STOPPED, SALVAGE, ATTACH, FETCH = 6, 7, 8, 9
HANDOVER, OFFSET, CONFIRMED, LIMIT, DATA = 7, 16, 17, 18, 19
HAS_SALVAGE, IS_LAST, IS_READY, STOP_NOTICE, CUT, DROPPED = 20, 21, 22, 23, 25, 26
SO_RCVBUFFORCE = 33
PIECE = 1275
HANDOVER_ID = 0x1122334455667788
CUTS = ("none", "exact", "counted", "estimated")


def u64(kind, value):
    return control.item(kind, struct.pack(">Q", value))


def pieces(data):
    """As items of up to 255 bytes."""
    return b"".join(control.item(DATA, data[at:at + 255]) for at in range(0, len(data), 255))


def split(stream):
    """The frames of a stream, and whether it ends with a whole one."""
    frames, at = [], 0
    while at + 2 <= len(stream):
        length = int.from_bytes(stream[at:at + 2], "big")
        frames.append(stream[at + 2:at + 2 + length])
        at += 2 + length
    return frames, at == len(stream)


class PlayedAgent(threading.Thread):
    """Answers on `address`; with a `port` (a device of the space, on the VM's LAN) it also stands in for the VM.

    `lose` names the datagrams, by their number, that it does not see; `unknown` how many ATTACHes it does not know, `strangers` names VMs that it cannot stage.
    """

    def __init__(self, space, address, key, mac, port=None, lose=(), unknown=0, linger_s=0.05,
                 strangers=()):
        super().__init__(daemon=True)
        self._key, self._mac, self._lose, self._unknown = key, mac, set(lose), unknown
        self._linger_s, self._strangers = linger_s, strangers
        self._socket = space.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, CONTROL_PORT))
        self._lan = space.socket(socket.AF_PACKET, socket.SOCK_RAW) if port else None
        if self._lan:
            self._lan.bind((port, 3))
            self._lan.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        self._over = False
        self._seen = 0
        self._landed_at = None
        self._takes_over = False
        self._late = bytearray()  # frames that came behind the stop
        self.asked = []  # operations, without repetitions
        self.named = []  # with the VMs
        self._ids = set()
        self.salvage = bytearray()
        self.salvage_ended = False
        self.cut, self.dropped = None, None
        self.stop_notice = False
        self.waiting = bytearray()  # the stream that FETCH gives
        self.confirmed = 0
        self.ready_at_once = False
        self.start()

    def close(self):
        self._over = True
        self.join()
        self._socket.close()
        if self._lan:
            self._lan.close()

    def run(self):
        sources = [self._socket] + ([self._lan] if self._lan else [])
        while not self._over:
            for source in select.select(sources, [], [], 0.05)[0]:
                if source is self._lan:
                    self._keep_frame()
                else:
                    self._serve(*self._socket.recvfrom(2048))

    def _keep_frame(self):
        frame, name = self._lan.recvfrom(4096)
        if name[2] != socket.PACKET_OUTGOING and self._takes_over and frame[:6] == self._mac:
            (self.waiting if self.salvage_ended else self._late).extend(struct.pack(">H", len(frame)) + frame)

    def _take_over(self):
        self._takes_over = True
        if self._lan:
            arp = struct.pack(">HHBBH", 1, 0x800, 6, 4, 1) + self._mac + bytes([10, 1, 0, 5]) + bytes(6) + bytes(
                [10, 1, 0, 5])
            self._lan.send((b"\xff" * 6 + self._mac + b"\x08\x06" + arp).ljust(60, b"\0"))

    def _serve(self, data, sender):
        message = control.Message(data, self._key)
        self._seen += 1
        if not message.authentic or self._seen in self._lose:
            return
        if message.request_id not in self._ids:
            self.asked.append(message.operation)
            self.named.append((message.operation, dict(message.items).get(control.ITEM_VM, b"").decode()))
        self._ids.add(message.request_id)
        code, items = self._answer(message, dict(message.items))
        self._socket.sendto(control.encode(message.key_id, self._key, message.operation, items, kind=control.REPLY,
                                           code=code, request_id=message.request_id), sender)

    def _answer(self, message, items):
        operation = message.operation
        if operation == control.IMMINENT:
            self.stop_notice = STOP_NOTICE in items
            if items[control.ITEM_VM].decode() in self._strangers:
                return control.UNKNOWN_VM, b""
        if operation == control.LANDED and self._landed_at is None:
            self._landed_at = time.monotonic()
        if operation == STOPPED:
            if not self._takes_over:
                self._take_over()
            return control.OK, u64(HANDOVER, HANDOVER_ID)
        if operation == ATTACH:
            self._unknown -= 1
            return (control.UNKNOWN_VM, b"") if self._unknown >= 0 else (control.OK, u64(HANDOVER, HANDOVER_ID))
        if operation == SALVAGE:
            return control.OK, self._take_salvage(message, items)
        if operation == FETCH:
            return control.OK, self._give(items)
        return control.OK, b""

    def _take_salvage(self, message, items):
        data = b"".join(value for kind, value in message.items if kind == DATA)
        if int.from_bytes(items.get(OFFSET, b""), "big") == len(self.salvage) and not self.salvage_ended:
            self.salvage += data
            if IS_LAST in items:
                self.salvage_ended = True
                self.cut = CUTS[items[CUT][0]] if CUT in items else "none"
                self.dropped = int.from_bytes(items.get(DROPPED, b""), "big")
                self.waiting += self.salvage + self._late
        return u64(OFFSET, len(self.salvage))

    def _give(self, items):
        at = int.from_bytes(items.get(OFFSET, b""), "big")
        self.confirmed = max(self.confirmed, int.from_bytes(items.get(CONFIRMED, b""), "big"))
        data = bytes(self.waiting[at:at + PIECE])
        answer = u64(OFFSET, at) + u64(LIMIT, len(self.waiting)) + pieces(data)
        if self.salvage_ended or self.ready_at_once:
            answer += control.item(IS_READY, b"")
        if self._landed_at is not None and time.monotonic() - self._landed_at > self._linger_s:
            answer += control.item(IS_LAST, b"")
        return answer
