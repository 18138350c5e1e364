# SPDX-License-Identifier: BSD-3-Clause
"""Owns migrations that do not come to their end: each an attempt for Mover.run(), which gives its pause.

A watch goes on with a migration as soon as it has done its work: what is done to it at the stop may then come too late,
and the guest lands after all.
"""

import time

from move import landed
from qemu import HOLD, Pause
from qmp import QmpError

SLOW = 8 << 20  # bytes per second: pre-copy then takes many seconds
ENDED = ("completed", "failed", "cancelled")


def _undo(machine, notice, pause):
    notice.undo()
    machine.give_up()
    return pause


def _never_stopped(machine, notice):
    now_ns = time.time_ns()
    return _undo(machine, notice, Pause(now_ns, now_ns))


def killed_in_precopy(machine, notice):
    """The destination's QEMU dies while memory is copied."""
    machine.start_migration(bandwidth=SLOW)
    machine.wait_status("active")
    machine.kill_target()
    machine.wait_status("failed")
    return _never_stopped(machine, notice)


def cancelled_in_precopy(machine, notice):
    """The administrator changes his mind while memory is copied."""
    machine.start_migration(bandwidth=SLOW)
    machine.wait_status("active")
    machine.command("migrate_cancel")
    machine.wait_status("cancelled")
    return _never_stopped(machine, notice)


def killed_at_the_stop(machine, notice):
    """The destination's QEMU dies when the guest has just been stopped."""
    machine.start_migration(HOLD)
    machine.wait_status("pre-switchover")
    machine.kill_target()
    if not notice.is_watched:
        try:
            machine.command("migrate-continue", state="pre-switchover")
        except QmpError:
            pass  # the migration has found out by itself
    if machine.wait_status("failed", "completed") == "completed":
        raise QmpError("the migration was quicker than its destination's end: the guest is lost, and nothing is shown")
    return _undo(machine, notice, machine.wait_pause_at_source())


def cancelled_after_the_stop(machine, notice):
    """The administrator cancels when the guest has just been stopped."""
    machine.start_migration(HOLD)
    machine.wait_status("pre-switchover")
    machine.command("migrate_cancel")
    if machine.wait_status(*ENDED) == "completed":
        return landed(machine, notice, machine.wait_pause_of_move())
    return _undo(machine, notice, machine.wait_pause_at_source())


ALL = {"killed in pre-copy": killed_in_precopy, "killed at the stop": killed_at_the_stop,
       "cancelled in pre-copy": cancelled_in_precopy, "cancelled after the stop": cancelled_after_the_stop}
