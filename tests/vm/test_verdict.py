# SPDX-License-Identifier: BSD-3-Clause
"""Owns the tests of what judges moves: bounds, repeats, and the reading of captures."""

import contextlib
import io
import os
import struct
import tempfile
import unittest
from types import SimpleNamespace
from unittest import mock

import campaign
import capture
import group
from course import Course, round_trips
from move import Result, restoration, unread
from qemu import Pause, hangs
from topology import GUEST_MAC

GOOD = {"from": "a", "to": "b", "rate": 1000, "sent": 4000, "sent_in_pause": 30, "down_lost": 43, "down_unread": 0,
        "down_dup": 0, "down_reord": 0, "up_lost": 0, "up_dup": 0, "up_reord": 0, "pause_ms": 30.0,
        "restoration_ms": 1.0, "answer_ms": 30.0, "guest_gap_ms": 2.0, "restored_before_resume": False,
        "staging_ms": 4.0, "strict": False, "valid": True}


def result(tcp_alive=True, **changes):
    return Result(GOOD | changes, tcp_alive, 100.0)


def device(received, sent, given=32444, signalled=None, machine="running"):
    """As QemuMachine.describe_device tells."""
    receive = {"used-idx": received, "last-avail-idx": received, "shadow-avail-idx": given,
               "signalled-used": received if signalled is None else signalled}
    send = {"used-idx": sent, "last-avail-idx": sent, "shadow-avail-idx": sent, "signalled-used": sent}
    return {"machine": machine, "queues": [receive, send], "tap": []}


class Hang(unittest.TestCase):
    """Of a guest that does not answer: is it the emulator's fault?"""

    def test_a_guest_that_takes_no_interrupt_hangs(self):
        self.assertTrue(hangs(device(32199, 17955), device(32202, 17955)))

    def test_a_guest_that_answers_on_its_own_tap_is_cut_off(self):
        self.assertFalse(hangs(device(32199, 17955), device(32202, 17958)))

    def test_nothing_is_said_of_a_guest_that_was_given_nothing(self):
        self.assertFalse(hangs(device(32199, 17955), device(32199, 17955)))
        self.assertFalse(hangs(device(32199, 17955), device(32202, 17955, given=32202)))
        self.assertFalse(hangs(device(32199, 17955), device(32202, 17955, signalled=32199)))
        self.assertFalse(hangs(device(32199, 17955), device(32202, 17955, machine="paused")))


