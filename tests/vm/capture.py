# SPDX-License-Identifier: BSD-3-Clause
"""Owns captures: tcpdump on one interface, and the reading of what it wrote."""

import re
import select
import signal
import struct
import subprocess
import time

from namespace import stop

SNAP_LEN = 128
ETHERTYPE_IPV4 = b"\x08\x00"
PLAIN_IPV4 = 0x45
PROTOCOL_UDP = 17
UDP_PAYLOAD_AT = 42
PROBE_MAGIC = b"HMPB"
PROBE_DOWN = 1
PCAP_NANOSECONDS = 0xA1B23C4D


class CaptureError(RuntimeError):
    """tcpdump did not start, or lost frames."""


class Capture:
    """Runs from its making until finish()."""

    def __init__(self, space, interface, path):
        self.path = path
        self._said = ""
        self._process = space.start(
            ["tcpdump", "-i", interface, "-n", "-p", "-s", str(SNAP_LEN), "-B", "16384", "-Z", "root",
             "--time-stamp-precision=nano", "--immediate-mode", "-w", path],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._wait_for("listening on")

    def _wait_for(self, words, timeout_s=10):
        end = time.monotonic() + timeout_s
        while words not in self._said:
            left = max(0, end - time.monotonic())
            text = b""
            if select.select([self._process.stderr], [], [], left)[0]:
                text = self._process.stderr.readline()
            if not text:
                stop(self._process)
                raise CaptureError(f"tcpdump: {self._said.strip() or 'said nothing'}")
            self._said += text.decode()

    def finish(self):
        """Ends the capture; a frame lost by it is an error, since then the file proves nothing."""
        if self._process.stderr.closed:
            return
        self._process.send_signal(signal.SIGINT)
        self._wait_for("dropped by kernel")
        stop(self._process)
        dropped = int(re.search(r"(\d+) packets? dropped by kernel", self._said).group(1))
        if dropped:
            raise CaptureError(f"{self.path}: tcpdump lost {dropped} frames")

    def close(self):
        if not self._process.stderr.closed:
            stop(self._process)


def frames(path):
    """Gives (time in ns, first bytes of the frame) of each frame of a capture in this machine's byte order."""
    with open(path, "rb") as file:
        header = file.read(24)
        if len(header) < 24 or struct.unpack("=I", header[:4])[0] != PCAP_NANOSECONDS:
            raise CaptureError(f"{path}: not a capture with nanoseconds")
        while len(record := file.read(16)) == 16:
            seconds, nanoseconds, length, _ = struct.unpack("=IIII", record)
            yield seconds * 10**9 + nanoseconds, file.read(length)


def _mac(text):
    return bytes.fromhex(text.replace(":", ""))


def first_ipv4(path, after_ns, towards=None, sender=None):
    """The time of the first IPv4 frame after a moment, to a MAC address or from one; None: there is none."""
    for when_ns, frame in frames(path):
        if when_ns < after_ns or frame[12:14] != ETHERTYPE_IPV4:
            continue
        if towards and frame[0:6] == _mac(towards) or sender and frame[6:12] == _mac(sender):
            return when_ns
    return None


def probe_times(path):
    """Gives (time in ns, number) of each numbered probe to the guest, as probe/wire.h has it."""
    for when_ns, frame in frames(path):
        if frame[12:14] == ETHERTYPE_IPV4 and frame[14] == PLAIN_IPV4 and frame[23] == PROTOCOL_UDP:
            probe = frame[UDP_PAYLOAD_AT:UDP_PAYLOAD_AT + 16]
            if len(probe) == 16 and probe[:4] == PROBE_MAGIC:
                kind, _, number = struct.unpack(">III", probe[4:])
                if kind == PROBE_DOWN:
                    yield when_ns, number
