# SPDX-License-Identifier: BSD-3-Clause
"""`hypermip check --live` in a good network, and in bad ones. The topology is drawn in test_live.sh."""

import contextlib
import os
import threading

import control
import harness
from agent import write_ini
from harness import LabError, execute, wait_for
from host import Host
from live_check import FINE, LiveCheck
from network import SPI, OneArmed

PORT, BRIDGE, UPLINK = "hm-a", "br0", "up0"
NF_SWITCH = "net/bridge/bridge-nf-call-iptables"
STRICT_SOURCES = {"net/ipv4/ip_forward": 1, "net/ipv4/conf/all/rp_filter": 1}
REGISTRATION, IPIP = "UDP 434 (registrations, and tunnels by UDP)", "IP protocol 4 (IP-in-IP)"


class Course:
    def __init__(self, lab):
        self.lab = lab
        self.network = OneArmed(lab)
        self.a, self.b, self.router = self.network.a, self.network.b, self.network.router
        self.check = LiveCheck(lab, self.a)
        self.finds = self.check.finds
        self.network.start_agents()

    # --- spoiling and mending

    @contextlib.contextmanager
    def nft(self, space, family, hook, rule):
        """Rules of a chain of their own."""
        table = f"{family} on-{hook}"
        space.run(["nft", f"table {table} {{ chain spoilt {{ type filter hook {hook} priority 0; {rule}; }}; }}"])
        yield
        space.run(["nft", f"delete table {table}"])

    @contextlib.contextmanager
    def sysctl(self, space, **settings):
        """By their paths; what was there before comes back."""
        before = {path: execute(space, "cat", f"/proc/sys/{path}").stdout.strip() for path in settings}
        space.sysctl(settings)
        yield
        space.sysctl(before)

    @contextlib.contextmanager
    def port(self, **switches):
        """Those of the agent's port, the wrong way round."""
        turned = {"on": "off", "off": "on"}
        self.a.space.ip(*(f"link set {PORT} type bridge_slave {name} {to}" for name, to in switches.items()))
        yield
        self.a.space.ip(*(f"link set {PORT} type bridge_slave {name} {turned[to]}" for name, to in switches.items()))

    def skip(self, text):
        print(f"  SKIPPED {text}: this kernel has no such thing", flush=True)

    # --- parts

    def is_good(self, title):
        """All that can be seen from here is seen, and fine."""
        router = f"router {self.a.router}"
        self.finds(title)
        found = [" ".join((row["verdict"], row["demand"], row["subject"], row["found"]))
                 for row in self.check.document["rows"]]
        for line in (f"ok device {PORT} forwards in bridge {BRIDGE}", f"ok device {BRIDGE} runs no STP",
                     f"ok vlan {PORT} bridge {BRIDGE} filters no VLANs",
                     f"ok address {self.a.subnet.agent} nobody else has",
                     f"ok macs {BRIDGE} a second MAC is let through: {router} answered",
                     f"ok macs {PORT} a second MAC is let through from the agent's own port: {self.a.router} answered",
                     f"ok reception {BRIDGE} what is for a second MAC comes in",
                     f"ok arp {BRIDGE} ARP is not inspected: {router} answered",
                     f"ok source {BRIDGE} sources are not checked: {router} answered",
                     "ok control agent-b answers on UDP 4340", f"ok registration agent-b {REGISTRATION} passes",
                     f"ok tunnel agent-b {IPIP} passes", "ok clock agent-b its clock is ours",
                     "unknown source tunnels whether anything on the way looks into them"):
            self.lab.claim(f"{title}: {line}", any(one.startswith(line) for one in found), "\n".join(found))

    def forms(self):
        self.lab.part("lines and JSON")
        done = self.check.run()
        document = self.check.document
        self.lab.equal("the document is a report like others", (document["report"], document["agent"]),
                       ("check", "agent-a"))
        lines = [line.split(None, 2)[:2] for line in done.stdout.splitlines()[1:-1]]
        self.lab.equal("the lines tell the same as the document", lines,
                       [[row["verdict"], row["demand"]] for row in document["rows"]])
        self.lab.claim("with their sum", done.stdout.endswith("0 faults, 0 warnings, 1 not checked\n"), done.stdout)
        self.lab.equal("which is fine", done.returncode, FINE)
        done = execute(self.a.space, self.lab.program("hypermip"), "check", "-j", "-c", self.a.agent.config)
        self.lab.claim("-j alone is refused", done.returncode == 2 and "--live" in done.stderr, done)
        row = self.a.agent.rows("peers")[0]
        self.lab.equal("the report of the peers says what passes",
                       (row["answers"], row["udp_434"], row["ip_4"], row["ip_47"]), ("yes", "yes", "yes", None))

    def port_switches(self):
        """All at once: each is read by itself. That ARP probes do not reach the agent is what neigh_suppress does."""
        self.lab.part("the agent's port")
        self.a.space.run(["bridge", "fdb", "replace", self.a.agent_mac, "dev", PORT, "master", "static"])
        with self.port(learning="off", locked="on", isolated="on", flood="off", bcast_flood="off", neigh_suppress="on",
                       proxy_arp="on"):
            self.a.space.ip(f"link set {BRIDGE} type bridge nf_call_arptables 1")
            self.finds("a port that the bridge treats badly", ("fault", "macs", PORT, "learns no MACs"),
                       ("fault", "macs", PORT, "lets through only MACs that it was told of"),
                       ("warning", "macs", PORT, "did not answer to a second MAC from the agent's own port"),
                       ("warning", "reception", PORT, "is isolated"),
                       ("warning", "reception", PORT, "is not flooded to"),
                       ("fault", "reception", PORT, "gets no broadcasts"),
                       ("warning", "arp", PORT, "gets no ARP that the bridge can answer itself"),
                       ("warning", "arp", PORT, "answers ARP in the name of others"),
                       ("fault", "address", self.a.subnet.agent, "the agent does not answer ARP"),
                       ("warning", "device", BRIDGE, "br_netfilter hands bridged packets"))
        self.a.space.ip(f"link set {BRIDGE} type bridge nf_call_arptables 0")
        self.a.space.run(["bridge", "fdb", "del", self.a.agent_mac, "dev", PORT, "master"])

    def bridge_settings(self):
        self.lab.part("the bridge")
        expected = [("warning", "device", BRIDGE, "runs STP"), ("warning", "device", BRIDGE, "forgets MACs after 30 s")]
        switch = {}
        if os.path.exists("/proc/sys/" + NF_SWITCH):
            switch[NF_SWITCH] = 1
            expected.append(("warning", "device", BRIDGE, "br_netfilter hands bridged packets"))
        else:
            self.skip("br_netfilter of all bridges")
        self.a.space.ip(f"link set {BRIDGE} type bridge stp_state 1 ageing_time 3000")
        with self.sysctl(self.a.space, **switch):
            self.finds("a bridge with STP, a short memory and a filter", *expected)
        self.a.space.ip(f"link set {BRIDGE} type bridge stp_state 0 ageing_time 30000")
        wait_for(lambda: execute(self.a.space, "cat", f"/sys/class/net/{UPLINK}/brport/state").stdout.strip() == "3")

    def vlans(self):
        self.lab.part("VLANs")
        try:
            self.a.space.ip(f"link set {BRIDGE} type bridge vlan_filtering 1")
        except RuntimeError:
            self.skip("a bridge that filters VLANs")
            return
        vlan = ["bridge", "vlan"]
        self.finds("a member of one VLAN, untagged", ("ok", "vlan", PORT, "is an untagged member of VLAN 1 alone"))
        self.a.space.run([*vlan, "add", "dev", PORT, "vid", "20"])
        self.finds("a port of two VLANs", ("warning", "vlan", PORT, "is in 1 more VLANs than its own"))
        self.a.space.run([*vlan, "del", "dev", PORT, "vid", "20"])
        self.a.space.run([*vlan, "add", "dev", PORT, "vid", "1", "pvid"])
        self.check.tells("a tagged port", ("fault", "vlan", PORT, "gets VLAN 1 with tags"))
        self.a.space.run([*vlan, "del", "dev", PORT, "vid", "1"])
        self.check.tells("a port of no VLAN", ("fault", "vlan", PORT, "belongs to no VLAN"))
        self.a.space.run([*vlan, "add", "dev", PORT, "vid", "1", "pvid", "untagged"])
        self.a.space.ip(f"link set {BRIDGE} type bridge vlan_filtering 0")
        self._settles()

    def switches_beyond(self):
        """As virtual switches and switches do at the port of the agent's host."""
        self.lab.part("the network behind the bridge")
        space, known = self.a.space, f"{{ {self.a.subnet.agent}, {self.a.subnet.kernel} }}"
        mac = self.network.mac_of(space, BRIDGE)
        with self.nft(space, "bridge", "output", f"oifname {UPLINK} ether saddr != {mac} drop"):
            self.finds("one MAC at a port", ("warning", "macs", BRIDGE, "did not answer to a second MAC"),
                       ("ok", "reception", BRIDGE, "what is for another MAC comes in"),
                       ("unknown", "arp", BRIDGE, "not tried without a second MAC"))
        refused = ("warning", "macs", PORT, f"{self.a.router} did not answer to a second MAC from the agent's own port")
        with self.nft(space, "bridge", "prerouting",
                      f"iifname {UPLINK} ether daddr != {{ {mac}, {self.a.agent_mac}, ff:ff:ff:ff:ff:ff }} drop"):
            self.finds("no promiscuous reception", ("warning", "macs", BRIDGE, "did not answer to a second MAC"),
                       ("warning", "reception", BRIDGE, "what is for another MAC does not come in"), refused)
            path = self._file("own.ini", home={**self.a.agent.sections["home"], "takeover": "own"})
            LiveCheck(self.lab, self.a, path).finds("the same with takeover = own",
                                                    ("ok", "macs", BRIDGE, "takeover = own does without"),
                                                    ("ok", "macs", PORT, "takeover = own does without"),
                                                    ("ok", "reception", BRIDGE, "takeover = own does without"))
        with self.nft(space, "bridge", "output",
                      f"oifname {UPLINK} arp saddr ip != {{ 0.0.0.0, {known[1:-1]} }} drop"):
            self.finds("ARP inspection", ("warning", "arp", BRIDGE, "ARP is inspected"),
                       ("unknown", "source", BRIDGE, "not tried without ARP"))
        with self.nft(space, "bridge", "output", f"oifname {UPLINK} ip saddr != {known} drop"), \
                self.nft(space, "bridge", "prerouting", f"iifname {PORT} ether saddr != {self.a.agent_mac} drop"):
            self.finds("a source check, and one MAC at the agent's own port",
                       ("warning", "source", BRIDGE, "sources are checked"), refused,
                       ("ok", "macs", BRIDGE, "a second MAC is let through"))

    def between_agents(self):
        self.lab.part("between the agents")
        with self.sysctl(self.a.space, **STRICT_SOURCES):
            with self.sysctl(self.router, **{"net/ipv4/icmp_echo_ignore_all": 1}):
                self.finds("a router that answers no pings, and a host that checks sources and harms nothing",
                           ("unknown", "source", BRIDGE, f"router {self.a.router} answers no ping"),
                           ("ok", "source", "this host", "strictly (rp_filter) on"))
            with self.nft(self.router, "ip", "forward", "udp dport 434 drop"):
                self.finds("UDP 434 is filtered", ("fault", "registration", "agent-b", f"{REGISTRATION} does not pass"),
                           ("unknown", "source", "this host", "strictly (rp_filter) on"))
        with self.nft(self.router, "ip", "forward", "iifname to-b ip protocol 4 drop; udp dport 4340 drop"):
            self.finds("the control port, and IP-in-IP on its way back",
                       ("fault", "control", "agent-b", "does not answer on UDP 4340"),
                       ("warning", "tunnel", "agent-b", f"{IPIP} does not pass, to {self.b.subnet.agent} or back"),
                       ("ok", "registration", "agent-b", f"{REGISTRATION} passes both ways"))

    def clocks(self):
        """An agent played by us, on a kernel's address: nothing here can give a process another clock."""
        self.lab.part("clocks")
        address, key = self.b.subnet.agent, control.peer_key(self.network.peer_key)
        self.b.agent.end()
        self.b.space.ip(f"addr add {address}/24 dev br0", "neigh flush dev br0")
        self._announce(address)
        agent = control.WrongClockAgent(self.b.space, address, key, 3600, False)
        over = threading.Event()
        serving = threading.Thread(target=agent.serve, args=(_Life(over),), daemon=True)
        serving.start()
        self.finds("a clock an hour ahead, of a kernel that has no tunnels",
                   ("warning", "clock", "agent-b", "its clock is +3600.0 s from ours, more than the tolerance"),
                   ("fault", "registration", "agent-b", "does not pass"),
                   ("warning", "tunnel", "agent-b", "does not pass"))
        over.set()
        serving.join()
        agent.close()
        self.b.space.ip(f"addr del {address}/24 dev br0")

    def _announce(self, address):
        """So that the router sends to the kernel what it sent to the agent."""
        self.router.ip("neigh flush dev to-b")
        if execute(self.router, "ping", "-n", "-c", "1", "-w", "3", address).returncode != 0:
            raise LabError(f"the kernel of subnet b does not answer as {address}")

    def ways(self):
        self.lab.part("ways")
        self.finds("the other agent is gone", ("fault", "control", "agent-b", "does not answer on UDP 4340"),
                   ("unknown", "registration", "agent-b", f"{REGISTRATION}: nothing came back"),
                   ("unknown", "tunnel", "agent-b", f"{IPIP}: nothing came back"))
        self.b.agent.start()
        self._no_route()
        self.router.ip("link set to-a down")
        self.a.agent.restart()
        self.finds("the next hop is silent",
                   ("fault", "control", "agent-b", f"next hop {self.a.router} does not answer"),
                   ("fault", "control", "agent-b", "does not answer on UDP 4340"),
                   ("warning", "device", BRIDGE, f"{self.a.router} does not answer ARP there"),
                   ("unknown", "macs", BRIDGE, "no router or neighbour answers"),
                   ("unknown", "arp", BRIDGE, "no router or neighbour answers"))
        self.router.ip("link set to-a up")
        self._settles()

    def _settles(self):
        self.lab.need("all answer again", lambda: self.a.agent.rows("peers")[0]["answers"] == "yes")

    def _file(self, name, **sections):
        """The agent's file with some sections changed; gives its path."""
        path = self.lab.path(name)
        write_ini(path, {**self.a.agent.sections, **sections})
        return path

    def _lan_without_gateway(self):
        return {key: value for key, value in self.a.agent.sections["interface lan"].items() if key != "gateway"}

    def _no_route(self):
        """That is a fault of the file already."""
        path = self._file("no-route.ini", **{"interface lan": self._lan_without_gateway()},
                          home={"prefix": self.a.subnet.prefix, "router": self.a.router})
        done = LiveCheck(self.lab, self.a, path).run()
        self.lab.claim("no route to the peer: told before all else",
                       done.returncode == 2 and "no interface, route or gateway leads" in done.stderr, done)

    def devices(self):
        self.lab.part("devices")
        other = Host(self.network, "x", self.a.subnet, self.a.subnet.agent, "02:00:00:00:0a:99", self.a.router)
        self.a.space.ip(f"link set {PORT} nomaster", "link add wrong type bridge", f"link set {PORT} master wrong")
        self.check.tells("the wrong bridge, and the agent's address twice",
                         ("fault", "device", PORT, f"is in bridge wrong, and should be in {BRIDGE}"),
                         ("fault", "device", "wrong", "is down: ip link set wrong up"),
                         ("fault", "address", self.a.subnet.agent, "address conflict: 02:00:00:00:0a:99"))
        other.space.ip("link set eth0 down")
        self.router.ip("neigh flush dev to-a")
        self.a.space.ip("link del wrong", f"link set {PORT} master {BRIDGE}", f"link set {PORT} down")
        self.check.tells("the port is down", ("fault", "device", PORT, f"is down: ip link set {PORT} up"),
                         ("fault", "device", PORT, "does not forward"),
                         ("fault", "address", self.a.subnet.agent, "the agent does not answer ARP"))
        self.a.space.ip(f"link set {PORT} up")
        self._settles()

    def not_running(self):
        self.lab.part("no agent")
        self.a.agent.end()
        self.finds("the agent does not run", ("warning", "agent", "agent-a", "does not run"),
                   ("unknown", "device", PORT, "is made by the agent when it runs"),
                   ("unknown", "tunnel", "peers", "only a running agent can ask"),
                   ("ok", "macs", BRIDGE, "a second MAC is let through"))
        wan = {"tap": "hm-w", "bridge": BRIDGE, "role": "wan", "address": "10.101.0.2/24", "gateway": "10.101.0.1"}
        path = self._file("shared.ini", **{"interface lan": self._lan_without_gateway(), "interface wan": wan})
        LiveCheck(self.lab, self.a, path).tells("two interfaces in one bridge",
                                                ("warning", "vlan", "hm-w", f"is in bridge {BRIDGE}, and so is {PORT}"))
        self.a.agent.start()
        self._settles()


class _Life:
    """What control.WrongClockAgent serves: as long as it is not over."""

    def __init__(self, over):
        self._over = over

    def poll(self):
        return 0 if self._over.is_set() else None


def course(lab):
    one = Course(lab)
    lab.part("a good network")
    one.is_good("all is well")
    one.forms()
    one.port_switches()
    one.bridge_settings()
    one.vlans()
    one.switches_beyond()
    one.between_agents()
    one.clocks()
    one.ways()
    one.devices()
    one.not_running()
    lab.part("all mended")
    one.is_good("all is well again")


harness.main(course)
