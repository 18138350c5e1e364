# SPDX-License-Identifier: BSD-3-Clause
"""Owns the campaign: moves of every kind, many in a row, each counted; a table of every number that is not 0.

Exit status: 0 all as it must be, 1 not, 2 usage, 77 not permitted here.
"""

import argparse
import json
import os
import sys
import time
import traceback
from contextlib import ExitStack

import frame
import parts
import probes
from course import Folders, Timing

SHORT = {"timing": Timing(0.3, 0.2, 0.8), "rounds": 1, "fail_places": 1, "fail_rounds": 1, "silent_rounds": 1,
         "tcp_rounds": 1, "wan_rounds": 1, "group_rounds": 1}
FULL = {"timing": Timing(0.5, 0.5, 1.5), "rounds": 10, "fail_places": 3, "fail_rounds": 5, "silent_rounds": 5,
        "tcp_rounds": 5, "wan_rounds": 10, "group_rounds": 5}
COUNTS = ("down_lost", "down_dup", "down_reord", "up_lost", "up_dup", "up_reord", "salvaged", "buffered", "returned",
          "tap_dropped", "waits_ended", "timeouts", "guest_timeouts", "retransmitted", "tcp_wrong",
          "relay_dropped", "group_lost")
TIMES = ("pause_ms", "restoration_ms", "guest_gap_ms", "staging_ms")


class Setting:
    """What all parts need to know."""

    def __init__(self, top, programs, options):
        self.programs = programs
        self.image = os.path.join(top, "build", "vm")
        self.program = os.path.join(self.image, "probe")
        self.may_watch = not options.without_watch
        for key, value in (SHORT if options.short else FULL).items():
            setattr(self, key, value)


def parse_arguments(argv):
    parser = argparse.ArgumentParser(prog="tests/vm/campaign.sh", description="Moves of every kind, counted.")
    parser.add_argument("--short", action="store_true", help="one of each kind, in some minutes")
    parser.add_argument("--json", metavar="FILE", help="write one record per move there")
    parser.add_argument("--keep", metavar="DIR", help="keep captures, logs and counts there")
    parser.add_argument("--only", metavar="NAME", action="append", choices=list(parts.ALL),
                        help=f"only that part; may be repeated: {', '.join(parts.ALL)}")
    parser.add_argument("--wan", dest="only", action="append_const", const="wan", help="the same as --only wan")
    parser.add_argument("--without-watch", action="store_true", help="nobody attends the migrations")
    return parser.parse_args(argv)


def describe(record):
    """One line: the move and every number that is not 0."""
    way = f"{record['from']} -> {record['to']}" if "from" in record else ""
    cells = [f"{key} {record[key]}" for key in COUNTS if record.get(key)]
    cells += [f"{key} {record[key]:.1f}" for key in TIMES if record.get(key)]
    if record.get("cut_reason"):
        cells.append(f"cut {record['cut']}: {record['cut_reason']}")
    verdict = "FAILED: " + "; ".join(record["faults"]) if record["faults"] else "ok"
    return f"{record['part']:10} {record['case']:26} {way:8} {', '.join(cells)}  {verdict}"


def run_part(name, setting, folders, records):
    """An error ends the part and is a record itself; when the emulator is at fault, the part begins anew, once."""
    def add(record):
        records.append(record)
        print(describe(record), flush=True)

    started = time.monotonic()
    for attempt in (name, f"{name}-again"):
        own = Folders(os.path.join(folders.work, attempt), os.path.join(folders.results, attempt))
        for folder in own:
            os.makedirs(folder, exist_ok=True)
        try:
            with ExitStack() as cleanup:
                parts.ALL[name](setting, own, cleanup, add)
        except (RuntimeError, OSError, KeyError) as error:
            traceback.print_exc()
            frame.print_logs(own.results)
            hung = attempt == name and isinstance(error, probes.GuestHung)
            add({"part": name, "case": f"{frame.HUNG}: once more" if hung else "broken off",
                 "faults": [] if hung else [str(error)]})
            if hung:
                continue
        break
    print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)


def print_table(records):
    """By part, case and leg: how many moves, and the sum of every number that is not 0."""
    groups = {}
    for record in records:
        key = (record["part"], record["case"], f"{record.get('from', '')} -> {record.get('to', '')}")
        groups.setdefault(key, []).append(record)
    print("\nAll moves; sums of every number that is not 0, times as the middle one and the worst:")
    for (part, case, way), group in groups.items():
        sums = {key: sum(record.get(key) or 0 for record in group) for key in COUNTS}
        cells = [f"{key} {value}" for key, value in sums.items() if value]
        for key in TIMES:
            values = sorted(record[key] for record in group if record.get(key))
            cells += [f"{key} {values[len(values) // 2]:.1f} .. {values[-1]:.1f}"] if values else []
        failed = sum(bool(record["faults"]) for record in group)
        print(f"{part:10} {case:26} {way:8} {len(group):3} moves, {failed} failed; {', '.join(cells)}")


def campaign(options, folders, _cleanup):
    """Runs the parts; gives the exit status."""
    setting = Setting(frame.TOP, frame.programs(), options)
    frame.make_guest()
    records = []
    try:
        for name in options.only or parts.ALL:
            run_part(name, setting, folders, records)
    finally:
        if options.json:
            with open(options.json, "w", encoding="ascii") as file:
                json.dump(records, file, indent=1)
                file.write("\n")
    print_table(records)
    good = frame.judge_captures(folders)
    return 1 if any(record["faults"] for record in records) or not good else 0


if __name__ == "__main__":
    sys.exit(frame.main("campaign", parse_arguments(sys.argv[1:]), campaign))
