# SPDX-License-Identifier: BSD-3-Clause
"""Owns the correspondent's probe processes: numbered UDP both ways, and the TCP connection."""

import json
import select
import subprocess
import time

from namespace import stop
from topology import GUEST_IP

PORT = 7000
TCP_RATE = 500_000  # bytes per second and direction
PROGRESS = 50_000  # bytes in each direction that show a connection to be alive


class ProbeError(RuntimeError):
    """The guest did not answer, or a probe process ended."""


class GuestHung(ProbeError):
    """The guest runs, and takes no interrupt of its network device: the emulator's fault, not the network's."""


class Process:
    """A probe program that is told what to do by lines, and answers by lines."""

    def __init__(self, program, space, mode, *arguments):
        self.mode = mode
        self._process = space.start([program, mode, GUEST_IP, str(PORT), *map(str, arguments)],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def line(self, timeout_s):
        """Each answer is one line, asked for one at a time."""
        if not select.select([self._process.stdout], [], [], timeout_s)[0]:
            raise ProbeError(f"probe {self.mode}: no answer in {timeout_s} s")
        text = self._process.stdout.readline()
        if not text:
            raise ProbeError(f"probe {self.mode}: the guest did not answer")
        return text.decode()

    def say(self):
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def end_input(self):
        self._process.stdin.close()

    def close(self):
        stop(self._process)


def ask(program, space, timeout_s):
    """Waits until the guest answers; gives its report."""
    process = Process(program, space, "ask", timeout_s * 1000)
    try:
        return json.loads(process.line(timeout_s + 1))
    finally:
        process.close()


class Stream(Process):
    """Numbered probes both ways. `stamps` is the file for the send times; number 1 and up, rising.

    With an `up_rate` of 0 the guest stays silent until it is asked at the end.
    """

    def __init__(self, program, space, number, rate, up_rate, stamps):
        super().__init__(program, space, "stream", number, rate, up_rate, stamps)
        self._stamps = stamps
        try:
            self.line(15)
        except ProbeError:
            self.close()
            raise

    def finish(self):
        """Ends both streams; gives what was sent and counted at both ends."""
        self.say()
        return json.loads(self.line(30))

    def sent_ns(self):
        """The send time of each probe, by number, once finished."""
        with open(self._stamps, encoding="ascii") as file:
            return [int(line.split()[1]) for line in file]


class NoStream:
    """Stands for a stream where there is none."""

    def finish(self):
        nothing = {"received": 0, "doubled": 0, "reordered": 0, "gaps": []}
        return {"answered": True, "sent": 0, "guest_sent": 0, "up": nothing,
                "guest": {"udp": nothing, "longest_gap_ms": None}}

    def sent_ns(self):
        return []

    def close(self):
        """Nothing was started."""


class Connection(Process):
    """One TCP connection that both ends keep busy."""

    def __init__(self, program, space, rate=TCP_RATE):
        super().__init__(program, space, "connection", rate)
        try:
            self.line(15)
        except ProbeError:
            self.close()
            raise

    def state(self):
        self.say()
        return json.loads(self.line(5))

    def is_alive(self, timeout_s=15):
        """True once both directions have made progress; also gives the longest time without a byte since last asked."""
        first = state = self.state()
        gap_ms = first["longest_gap_ms"]
        end = time.monotonic() + timeout_s
        while not state["failed"] and not state["wrong"] and time.monotonic() < end:
            if all(state[key] >= first[key] + PROGRESS for key in ("received", "acknowledged")):
                return True, gap_ms
            time.sleep(0.02)
            state = self.state()
            gap_ms = max(gap_ms, state["longest_gap_ms"])
        return False, gap_ms

    def finish(self):
        """Closes it in order; gives the last state."""
        self.end_input()
        return json.loads(self.line(15))
