# SPDX-License-Identifier: BSD-3-Clause
"""Owns a course of moves: a list of legs along which the guest goes, on one TCP connection, until each was valid."""

from collections import namedtuple

import probes
import report

MOST_REPEATS = 4

# Seconds of probing before the notice, between the notice and the migration, and after it.
Timing = namedtuple("Timing", "before_s staged_s after_s")
QEMU_TIMING = Timing(0.5, 0.5, 3.0)
FAST_TIMING = Timing(0.2, 0.2, 1.0)

# `work` goes with the run: sockets and keys; `results` is what --keep keeps.
Folders = namedtuple("Folders", "work results")
Leg = namedtuple("Leg", "source destination rate")


def round_trips(places, rates):
    """Legs from the first place to all others in turn and back, at one rate after another."""
    ways = list(zip(places, [*places[1:], places[0]]))
    return [Leg(source, destination, rate) for rate in rates for source, destination in ways]


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
        return Leg(here, pending[0].source, pending[0].rate) if pending else Leg(here, home, self.results[-1].rate)

    def run(self, legs, notices):
        """Moves along all legs and back to where the first starts."""
        pending, home = list(legs), legs[0].source
        report.print_heading(self._title)
        connection = probes.Connection(self._program, self._mover.correspondent)
        try:
            while (pending or self._mover.place.name != home) and self.repeated <= MOST_REPEATS:
                leg = self._next(pending, home)
                result = self._mover.run(self._network.places[leg.destination], leg.rate, connection, notices)
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
        guests = probes.ask(self._program, self._mover.correspondent, 10)["tcp"]
        return (ours["ended"] and not ours["failed"] and not ours["wrong"] and not guests["wrong"]
                and guests["received"] == ours["sent"] and guests["sent"] == ours["received"])

    def is_good(self):
        return self.tcp_survived and not any(result.faults() for result in self.results)
