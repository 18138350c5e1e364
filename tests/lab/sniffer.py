# SPDX-License-Identifier: BSD-3-Clause
"""Owns captures of whole frames, the questions to them, and the record of all that a lab's agents send.

A packet socket is one queue in the kernel, read when somebody asks: what had passed the interface by then is in the
capture, all of it, which a capturing process of its own cannot promise when it is told to end.
"""

import errno
import socket
import struct
import subprocess
import time

import judge
from harness import LabError
from host import frame_socket

ALL_FRAMES = 3  # ETH_P_ALL
OUTGOING = 4  # PACKET_OUTGOING
SOL_PACKET, PACKET_STATISTICS, PACKET_AUXDATA = 263, 6, 8
CHECKSUM_NOT_READY = 8  # TP_STATUS_CSUMNOTREADY
SO_RCVBUFFORCE = 33
QUEUE_LEN = 64 << 20
FRAME_MAX_LEN = 70000
PCAP_HEADER = struct.pack("=IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, FRAME_MAX_LEN, 1)
RECORD = struct.Struct("=IIII")


class _Queue:
    """What passes an interface and nobody has read yet."""

    def __init__(self, space, interface, direction):
        self._name = f"{space.name}-{interface}"
        self._direction = direction
        self._socket = frame_socket(space, interface, ALL_FRAMES)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_LEN)
        self._socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self._socket.setblocking(False)
        self._is_open = True

    def _receive(self):
        """A frame, who sent it, and whether the kernel has yet to make its last sum; None when there is no more."""
        while True:
            try:
                frame, auxiliary, _, address = self._socket.recvmsg(FRAME_MAX_LEN, 256)
                break
            except BlockingIOError:
                return None
            except OSError as error:
                # Told once, when the device goes down: what it brought before is still there.
                if error.errno != errno.ENETDOWN:
                    raise
        status = next((struct.unpack_from("=I", data)[0] for level, kind, data in auxiliary
                       if (level, kind) == (SOL_PACKET, PACKET_AUXDATA)), 0)
        return frame, address, bool(status & CHECKSUM_NOT_READY)

    def read_into(self, file):
        """Takes what waits into a file."""
        while self._is_open and (received := self._receive()) is not None:
            frame, address, is_pending = received
            if self._direction in ("inout", "out" if address[2] == OUTGOING else "in"):
                file.write(frame, is_pending)
        file.flush()
        if self._is_open and struct.unpack("=II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]:
            raise LabError(f"{self._name}: the capture lost frames")

    def close(self):
        self._is_open = False
        self._socket.close()


class _File:
    """A capture, and the numbers of its frames whose last sum the kernel had yet to make."""

    def __init__(self, lab, path):
        self.path = path
        self.pending = set()
        self._frames = 0
        self._out = open(path, "wb")
        lab.cleanup.callback(self._out.close)
        self._out.write(PCAP_HEADER)
        self.flush()

    def write(self, frame, is_pending):
        self._frames += 1
        if is_pending:
            self.pending.add(self._frames)
        now_us = time.time_ns() // 1000
        self._out.write(RECORD.pack(now_us // 10**6, now_us % 10**6, len(frame), len(frame)) + frame)

    def flush(self):
        self._out.flush()


class Record:
    """All that the agents of a lab send, from when their interfaces are there: one capture, judged at the lab's end."""

    def __init__(self, lab):
        self._lab = lab
        self._file = _File(lab, lab.path("sent-by-agents.pcap"))
        self._queues = []
        lab.at_claims.append(self._read)
        lab.at_end.append(self._judge)

    @classmethod
    def of(cls, lab):
        """The lab's one."""
        if lab.record is None:
            lab.record = cls(lab)
        return lab.record

    def begin(self, space, interface):
        """Whether the interface is there, and what an agent sends by it is recorded from now on."""
        if not space.make(_has_interface, interface):
            return None
        self._queues.append(_Queue(space, interface, "in"))
        return self._queues[-1]

    def end(self, queue):
        queue.read_into(self._file)
        queue.close()
        self._queues.remove(queue)

    def _read(self):
        for queue in self._queues:
            queue.read_into(self._file)

    def _judge(self):
        self._read()
        claim_good(self._lab, "what the agents sent", judge.Judgement(self._file.path, self._file.pending))


def _has_interface(name):
    return name in (known for _, known in socket.if_nameindex())


def claim_good(lab, name, judgement, *kinds):
    """A claim that frames were judged, good ones, and some of each of these kinds among them."""
    lab.claim(f"tshark finds nothing malformed and no wrong checksum in {name}: {judgement.told()}", judgement.holds(),
              "\n".join(judgement.shown) or "no frames")
    for kind in kinds:
        lab.claim(f"{name}: {kind} among it", judgement.kinds[kind] > 0, judgement.kinds)


class Sniffer:
    """Captures from its making until finish().

    What an agent sends comes *in* on its TAP's device, as the kernel sees it: direction "in" is all that it sent and
    nothing else.
    """

    def __init__(self, lab, space, interface, direction="inout"):
        self.path = lab.path(f"{space.name}-{interface}-{direction}-{time.monotonic_ns()}.pcap")
        self._file = _File(lab, self.path)
        self._queue = _Queue(space, interface, direction)
        lab.cleanup.callback(self._queue.close)

    def _read(self):
        self._queue.read_into(self._file)

    def finish(self):
        """Ends the capture."""
        self._read()
        self._queue.close()
        return self

    def pending(self):
        """The numbers of its frames whose last sum the kernel had yet to make."""
        return self._file.pending

    def judged(self, only=None):
        """tshark's judgement, of the frames that a display filter takes."""
        self._read()
        return judge.Judgement(self.path, self._file.pending, only)

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
