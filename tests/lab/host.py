# SPDX-License-Identifier: BSD-3-Clause
"""Owns what stands in the lab's networks: plain hosts, and the machine that moves.

The machine is a namespace that never loses its carrier, as a guest does not when it migrates: its cable ends in a hub
that learns nothing, from which one cable leads to each place where it may run; one of them is open.

    machine v: eth0 ---- hub (namespace s) ---- a cable to each place's bridge

Stop: the open cable is disabled. Landing: another is opened and, if wanted, a RARP broadcast sent, as QEMU does.
"""

import contextlib
import json
import socket
import struct

from harness import LabError, execute, wait_for

STATE_DISABLED = 0
STATE_FORWARDING = 3
ETHERTYPE_RARP = 0x8035


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def rarp(mac):
    """The announcement that QEMU sends for a machine that has landed."""
    address = mac_bytes(mac)
    body = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 3) + (address + bytes(4)) * 2
    return (b"\xff" * 6 + address + struct.pack(">H", ETHERTYPE_RARP) + body).ljust(60, b"\0")


def frame_socket(space, interface, protocol=0):
    """Sends frames there; with a protocol (ETH_P_ALL: 3) also receives them."""
    made = space.socket(socket.AF_PACKET, socket.SOCK_RAW)  # of no protocol: before bind() nothing comes
    made.bind((interface, protocol))
    return made


class Host:
    """A host with one interface, eth0, on a subnet's bridge."""

    def __init__(self, network, suffix, subnet, address, mac, gateway):
        self.space = network.space(suffix)
        self.address = address
        self.mac = mac
        port = f"to-{suffix}"
        self.space.ip("link set lo up")
        subnet.space.ip(f"link add {port} type veth peer name eth0 netns {self.space.name}",
                        f"link set {port} master br0", f"link set {port} up")
        _set_up(self.space, mac, [address], gateway)

    def pings(self, target, *options):
        return ping(self.space, target, *options).returncode == 0

    def neighbours(self):
        return neighbours(self.space)


class Machine:
    """The machine that moves among places: {name: subnet}."""

    def __init__(self, network, places, mac, addresses, gateway):
        self.mac = mac
        self.address = addresses[0]
        self.space = network.space("v")
        self._hub = network.space("s")
        self._cables = {name: f"vm-{name}" for name in places}
        self.place = None
        self._wire(places)
        _set_up(self.space, mac, addresses, gateway)
        self._announcer = frame_socket(self.space, "eth0")

    def _wire(self, places):
        self._hub.ip("link add hub type bridge stp_state 0 forward_delay 0 mcast_snooping 0", "link set hub up",
                     f"link add guest type veth peer name eth0 netns {self.space.name}", *self._plug("guest"))
        for name, subnet in places.items():
            cable = self._cables[name]
            subnet.space.ip(f"link add {cable} type veth peer name {cable} netns {self._hub.name}",
                            f"link set {cable} master br0", f"link set {cable} up")
            self._hub.ip(*self._plug(cable))
        for name, cable in self._cables.items():
            if not wait_for(lambda: "state UP" in execute(self._hub, "ip", "link", "show", "dev", cable).stdout):
                raise LabError(f"{cable} does not come up")
            self._set_cable(name, STATE_DISABLED)

    @staticmethod
    def _plug(port):
        # Down until it is a port that learns nothing; up at both ends before anyone sets its state.
        return (f"link set {port} master hub", f"link set {port} type bridge_slave learning off flood on",
                f"link set {port} up")

    def _set_cable(self, name, state):
        self._hub.run(["bridge", "link", "set", "dev", self._cables[name], "state", str(state)])

    def without_offloads(self):
        """What comes to it is cut and summed up before, as by a network that offloads nothing."""
        without_offloads(self._hub, "guest")

    def stop(self):
        if self.place is not None:
            self._set_cable(self.place, STATE_DISABLED)
        self.place = None

    def land(self, place, announce=True):
        self.stop()
        self._set_cable(place, STATE_FORWARDING)
        self.place = place
        if announce:
            self.send(rarp(self.mac))

    def send(self, frame):
        """Sends a frame out of its interface, as it is."""
        self._announcer.send(frame)

    def pings(self, target, *options):
        return ping(self.space, target, *options).returncode == 0

    def neighbours(self):
        return neighbours(self.space)


def _set_up(space, mac, addresses, gateway):
    space.ip(f"link set eth0 address {mac}", *(f"addr add {address}/24 dev eth0" for address in addresses),
             "link set eth0 up", f"route add default via {gateway}")


def without_offloads(space, device):
    """What goes out there is cut and summed up before."""
    execute(space, "ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off")


def ping(space, target, *options, tries=3):
    """Pings until the first answer; the result is that of ping(8)."""
    return execute(space, "ping", "-n", "-i", "0.2", "-W", "1", "-w", str(tries), "-c", "1", *options, target)


@contextlib.contextmanager
def deaf_to_arp(space):
    """Meanwhile no ARP frame gets to the namespace's eth0."""
    rules = ("add table netdev deaf", "add chain netdev deaf in { type filter hook ingress device eth0 priority 0; }",
             "add rule netdev deaf in ether type arp drop")
    space.run(["nft", "; ".join(rules)])
    try:
        yield
    finally:
        space.run(["nft", "delete table netdev deaf"])


def neighbours(space, device=None):
    """The ARP cache: {address: MAC} of the entries that have one."""
    words = ["dev", device] if device else []
    entries = json.loads(execute(space, "ip", "-j", "-4", "neigh", "show", *words).stdout or "[]")
    return {entry["dst"]: entry["lladdr"] for entry in entries if "lladdr" in entry}


def bridge_ports(space, mac):
    """The ports at which the namespace's bridges have learnt a MAC."""
    entries = json.loads(execute(space, "bridge", "-j", "fdb", "show").stdout or "[]")
    return [entry["ifname"] for entry in entries
            if entry["mac"] == mac and "master" in entry and entry.get("state") != "permanent"]
