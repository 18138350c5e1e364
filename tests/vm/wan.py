# SPDX-License-Identifier: BSD-3-Clause
"""Owns the campaign's part with long and lossy ways between the sites.

    router --- up0 [wan-relay] wan0 === wan1 --- the bridge that up0 was on

The relays count what they lose: the agents may lose nothing besides.
"""

import json
import os
import select
import subprocess

from course import Timing
from namespace import stop
from world import World

SITE_DELAY_US = 37_500  # of each of the two relays between two sites
SEED = 20_080_304
CONTROL_PERCENT = 5
TUNNEL_PERCENT = 1
RATE = 1000
NOTICE_MS = 2 * 2 * SITE_DELAY_US / 1000  # until both agents know of a landing that nobody announced to them
TIMING = Timing(1.0, 0.5, 4.0)


class RelayError(RuntimeError):
    """A relay ended or does not answer."""


class Relay:
    """In place of a subnet's uplink, from its making until close()."""

    def __init__(self, program, subnet, bridge, number):
        # The kernel shall not answer on behalf of the bridge behind the relay.
        subnet.space.sysctl({"net/ipv4/conf/up0/arp_ignore": 8})
        subnet.space.ip("link add wan0 type veth peer name wan1", f"link set wan1 master {bridge}", "link set wan1 up",
                        "link set wan0 up", "link set up0 nomaster")
        subnet.space.sysctl({"net/ipv4/conf/wan0/arp_ignore": 8})
        # What is lost is a packet: a train of datagrams is taken apart before, as by a network interface card.
        subnet.space.run(["ethtool", "-K", "wan1", "tx-udp-segmentation", "off"])
        words = (SITE_DELAY_US, SEED + number, CONTROL_PERCENT, TUNNEL_PERCENT)
        self._process = subnet.space.start(["nice", "-n", "-10", program, "up0", "wan0", *map(str, words)],
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._line()

    def _line(self, timeout_s=10):
        if select.select([self._process.stdout], [], [], timeout_s)[0]:
            if text := self._process.stdout.readline():
                return text
        raise RelayError("a relay does not answer")

    def counts(self):
        self._process.stdin.write(b"\n")
        return json.loads(self._line())

    def close(self):
        stop(self._process)


class Relays:
    """One at each site; `add_to` is for World()."""

    def __init__(self, setting, cleanup):
        self._program = os.path.join(setting.programs, "wan-relay")
        self._cleanup = cleanup
        self._relays = []

    def add_to(self, network):
        bridge = "br1" if network.is_gateways else "br0"
        for number, subnet in enumerate(network.subnets.values()):
            self._relays.append(Relay(self._program, subnet, bridge, number))
            self._cleanup.callback(self._relays[-1].close)

    def dropped(self):
        """How much of each kind all relays together have lost so far."""
        total = {}
        for counts in (relay.counts() for relay in self._relays):
            if counts["overflow"]:
                raise RelayError(f"a relay was overrun by {counts['overflow']} frames")
            for kind, number in counts["dropped"].items():
                total[kind] = total.get(kind, 0) + number
        return total


def run(setting, folders, cleanup, add):
    """There and back; what the relays lost of the probes is no loss of the agents."""
    relays = Relays(setting, cleanup)
    world = World(setting, folders, cleanup, prepare=relays.add_to)
    mover = world.mover(world.network.correspondent, TIMING)
    for _ in range(setting.wan_rounds):
        for name in ("b", "a"):
            before = relays.dropped()
            result = mover.run(world.network.places[name], RATE, None, world.notices)
            dropped = {kind: number - before[kind] for kind, number in relays.dropped().items()}
            result.figures["notice_ms"] = NOTICE_MS
            for way in ("down", "up"):
                result.figures[f"{way}_lost"] -= dropped[f"tunnel_{way}"]
            add({"part": "wan", "case": "75 ms, 5 % and 1 % lost", **result.figures, "relay": dropped,
                 "relay_dropped": sum(dropped.values()), "faults": _faults(result)})


def _faults(result):
    """A relay's loss that the guest did not miss would be a probe that came by another way: as wrong as a loss."""
    negative = [way for way in ("down", "up") if result.figures[f"{way}_lost"] < 0]
    return result.faults() + [f"{way}: more lost by the relays than missed" for way in negative]
