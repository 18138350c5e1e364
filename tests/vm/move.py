# SPDX-License-Identifier: BSD-3-Clause
"""Owns one measured move: probes and captures around a migration, and what they say about it.

What the guest got is the guest's own count; what happened when is QEMU's stamps; restoration is read from the capture
on the destination's TAP. The probes run from before the destination is started: they keep the bridges' knowledge of the
guest's MAC fresh, so that nothing is flooded to the paused destination, which would deliver it late.

What a watch writes to the guest's TAP itself passes by every capture: what the network has added to the pause is then
seen in the guest's longest gap between two probes, which is in the guest's own time.
"""

import json
import os
import time
from contextlib import ExitStack

import capture
from probes import GuestHung, NoStream, ProbeError, Stream
from topology import GUEST_MAC

PAUSE_ALLOWANCE_MS = 10
LOSS_ALLOWANCE = 3
VALID_SHARE = 0.8  # of the probes that the pause is worth must have been sent in it


# The watch's reasons for a cut that is not exact, of a guest that the probes have flooded.
SATURATION = ("the TAP's queue was hardly ever seen empty", "the TAP's queue overflowed at the end",
              "the device's counter was never seen while nothing was under way")


# Where the cut is not exact these many frames may be brought along though the guest had got them (README, limits).
MAY_BE_DOUBLED = 2


class Result:
    """One move's figures: `figures` has the keys of the JSON output."""

    def __init__(self, figures, tcp_alive, tcp_gap_ms):
        self.figures = figures
        self.tcp_alive = tcp_alive
        self.tcp_gap_ms = tcp_gap_ms

    @property
    def valid(self):
        return self.figures["valid"] and not self.saturated

    @property
    def saturated(self):
        """The emulated guest did not keep up with the probes before its stop: its TAP's queue stood, or overflowed.

        Then nobody can tell what it had got, and it loses probes by itself: the move is not valid, and is repeated.
        """
        return self.figures.get("cut_reason") in SATURATION

    @property
    def rate(self):
        return self.figures["rate"]

    def most_lost(self, way):
        """The bound: nothing where a watch attends or there was no pause; else what that explains, and a little.

        What was on its way or unread in the guest's TAP when it stopped is lost as well, where nobody salvages it.
        """
        if self.figures["strict"] or not self.figures["pause_ms"]:
            return 0
        unread = self.figures["down_unread"] if way == "down" else 0
        blind_ms = self.figures["pause_ms"] + self.figures.get("notice_ms", 0) + PAUSE_ALLOWANCE_MS
        return unread + self.figures["rate"] * blind_ms / 1000 + LOSS_ALLOWANCE

    def faults(self):
        """What is wrong with it, in words; where the pause explains loss, a move that is not valid says nothing."""
        found = []
        for way in ("down", "up"):
            lost, doubled, reordered = (self.figures[f"{way}_{what}"] for what in ("lost", "dup", "reord"))
            if self.saturated and way == "down":
                continue
            if (self.valid or self.figures["strict"]) and lost > self.most_lost(way):
                found.append(f"{way}: {lost} lost, at most {self.most_lost(way):.0f} allowed")
            may_be = MAY_BE_DOUBLED if way == "down" and self.figures.get("cut") == "counted" else 0
            if doubled > may_be:
                found.append(f"{way}: {doubled} doubled")
            if reordered:
                found.append(f"{way}: {reordered} reordered")
        if self.figures["answer_ms"] is None:
            found.append("nothing came from the guest after landing")
        if self.figures["restoration_ms"] is None:
            found.append("nothing reached the guest after its stop")
        if not self.tcp_alive:
            found.append("the TCP connection did not go on")
        return found


def _ms(ns):
    return None if ns is None else round(ns / 1e6, 3)


def _since(path, moment_ns, **which):
    when = capture.first_ipv4(path, moment_ns, **which)
    return None if when is None else when - moment_ns


def restoration(path, pause):
    """From the capture on the destination's TAP. What waits there before the guest runs has added nothing."""
    first_ns = capture.first_ipv4(path, pause.stop_ns, towards=GUEST_MAC)
    early = first_ns is not None and first_ns < pause.resume_ns
    return {
        "restoration_ms": None if first_ns is None else _ms(max(0, first_ns - pause.resume_ns)),
        "restored_before_resume": early,
        "answer_ms": _ms(_since(path, pause.resume_ns, sender=GUEST_MAC)),
    }


def landed(machine, notice, pause):
    """What there is to do at the source when the guest runs at its destination; gives the pause."""
    notice.end_source()
    machine.retire()
    return pause


def complete(machine, notice):
    """A migration that goes well; gives its pause."""
    return landed(machine, notice, machine.migrate())


def unread(path, pause, gaps, sent_ns):
    """Of what the guest did not get: how much was sent before it stopped and handed to its TAP, by the capture there.

    On a busy machine a probe may be on its way for longer than a moment: it may come to the TAP after the stop.
    """
    handed = {number for _, number in capture.probe_times(path)}
    lost = (number for first, last in gaps for number in range(first, last + 1))
    return sum(number in handed and sent_ns[number] < pause.stop_ns for number in lost)


