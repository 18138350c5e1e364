# SPDX-License-Identifier: BSD-3-Clause
"""Owns the tests of the dealings with `notify-migrate watch`, which a shell script stands in for."""

import os
import subprocess
import tempfile
import unittest
from types import SimpleNamespace

import watch


class Here:
    """In place of a namespace."""

    @staticmethod
    def start(argv, **options):
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, bufsize=0, **options)


class Watches(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def program(self, script):
        path = os.path.join(self.folder, "notify-migrate")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\n{script}\n")
        os.chmod(path, 0o755)
        return path

    def start(self, script):
        agent = SimpleNamespace(notify_program=self.program(script), notify_config="none")
        made = watch.Watch(agent, Here, "socket", "tap", [], os.path.join(self.folder, "log"))
        self.addCleanup(made.close)
        return made

    def test_events_are_found_whenever_they_came(self):
        one = self.start("""echo '{"event":"attached"}'; echo '{"event":"staged"}'
                            echo '{"event":"salvaged","frames":3}'""")
        self.assertEqual(one.wait("staged"), {"event": "staged"})
        self.assertEqual(one.wait("attached"), {"event": "attached"})
        one.finish()
        self.assertEqual(one.find("salvaged")["frames"], 3)
        self.assertEqual(one.find("completed"), {})

    def test_an_end_before_the_event_is_an_error(self):
        one = self.start("""echo '{"event":"attached"}'; exit 4""")
        with self.assertRaisesRegex(watch.WatchError, "ended with 4"):
            one.wait("staged")

    def test_silence_is_an_error(self):
        one = self.start("exec sleep 60")
        with self.assertRaisesRegex(watch.WatchError, "nothing more"):
            one.wait("attached", timeout_s=0.05)

    def test_what_is_not_json_is_an_error(self):
        with self.assertRaisesRegex(watch.WatchError, "not JSON"):
            self.start("echo attached").wait("attached")

    def test_its_exit_status_must_be_the_expected_one(self):
        self.start("exit 9").finish(watch.FAILED_MIGRATION)
        with self.assertRaisesRegex(watch.WatchError, "ended with 9 and not 0"):
            self.start("exit 9").finish()

    def test_help_tells_whether_it_is_known(self):
        self.assertTrue(watch.is_known(self.program("echo '  watch   VM --qmp SOCKET'")))
        self.assertFalse(watch.is_known(self.program("echo 'nobody may watch   this'")))


if __name__ == "__main__":
    unittest.main()
