# SPDX-License-Identifier: BSD-3-Clause
"""Owns the frame of a run with a guest: permission, folders, signals, the guest's making, and the clean-up."""

import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack

from course import Folders

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def programs():
    """The folder with the programs under test."""
    return os.environ.get("HM_BIN_DIR") or os.path.join(TOP, "build", "release", "bin")


def make_guest(*how):
    """The guest's kernel and probe program, in build/vm; gives that folder."""
    subprocess.run([os.path.join(TOP, "tests", "vm", "guest.sh"), *how], check=True)
    return os.path.join(TOP, "build", "vm")


def print_logs(folder, lines=20):
    """The ends of the agents' logs, for a failure whose files nobody keeps."""
    for path in sorted(glob.glob(os.path.join(folder, "agent-*.log"))):
        with open(path, encoding="utf-8", errors="replace") as log:
            print(f"--- {os.path.basename(path)}\n" + "".join(log.readlines()[-lines:]), file=sys.stderr, end="")


def _interrupt(number, _frame):
    # Once: what follows is the clean-up, which nothing shall break off.
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    sys.exit(128 + number)


def main(name, options, course):
    """Runs course(options, folders, cleanup); gives the exit status."""
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        print(f"{name}: needs to be root, and /dev/net/tun", file=sys.stderr)
        return 77
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, _interrupt)
    with ExitStack() as cleanup:
        work = tempfile.mkdtemp(prefix=f"hypermip-{name}-")
        cleanup.callback(shutil.rmtree, work, ignore_errors=True)
        folders = Folders(work, os.path.abspath(options.keep or work))
        os.makedirs(folders.results, exist_ok=True)
        try:
            return course(options, folders, cleanup)
        except (RuntimeError, OSError) as error:
            print(f"\nFAILED: {error}", file=sys.stderr, flush=True)
            print_logs(folders.results)
            return 1
