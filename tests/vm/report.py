# SPDX-License-Identifier: BSD-3-Clause
"""Owns what a person and a program get to see of the moves."""

import json

COLUMNS = (("move", 8), ("probes/s", 8), ("sent", 6), ("in pause", 8), ("lost dn/up", 10), ("doubled", 7),
           ("reordered", 9), ("pause ms", 8), ("restored ms", 11), ("answer ms", 9), ("guest gap", 9), ("staged ms", 9),
           ("TCP gap ms", 10), ("salvaged", 8), ("buffered", 8), ("cut", 9), ("verdict", 0))


def _row(cells):
    return "  ".join(str(cell).rjust(width) if width else str(cell) for cell, (_, width) in zip(cells, COLUMNS))


def _figure(value):
    return "-" if value is None else f"{value:.1f}"


def _count(value):
    return "-" if value is None else value


def _restored(move):
    return "before" if move["restored_before_resume"] else _figure(move["restoration_ms"])


def _verdict(result):
    faults = result.faults()
    if faults:
        return "FAILED: " + "; ".join(faults)
    if result.saturated:
        return f"not valid (the guest did not keep up: {result.figures['cut_reason']}): repeated"
    return "ok" if result.valid else "not valid (too few probes sent in the pause): repeated"


def _cells(result):
    move = result.figures
    return (f"{move['from']} -> {move['to']}", move["rate"], move["sent"], move["sent_in_pause"],
            f"{move['down_lost']} / {move['up_lost']}", move["down_dup"] + move["up_dup"],
            move["down_reord"] + move["up_reord"], _figure(move["pause_ms"]), _restored(move),
            _figure(move["answer_ms"]), _figure(move["guest_gap_ms"]), _figure(move["staging_ms"]),
            _figure(result.tcp_gap_ms), *(_count(move.get(key)) for key in ("salvaged", "buffered", "cut")),
            _verdict(result))


def print_heading(title):
    print(f"\n{title}", flush=True)
    print(_row([name for name, _ in COLUMNS]), flush=True)


def print_move(result):
    print(_row(_cells(result)), flush=True)


def print_legend():
    print("""
lost dn/up   numbered UDP probes that never arrived: to the guest (by its own count) / from the guest
pause        the guest did not run: QEMU's STOP at the source to its RESUME at the destination
restored     RESUME to the first IPv4 frame towards the guest on its TAP at the destination; "before": it waited there
answer       RESUME to the guest's first IPv4 frame there
guest gap    the longest time between two probes' arrivals in the guest, by its own clock; QEMU's stops in the pause
staged       the announcement of the move: notify-migrate, from its start until the network is ready
salvaged     frames that were handed to the guest's TAP at the source and that the guest never got: brought along
buffered     frames that waited for the landing
cut          how it was found which frames the guest had got
TCP gap      the longest time in which the correspondent's connection got no byte""")


def write_json(path, moves, baseline, tcp_survived, repeated):
    with open(path, "w", encoding="ascii") as file:
        json.dump({"moves": [result.figures for result in moves], "baseline": [result.figures for result in baseline],
                   "tcp_survived": tcp_survived, "repeated": repeated}, file, indent=1)
        file.write("\n")
