# SPDX-License-Identifier: BSD-3-Clause
"""Owns the guest of --fast: a namespace with the guest's MAC and address.

Stop: the guest's program is halted and its cable disabled. Landing: another cable is opened and a RARP broadcast sent,
as QEMU does.
"""

import os
import signal
import subprocess
import time

import topology
from hub import Hub, packet_socket, rarp
from namespace import stop
from probes import PORT, TCP_RATE
from qemu import Pause

PAUSE_S = 0.030


class NamespaceMachine:
    """Moves like a guest: same calls as QemuMachine."""

    kind = "namespace"

    def __init__(self, network, image, folders, cleanup):
        self.place = None
        self._target = None
        self.moves = 0  # so far
        self._image = image
        self._log = os.path.join(folders.results, "guest.log")
        self._guest = network.space("v")
        self._hub = Hub(network)
        self._hub.add_guest(self._guest, "guest", topology.GUEST_MAC, topology.GUEST_IP)
        self._process = None
        self._announcer = packet_socket(self._guest, "eth0")
        cleanup.callback(self.close)

    def boot(self, place):
        self._hub.open(place)
        with open(self._log, "w", encoding="ascii") as log:
            self._process = self._guest.start([os.path.join(self._image, "probe"), "guest", str(PORT), str(TCP_RATE)],
                                              stdout=log, stderr=subprocess.STDOUT)
        self.place = place

    def prepare(self, place, is_paused=False):
        if is_paused:
            raise ValueError("a namespace has no monitor that could let it run")
        self._target = place

    def migrate(self):
        stop_ns = time.time_ns()
        self._process.send_signal(signal.SIGSTOP)
        self._hub.close(self.place)
        time.sleep(max(0, PAUSE_S - (time.time_ns() - stop_ns) / 1e9))
        self._hub.open(self._target)
        resume_ns = time.time_ns()
        self._announcer.send(rarp(topology.GUEST_MAC))
        self._process.send_signal(signal.SIGCONT)
        return Pause(stop_ns, resume_ns)

    def ask_device(self):
        """There is none."""
        return None

    def retire(self):
        self.place, self._target = self._target, None

    def close(self):
        self._announcer.close()
        if self._process:
            self._process.send_signal(signal.SIGCONT)
            stop(self._process)