class Mover:
    """Runs moves one after another, each with a folder of its own for what was recorded."""

    def __init__(self, correspondent, machine, program, folder, timing):
        self.correspondent = correspondent
        self._machine = machine
        self._program = program
        self._folder = folder
        self._timing = timing
    @property
    def place(self):
        return self._machine.place

    def _stream(self, rate, is_silent, folder):
        if not rate:
            return NoStream()
        up_rate = 0 if is_silent else rate
        return Stream(self._program, self.correspondent, self._machine.moves, rate, up_rate,
                      os.path.join(folder, "sent.txt"))

    def run(self, destination, rate, connection, notices, attempt=complete, is_silent=False):
        """Moves the guest to a place, with the agents told or without any; gives a Result.

        `attempt` does the migration, between announcement and what is counted. Of a silent guest only the way to it is
        probed; with a rate of 0 there is only the connection, if any.
        """
        source = self.place
        folder = self._make_folder(source, destination, rate)
        with ExitStack() as cleanup:
            captures = self._start_captures(cleanup, folder, source, destination)
            stream = self._stream(rate, is_silent, folder)
            cleanup.callback(stream.close)
            notice = notices.of_move(source, destination, self._machine, folder, cleanup)
            staging_ms, pause = self._migrate(destination, notice, attempt)
            counted = stream.finish()
            self._keep(folder, counted, pause)
            for one in captures:
                one.finish()
            notices.keep_reports(folder)
            if not counted["answered"]:
                self._explain_silence(destination, folder)
            tcp_alive, tcp_gap_ms = connection.is_alive() if connection else (True, None)
            figures = {"from": source.name, "to": destination.name, "rate": rate, "strict": notice.is_watched}
            figures |= self._count(counted, pause, stream.sent_ns())
            figures["down_unread"] = unread(captures[0].path, pause, counted["guest"]["udp"]["gaps"],
                                            stream.sent_ns())
            figures |= restoration(captures[self.place is destination].path, pause)
            figures |= notice.end()
        figures["staging_ms"] = None if staging_ms is None else round(staging_ms, 3)
        figures["valid"] = figures["sent_in_pause"] >= VALID_SHARE * rate * figures["pause_ms"] / 1000
        return Result(figures, tcp_alive, tcp_gap_ms)

    def _make_folder(self, source, destination, rate):
        self._machine.moves += 1
        folder = os.path.join(self._folder, f"{self._machine.moves:02}-{source.name}-{destination.name}-{rate}")
        os.makedirs(folder)
        return folder

    def _start_captures(self, cleanup, folder, source, destination):
        where = ((source.subnet.space, source.tap, "source"),
                 (destination.subnet.space, destination.tap, "destination"),
                 (self.correspondent, "eth0", "correspondent"))
        captures = []
        for space, interface, name in where:
            captures.append(capture.Capture(space, interface, os.path.join(folder, f"{name}.pcap")))
            cleanup.callback(captures[-1].close)
        return captures

    def _migrate(self, destination, notice, attempt):
        """The move itself, between the time before it and the time after it that the probes are to see."""
        self._machine.prepare(destination, notice.is_watched)
        time.sleep(self._timing.before_s)
        staging_ms = notice.announce()
        time.sleep(self._timing.staged_s)
        pause = attempt(self._machine, notice)
        time.sleep(self._timing.after_s)
        return staging_ms, pause

    def _explain_silence(self, destination, folder):
        """Raises. The guest is asked by ARP, on its own TAP, past all networks: one that is only cut off answers."""
        text = f"after the move to {destination.name} the guest does not answer"
        told = self._machine.ask_device()
        with open(os.path.join(folder, "device.json"), "w", encoding="ascii") as file:
            json.dump(told, file, indent=1)
        if told is not None and told["is_hung"]:
            raise GuestHung(f"{text}: QEMU has given it what was put into its TAP, and it takes no interrupt; {told}")
        raise ProbeError(f"{text}; its device: {told}")

    @staticmethod
    def _count(counted, pause, sent_ns):
        up, down = counted["up"], counted["guest"]["udp"]
        return {
            "sent": counted["sent"],
            "guest_sent": counted["guest_sent"],
            "sent_in_pause": sum(pause.stop_ns <= when <= pause.resume_ns for when in sent_ns),
            "down_lost": counted["sent"] - down["received"],
            "down_dup": down["doubled"],
            "down_reord": down["reordered"],
            "up_lost": counted["guest_sent"] - up["received"],
            "up_dup": up["doubled"],
            "up_reord": up["reordered"],
            "guest_gap_ms": counted["guest"]["longest_gap_ms"],
            "pause_ms": _ms(pause.resume_ns - pause.stop_ns),
        }

    @staticmethod
    def _keep(folder, counted, pause):
        """The raw figures, so that an outsider can recount."""
        with open(os.path.join(folder, "counted.json"), "w", encoding="ascii") as file:
            json.dump({"stop_ns": pause.stop_ns, "resume_ns": pause.resume_ns, **counted}, file, indent=1)
