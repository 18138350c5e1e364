# SPDX-License-Identifier: BSD-3-Clause
"""Owns captures of whole frames, and the questions to them. A frame counts as soon as it was there."""

import os
import re
import select
import signal
import struct
import subprocess
import time

from harness import LabError, PATIENCE_S
from namespace import stop

PCAP_HEADER_LEN = 24


class Sniffer:
    """Runs from its making until finish().

    What an agent sends comes *in* on its TAP's device, as the kernel sees it: direction "in" is all that it sent and
    nothing else.
    """

    def __init__(self, lab, space, interface, direction="inout"):
        self.path = lab.path(f"{space.name}-{interface}-{direction}-{time.monotonic_ns()}.pcap")
        self._said = ""
        self._process = space.start(
            ["tcpdump", "-i", interface, "-n", "-p", "-s", "0", "-B", "16384", "-Z", "root", "-Q", direction,
             "--immediate-mode", "-U", "-w", self.path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        lab.cleanup.callback(self.close)
        self._wait_for("listening on")

    def _wait_for(self, words):
        end = time.monotonic() + PATIENCE_S
        while words not in self._said:
            left = max(0, end - time.monotonic())
            text = self._process.stderr.readline() if select.select([self._process.stderr], [], [], left)[0] else b""
            if not text:
                stop(self._process)
                raise LabError(f"tcpdump: {self._said.strip() or 'said nothing'}")
            self._said += text.decode()

    def finish(self):
        """Ends the capture; one that lost frames proves nothing."""
        if self._process.stderr.closed:
            return self
        self._process.send_signal(signal.SIGINT)
        self._wait_for("dropped by kernel")
        stop(self._process)
        if int(re.search(r"(\d+) packets? dropped by kernel", self._said).group(1)):
            raise LabError(f"{os.path.basename(self.path)}: tcpdump lost frames")
        return self

    def close(self):
        if not self._process.stderr.closed:
            stop(self._process)

    def frames(self, expression):
        """The frames that a filter of tcpdump takes, one line each; also while the capture runs."""
        done = subprocess.run(["tcpdump", "-r", self.path, "-n", "-e", "-t", expression], capture_output=True,
                              text=True, check=False)
        return done.stdout.splitlines()

    def packets(self, expression):
        """The same frames as bytes."""
        done = subprocess.run(["tcpdump", "-r", self.path, "-w", "-", expression], capture_output=True, check=False)
        at, found = PCAP_HEADER_LEN, []
        while at < len(done.stdout):
            length = struct.unpack_from("=IIII", done.stdout, at)[2]
            found.append(done.stdout[at + 16:at + 16 + length])
            at += 16 + length
        return found

    def payloads(self, expression):
        """What is in the UDP datagrams that a filter takes."""
        found = []
        for frame in self.packets(expression):
            at = 14 + 4 * (frame[14] & 15)
            found.append(frame[at + 8:at + int.from_bytes(frame[at + 4:at + 6], "big")])
        return found
