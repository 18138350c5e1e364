# SPDX-License-Identifier: BSD-3-Clause
"""Owns what one part of the campaign runs in: a network with its agents and the guest that moves."""

import probes
import watch
from agents import Agents
from move import Mover
from notice import Notices
from qemu import QemuMachine
from topology import GatewayTopology, Topology

BOOT_S = 60


class World:
    """Three subnets, a guest in the first, the agents, until the cleanup. `prepare` may change the network first."""

    def __init__(self, setting, folders, cleanup, is_gateways=False, prepare=None):
        self.setting = setting
        self.network = (GatewayTopology if is_gateways else Topology)(cleanup, "abc")
        self.neighbour = self.network.add_neighbour()
        if prepare:
            prepare(self.network)
        self.machine = QemuMachine(self.network, setting.image, folders, cleanup)
        self.machine.boot(self.network.places["a"])
        self.agents = Agents(self.network, setting.programs, folders, cleanup)
        self.is_watched = setting.may_watch and watch.is_known(self.agents["a"].notify_program)
        self.notices = Notices(self.agents, self.is_watched)
        self._folders = folders
        for correspondent in (self.network.correspondent, self.neighbour):
            probes.ask(setting.program, correspondent, BOOT_S)

    def mover(self, correspondent, timing=None):
        return Mover(correspondent, self.machine, self.setting.program, self._folders.results,
                     timing or self.setting.timing)

    def connect(self, correspondent, *rate):
        return probes.Connection(self.setting.program, correspondent, *rate)

    def ask_guest(self, correspondent):
        """The guest's own figures."""
        return probes.ask(self.setting.program, correspondent, 15)

    def next_place(self):
        """Where the guest goes from where it is: round and round."""
        names = "abc"
        return self.network.places[names[(names.index(self.machine.place.name) + 1) % len(names)]]
