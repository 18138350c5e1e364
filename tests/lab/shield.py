# SPDX-License-Identifier: BSD-3-Clause
"""A machine visits a subnet behind a shield. The topology is drawn in test_shield.sh."""

import json

import harness
from harness import execute
from host import frame_socket, mac_bytes
from judge import tshark
from moves import Moves
from network import IpInIp, MACHINE_IP, MACHINE_MAC, ROUTERS_MAC
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import raw
from sniffer import Sniffer, claim_good

PORT = "vm-b"
XIDS, FOREIGN_XID = [0x11, 0x12, 0x13], 0x21
BROADCAST = "ff:ff:ff:ff:ff:ff"


def dhcp_frame(mac, source_ip, ports, options, **bootp):
    """A broadcast about the machine's lease."""
    return raw(Ether(src=mac, dst=BROADCAST) / IP(src=source_ip, dst="255.255.255.255")
               / UDP(sport=ports[0], dport=ports[1]) / BOOTP(chaddr=mac_bytes(MACHINE_MAC), **bootp)
               / DHCP(options=[*options, "end"]))


def of_client(xid):
    """The machine asks for its old address again."""
    return dhcp_frame(MACHINE_MAC, "0.0.0.0", (68, 67), [("message-type", "request"), ("requested_addr", MACHINE_IP)],
                      op=1, xid=xid)


def of_server(kind, host, address, xid):
    return dhcp_frame(host.mac, host.address, (67, 68),
                      [("message-type", kind), ("server_id", host.address), ("lease_time", 600)], op=2, yiaddr=address,
                      xid=xid)


def asks_for_a_lease(network, heard):
    """The visitor's broadcast reaches a server of its home, and none of the foreign subnet; and so do their answers."""
    lab, a, b, machine = network.lab, network.a, network.b, network.machine
    at_home, to_machine = Sniffer(lab, a.host.space, "eth0", "in"), Sniffer(lab, machine.space, "eth0", "in")
    for xid in XIDS:
        machine.send(of_client(xid))
    from_machine = f"ether src {MACHINE_MAC} and udp dst port 67"
    lab.becomes("each of the machine's DHCP broadcasts has come to its home LAN, once",
                lambda: len(at_home.frames(from_machine)) == len(XIDS), tell=lambda: at_home.frames("udp"))
    frame_socket(b.host.space, "eth0").send(of_server("offer", b.host, "10.2.0.50", FOREIGN_XID))
    frame_socket(a.host.space, "eth0").send(of_server("ack", a.host, MACHINE_IP, XIDS[0]))
    answers = f"udp src port 67 and ether src {b.agent_mac}"
    lab.becomes("the answer of its home's server has come to the machine", lambda: to_machine.frames(answers),
                tell=lambda: to_machine.frames("udp"))
    for name, capture, xids in (("at home", at_home, XIDS), ("at the machine", to_machine, XIDS[:1])):
        claim_good(lab, f"the DHCP {name}", capture.finish().judged("dhcp"), "DHCP")
        lab.equal(f"it is the DHCP that was sent to there: {name}", dhcp_of(capture),
                  [(xid, MACHINE_MAC) for xid in xids])
    lab.equal("L14: a DHCP server of the foreign subnet does not hear the visitor's broadcast, from whomever",
              heard.frames("udp port 67 or udp port 68"), [])


def dhcp_of(capture):
    """As tshark reads it: [(transaction, client's MAC)]."""
    words = ("-Y", "dhcp", "-T", "fields", "-e", "dhcp.id", "-e", "dhcp.hw.mac_addr")
    return [(int(xid, 0), mac) for xid, mac in (line.split("\t") for line in tshark(capture.path, *words).splitlines())]


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
    moves.lands_at(b)
    moves.all_reach_each_other("behind the shield:")
    lab.equal("the machine keeps the MAC of its router, which the foreign router has, too",
              machine.neighbours().get(a.router), ROUTERS_MAC)
    asks_for_a_lease(network, heard[0])
    b.host.pings("10.2.0.99")  # asks by broadcast
    machine.pings("10.2.0.7")
    machine.pings("10.1.0.99")
    lab.claim("who listens there does hear broadcasts", heard[0].frames("ether broadcast") != [])
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
    network = IpInIp(lab)
    network.add_machine()
    network.start_agents()
    network.watch_wire("IP in IP", "TCP in IP in IP", "Mobile IP", "control")
    moves = Moves(network)
    moves.all_reach_each_other("before:")
    is_set_and_taken_away(network)
    warns_without(network, moves)
    is_between(network, moves)
    moves.carries_tcp()
    leaves(network, moves)


harness.main(course)
