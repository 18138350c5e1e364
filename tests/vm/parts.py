# SPDX-License-Identifier: BSD-3-Clause
"""Owns the campaign's parts that move the QEMU guest: each a function that adds records, one per move."""

import attempts
import group
import wan
from move import landed
from world import World

RATE = 1000
BULK_RATE = 10_000_000  # bytes per second
UNDONE = "cancelled"
TIMER_MS, TIMER_MARGIN_MS = 200, 20
BRIEF_MS = 30


def _record(part, case, result, **more):
    return {"part": part, "case": case, **result.figures, "tcp_alive": result.tcp_alive,
            "tcp_gap_ms": result.tcp_gap_ms, **more, "faults": result.faults()}


def _rounds(world, part, case, correspondent, moves, rates, add):
    """Moves round and round, beside a connection."""
    mover, connection = world.mover(correspondent), world.connect(correspondent)
    try:
        for number in range(moves):
            add(_record(part, case, mover.run(world.next_place(), rates[number // 3 % len(rates)], connection,
                                              world.notices)))
    finally:
        connection.close()


def _moves(part, is_gateways):
    def run(setting, folders, cleanup, add):
        world = World(setting, folders, cleanup, is_gateways)
        for case, correspondent in (("beyond", world.network.correspondent), ("neighbour", world.neighbour)):
            _rounds(world, part, case, correspondent, 3 * setting.rounds, (RATE,), add)

    return run


def failures(setting, folders, cleanup, add):
    """Migrations that fail or are cancelled: from home, and from a visit."""
    world = World(setting, folders, cleanup)
    correspondent = world.network.correspondent
    mover, connection = world.mover(correspondent), world.connect(correspondent)
    cleanup.callback(connection.close)
    for _ in range(setting.fail_places):
        for case, attempt in attempts.ALL.items():
            for _ in range(setting.fail_rounds):
                result = mover.run(world.next_place(), RATE, connection, world.notices, attempt)
                add(_judge_attempt(result, case, world))
        add(_record("failures", "and then moved", mover.run(world.next_place(), RATE, connection, world.notices)))


def _judge_attempt(result, case, world):
    """Nothing of the move may be left; the guest may have landed after all only where the attempt allows it."""
    record = _record("failures", case, result, ended_at=world.machine.place.name)
    state = record["agents"]["source"].get("state")
    late = record.get("returned", 0)  # what QEMU threw away comes behind what its TAP had: the watch says how many
    if record["from"].startswith("a"):
        # on its home LAN neighbours reach it past what comes back: the agent's record tells how many that may be
        late += record["agents"]["source"].get("overtaken", 0)
    if 0 < record["down_reord"] <= late:
        record["faults"].remove(f"down: {record['down_reord']} reordered")
    if world.machine.place.name == record["from"] and state != UNDONE:
        record["faults"].append(f"the source agent's handover is {state}")
    return record


def silent(setting, folders, cleanup, add):
    """A guest that never speaks first: only the way to it is probed, and it is asked afterwards."""
    world = World(setting, folders, cleanup)
    for case, correspondent in (("beyond", world.network.correspondent), ("neighbour", world.neighbour)):
        mover = world.mover(correspondent)
        for _ in range(3 * setting.silent_rounds):
            add(_record("silent", case, mover.run(world.next_place(), RATE, None, world.notices, is_silent=True)))


def tcp(setting, folders, cleanup, add):
    """10 MB/s and nothing else."""
    world = World(setting, folders, cleanup)
    for case, correspondent in (("beyond", world.network.correspondent), ("neighbour", world.neighbour)):
        mover, connection = world.mover(correspondent), world.connect(correspondent, BULK_RATE)
        try:
            for _ in range(3 * setting.tcp_rounds):
                before = world.agents.counter("whole")
                record = _bulk_move(world, mover, connection, case)
                record["faults"] += _timers(record) + _alone(world, before)
                add(record)
        finally:
            connection.close()


def _alone(world, before):
    """What is wrong when no super-frame has stayed whole around a move: then the move has shown nothing about them."""
    ways = {row["tunnel_way"] for row in world.agents.rows("status")}
    stays = ways & {"whole", "train"} and world.agents.counter("whole") <= before
    return ["no super-frame has stayed whole"] if stays else []


def _brief(machine, notice):
    """A migration whose pause is aimed well below TCP's shortest timer."""
    return landed(machine, notice, machine.migrate(BRIEF_MS))


def _bulk_move(world, mover, connection, case):
    before, guest_before = connection.state(), world.ask_guest(mover.correspondent)["tcp"]
    result = mover.run(world.next_place(), 0, connection, world.notices, _brief)
    after, guest_after = connection.state(), world.ask_guest(mover.correspondent)["tcp"]
    record = _record("tcp", case, result, timeouts=after["timeouts"] - before["timeouts"],
                     retransmitted=after["retransmitted"] - before["retransmitted"],
                     guest_timeouts=guest_after["timeouts"] - guest_before["timeouts"],
                     mbytes=round((after["acknowledged"] - before["acknowledged"]) / 1e6, 1), tcp_wrong=after["wrong"])
    return record


def _timers(record):
    """What is wrong with the retransmission timers of a move: that any ran out.

    A timer runs for 200 ms at least. The VM's own silence, its pause and the time until its first frame afterwards, may
    outlast that on a busy machine: nobody who keeps every frame can help it.
    """
    silent_ms = record["pause_ms"] + (record["answer_ms"] or 0)
    if not record["strict"] or silent_ms >= TIMER_MS - TIMER_MARGIN_MS:
        return []
    return [f"{record[key]} timers ran out {where}" for key, where in
            (("timeouts", "at the correspondent"), ("guest_timeouts", "in the guest")) if record[key]]


ALL = {"one-armed": _moves("one-armed", False), "gateway": _moves("gateway", True), "failures": failures,
       "silent": silent, "tcp": tcp, "wan": wan.run,
       "group": group.run}
