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
from probes import GuestHung

# The emulator's fault (see ONE_CPU in qemu.py): QEMU has given the guest all that came for it, and has raised its
# interrupts, which the guest's kernel does not take. Beyond the network: so it is told, each time, and done once more.
HUNG = "the emulated guest takes no interrupt of its network device"
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def programs():
    """The folder with the programs under test."""
    return os.environ.get("HM_BIN_DIR") or os.path.join(TOP, "build", "release", "bin")


def make_guest(*how):
    """The guest's kernel and probe program, in build/vm; gives that folder."""
    subprocess.run([os.path.join(TOP, "tests", "vm", "guest.sh"), *how], check=True)
    return os.path.join(TOP, "build", "vm")


def judge_captures(folders):
    """tshark's word on what was captured at the guests' TAPs, all of it at once; true without captures."""
    paths = [path for name in ("source", "destination")
             for path in sorted(glob.glob(os.path.join(folders.results, "**", f"{name}.pcap"), recursive=True))]
    if not paths:
        return True
    merged = os.path.join(folders.work, "captures.pcapng")
    subprocess.run(["mergecap", "-w", merged, *paths], check=True)
    judge = os.path.join(TOP, "tests", "lab", "judge.py")
    return subprocess.run([sys.executable, judge, "--whole", merged], check=False).returncode == 0


def print_logs(folder, lines=20):
    """The ends of the agents' logs and of the guest's consoles, for a failure whose files nobody keeps."""
    consoles = glob.glob(os.path.join(folder, "**", "console*.log"), recursive=True)
    for path in sorted(glob.glob(os.path.join(folder, "agent-*.log"))) + sorted(consoles):
        with open(path, encoding="utf-8", errors="replace") as log:
            print(f"--- {os.path.basename(path)}\n" + "".join(log.readlines()[-lines:]), file=sys.stderr, end="")


def _interrupt(number, _frame):
    # Once: what follows is the clean-up, which nothing shall break off.
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    sys.exit(128 + number)


def _attempt(name, options, course):
    """Gives the exit status, and whether the guest's device hung."""
    with ExitStack() as cleanup:
        work = tempfile.mkdtemp(prefix=f"hypermip-{name}-")
        cleanup.callback(shutil.rmtree, work, ignore_errors=True)
        folders = Folders(work, os.path.abspath(options.keep or work))
        os.makedirs(folders.results, exist_ok=True)
        try:
            return course(options, folders, cleanup), False
        except (RuntimeError, OSError) as error:
            print(f"\nFAILED: {error}", file=sys.stderr, flush=True)
            print_logs(folders.results)
            return 1, isinstance(error, GuestHung)


def main(name, options, course):
    """Runs course(options, folders, cleanup), once more if the emulator's device hung; gives the exit status."""
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        print(f"{name}: needs to be root, and /dev/net/tun", file=sys.stderr)
        return 77
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, _interrupt)
    status, hung = _attempt(name, options, course)
    if hung:
        print(f"\n{name}: {HUNG}: once more", flush=True)
        status, _ = _attempt(name, options, course)
    return status
