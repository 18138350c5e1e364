# SPDX-License-Identifier: BSD-3-Clause
"""A machine leaves its subnet and comes back; the agents are one-armed. The topology is drawn in test_one_armed.sh."""

import harness
from harness import execute
from moves import Moves
from network import CORRESPONDENT_IP, OneArmed
from sniffer import Sniffer


def refuses_to_route(network):
    """A one-armed agent is nobody's router, also for those who take it for one."""
    lab, host, agent = network.lab, network.a.host, network.a.agent
    lab.part("one-armed")
    lab.equal("its status says so", agent.rows("status")[0]["mode"], "one-armed")
    before = agent.counter("drop-not-a-router")
    there = Sniffer(lab, network.correspondent, "eth0", "in")
    host.space.ip(f"route add {CORRESPONDENT_IP}/32 via {network.a.subnet.agent}")
    done = execute(host.space, "ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", CORRESPONDENT_IP)
    lab.claim("a host that takes it for its router gets no answer", done.returncode != 0, done.stdout)
    lab.equal("it dropped and counted what it should have routed", agent.counter("drop-not-a-router") - before, 2)
    lab.equal("nothing arrived", there.finish().frames(f"src host {host.address}"), [])
    host.space.ip(f"route del {CORRESPONDENT_IP}/32")


def course(lab):
    network = OneArmed(lab)
    network.add_machine()
    network.start_agents()
    network.watch_wire("UDP tunnel", "TCP in UDP tunnel", "Mobile IP", "control")
    moves = Moves(network)
    lab.part("before")
    moves.all_reach_each_other("before:")
    moves.caches_at_home_name_the_machine("before:")
    moves.machine_knows("before:", moves.true_macs())
    refuses_to_route(network)
    moves.stays_on_its_path_while_staged()
    moves.goes_away()
    moves.machine_knows("away, since the foreign router has the home router's MAC:",
                        {network.a.router: network.b.agent_mac})
    moves.carries_every_size()
    moves.carries_tcp()
    moves.comes_home()
    moves.comes_home_at_once()
    moves.travels_in_the_agents_name()


harness.main(course)
