# SPDX-License-Identifier: BSD-3-Clause
"""Owns the demonstration's course: a guest moves to another subnet and back while others talk to it.

Exit status: 0 all as it must be, 1 not, 2 usage, 77 not permitted here.
"""

import argparse
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import namedtuple
from contextlib import ExitStack

import probes
import report
from agents import AgentError, Agents
from capture import CaptureError
from fast import NamespaceMachine
from move import Mover
from qemu import QemuMachine
from qmp import QmpError
from topology import Topology

RATES = (100, 1000)
MOST_REPEATS = 4
BOOT_S = 60

# Seconds of probing before the notice, between the notice and the migration, and after it.
Timing = namedtuple("Timing", "before_s staged_s after_s")
QEMU_TIMING = Timing(0.5, 0.5, 3.0)
FAST_TIMING = Timing(0.2, 0.2, 1.0)

# `work` goes with the run: sockets and keys; `results` is what --keep keeps.
Folders = namedtuple("Folders", "work results")
Leg = namedtuple("Leg", "source destination rate")


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        prog="tests/demo.sh",
        description="A guest is live-migrated into another subnet and back, and keeps its address and its connection.")
    parser.add_argument("--fast", action="store_true", help="without QEMU: a namespace is the guest; takes seconds")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--keep", metavar="DIR", help="keep captures, logs and counts there")
    parser.add_argument("--baseline-only", action="store_true", help="only the moves within one bridge, without agents")
    parser.add_argument("--stay", metavar="SECONDS", type=float, help="probe that long after each landing")
    return parser.parse_args(argv)


class Course:
    """A list of legs, each to be moved until it is valid, on one TCP connection."""

    def __init__(self, title, network, mover, program):
        self._title = title
        self._network = network
        self._mover = mover
        self._program = program
        self.results = []
        self.repeated = 0
        self.tcp_survived = False

    def _next(self, pending, home):
        """A leg that starts where the guest is; one that only takes it on when none does."""
        here = self._mover.place.name
        for leg in pending:
            if leg.source == here:
                return leg
        return Leg(here, pending[0].source if pending else home, pending[0].rate if pending else RATES[0])

    def run(self, legs, agents):
        """Moves along all legs and back to where the first starts."""
        pending, home = list(legs), legs[0].source
        report.print_heading(self._title)
        connection = probes.Connection(self._program, self._network.correspondent)
        try:
            while (pending or self._mover.place.name != home) and self.repeated <= MOST_REPEATS:
                leg = self._next(pending, home)
                result = self._mover.run(self._network.places[leg.destination], leg.rate, connection, agents)
                self.results.append(result)
                report.print_move(result)
                self.repeated += not result.valid
                if result.valid and leg in pending:
                    pending.remove(leg)
            self.tcp_survived = self._close_connection(connection) and all(one.tcp_alive for one in self.results)
        finally:
            connection.close()
        if pending:
            raise probes.ProbeError(f"no valid move in {len(self.results)} for {pending}")

    def _close_connection(self, connection):
        """True when it ends in order and the guest has got every byte that we sent, unchanged."""
        ours = connection.finish()
        guests = probes.ask(self._program, self._network.correspondent, 10)["tcp"]
        return (ours["ended"] and not ours["failed"] and not ours["wrong"] and not guests["wrong"]
                and guests["received"] == ours["sent"] and guests["sent"] == ours["received"])

    def is_good(self):
        return self.tcp_survived and not any(result.faults() for result in self.results)


def print_logs(folder, lines=20):
    """The ends of the agents' logs, for a failure whose files nobody keeps."""
    for path in sorted(glob.glob(os.path.join(folder, "agent-*.log"))):
        with open(path, encoding="utf-8", errors="replace") as log:
            print(f"--- {os.path.basename(path)}\n" + "".join(log.readlines()[-lines:]), file=sys.stderr, end="")


def legs_between(first, second):
    return [leg for rate in RATES for leg in (Leg(first, second, rate), Leg(second, first, rate))]


def demonstrate(options, folders, cleanup):
    """Runs all of it; gives the exit status."""
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    image = os.path.join(top, "build", "vm")
    program = os.path.join(image, "probe")
    how = ["--probe-only"] if options.fast else []
    subprocess.run([os.path.join(top, "tests", "vm", "guest.sh"), *how], check=True)
    timing = FAST_TIMING if options.fast else QEMU_TIMING
    if options.stay is not None:
        timing = timing._replace(after_s=options.stay)

    network = Topology(cleanup)
    machine = (NamespaceMachine if options.fast else QemuMachine)(network, image, folders, cleanup)
    machine.boot(network.places["a"])
    probes.ask(program, network.correspondent, BOOT_S)
    print(f"The guest ({machine.kind}) runs in subnet a and answers the correspondent.", flush=True)

    mover = Mover(network, machine, program, folders.results, timing)
    baseline = Course("Baseline: the same guest moved within one bridge, no agents", network, mover, program)
    moves = Course("Moves into the other subnet and back, with agents", network, mover, program)
    courses = [baseline] if options.baseline_only else [baseline, moves]
    try:
        baseline.run([Leg("a", "a2", RATES[0]), Leg("a2", "a", RATES[1])], None)
        if not options.baseline_only:
            programs = os.environ.get("HM_BIN_DIR") or os.path.join(top, "build", "release", "bin")
            moves.run(legs_between("a", "b"), Agents(network, programs, folders, cleanup))
        report.print_legend()
    finally:
        if options.json:
            report.write_json(options.json, moves.results, baseline.results, moves.tcp_survived,
                              sum(course.repeated for course in courses))
    good = all(course.is_good() for course in courses)
    print("\nThe guest kept its address and its connection, and its own pause explains every loss." if good
          else "\nFAILED: see the verdicts above.", flush=True)
    return 0 if good else 1


def interrupt(number, _frame):
    # Once: what follows is the clean-up, which nothing shall break off.
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    sys.exit(128 + number)


def main():
    options = parse_arguments(sys.argv[1:])
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        print("demo: needs to be root, and /dev/net/tun", file=sys.stderr)
        return 77
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, interrupt)
    with ExitStack() as cleanup:
        work = tempfile.mkdtemp(prefix="hypermip-demo-")
        cleanup.callback(shutil.rmtree, work, ignore_errors=True)
        folders = Folders(work, os.path.abspath(options.keep or work))
        os.makedirs(folders.results, exist_ok=True)
        try:
            return demonstrate(options, folders, cleanup)
        except (AgentError, CaptureError, QmpError, probes.ProbeError, RuntimeError, OSError) as error:
            print(f"\nFAILED: {error}", file=sys.stderr, flush=True)
            print_logs(folders.results)
            return 1


if __name__ == "__main__":
    sys.exit(main())
