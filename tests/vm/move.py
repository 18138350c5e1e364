# SPDX-License-Identifier: BSD-3-Clause
"""Owns one measured move: probes and captures around a migration, and what they say about it.

What the guest got is the guest's own count; what happened when is QEMU's stamps; restoration is read from the capture
on the destination's TAP. The probes run from before the destination is started: they keep the bridges' knowledge of the
guest's MAC fresh, so that nothing is flooded to the paused destination, which would deliver it late.
"""

import json
import os
import time
from contextlib import ExitStack

import capture
from probes import ProbeError, Stream
from topology import GUEST_MAC

PAUSE_ALLOWANCE_MS = 10
LOSS_ALLOWANCE = 3
VALID_SHARE = 0.8  # of the probes that the pause is worth must have been sent in it


class Result:
    """One move's figures: `figures` has the keys of the JSON output."""

    def __init__(self, figures, tcp_alive, tcp_gap_ms):
        self.figures = figures
        self.tcp_alive = tcp_alive
        self.tcp_gap_ms = tcp_gap_ms

    @property
    def valid(self):
        return self.figures["valid"]

    def most_lost(self):
        """The bound: what the guest's own pause explains, and a little."""
        return self.figures["rate"] * (self.figures["pause_ms"] + PAUSE_ALLOWANCE_MS) / 1000 + LOSS_ALLOWANCE

    def faults(self):
        """What is wrong with it, in words; of a move that is not valid nothing is said about loss."""
        found = []
        for way in ("down", "up"):
            lost, doubled, reordered = (self.figures[f"{way}_{what}"] for what in ("lost", "dup", "reord"))
            if self.valid and lost > self.most_lost():
                found.append(f"{way}: {lost} lost, the pause explains {self.most_lost():.0f}")
            if doubled:
                found.append(f"{way}: {doubled} doubled")
            if reordered:
                found.append(f"{way}: {reordered} reordered")
        if self.figures["restoration_ms"] is None or self.figures["answer_ms"] is None:
            found.append("nothing reached the guest after landing, or nothing came from it")
        if not self.tcp_alive:
            found.append("the TCP connection did not go on")
        return found


def _ms(ns):
    return None if ns is None else round(ns / 1e6, 3)


def _since(path, moment_ns, **which):
    when = capture.first_ipv4(path, moment_ns, **which)
    return None if when is None else when - moment_ns


class Mover:
    """Runs moves one after another, each with a folder of its own for what was recorded."""

    def __init__(self, network, machine, program, folder, timing):
        self._network = network
        self._machine = machine
        self._program = program
        self._folder = folder
        self._timing = timing
        self._number = 0

    @property
    def place(self):
        return self._machine.place

    def run(self, destination, rate, connection, agents=None):
        """Moves the guest to a place, with the agents told or (None) without any. Gives a Result."""
        self._number += 1
        source = self.place
        folder = os.path.join(self._folder, f"{self._number:02}-{source.name}-{destination.name}-{rate}")
        os.makedirs(folder)
        with ExitStack() as cleanup:
            captures = self._start_captures(cleanup, folder, source, destination)
            stream = Stream(self._program, self._network.correspondent, self._number, rate,
                            os.path.join(folder, "sent.txt"))
            cleanup.callback(stream.close)
            staging_ms, pause = self._migrate(source, destination, agents)
            counted = stream.finish()
            self._keep(folder, counted, pause)
            for one in captures:
                one.finish()
            if agents:
                agents.check_alive()
                agents.keep_reports(folder)
            if not counted["answered"]:
                raise ProbeError(f"after the move to {destination.name} the guest does not answer")
            tcp_alive, tcp_gap_ms = connection.is_alive()
        figures = {"from": source.name, "to": destination.name, "rate": rate}
        figures |= self._count(counted, pause, stream.sent_ns())
        figures |= self._restoration(captures[1].path, pause)
        figures["staging_ms"] = None if staging_ms is None else round(staging_ms, 3)
        figures["valid"] = figures["sent_in_pause"] >= VALID_SHARE * rate * figures["pause_ms"] / 1000
        return Result(figures, tcp_alive, tcp_gap_ms)

    def _start_captures(self, cleanup, folder, source, destination):
        where = ((source.subnet.space, source.tap, "source"),
                 (destination.subnet.space, destination.tap, "destination"),
                 (self._network.correspondent, "eth0", "correspondent"))
        captures = []
        for space, interface, name in where:
            captures.append(capture.Capture(space, interface, os.path.join(folder, f"{name}.pcap")))
            cleanup.callback(captures[-1].close)
        return captures

    def _migrate(self, source, destination, agents):
        """The move itself, between the time before it and the time after it that the probes are to see."""
        self._machine.prepare(destination)
        time.sleep(self._timing.before_s)
        staging_ms = agents.announce(source, destination) if agents else None
        time.sleep(self._timing.staged_s)
        pause = self._machine.migrate()
        time.sleep(self._timing.after_s)
        return staging_ms, pause

    @staticmethod
    def _count(counted, pause, sent_ns):
        up, down = counted["up"], counted["guest"]["udp"]
        return {
            "sent": counted["sent"],
            "sent_in_pause": sum(pause.stop_ns <= when <= pause.resume_ns for when in sent_ns),
            "down_lost": counted["sent"] - down["received"],
            "down_dup": down["doubled"],
            "down_reord": down["reordered"],
            "up_lost": counted["guest_sent"] - up["received"],
            "up_dup": up["doubled"],
            "up_reord": up["reordered"],
            "pause_ms": _ms(pause.resume_ns - pause.stop_ns),
        }

    @staticmethod
    def _restoration(path, pause):
        return {
            "restoration_ms": _ms(_since(path, pause.resume_ns, towards=GUEST_MAC)),
            "answer_ms": _ms(_since(path, pause.resume_ns, sender=GUEST_MAC)),
        }

    @staticmethod
    def _keep(folder, counted, pause):
        """The raw figures, so that an outsider can recount."""
        with open(os.path.join(folder, "counted.json"), "w", encoding="ascii") as file:
            json.dump({"stop_ns": pause.stop_ns, "resume_ns": pause.resume_ns, **counted}, file, indent=1)
