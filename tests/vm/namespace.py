# SPDX-License-Identifier: BSD-3-Clause
"""Owns one network namespace: its life, its devices' set-up, and the processes that run in it."""

import ctypes
import os
import signal
import socket
import subprocess
import threading

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def run(argv, **options):
    """Runs a command to its end; its own words are in the error when it fails."""
    done = subprocess.run(argv, text=True, capture_output=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def stop(process, how=signal.SIGTERM, patience_s=5):
    """Ends a process that we started, the hard way if it does not listen."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()


class Namespace:
    """Exists from its making until close()."""

    def __init__(self, name):
        self.name = name
        run(["ip", "netns", "add", name])
        self._fd = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)

    def close(self):
        os.close(self._fd)
        run(["ip", "netns", "delete", self.name])

    def enter(self):
        """Moves the calling thread here; a new process's last step before it becomes its program."""
        if _libc.setns(self._fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def make(self, maker, *arguments):
        """What maker(*arguments) gives in here: a socket or a device stays where the thread that made it was."""
        made = []

        def work():
            self.enter()
            made.append(maker(*arguments))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if not made:
            raise OSError(f"{maker.__name__} failed in {self.name}")
        return made[0]

    def socket(self, *arguments):
        return self.make(socket.socket, *arguments)

    def _prepare_child(self):
        # Whatever kills us must not leave a process behind. Only the main thread starts any: the signal is its end's.
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        self.enter()

    def start(self, argv, **options):
        """Starts a program here, in a session of its own: the terminal's ^C is for us alone."""
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("bufsize", 0)  # what select() sees is then all that there is
        return subprocess.Popen(argv, preexec_fn=self._prepare_child, start_new_session=True, **options)

    def run(self, argv, **options):
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        return run(argv, preexec_fn=self._prepare_child, **options)

    def ip(self, *commands):
        """Runs commands of ip(8) in one go."""
        run(["ip", "-n", self.name, "-batch", "-"], input="\n".join(commands) + "\n")

    def sysctl(self, values):
        """Sets values by their paths below /proc/sys; one that this kernel does not have is passed over."""
        script = "".join(f"[ ! -e /proc/sys/{key} ] || echo {value} >/proc/sys/{key};" for key, value in values.items())
        self.run(["sh", "-ec", script])
