# SPDX-License-Identifier: BSD-3-Clause
"""Owns what the hypervisors tell the agents of one move: by notify-migrate imminent, or by a watch at either end."""

import os
import time

from agents import GUEST_WORDS, AgentError
from watch import FAILED_MIGRATION, Watch

RECORD = ("state", "reason", "salvaged", "buffered", "forwarded", "replayed", "dropped", "cut", "waits", "pause_ms",
          "restoration_ms", "overtaken", "timeouts")


class Notices:
    """How all moves of a course are told; `agents` is None where there are none."""

    def __init__(self, agents=None, is_watched=False):
        self.agents = agents
        self.is_watched = is_watched

    def of_move(self, source, destination, machine, folder, cleanup):
        if self.agents is None:
            return NoNotice()
        if self.is_watched:
            return Watched(self.agents, source, destination, machine, folder, cleanup)
        return Imminent(self.agents, source, destination)

    def keep_reports(self, folder):
        """What the agents say of themselves; one that has ended is an error."""
        if self.agents:
            self.agents.check_alive()
            self.agents.keep_reports(folder)


class NoNotice:
    """A move without agents."""

    is_watched = False

    def announce(self):
        """Makes the network ready for the move; gives the milliseconds that it took."""
        return None

    def end_source(self):
        """The migration has ended and the old QEMU is still there."""

    def undo(self):
        """The migration has failed, and the guest runs where it ran."""

    def end(self):
        """All has been delivered; gives figures for the record."""
        return {}


class Imminent(NoNotice):
    """The source's hypervisor announces the move, and that is all that it says."""

    def __init__(self, agents, source, destination):
        self._agents = agents
        self._source = source
        self._destination = destination

    def announce(self):
        return self._agents[self._source.subnet.letter].imminent(self._destination.subnet.host)

    def undo(self):
        status, said, _ = self._agents[self._source.subnet.letter].notify("cancel", "vm1", *GUEST_WORDS)
        if status != 0:
            raise AgentError(f"notify-migrate cancel ended with {status}: {said}")

    def end(self):
        return record(self._agents, self._source, self._destination)


class Watched(Imminent):
    """A watch at either end: the source's announces the move, the destination's lets the guest run."""

    is_watched = True

    def __init__(self, agents, source, destination, machine, folder, cleanup):
        super().__init__(agents, source, destination)
        self._machine = machine
        self._folder = folder
        self._cleanup = cleanup
        self.source_watch = self.destination_watch = None
        self._is_undone = False

    def _start(self, place, monitor, words, name):
        watch = Watch(self._agents[place.subnet.letter], place.subnet.space, monitor, place.tap,
                      [*words, *GUEST_WORDS], os.path.join(self._folder, f"watch-{name}.jsonl"))
        self._cleanup.callback(watch.close)
        return watch

    def announce(self):
        start = time.monotonic()
        self.source_watch = self._start(self._source, self._machine.source_monitor,
                                        ["--to", self._destination.subnet.host], "source")
        self.source_watch.wait("imminent")
        took_ms = (time.monotonic() - start) * 1000
        self.source_watch.wait("attached")
        self.destination_watch = self._start(self._destination, self._machine.target_monitor, [], "destination")
        self.destination_watch.wait("attached")
        return took_ms

    def end_source(self):
        self.source_watch.finish()

    def undo(self):
        self.source_watch.finish(FAILED_MIGRATION)
        self.destination_watch.close()
        self._is_undone = True

    def end(self):
        if not self._is_undone:
            self.destination_watch.finish()
        told = self.source_watch.find("salvaged")
        seen = {"salvaged": told.get("frames"), "cut": told.get("cut"), "tap_dropped": told.get("tap_dropped"),
                "cut_reason": self.source_watch.find("stopped").get("reason")}
        seen["returned"] = self.source_watch.find("returned").get("frames")
        early = self.destination_watch.find("ready").get("frames")
        if early:  # written to the TAP by the watch, and the guest runs only after that
            seen |= {"restoration_ms": 0, "restored_before_resume": True, "early": early}
        warnings = [event for watch in (self.source_watch, self.destination_watch) for event in watch.events
                    if event.get("event") == "warning"]
        return super().end() | {key: value for key, value in seen.items() if value is not None} | {"warnings": warnings}


def record(agents, source, destination):
    """What both agents' handovers say of the move, as far as they say it."""
    rows = {"source": agents.handover(source, "source"), "destination": agents.handover(destination, "destination")}
    figures = dict.fromkeys(("salvaged", "buffered", "tap_dropped", "cut"))
    for row in rows.values():
        figures |= {key: row[key] for key in figures if row.get(key) is not None}
    figures["waits_ended"] = sum(row.get("timeouts") or 0 for row in rows.values())
    figures["agents"] = {side: {key: row[key] for key in RECORD if key in row} for side, row in rows.items()}
    return figures
