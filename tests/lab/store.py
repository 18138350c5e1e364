# SPDX-License-Identifier: BSD-3-Clause
"""Agents are killed, and their stores damaged, while a machine is away. The topology is drawn in test_one_armed.sh."""

import os
import stat
import time

import harness
from harness import execute, wait_for
from moves import Moves
from network import CORRESPONDENT_IP, MACHINE_IP, OneArmed

FILE = "data.mdb"
PAGE = 4096


class Outages:
    def __init__(self, network):
        self.network = network
        self.lab = network.lab
        self.moves = Moves(network)
        self.a, self.b = network.a, network.b

    def file(self, side):
        return os.path.join(side.agent.store, FILE)

    def set_aside(self, side):
        return [name for name in os.listdir(side.agent.store) if name.startswith(f"{FILE}.damaged-")]

    def is_reached(self):
        done = execute(self.network.correspondent, "ping", "-n", "-c", "1", "-W", "0.1", MACHINE_IP)
        return done.returncode == 0

    def goes_on(self, when):
        """The visit: each end reaches the other, and the tables are what they were."""
        self.lab.becomes(f"{when}: the correspondent reaches the machine", self.is_reached)
        self.lab.becomes(f"{when}: the binding is away, the visitor present",
                         lambda: (self.moves.binding(), self.moves.visitor()) == ("away", "present"),
                         tell=lambda: (self.moves.binding(), self.moves.visitor()))
        self.lab.becomes(f"{when}: the machine reaches the correspondent",
                         lambda: self.network.machine.pings(CORRESPONDENT_IP))

    def folder_is_private(self):
        status = os.stat(self.a.agent.store)
        self.lab.equal("the store's folder is the agent's user's alone", (stat.S_IMODE(status.st_mode), status.st_uid),
                       (0o700, 65534))

    def is_taken(self):
        """Two agents must not write one store."""
        agent = self.b.agent
        agent.end()
        agent.set("agent", store=self.a.agent.store)
        agent.launch()
        self.lab.becomes("an agent with another's store does not start", agent.has_died)
        self.lab.claim("and says why", "another process has it" in agent.last_words(5), agent.last_words(5))
        agent.process = None
        agent.set("agent", store=agent.store)
        agent.start()

    def home_agent_alone(self):
        self.lab.part("the home agent is killed, and its peer is silent")
        self.b.agent.kill()
        self.a.agent.kill()
        self.a.agent.start()
        self.lab.equal("the binding is away, by the store alone", self.moves.binding(), "away")
        self.b.agent.start()
        self.goes_on("both agents were killed")

    def home_agent_is_quick(self):
        self.lab.part("the home agent is killed")
        self.a.agent.kill()
        began = time.monotonic()
        self.a.agent.launch()
        self.lab.claim("it forwards again", wait_for(self.is_reached))
        print(f"          after {(time.monotonic() - began) * 1000:.0f} ms", flush=True)
        self.goes_on("restarted")

    def staged_move(self):
        self.lab.part("both agents are killed with the return staged")
        self.moves.staged(self.b, self.a)
        self.a.agent.kill()
        self.b.agent.kill()
        self.a.agent.start()
        self.lab.equal("the binding is switching, by the store alone", self.moves.binding(), "switching")
        self.b.agent.start()
        self.moves.lands_at(self.a)
        self.lab.becomes("the correspondent reaches the machine at home", self.is_reached)

    def damaged(self, side, what, spoil, why):
        """One agent's store is spoilt; the other agent has what it needs."""
        self.lab.part(f"{what}, at agent {side.letter}")
        before = len(self.set_aside(side))
        side.agent.kill()
        with open(self.file(side), "r+b") as file:
            spoil(file)
        side.agent.start()
        words = side.agent.last_words(40)
        self.lab.claim("the log tells it", f"damaged ({why}" in words and "set aside" in words, words)
        self.lab.becomes("the file is set aside", lambda: len(self.set_aside(side)) == before + 1,
                         tell=lambda: os.listdir(side.agent.store))
        self.goes_on(what)
        side.agent.kill()
        side.agent.start()
        self.lab.equal("the new one is whole", len(self.set_aside(side)), before + 1)
        self.goes_on("killed once more")
        for name in self.set_aside(side):  # two of one second have one name
            os.remove(os.path.join(side.agent.store, name))


def flip_record(file):
    """In all copies of the record: old ones stay in free pages."""
    content = file.read()
    file.seek(0)
    file.write(content.replace(b"vm1", b"vm?"))


def spoil_pages(file):
    size = file.seek(0, os.SEEK_END)
    file.seek(2 * PAGE)
    file.write(os.urandom(size - 2 * PAGE))


def spoil_roots(file):
    file.write(os.urandom(2 * PAGE))


def cut(file):
    file.truncate(2 * PAGE + 100)


def empty(file):
    file.truncate(0)


def course(lab):
    network = OneArmed(lab)
    network.add_machine()
    network.start_agents()
    outages = Outages(network)
    outages.folder_is_private()
    outages.is_taken()
    outages.moves.staged(network.a, network.b)
    outages.moves.lands_at(network.b)
    outages.home_agent_alone()
    outages.home_agent_is_quick()
    outages.damaged(network.a, "a changed byte", flip_record, "a record has a wrong checksum")
    outages.damaged(network.a, "spoilt pages", spoil_pages, "")
    outages.damaged(network.a, "spoilt roots", spoil_roots, "it cannot be opened")
    outages.damaged(network.a, "a cut file", cut, "")
    outages.damaged(network.b, "an empty file", empty, "it is empty")
    outages.damaged(network.b, "a changed byte", flip_record, "a record has a wrong checksum")
    outages.staged_move()


harness.main(course)
