# SPDX-License-Identifier: BSD-3-Clause
"""The bench's network: a chain of namespaces with room for two devices, either bare relays or agents.

 corr          a                                        b                                        vm
 eth0 ------- [br-lan] lan0 = device A = wan0 [br-wan] ------- [br-wan] wan0 = device B = lan0 [br-lan] ------- eth0
                                                link            link

The agents stand as gateways (design.md section 3): a frame comes in on one TAP and leaves on the other, just as it does
in a relay, one read and one write per device. One-armed agents would read and write the same TAP and send every frame
through a kernel router, whose work would dilute the comparison. The WAN side has an MTU of 1,600, so that an inner
packet of 1,500 bytes needs no fragments.

Nothing forwards IP but the devices, IPv6 is off, and the VM drops the test traffic before its own stack sees it.
"""
import contextlib
import os
import subprocess
import time

CORR_MAC, CORR_ADDR = "02:00:00:00:01:09", "10.1.0.9"
VM_MAC, VM_ADDR = "02:00:00:00:01:05", "10.1.0.5"
HOSTS = {"a": "10.1.0.8", "b": "10.2.0.8"}  # hypervisor hosts: the bridges' own addresses
WAN_MTU = 1600
TAP_QUEUE_LEN = "10000"  # what the agent sets: the relays' TAPs have the same

# The VM's interface drops what the generator sends (port 9, discard) at the door: no answers, no socket look-up.
DROP_RULES = """
table netdev bench {
    chain door {
        type filter hook ingress device "eth0" priority 0; policy accept;
        udp dport 9 drop
        tcp dport 9 drop
    }
}
"""

CUT_RULES = """
table netdev cut {
    chain link {
        type filter hook ingress device "link" priority 0; policy drop;
        ether type arp accept
    }
}
"""

# No IPv6, and no detour of bridged frames through the packet filter's hooks.
SETTINGS = ["net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1",
            "net.bridge.bridge-nf-call-iptables=0", "net.bridge.bridge-nf-call-arptables=0"]


