# SPDX-License-Identifier: BSD-3-Clause
"""Owns the guest of --fast: a namespace with the guest's MAC and address, moved in an instant.

    guest v: eth0 ---- hub (namespace s) ---- one cable to each place's bridge, called like the TAP there

The hub is a bridge that learns nothing; of its cables one is open, the others are disabled. The guest's end therefore
never loses its carrier, as a guest's does not when it migrates. Stop: the guest's program is halted and its cable
disabled. Landing: the other cable is opened and a RARP broadcast sent, as QEMU does.
"""

import os
import signal
import socket
import struct
import subprocess
import threading
import time

import topology
from namespace import stop
from probes import PORT, TCP_RATE
from qemu import Pause

PAUSE_S = 0.030
STATE_FORWARDING = 3
STATE_DISABLED = 0  # without STP the kernel opens a port that is merely blocking
ETHERTYPE_RARP = 0x8035


def _rarp(mac):
    address = bytes.fromhex(mac.replace(":", ""))
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 3) + (address + bytes(4)) * 2
    return (b"\xff" * 6 + address + struct.pack(">H", ETHERTYPE_RARP) + body).ljust(60, b"\0")


def _packet_socket(space, interface):
    """A raw socket in another namespace: it stays where the thread that made it was."""
    made = []

    def make():
        space.enter()
        made.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        made[0].bind((interface, 0))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


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
        self._hub = network.space("s")
        self._process = None
        self._wire(network.places.values())
        self._announcer = _packet_socket(self._guest, "eth0")
        cleanup.callback(self.close)

    def _wire(self, places):
        self._hub.ip("link add hub type bridge stp_state 0 forward_delay 0 mcast_snooping 0", "link set hub up",
                     f"link add guest type veth peer name eth0 netns {self._guest.name}", *self._plug("guest"))
        self._guest.ip(f"link set eth0 address {topology.GUEST_MAC}", f"addr add {topology.GUEST_IP}/24 dev eth0",
                       "link set eth0 up", f"route add default via {topology.GATEWAY}")
        for place in places:
            space, cable = place.subnet.space, place.tap
            space.ip(f"link add {cable} type veth peer name {cable} netns {self._hub.name}",
                     f"link set {cable} master br0", f"link set {cable} up")
            self._hub.ip(*self._plug(cable))
        for place in places:
            self._wait_up(place.tap)
            self._set_cable(place, STATE_DISABLED)

    @staticmethod
    def _plug(port):
        # Down until it is a port that learns nothing; up at both ends before anyone sets its state.
        return (f"link set {port} master hub", f"link set {port} type bridge_slave learning off flood on",
                f"link set {port} up")

    def _wait_up(self, port, timeout_s=5):
        """A port has no state to set before the kernel has seen its carrier."""
        end = time.monotonic() + timeout_s
        while "state UP" not in self._hub.run(["ip", "link", "show", "dev", port]):
            if time.monotonic() > end:
                raise RuntimeError(f"{port} does not come up")
            time.sleep(0.01)

    def _set_cable(self, place, state):
        self._hub.run(["bridge", "link", "set", "dev", place.tap, "state", str(state)])

    def boot(self, place):
        self._set_cable(place, STATE_FORWARDING)
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
        self._set_cable(self.place, STATE_DISABLED)
        time.sleep(max(0, PAUSE_S - (time.time_ns() - stop_ns) / 1e9))
        self._set_cable(self._target, STATE_FORWARDING)
        resume_ns = time.time_ns()
        self._announcer.send(_rarp(topology.GUEST_MAC))
        self._process.send_signal(signal.SIGCONT)
        return Pause(stop_ns, resume_ns)

    def retire(self):
        self.place, self._target = self._target, None

    def close(self):
        self._announcer.close()
        if self._process:
            self._process.send_signal(signal.SIGCONT)
            stop(self._process)
