# SPDX-License-Identifier: BSD-3-Clause
"""Owns `notify-migrate watch` as a process: one at either end of a migration, and the events that it prints."""

import json
import os
import re
import select
import subprocess
import time

from namespace import stop

FAILED_MIGRATION = 9  # its exit status when the migration failed or was cancelled


class WatchError(RuntimeError):
    """It ended, or did not say in time what was waited for."""


def is_known(notify_program):
    """True when this notify-migrate has the command."""
    said = subprocess.run([notify_program, "--help"], capture_output=True, text=True, check=False).stdout
    return re.search(r"^\s+watch\s", said, re.MULTILINE) is not None


class Watch:
    """Runs from its making until it ends by itself, or close(). What it prints goes to the file `log` as well."""

    def __init__(self, agent, space, monitor, tap, words, log):
        self.events = []
        self._rest = b""
        self._log = open(log, "wb")  # pylint: disable=consider-using-with
        argv = [agent.notify_program, "--config", agent.notify_config, "watch", "vm1", "--qmp", monitor, "--dev", tap,
                *words, "-j"]
        self._name = os.path.basename(log)
        self._process = space.start(argv, stdout=subprocess.PIPE, stderr=self._log)

    def _take_lines(self):
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            self._log.write(line + b"\n")
            try:
                self.events.append(json.loads(line))
            except ValueError as error:
                raise WatchError(f"{self._name}: not JSON: {line!r}") from error

    def _read(self, end):
        """Takes what it prints next; False: it has closed its output."""
        if not select.select([self._process.stdout], [], [], max(0, end - time.monotonic()))[0]:
            raise WatchError(f"{self._name}: nothing more after {self.last_event()}")
        data = os.read(self._process.stdout.fileno(), 65536)
        self._rest += data
        self._take_lines()
        return bool(data)

    def find(self, name):
        """The first event of that name; {}: none."""
        return next((event for event in self.events if event.get("event") == name), {})

    def last_event(self):
        return self.events[-1] if self.events else "its start"

    def wait(self, name, timeout_s=15):
        end = time.monotonic() + timeout_s
        while not self.find(name):
            if not self._read(end):
                raise WatchError(f"{self._name}: ended with {self._process.wait()} after {self.last_event()}")
        return self.find(name)

    def finish(self, expected=0, timeout_s=30):
        """Waits for its end; another exit status than the expected one is an error."""
        end = time.monotonic() + timeout_s
        while self._read(end):
            pass
        status = self._process.wait(timeout_s)
        if status != expected:
            raise WatchError(f"{self._name}: ended with {status} and not {expected}, after {self.last_event()}")

    def close(self):
        if not self._log.closed:
            stop(self._process)
            self._log.close()