def run(*command, **options):
    """Runs a command; on failure its own words are in the exception."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}{done.stdout.strip()}")
    return done.stdout


def ip(*words):
    return run("ip", *words)


def first_on(cpu):
    """To be called in a new child: there it is alone in a session, on that core, and goes before all other work."""
    def prepare():
        os.setsid()
        os.sched_setaffinity(0, {cpu})
        try:
            os.setpriority(os.PRIO_PROCESS, 0, -20)
            # Where the scheduler shares by session, the process's own priority counts only within its session.
            with open("/proc/self/autogroup", "w", encoding="ascii") as file:
                file.write("-20")
        except OSError:
            pass
    return prepare


class Lab:
    """One chain: build() makes it without devices, spawn() starts them, stop() ends them and removes all."""

    wan_mtu = WAN_MTU

    def __init__(self, name):
        self.name = name
        self.children = []
        self.namespaces = []

    def netns(self, place):
        return f"{self.name}-{place}"

    def inside(self, place, *command):
        return ["ip", "netns", "exec", self.netns(place), *command]

    def build(self):
        for place in ("corr", "a", "b", "vm"):
            ip("netns", "add", self.netns(place))
            self.namespaces.append(self.netns(place))
            run(*self.inside(place, "sysctl", "-qew", *SETTINGS))
        for place in ("a", "b"):
            for bridge, tap, mtu in (("br-lan", "lan0", 1500), ("br-wan", "wan0", self.wan_mtu)):
                self.ip(place, "link", "add", bridge, "type", "bridge", "mcast_snooping", "0")
                self.ip(place, "tuntap", "add", tap, "mode", "tap", "vnet_hdr")
                self.ip(place, "link", "set", "dev", tap, "mtu", str(mtu), "txqueuelen", TAP_QUEUE_LEN,
                        "master", bridge, "up")
                self.ip(place, "link", "set", "dev", bridge, "mtu", str(mtu), "up")
        ip("link", "add", "name", "link", "netns", self.netns("a"), "type", "veth",
           "peer", "name", "link", "netns", self.netns("b"))
        for place in ("a", "b"):
            self.ip(place, "link", "set", "dev", "link", "mtu", str(self.wan_mtu), "master", "br-wan", "up")
        for place, addr in HOSTS.items():
            self.ip(place, "address", "add", f"{addr}/24", "dev", "br-lan")
        self.add_host("corr", "a", CORR_MAC, CORR_ADDR)
        self.add_host("vm", "a", VM_MAC, VM_ADDR)
        run(*self.inside("vm", "nft", "-f", "-"), input=DROP_RULES)

    def ip(self, place, *words):
        return ip("-n", self.netns(place), *words)

    def add_host(self, place, subnet, mac, addr):
        """A host in a namespace of its own, its cable on the subnet's LAN bridge."""
        ip("link", "add", "name", "eth0", "netns", self.netns(place), "address", mac, "type", "veth",
           "peer", "name", f"to-{place}", "netns", self.netns(subnet))
        self.ip(place, "address", "add", f"{addr}/24", "dev", "eth0")
        self.ip(place, "link", "set", "dev", "eth0", "up")
        self.plug(subnet, f"to-{place}")

    def plug(self, subnet, cable):
        self.ip(subnet, "link", "set", "dev", cable, "master", "br-lan", "up")

    def move_vm(self):
        """The VM leaves subnet a and lands in subnet b, with all that it knows."""
        self.ip("a", "link", "set", "dev", "to-vm", "nomaster", "down")
        self.ip("a", "link", "set", "dev", "to-vm", "netns", self.netns("b"))
        self.plug("b", "to-vm")

    def spawn(self, place, command, log, cpu):
        child = subprocess.Popen(self.inside(place, *command), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 preexec_fn=first_on(cpu))
        self.children.append(child)
        return child

    @contextlib.contextmanager
    def serving(self, place, cpu, word, *command):
        """A server that runs for as long as the block does, which begins when it has said the word."""
        server = subprocess.Popen(self.inside(place, *command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  text=True, preexec_fn=first_on(cpu))
        try:
            while word not in (line := server.stdout.readline()):
                if not line:
                    raise RuntimeError(f"{' '.join(command)}: does not serve")
            yield server
        finally:
            server.terminate()
            server.wait()
            server.stdout.close()

    @contextlib.contextmanager
    def without_offloads(self, place):
        """As where an interface has none: what the host sends is cut and summed up by itself."""
        interface = self.inside(place, "ethtool", "-K", "eth0")
        run(*interface, "gso", "off", "tso", "off", "tx", "off")
        try:
            yield
        finally:
            run(*interface, "tx", "on", "tso", "on", "gso", "on")

    def await_ping(self, place, addr, seconds=20):
        """Pings until an answer comes. From the VM to the correspondent all bridges of the chain learn from it."""
        end = time.monotonic() + seconds
        ping = self.inside(place, "ping", "-q", "-n", "-c", "1", "-W", "0.2", addr)
        while subprocess.run(ping, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.check_alive()
            if time.monotonic() > end:
                raise RuntimeError(f"{self.netns(place)}: no answer from {addr}")

    def check_alive(self):
        for child in self.children:
            if child.poll() is not None:
                raise RuntimeError(f"{' '.join(child.args)}: ended with {child.returncode}")

    def cut_link(self):
        """Frames end at the link's far end, and the second device has nothing to do. ARP passes: the first device
        would forget a neighbour that does not answer. Trains are taken apart before, to be counted."""
        run(*self.inside("b", "nft", "-f", "-"), input=CUT_RULES)
        self.carry_trains(False)

    def join_link(self):
        run(*self.inside("b", "nft", "delete", "table", "netdev", "cut"))
        self.carry_trains(True)

    def carry_trains(self, are_whole):
        """Whole from device to device, as on one host; or else taken apart by the kernel before the link, as by a
        network interface card that cannot do it."""
        for place in ("a", "b"):
            run(*self.inside(place, "ethtool", "-K", "link", "tx-udp-segmentation", "on" if are_whole else "off"))

    def stop(self):
        for child in self.children:
            child.terminate()
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for netns in self.namespaces:
            subprocess.run(["ip", "netns", "delete", netns], check=False)
