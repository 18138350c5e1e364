# SPDX-License-Identifier: BSD-3-Clause
"""Owns captures of whole frames, and the questions to them.

A packet socket is one queue in the kernel, read when somebody asks: what had passed the interface by then is in the
capture, all of it, which a capturing process of its own cannot promise when it is told to end.
"""

import socket
import struct
import subprocess
import time

from harness import LabError
from host import frame_socket

ALL_FRAMES = 3  # ETH_P_ALL
OUTGOING = 4  # PACKET_OUTGOING
SOL_PACKET, PACKET_STATISTICS = 263, 6
SO_RCVBUFFORCE = 33
QUEUE_LEN = 64 << 20
FRAME_MAX_LEN = 70000
PCAP_HEADER = struct.pack("=IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, FRAME_MAX_LEN, 1)
RECORD = struct.Struct("=IIII")


class Sniffer:
    """Captures from its making until finish().

    What an agent sends comes *in* on its TAP's device, as the kernel sees it: direction "in" is all that it sent and
    nothing else.
    """

    def __init__(self, lab, space, interface, direction="inout"):
        self.path = lab.path(f"{space.name}-{interface}-{direction}-{time.monotonic_ns()}.pcap")
        self._direction = direction
        self._socket = frame_socket(space, interface, ALL_FRAMES)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_LEN)
        self._socket.setblocking(False)
        lab.cleanup.callback(self._socket.close)
        self._is_open = True
        with open(self.path, "wb") as file:
            file.write(PCAP_HEADER)

    def _read(self):
        """Takes what waits in the queue into the file."""
        if not self._is_open:
            return
        with open(self.path, "ab") as file:
            while True:
                try:
                    frame, address = self._socket.recvfrom(FRAME_MAX_LEN)
                except BlockingIOError:
                    break
                if self._direction in ("inout", "out" if address[2] == OUTGOING else "in"):
                    now_us = time.time_ns() // 1000
                    file.write(RECORD.pack(now_us // 10**6, now_us % 10**6, len(frame), len(frame)) + frame)
        if struct.unpack("=II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]:
            raise LabError(f"{self.path}: the capture lost frames")

    def finish(self):
        """Ends the capture."""
        self._read()
        self._is_open = False
        self._socket.close()
        return self

    def frames(self, expression):
        """The frames that a filter of tcpdump takes, one line each; also while the capture runs."""
        self._read()
        done = subprocess.run(["tcpdump", "-r", self.path, "-n", "-e", "-t", expression], capture_output=True,
                              text=True, check=False)
        return done.stdout.splitlines()

    def packets(self, expression):
        """The same frames as bytes."""
        self._read()
        done = subprocess.run(["tcpdump", "-r", self.path, "-w", "-", expression], capture_output=True, check=False)
        at, found = len(PCAP_HEADER), []
        while at < len(done.stdout):
            length = RECORD.unpack_from(done.stdout, at)[2]
            found.append(done.stdout[at + RECORD.size:at + RECORD.size + length])
            at += RECORD.size + length
        return found

    def payloads(self, expression):
        """What is in the UDP datagrams that a filter takes."""
        found = []
        for frame in self.packets(expression):
            at = 14 + 4 * (frame[14] & 15)
            found.append(frame[at + 8:at + int.from_bytes(frame[at + 4:at + 6], "big")])
        return found
