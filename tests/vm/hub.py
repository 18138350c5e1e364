# SPDX-License-Identifier: BSD-3-Clause
"""Owns the hub that moves namespaces from place to place in an instant.

    guests: eth0 ---- hub (namespace s) ---- one cable to each place's bridge, called like the TAP there

Of its cables one is open, the others are disabled, and it learns nothing about what is behind them. A guest's end never
loses its carrier, as a guest's does not when it migrates.
"""

import socket
import struct
import time

import topology

STATE_FORWARDING = 3
STATE_DISABLED = 0  # without STP the kernel opens a port that is merely blocking
ETHERTYPE_ARP = 0x0806
ETHERTYPE_RARP = 0x8035


def rarp(mac):
    """The announcement that QEMU sends for a guest that has landed."""
    address = bytes.fromhex(mac.replace(":", ""))
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 3) + (address + bytes(4)) * 2
    return (b"\xff" * 6 + address + struct.pack(">H", ETHERTYPE_RARP) + body).ljust(60, b"\0")


def arp_request(mac, address, target):
    """Asks by broadcast who has the target."""
    sender, own, asked = bytes.fromhex(mac.replace(":", "")), socket.inet_aton(address), socket.inet_aton(target)
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + sender + own + bytes(6) + asked
    return (b"\xff" * 6 + sender + struct.pack(">H", ETHERTYPE_ARP) + body).ljust(60, b"\0")


def packet_socket(space, interface):
    """A raw socket in a namespace."""
    made = space.socket(socket.AF_PACKET, socket.SOCK_RAW)
    made.bind((interface, 0))
    return made


class Hub:
    """The bridge between guests and places; a guest's own port never loses its carrier."""

    def __init__(self, network, learns=False):
        self._network = network
        self._learns = learns
        self._space = network.space("s")
        self._space.ip("link add hub type bridge stp_state 0 forward_delay 0 mcast_snooping 0", "link set hub up")
        for place in network.places.values():
            self._add_place(place)

    @staticmethod
    def _plug(port, learning="off", flood="on"):
        # Down until it is a port with its own rules; up at both ends before anyone sets its state.
        return (f"link set {port} master hub", f"link set {port} type bridge_slave learning {learning} flood {flood}",
                f"link set {port} up")

    def _add_place(self, place):
        space, cable = place.subnet.space, place.tap
        space.ip(f"link add {cable} type veth peer name {cable} netns {self._space.name}",
                 f"link set {cable} master br0", f"link set {cable} up")
        self._space.ip(*self._plug(cable))
        self._wait_up(cable)
        self._set(place, STATE_DISABLED)

    def add_guest(self, space, name, mac, address):
        """Gives the guest's namespace its eth0. Where the hub learns, a guest gets only what is for it."""
        rules = ("on", "off") if self._learns else ("off", "on")
        self._space.ip(f"link add {name} type veth peer name eth0 netns {space.name}", *self._plug(name, *rules))
        space.ip(f"link set eth0 address {mac}", f"addr add {address}/24 dev eth0", "link set eth0 up",
                 f"route add default via {topology.GATEWAY}")

    def _wait_up(self, port, timeout_s=5):
        """A port has no state to set before the kernel has seen its carrier."""
        end = time.monotonic() + timeout_s
        while "state UP" not in self._space.run(["ip", "link", "show", "dev", port]):
            if time.monotonic() > end:
                raise RuntimeError(f"{port} does not come up")
            time.sleep(0.01)

    def _set(self, place, state):
        self._space.run(["bridge", "link", "set", "dev", place.tap, "state", str(state)])

    def open(self, place):
        self._set(place, STATE_FORWARDING)

    def close(self, place):
        self._set(place, STATE_DISABLED)
