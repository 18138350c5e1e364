# SPDX-License-Identifier: BSD-3-Clause
"""A machine visits a subnet that has its home's range, behind a shield. The topology is drawn in test_twin_range.sh."""

import json

import harness
from host import Host, ping
from moves import Moves
from network import CORRESPONDENT_IP, Gateways, MACHINE_IP, MACHINE_MAC

TWIN_MAC = "02:00:00:00:0b:05"


class Twins(Gateways):
    """Both subnets are 10.1.0.0/24, with a router 10.1.0.1; b's range is not known outside."""

    def _wire_subnet(self, subnet):
        if subnet.letter == "b":
            subnet.router, subnet.kernel = "10.1.0.1", "10.1.0.3"
        super()._wire_subnet(subnet)

    def _add_host(self, side):
        if side.letter == "a":
            super()._add_host(side)
        else:
            side.host = Host(self, "m", side.subnet, MACHINE_IP, TWIN_MAC, side.router)


def course(lab):
    network = Twins(lab)
    a, b = network.a, network.b
    machine = network.add_machine()
    b.agent.set("home", prefix="10.1.0.0/24")
    b.agent.set("peer agent-a", home=None)
    network.start_agents()
    moves = Moves(network)
    lab.part("without a shield")
    code, said = moves.imminent(a, b)
    lab.claim("the move is refused, and told why", code == 3 and "not shielded" in json.dumps(said), said)
    lab.equal("nothing is staged", (moves.binding(), moves.visitor()), (None, None))
    lab.part("behind the shield")
    done = b.notifier.run("shield", MACHINE_MAC, "--dev", "vm-b")
    lab.claim("the shield is set", done.returncode == 0, done.stdout + done.stderr)
    moves.staged(a, b)
    moves.lands_at(b)
    lab.claim("the machine reaches the correspondent", machine.pings(CORRESPONDENT_IP))
    lab.claim("the correspondent reaches the machine", ping(network.correspondent, MACHINE_IP).returncode == 0)
    lab.claim("the machine reaches its home neighbour", machine.pings(a.host.address))
    lab.claim("the machine reaches its home router, whose address the foreign router has, too",
              machine.pings(a.router))
    lab.claim("its home neighbour reaches it", a.host.pings(MACHINE_IP))
    lab.claim("the foreign host that has its address reaches its own router", b.host.pings("10.1.0.1"))
    lab.equal("and is not disturbed", b.host.neighbours(), {"10.1.0.1": b.agent_mac})
    lab.part("the departure")
    moves.staged(b, a)
    moves.lands_at(a)
    done = b.notifier.run("shield", MACHINE_MAC, "--dev", "vm-b", "--remove")
    lab.claim("the shield is taken away", done.returncode == 0, done.stdout + done.stderr)
    lab.claim("home again: the machine reaches the correspondent", machine.pings(CORRESPONDENT_IP))
    lab.claim("home again: the machine reaches its home neighbour", machine.pings(a.host.address))


harness.main(course)