class Verdict(unittest.TestCase):
    def test_loss_up_to_the_bound_is_explained(self):
        self.assertEqual(result().faults(), [])
        self.assertEqual(result(up_lost=43).faults(), [])

    def test_what_was_not_read_before_the_stop_is_explained_downwards(self):
        self.assertEqual(result(down_lost=53, down_unread=10).faults(), [])
        self.assertEqual(len(result(down_lost=54, down_unread=10).faults()), 1)
        self.assertEqual(len(result(up_lost=53, down_unread=10).faults()), 1)
        self.assertEqual(len(result(down_lost=1, down_unread=10, strict=True).faults()), 1)

    def test_loss_above_the_bound_is_a_fault_in_each_direction(self):
        self.assertEqual(len(result(down_lost=44).faults()), 1)
        self.assertEqual(len(result(up_lost=44).faults()), 1)

    def test_a_counted_cut_may_double_two_frames_and_an_exact_one_none(self):
        self.assertEqual(result(strict=True, down_lost=0, down_dup=2, cut="counted").faults(), [])
        self.assertEqual(len(result(strict=True, down_lost=0, down_dup=3, cut="counted").faults()), 1)
        self.assertEqual(len(result(strict=True, down_lost=0, down_dup=1, cut="exact").faults()), 1)
        self.assertEqual(len(result(strict=True, down_lost=0, up_dup=1, cut="counted").faults()), 1)

    def test_no_loss_is_explained_where_a_watch_attends(self):
        self.assertEqual(result(strict=True, down_lost=0).faults(), [])
        self.assertEqual(len(result(strict=True, down_lost=1).faults()), 1)
        self.assertEqual(len(result(strict=True, down_lost=0, up_lost=1).faults()), 1)

    def test_nothing_is_explained_where_there_was_no_pause(self):
        self.assertEqual(len(result(pause_ms=0.0, down_lost=1).faults()), 1)
        self.assertEqual(result(pause_ms=0.0, down_lost=0).faults(), [])

    def test_a_move_of_a_flooded_guest_is_repeated_and_its_upward_way_still_judged(self):
        reason = "the TAP's queue was hardly ever seen empty"
        flooded = result(strict=True, down_lost=9, down_dup=1, cut_reason=reason)
        self.assertEqual(flooded.faults(), [])
        self.assertFalse(flooded.valid)
        self.assertEqual(len(result(strict=True, up_lost=1, cut_reason=reason).faults()), 1)
        self.assertEqual(len(result(strict=True, down_lost=1, cut_reason="another").faults()), 1)

    def test_loss_of_a_move_that_is_not_valid_is_not_judged(self):
        self.assertEqual(result(down_lost=400, valid=False).faults(), [])

    def test_doubled_and_reordered_are_faults_of_any_move(self):
        for key in ("down_dup", "down_reord", "up_dup", "up_reord"):
            for valid in (True, False):
                self.assertEqual(len(result(**{key: 1}, valid=valid).faults()), 1)

    def test_silence_after_landing_is_a_fault(self):
        self.assertEqual(len(result(restoration_ms=None).faults()), 1)
        self.assertEqual(len(result(answer_ms=None).faults()), 1)

    def test_a_dead_connection_is_a_fault(self):
        self.assertEqual(len(result(tcp_alive=False).faults()), 1)


class Groups(unittest.TestCase):
    GOOD = {"lost": 0, "doubled": 0, "reordered": 0}

    def test_each_number_of_each_way_is_judged(self):
        self.assertEqual(group.faults({"down": self.GOOD, "side": self.GOOD}, 0, 0), [])
        for key in self.GOOD:
            self.assertEqual(len(group.faults({"down": self.GOOD, "side": self.GOOD | {key: 1}}, 0, 0)), 1)
        self.assertEqual(group.faults({"down": self.GOOD | {"lost": 5}}, 5, 0), [])
        self.assertEqual(group.faults({"down": self.GOOD | {"reordered": 5}}, 0, 5), [])


class Tables(unittest.TestCase):
    def test_a_line_has_every_number_that_is_not_zero_and_the_verdict(self):
        line = campaign.describe({"part": "wan", "case": "any", "from": "a", "to": "b", "down_lost": 3, "up_lost": 0,
                                  "pause_ms": 4.04, "faults": []})
        self.assertIn("down_lost 3", line)
        self.assertNotIn("up_lost", line)
        self.assertIn("pause_ms 4.0", line)
        self.assertTrue(line.endswith("ok"))
        self.assertIn("FAILED: why", campaign.describe({"part": "wan", "case": "any", "faults": ["why"]}))


class FakeMover:
    """Moves at once; the moves of the given numbers are not valid."""

    def __init__(self, invalid):
        self.place = SimpleNamespace(name="a")
        self.correspondent = None
        self.legs = []
        self._invalid = invalid

    def run(self, place, rate, _connection, _agents):
        self.legs.append((self.place.name, place.name, rate))
        self.place = place
        return result(**{"from": self.legs[-1][0], "to": place.name, "rate": rate, "down_lost": 0},
                      valid=len(self.legs) not in self._invalid)


