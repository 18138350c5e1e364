# SPDX-License-Identifier: BSD-3-Clause
"""A machine leaves its subnet and comes back; the agents are the gateways. The topology is drawn in test_gateway.sh."""

import harness
from host import ping
from live_check import LiveCheck
from moves import Moves
from network import CORRESPONDENT_IP, Gateways

TTL_OVER = "Time to live exceeded"


def routes_others(network):
    """What is not mobile is routed as by any router: hop by hop, each hop known by its ICMP error."""
    lab, a, b = network.lab, network.a, network.b
    lab.part("routing of others")
    lab.equal("its status says that it is a gateway", a.agent.rows("status")[0]["mode"], "gateway")
    lab.claim("a host reaches the correspondent", a.host.pings(CORRESPONDENT_IP))
    lab.claim("the correspondent reaches a host", ping(network.correspondent, b.host.address).returncode == 0)
    lab.claim("a host reaches one of the other subnet", a.host.pings(b.host.address))
    lab.claim("a host reaches the agent itself, and its far side",
              a.host.pings(a.router) and a.host.pings(a.tunnel_addr))
    hops = [a.router, a.wan_router]
    for ttl, hop in enumerate(hops, 1):
        said = ping(a.host.space, CORRESPONDENT_IP, "-t", str(ttl)).stdout
        lab.claim(f"hop {ttl} to the correspondent is {hop}", f"From {hop} " in said and TTL_OVER in said, said)
    lab.claim("the correspondent is the next", a.host.pings(CORRESPONDENT_IP, "-t", str(len(hops) + 1)))
    lab.equal("none of that went through a tunnel", (a.agent.counter("tunnel-out"), b.agent.counter("tunnel-out")),
              (0, 0))


def counts_hops_of_the_mobile(network):
    """A tunnel is one hop: a packet to the machine, or from it, whose time is over before is answered."""
    lab, a = network.lab, network.a
    said = ping(network.correspondent, network.machine.address, "-t", "2").stdout
    lab.claim("time over at the home agent, on the way to the machine",
              f"From {a.tunnel_addr} " in said and TTL_OVER in said, said)
    said = ping(network.machine.space, CORRESPONDENT_IP, "-t", "1").stdout
    lab.claim("time over at the foreign agent, on the way from the machine", TTL_OVER in said, said)


def checks_itself(network):
    """By a neighbour, where the agent itself is the router; and by what has come out of its tunnels."""
    lab, a = network.lab, network.a
    check = LiveCheck(lab, a)
    asked = "neighbour 10.1.0."  # whom the agent has heard of last, the machine or the host
    check.finds("a gateway", ("ok", "macs", "br0", f"a second MAC is let through: {asked}"),
                ("ok", "arp", "br0", f"ARP is not inspected: {asked}"),
                ("ok", "source", "br0", f"sources are not checked: {asked}"),
                ("ok", "tunnel", "agent-b", "IP protocol 47 (GRE) passes both ways"),
                ("ok", "source", "tunnels", "packets with machines' addresses have come out of them"))
    network.router.run(["nft", "table ip spoilt { chain spoilt { type filter hook forward priority 0; "
                               "ip protocol { 4, 47 } drop; }; }"])
    check.finds("a gateway whose tunnels are filtered",
                ("fault", "tunnel", "agent-b", "IP protocol 47 (GRE) does not pass"),
                ("warning", "tunnel", "agent-b", "IP protocol 4 (IP-in-IP) does not pass"))
    network.router.run(["nft", "delete table ip spoilt"])


def course(lab):
    network = Gateways(lab)
    network.add_machine()
    network.start_agents()
    network.watch_wire("GRE", "TCP in GRE", "Mobile IP", "control")
    moves = Moves(network)
    lab.part("before")
    moves.all_reach_each_other("before:")
    moves.caches_at_home_name_the_machine("before:")
    moves.machine_knows("before:", moves.true_macs())
    routes_others(network)
    moves.stays_on_its_path_while_staged()
    moves.goes_away()
    counts_hops_of_the_mobile(network)
    moves.carries_every_size()
    moves.carries_tcp()
    moves.comes_home()
    lab.part("check --live")
    checks_itself(network)
    moves.comes_home_at_once()
    moves.travels_in_the_agents_name()


harness.main(course)
