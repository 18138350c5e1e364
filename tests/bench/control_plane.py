# SPDX-License-Identifier: BSD-3-Clause
"""Measures the control plane: registrations per second, in one process (registering.c) and over the wire
(registrar.c), with the agent's store and without; and 1,000 VMs staged, and taken back, in one call.

Alone: python3 tests/bench/control_plane.py --bin build/release/bin [--cpu N]"""
import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import lab
from chains import AGENT, DeviceLab, NOTIFY, WAN

HOME = {"a": "10.1.0.1", "b": "10.2.0.1"}
PREFIX_LEN = 16
FIRST_REGISTERED = "10.1.16.0"
NODES, REGISTRATIONS, WINDOW = 20000, 40000, 1024
STAGED_VMS = 1000
MAX_BINDINGS = 32768
WAIT_S = 60
STAGED_MAC = "06:01:00:00:{:02x}:{:02x}"
STAGED_ADDR = "10.1.{}.{}"
ARP_FRAME = struct.Struct(">6s6sHHHBBH6s4s6s4s")


class ControlLab(DeviceLab):
    """Agents as gateways of two large subnets; without agent b its place is free for the registrar."""

    home, prefix_len, takeover, max_bindings = HOME, PREFIX_LEN, "mac", MAX_BINDINGS

    def __init__(self, name, bin_dir, work, cpu, has_store=True):
        super().__init__(name, bin_dir, work, cpu)
        self.has_store = has_store
        self.keys = {"peer_key": secrets.token_hex(32)}

    def start(self, places):
        self.build()
        for own, other in (("a", "b"), ("b", "a")):
            self.keys["notify_key"] = secrets.token_hex(32)
            self.write(f"{own}.conf", AGENT.format(
                own=own, other=other, work=self.work, way="auto", tunnel="udp", max_bindings=self.max_bindings,
                takeover=self.takeover, lan=self.home[own], prefix_len=self.prefix_len, wan=WAN[own],
                wan_mtu=self.wan_mtu, peer_wan=WAN[other], peer_home=self.home[other].replace(".0.1", ".0.0"),
                store=self.path(f"{own}.store") if self.has_store else "none", **self.keys))
            self.write(f"{own}.notify", NOTIFY.format(lan=self.home[own], **self.keys))
        for place in places:
            self.device(place, "hypermip", "run", "-c", self.path(f"{place}.conf"))
        for place in places:
            self.await_ping(place, self.home[place])
        if len(places) > 1:
            self.await_peers(places)

    def await_peers(self, places, seconds=20):
        """Until the agents have talked: the way between them is known, and their clocks."""
        end = time.monotonic() + seconds
        while not all(row["answers"] == "yes" for place in places for row in self.rows(place, "peers")):
            self.check_alive()
            if time.monotonic() > end:
                raise RuntimeError("the agents do not reach each other")

    def path(self, name):
        return os.path.join(self.work, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(text.lstrip())

    def rows(self, place, report):
        said = lab.run(os.path.join(self.bin_dir, "hypermip"), report, "-j", "-s", self.path(f"{place}.sock"))
        return json.loads(said)["rows"]

    def notify(self, place, *words):
        """Gives how long it took, in milliseconds."""
        command = self.inside(place, os.path.join(self.bin_dir, "notify-migrate"), "--config",
                              self.path(f"{place}.notify"), *words)
        begin = time.monotonic()
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        took_ms = (time.monotonic() - begin) * 1000
        if done.returncode != 0:
            raise RuntimeError(f"notify-migrate {words[0]}: exit {done.returncode}: {done.stderr[:400]}")
        return took_ms


def in_process(bin_dir, cpu):
    return json.loads(lab.run(os.path.join(bin_dir, "registering"), preexec_fn=lab.first_on(cpu)))


def over_the_wire(chain, sender_cpu):
    chain.start("a")
    return register(chain, sender_cpu, FIRST_REGISTERED, NODES, REGISTRATIONS)


def register(chain, sender_cpu, first, nodes, registrations):
    """The registrar's figures; it stands where agent b would."""
    chain.ip("b", "address", "replace", f"{WAN['b']}/24", "dev", "br-wan")
    chain.await_ping("b", WAN["a"])
    said = json.loads(lab.run(
        *chain.inside("b", os.path.join(chain.bin_dir, "registrar"), "--own", WAN["b"], "--agent", WAN["a"],
                      "--first", first, "--key", chain.keys["peer_key"], "--nodes", str(nodes),
                      "--count", str(registrations), "--window", str(WINDOW), "--pid", str(chain.children[0].pid)),
        preexec_fn=lab.first_on(sender_cpu)))
    if said["accepted"] != registrations or said["wrong"] or not said["sampled"]:
        raise RuntimeError(f"not all registrations were accepted, or not by the right key: {said}")
    return said


def staged_vms():
    """(MAC, address) of each; none is that of a host of the chain."""
    return [(STAGED_MAC.format(number // 256, number % 256), STAGED_ADDR.format(1 + number // 250, 1 + number % 250))
            for number in range(STAGED_VMS)]


def introduce(chain, vms):
    """Each VM asks for its router: the home agent learns where they are."""
    def packed(mac):
        return bytes.fromhex(mac.replace(":", ""))

    script = "import socket, sys\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\ns.bind(('eth0', 0))\n" \
             "for line in sys.stdin:\n    s.send(bytes.fromhex(line))\n"
    frames = [ARP_FRAME.pack(b"\xff" * 6, packed(mac), 0x0806, 1, 0x0800, 6, 4, 1, packed(mac),
                             socket.inet_aton(addr), b"\0" * 6, socket.inet_aton(HOME["a"])).hex()
              for mac, addr in vms]
    known, end = set(), time.monotonic() + WAIT_S
    while not {addr for _, addr in vms} <= known:
        lab.run(*chain.inside("corr", sys.executable, "-c", script), input="\n".join(frames))
        known = {row["address"] for row in chain.rows("a", "neighbours")}
        if time.monotonic() > end:
            raise RuntimeError(f"the home agent knows {len(known)} neighbours of {len(vms)}")


def count_staged(chain):
    """Of bindings at home agent a, of visitors at b, and of handovers ahead at both."""
    def having(place, report, states):
        return sum(row["state"] in states for row in chain.rows(place, report))

    return (having("a", "bindings", ("staged",)), having("b", "visitors", ("expected",)),
            having("a", "handovers", ("preparing", "prepared")), having("b", "handovers", ("preparing", "prepared")))


def require(what, look, expected, seconds=10):
    """Looks until it is so: what an agent tells another may still be under way."""
    end = time.monotonic() + seconds
    while (found := look()) != expected:
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: {found}, not {expected}")


def staging(chain):
    """All VMs in one call, and back in another."""
    vms = staged_vms()
    chain.start("ab")
    introduce(chain, vms)
    addrs = [addr for _, addr in vms]
    figures = {"staging_1000_ms": chain.notify("a", "imminent", *addrs, "--to", "hv-b", "--wait", str(WAIT_S))}
    require("staged at both agents", lambda: count_staged(chain), (STAGED_VMS,) * 4, seconds=0)
    figures["cancelling_1000_ms"] = chain.notify("a", "cancel", *addrs, "--wait", str(WAIT_S))
    require("staged after the cancel", lambda: count_staged(chain), (0,) * 4)
    require("visitors after the cancel", lambda: chain.rows("b", "visitors"), [])
    return figures


def wire_figures(chain, name, sender_cpu):
    said = over_the_wire(chain, sender_cpu)
    return {f"wire_{name}_registrations_per_s": said["per_s"], f"wire_{name}_registration_cpu_us": said["cpu_us"],
            f"wire_{name}_busy": said["busy"]}


def with_chain(work, name, bin_dir, cpu, has_store, act):
    """What `act` gives of a chain, which is taken down in any case."""
    own = os.path.join(work, name)
    os.mkdir(own)
    chain = ControlLab(f"hmc{os.getpid()}-{name}", bin_dir, own, cpu, has_store)
    try:
        figures = act(chain)
        chain.check_alive()
        return figures
    except RuntimeError:
        chain.show_logs()
        raise
    finally:
        chain.stop()


def measure(bin_dir, cpu):
    """All figures, flat; what is measured runs on that core, what drives it on another one where there is one."""
    cpus = sorted(os.sched_getaffinity(0))
    sender_cpu = next((one for one in cpus if one != cpu), cpu)
    work = tempfile.mkdtemp(prefix="hm-control-plane-")
    try:
        return {**in_process(bin_dir, cpu),
                **with_chain(work, "stored", bin_dir, cpu, True, lambda c: wire_figures(c, "stored", sender_cpu)),
                **with_chain(work, "unstored", bin_dir, cpu, False, lambda c: wire_figures(c, "unstored", sender_cpu)),
                **with_chain(work, "staging", bin_dir, cpu, True, staging)}
    finally:
        shutil.rmtree(work, ignore_errors=True)


def print_table(figures):
    print("\nThe control plane: one core, HMAC-SHA-256; over the wire with the agent's store and without")
    for key, value in figures.items():
        print(f"  {key:<34}{value:>12,.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, metavar="DIR", help="where the programs are")
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)), metavar="N",
                        help="the core of what is measured")
    parser.add_argument("--json", action="store_true", help="JSON instead of lines")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    try:
        figures = measure(arguments.bin, arguments.cpu)
    except RuntimeError as error:
        print(f"control_plane: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(figures, indent=1))
    else:
        print_table(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