class Repeats(unittest.TestCase):
    def run_course(self, invalid):
        mover = FakeMover(invalid)
        network = SimpleNamespace(correspondent=None, places={name: SimpleNamespace(name=name) for name in "abc"})
        course = Course("a course", network, mover, "probe")
        with mock.patch("probes.Connection"), mock.patch.object(course, "_close_connection", return_value=True):
            with contextlib.redirect_stdout(io.StringIO()):
                course.run(round_trips("abc", (100, 1000)), None)
        return course, mover

    def test_valid_moves_go_all_round_at_each_rate(self):
        course, mover = self.run_course(invalid=())
        self.assertEqual(mover.legs, [("a", "b", 100), ("b", "c", 100), ("c", "a", 100),
                                      ("a", "b", 1000), ("b", "c", 1000), ("c", "a", 1000)])
        self.assertEqual(course.repeated, 0)
        self.assertTrue(course.is_good())

    def test_an_invalid_move_is_repeated_and_the_guest_comes_home(self):
        course, mover = self.run_course(invalid=(1,))
        self.assertEqual(course.repeated, 1)
        self.assertEqual(mover.legs.count(("a", "b", 100)), 2)
        self.assertEqual(mover.place.name, "a")

    def test_moves_that_never_become_valid_are_an_error(self):
        with self.assertRaises(RuntimeError):
            self.run_course(invalid=range(1, 100))


def write_capture(path, frames):
    """Frames of one second: (nanoseconds, bytes)."""
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHiIII", capture.PCAP_NANOSECONDS, 2, 4, 0, 0, 128, 1))
        for when, frame in frames:
            file.write(struct.pack("=IIII", 7, when, len(frame), len(frame)) + frame)


class Captures(unittest.TestCase):
    GUEST, OTHER = bytes.fromhex(GUEST_MAC.replace(":", "")), b"\x02" + bytes(5)
    IPV4, ARP = b"\x08\x00", b"\x08\x06"
    SECOND = 7 * 10**9

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "some.pcap")

    def restored(self, stop, resume):
        return restoration(self.path, Pause(self.SECOND + stop, self.SECOND + resume))

    def test_first_frame_is_found_by_time_direction_and_type(self):
        down, up = self.GUEST + self.OTHER, self.OTHER + self.GUEST
        write_capture(self.path, [(1, down + self.IPV4), (2, down + self.ARP), (3, up + self.IPV4),
                                  (4, down + self.IPV4)])
        self.assertEqual(capture.first_ipv4(self.path, self.SECOND + 2, towards=GUEST_MAC), self.SECOND + 4)
        self.assertEqual(capture.first_ipv4(self.path, self.SECOND, sender=GUEST_MAC), self.SECOND + 3)
        self.assertIsNone(capture.first_ipv4(self.path, self.SECOND + 5, towards=GUEST_MAC))

    def test_unread_are_missing_probes_of_before_the_stop_that_the_tap_had(self):
        def probe(number, kind=capture.PROBE_DOWN):
            packet = bytes([0x45]) + bytes(8) + bytes([17]) + bytes(18)
            return self.GUEST + self.OTHER + self.IPV4 + packet + struct.pack(">4sIII", b"HMPB", kind, 1, number)

        write_capture(self.path, [(1, probe(1)), (2, probe(2)), (3, probe(4, kind=2)), (4, probe(3)), (9, probe(5))])
        pause, sent_ns = Pause(self.SECOND + 5, self.SECOND + 10), [self.SECOND + number for number in range(9)]
        self.assertEqual(unread(self.path, pause, [[2, 3], [5, 7]], sent_ns), 2)
        self.assertEqual(unread(self.path, pause, [], sent_ns), 0)

    def test_what_waits_before_the_guest_runs_has_added_nothing(self):
        write_capture(self.path, [(2_000_000, self.GUEST + self.OTHER + self.IPV4)])
        self.assertEqual(self.restored(1_000_000, 3_000_000)["restoration_ms"], 0)
        self.assertTrue(self.restored(1_000_000, 3_000_000)["restored_before_resume"])
        self.assertEqual(self.restored(500_000, 1_000_000)["restoration_ms"], 1)
        self.assertFalse(self.restored(500_000, 1_000_000)["restored_before_resume"])
        self.assertIsNone(self.restored(3_000_000, 4_000_000)["restoration_ms"])


if __name__ == "__main__":
    unittest.main()
