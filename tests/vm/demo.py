# SPDX-License-Identifier: BSD-3-Clause
"""Owns the demonstration's course: a guest moves through other subnets and home while others talk to it.

Exit status: 0 all as it must be, 1 not, 2 usage, 77 not permitted here.
"""

import argparse
import os
import sys

import frame
import probes
import report
import watch
from agents import Agents
from course import FAST_TIMING, QEMU_TIMING, Course, round_trips
from fast import NamespaceMachine
from move import Mover
from notice import Notices
from qemu import QemuMachine
from topology import Topology

RATES = (100, 1000, 5000)
BOOT_S = 60


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        prog="tests/demo.sh",
        description="A guest is live-migrated into other subnets and home, and keeps its address and its connection.")
    parser.add_argument("--fast", action="store_true", help="without QEMU: a namespace is the guest; takes seconds")
    parser.add_argument("--without-watch", action="store_true",
                        help="nobody attends the migration; what is lost in the guest's pause is lost")
    parser.add_argument("--neighbour", action="store_true", help="the correspondent is a host of the guest's home LAN")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--keep", metavar="DIR", help="keep captures, logs and counts there")
    parser.add_argument("--baseline-only", action="store_true", help="only the moves within one bridge, without agents")
    parser.add_argument("--stay", metavar="SECONDS", type=float, help="probe that long after each landing")
    return parser.parse_args(argv)


def notices_of(options, network, folders, cleanup):
    """Starts the agents and says how they are told of the moves."""
    agents = Agents(network, frame.programs(), folders, cleanup)
    is_watched = not (options.fast or options.without_watch) and watch.is_known(agents["a"].notify_program)
    if not is_watched:
        print("No watch attends the moves: what the guest's pause explains may be lost.", flush=True)
    return Notices(agents, is_watched)


def demonstrate(options, folders, cleanup):
    """Runs all of it; gives the exit status."""
    image = frame.make_guest(*(["--probe-only"] if options.fast else []))
    program = os.path.join(image, "probe")
    timing = FAST_TIMING if options.fast else QEMU_TIMING
    if options.stay is not None:
        timing = timing._replace(after_s=options.stay)

    network = Topology(cleanup, "abc")
    correspondent = network.add_neighbour() if options.neighbour else network.correspondent
    machine = (NamespaceMachine if options.fast else QemuMachine)(network, image, folders, cleanup)
    machine.boot(network.places["a"])
    probes.ask(program, correspondent, BOOT_S)
    print(f"The guest ({machine.kind}) runs in subnet a and answers the correspondent.", flush=True)

    mover = Mover(correspondent, machine, program, folders.results, timing)
    baseline = Course("Baseline: the same guest moved within one bridge, no agents", network, mover, program)
    moves = Course("Moves through the other subnets and home, with agents", network, mover, program)
    courses = [baseline] if options.baseline_only else [baseline, moves]
    try:
        baseline.run(round_trips(("a", "a2"), RATES), Notices())
        if not options.baseline_only:
            moves.run(round_trips("abc", RATES), notices_of(options, network, folders, cleanup))
        report.print_legend()
    finally:
        if options.json:
            report.write_json(options.json, moves.results, baseline.results, moves.tcp_survived,
                              sum(course.repeated for course in courses))
    good = all(course.is_good() for course in courses) and frame.judge_captures(folders)
    print("\n" + (last_words(moves.results) if good else "FAILED: see above."), flush=True)
    return 0 if good else 1


def last_words(moves):
    kept = "The guest kept its address and its connection, and "
    if moves and all(result.figures["strict"] for result in moves):
        return kept + "between the subnets nothing was lost, doubled or reordered."
    return kept + "its own pause explains every loss."


if __name__ == "__main__":
    sys.exit(frame.main("demo", parse_arguments(sys.argv[1:]), demonstrate))
