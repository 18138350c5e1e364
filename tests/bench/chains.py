# SPDX-License-Identifier: BSD-3-Clause
"""The chains that are measured: with bare relays, with the kernel's own tunnel, and with agents between which a VM has
been handed over."""
import json
import os
import secrets
import sys

import lab

WAN = {"a": "192.0.2.1", "b": "192.0.2.2"}
LAN = {"a": "10.1.0.1", "b": "10.2.0.1"}

AGENT = """
[agent]
name = agent-{own}
hosts = hv-{own}
user = root
log_level = info
tunnel_way = {way}
socket = {work}/{own}.sock
store = {store}
max_bindings = {max_bindings}

[interface lan]
tap = lan0
create = no
role = lan
address = {lan}/{prefix_len}

[interface wan]
tap = wan0
create = no
role = wan
address = {wan}/24
mtu = {wan_mtu}

[home]
takeover = {takeover}

[peer agent-{other}]
address = {peer_wan}
hosts = hv-{other}
home = {peer_home}/{prefix_len}
tunnel = {tunnel}
spi = 1000
algorithm = hmac-sha256
key = {peer_key}

[hypervisor hv-{own}]
key_id = 2000
key = {notify_key}
allow = 10.0.0.0/8
"""

NOTIFY = """
[agent]
address = {lan}

[key]
id = 2000
key = {notify_key}
"""


class WayNotTaken(RuntimeError):
    """The kernel does not take the forced way: there is nothing to measure, and nothing wrong."""


class DeviceLab(lab.Lab):
    """A chain whose devices run on one core, with a log each."""

    def __init__(self, name, bin_dir, work, cpu):
        super().__init__(name)
        self.bin_dir = bin_dir
        self.work = work
        self.cpu = cpu
        self.logs = {}

    def device(self, place, program, *arguments):
        path = os.path.join(self.work, f"{self.name}-{place}.log")
        self.logs[place] = path
        with open(path, "w", encoding="utf-8") as log:
            self.spawn(place, [os.path.join(self.bin_dir, program), *arguments], log, self.cpu)

    def show_logs(self):
        for path in self.logs.values():
            with open(path, encoding="utf-8", errors="replace") as log:
                for line in log.readlines()[-20:]:
                    print(f"{os.path.basename(path)}: {line.rstrip()}", file=sys.stderr)


class RelayLab(DeviceLab):
    options = ()

    def start(self):
        self.build()
        self.device("a", "relay", *self.options, "lan0", "wan0")
        self.device("b", "relay", *self.options, "wan0", "lan0")
        self.move_vm()
        self.await_ping("vm", lab.CORR_ADDR)


class BatchRelayLab(RelayLab):
    """Each batch is read before it is written, as the agent's: the least that a small packet could cost."""

    options = ("--batch",)


class SuperRelayLab(RelayLab):
    """With super-frames: the most that two programs could carry."""

    options = ("--super",)


class VxlanLab(DeviceLab):
    """No device, and no program: the kernel's own tunnel between the two LAN bridges. It goes straight into the cable: a
    bridge before that would cut each super-frame."""

    def start(self):
        self.build()
        for place, own, other in (("a", WAN["a"], WAN["b"]), ("b", WAN["b"], WAN["a"])):
            self.ip(place, "link", "set", "dev", "link", "nomaster")
            self.ip(place, "address", "add", f"{own}/24", "dev", "link")
            self.ip(place, "link", "add", "vx0", "type", "vxlan", "id", "7", "local", own, "remote", other,
                    "dstport", "4789", "dev", "link")
            self.ip(place, "link", "set", "dev", "vx0", "mtu", "1500", "master", "br-lan", "up")
        self.move_vm()
        self.await_ping("vm", lab.CORR_ADDR)


class AgentLab(DeviceLab):
    """The VM starts at home, is staged and lands in subnet b; from then on the agents carry its packets."""

    way = "auto"  # the key tunnel_way
    tunnel = "udp"

    def start(self):
        self.build()
        keys = {"peer_key": secrets.token_hex(32)}
        for own, other in (("a", "b"), ("b", "a")):
            keys["notify_key"] = secrets.token_hex(32)
            self.write(f"{own}.conf", AGENT.format(
                own=own, other=other, work=self.work, way=self.way, tunnel=self.tunnel,
                store=self.path(f"{own}.store"), max_bindings=1024, takeover="mac", lan=LAN[own], prefix_len=24, wan=WAN[own],
                wan_mtu=self.wan_mtu, peer_wan=WAN[other], peer_home=LAN[other].replace(".0.1", ".0.0"), **keys))
            self.write(f"{own}.notify", NOTIFY.format(lan=LAN[own], **keys))
            self.device(own, "hypermip", "run", "-c", self.path(f"{own}.conf"))
        for own in ("a", "b"):
            self.await_ping(own, LAN[own])
        self.await_ping("vm", lab.CORR_ADDR)
        self.notify("a", "imminent", lab.VM_ADDR, "--to", "hv-b", "--mac", lab.VM_MAC, "--wait", "10")
        self.move_vm()
        self.notify("b", "landed", lab.VM_ADDR)
        self.await_ping("vm", lab.CORR_ADDR)
        for own in ("a", "b"):
            self.check_forced(own)

    def check_forced(self, own):
        """The agent must be using what its file forces on it."""
        status = self.report(own, "status")
        if self.way not in ("auto", status["tunnel_way"]):
            said = f"{self.way} is forced, agent-{own} uses {status['tunnel_way']}: {status['tunnel_why']}"
            raise WayNotTaken(said) if "kernel takes no better" in said else RuntimeError(said)
        tunnel = self.report(own, "peers")["tunnel"]
        if tunnel != self.tunnel:
            raise RuntimeError(f"a tunnel by {self.tunnel} is forced, agent-{own} uses {tunnel}")

    def report(self, own, name):
        """The only row of one of the agent's reports."""
        said = lab.run(os.path.join(self.bin_dir, "hypermip"), name, "-j", "-s", self.path(f"{own}.sock"))
        return json.loads(said)["rows"][0]

    def path(self, name):
        return os.path.join(self.work, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write(text.lstrip())

    def notify(self, place, *words):
        lab.run(*self.inside(place, os.path.join(self.bin_dir, "notify-migrate"), "--config",
                             self.path(f"{place}.notify"), *words))


class WholeAgentLab(AgentLab):
    way = "whole"


class TrainAgentLab(AgentLab):
    way = "train"


class SingleAgentLab(AgentLab):
    way = "single"


class IpipAgentLab(AgentLab):
    """The plain tunnel, IP-in-IP, which takes no super-frames."""

    tunnel = "ipip"


def narrow(make):
    """Of those agents, with a tunnel that carries less than the LAN."""
    return type(f"Narrow{make.__name__}", (make,), {"wan_mtu": 1500})


NARROW_LABS = {"narrow": narrow(AgentLab), "narrow_way_train": narrow(TrainAgentLab),
               "narrow_way_single": narrow(SingleAgentLab), "narrow_way_ipip": narrow(IpipAgentLab)}
