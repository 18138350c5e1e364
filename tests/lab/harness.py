# SPDX-License-Identifier: BSD-3-Clause
"""Owns the frame of a lab test: its folder, its claims, waiting for what must become true, and the teardown.

A test makes claims, one after another. A claim that does not hold is told with what was found instead, and the test
goes on, so that one run tells all; a step without which nothing further makes sense raises LabError.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack

PATIENCE_S = 10
LOOK_AGAIN_S = 0.02
NOT_PERMITTED = 77


class LabError(RuntimeError):
    """The test cannot go on."""


def wait_for(condition, timeout_s=PATIENCE_S):
    """Looks until the condition gives something true; gives that, or the last that it gave."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value or time.monotonic() >= end:
            return value
        time.sleep(LOOK_AGAIN_S)


class Lab:
    """One run: claims, a folder for files, and what has to be undone at the end."""

    def __init__(self, folder, cleanup):
        self.folder = folder
        self.cleanup = cleanup
        self.programs = os.environ["HM_BIN_DIR"]
        self.agents = []
        self.record = None  # of what they send (sniffer.py)
        self.at_claims = []  # called before each claim
        self.at_end = []  # called when the agents have ended; may make claims
        self._claims = 0
        self._broken = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def program(self, name):
        return os.path.join(self.programs, name)

    def claim(self, text, holds, found=""):
        """Notes whether a claim holds; gives that."""
        for look in self.at_claims:
            look()
        self._claims += 1
        print(f"  {'ok    ' if holds else 'BROKEN'}  {text}", flush=True)
        if not holds:
            self._broken.append(text)
            print(f"          found: {found}", flush=True)
            self._check_agents()
        return bool(holds)

    def _check_agents(self):
        for agent in self.agents:
            if agent.has_died():
                raise LabError(f"{agent.name} has ended with {agent.process.returncode}")

    def equal(self, text, found, expected):
        return self.claim(text, found == expected, f"{found!r}, expected: {expected!r}")

    def becomes(self, text, condition, timeout_s=PATIENCE_S, tell=None):
        """A claim that may take a moment to come true; `tell` gives what to show when it does not."""
        holds = wait_for(condition, timeout_s)
        return self.claim(text, holds, "" if holds or tell is None else tell())

    def need(self, text, condition, timeout_s=PATIENCE_S, tell=None):
        """The same, and the test ends when it does not come true."""
        if not self.becomes(text, condition, timeout_s, tell):
            raise LabError(f"cannot go on without: {text}")

    @staticmethod
    def part(title):
        print(title, flush=True)

    def finish(self):
        """The agents' end, and the sum; gives the exit status."""
        for agent in self.agents:
            agent.end()
            self.equal(f"{agent.name} always ended with 0", set(agent.endings) - {0}, set())
        for look in self.at_end:
            look()
        print(f"{self._claims - len(self._broken)} of {self._claims} claims hold", flush=True)
        return 1 if self._broken else 0

    def print_logs(self, lines=40):
        for agent in self.agents:
            print(f"--- log of {agent.name}\n{agent.last_words(lines)}", flush=True)


def execute(space, *argv, timeout_s=30, **options):
    """Runs a program in a namespace to its end, whatever that is; stdout and stderr are in the result."""
    options = {"capture_output": True, "text": True, "check": False, "stdin": subprocess.DEVNULL, **options}
    return subprocess.run(["ip", "netns", "exec", space.name, *argv], timeout=timeout_s, **options)


def _interrupt(number, _frame):
    # Once: what follows is the teardown, which nothing shall break off.
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    sys.exit(128 + number)


def _may_make_namespaces():
    return subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode == 0


def _attempt(course, lab):
    try:
        course(lab)
        status = lab.finish()
    except (RuntimeError, OSError, subprocess.SubprocessError, ValueError, LookupError) as error:
        print(f"FAILED: {type(error).__name__}: {error}", flush=True)
        status = 1
    if status:
        lab.print_logs()
    return status


def main(course):
    """Runs the course (a function of a Lab) and ends the program."""
    if not _may_make_namespaces():
        print("needs the right to make network namespaces", file=sys.stderr)
        sys.exit(NOT_PERMITTED)
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, _interrupt)
    with ExitStack() as cleanup:
        folder = tempfile.mkdtemp(prefix="hypermip-lab-")
        cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        status = _attempt(course, Lab(folder, cleanup))
        keep = os.environ.get("HM_LAB_KEEP")
        if status and keep:
            shutil.copytree(folder, keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock"))
    sys.exit(status)
