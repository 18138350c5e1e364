# SPDX-License-Identifier: BSD-3-Clause
"""A machine visits a subnet behind a shield. The topology is drawn in test_shield.sh."""

import json
import struct

import harness
from harness import execute
from host import frame_socket, mac_bytes
from moves import Moves
from network import MACHINE_MAC, OneArmed, ROUTERS_MAC
from sniffer import Sniffer

PORT = "vm-b"
BROADCAST = "ff:ff:ff:ff:ff:ff"


def dhcp_frame(mac, source_port, target_port):
    """A broadcast between DHCP's ports; what it says does not matter to those who must not hear it."""
    body = struct.pack(">HHHH", source_port, target_port, 8 + 300, 0) + b"\x01\x01\x06" + bytes(297)
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, 17, 0, bytes(4), b"\xff" * 4)
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xffff) + (total >> 16)
    head = head[:10] + struct.pack(">H", ~(total + (total >> 16)) & 0xffff) + head[12:]
    return mac_bytes(BROADCAST) + mac_bytes(mac) + b"\x08\x00" + head + body


def tables(side):
    listed = json.loads(execute(side.space, "nft", "-j", "list", "tables").stdout)["nftables"]
    return [entry["table"]["name"] for entry in listed if "table" in entry]


def shield(network, *words):
    return network.b.notifier.run("shield", *words)


def is_set_and_taken_away(network):
    lab, b = network.lab, network.b
    lab.part("the rules")
    done = shield(network, MACHINE_MAC, "--dev", "nowhere")
    lab.claim("a device that is not there is a clear error", done.returncode == 1 and "no such" in done.stderr,
              done.stderr)
    done = shield(network, MACHINE_MAC, "--dev", "br0")
    lab.claim("one that is no bridge's port, too", done.returncode == 1 and "not a port" in done.stderr, done.stderr)
    for time in ("once", "and once more"):
        done = shield(network, MACHINE_MAC, "--dev", PORT)
        lab.claim(f"the shield is set {time}", done.returncode == 0, done.stdout + done.stderr)
        lab.equal("there is one table", tables(b), ["hypermip_shield_vm_2db"])
    rules = execute(b.space, "nft", "list", "ruleset").stdout
    lab.claim("it has the MAC that the agent told", b.agent_mac in rules, rules)
    for time in ("taken away", "and once more"):
        done = shield(network, MACHINE_MAC, "--dev", PORT, "--remove")
        lab.claim(f"it is {time}", done.returncode == 0, done.stdout + done.stderr)
        lab.equal("there is no table", tables(b), [])


def warns_without(network, moves):
    lab, b = network.lab, network.b
    lab.part("without a shield")
    moves.staged(network.a, b)
    lab.claim("status warns", "without a shield" in (b.agent.rows("status")[0]["warning"] or ""))
    lab.equal("the visitor is shown without", b.agent.rows("visitors")[0]["shielded"], "no")


def is_between(network, moves):
    """Nothing of the foreign subnet reaches the machine, nor the reverse; and the machine reaches the world."""
    lab, a, b, machine = network.lab, network.a, network.b, network.machine
    lab.part("behind the shield")
    done = shield(network, MACHINE_MAC, "--dev", PORT)
    lab.claim("the shield is set", done.returncode == 0, done.stdout + done.stderr)
    lab.claim("status does not warn", not b.agent.rows("status")[0]["warning"])
    heard = [Sniffer(lab, b.host.space, "eth0", "in"), Sniffer(lab, network.router, "to-b", "in")]
    hears = Sniffer(lab, machine.space, "eth0", "in")
    foreign = frame_socket(b.host.space, "eth0")
    moves.lands_at(b)
    moves.all_reach_each_other("behind the shield:")
    lab.equal("the machine keeps the MAC of its router, which the foreign router has, too",
              machine.neighbours().get(a.router), ROUTERS_MAC)
    for _ in range(3):
        machine.send(dhcp_frame(MACHINE_MAC, 68, 67))
        foreign.send(dhcp_frame(b.host.mac, 67, 68))
    b.host.pings("10.2.0.99")  # asks by broadcast
    machine.pings("10.2.0.7")
    machine.pings("10.1.0.99")
    lab.becomes("the machine's DHCP went home", lambda: b.agent.counter("dhcp-carried")
                + b.agent.counter("drop-dhcp-malformed") >= 3, tell=lambda: b.agent.rows("counters"))
    for sniffer in heard:
        lab.equal("nobody there hears the machine", sniffer.finish().frames(f"ether src {MACHINE_MAC}"), [])
    hears.finish()
    lab.equal("the machine hears nobody but the agent", hears.frames(f"not ether src {b.agent_mac}"), [])
    lab.claim("and that it does hear", hears.frames(f"ether src {b.agent_mac}") != [])


def leaves(network, moves):
    lab, a, b = network.lab, network.a, network.b
    lab.part("the departure")
    moves.staged(b, a)
    moves.lands_at(a)
    done = shield(network, MACHINE_MAC, "--dev", PORT, "--remove")
    lab.claim("the shield is taken away", done.returncode == 0, done.stdout + done.stderr)
    lab.equal("there is no table", tables(b), [])
    moves.all_reach_each_other("home again:")


def course(lab):
    network = OneArmed(lab)
    network.add_machine()
    network.start_agents()
    moves = Moves(network)
    moves.all_reach_each_other("before:")
    is_set_and_taken_away(network)
    warns_without(network, moves)
    is_between(network, moves)
    leaves(network, moves)


harness.main(course)
