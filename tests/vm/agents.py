# SPDX-License-Identifier: BSD-3-Clause
"""Owns the agents: their configuration files, their processes, and the notices that a hypervisor gives them."""

import json
import os
import secrets
import subprocess
import time
from itertools import combinations

import topology
from namespace import stop

CONTROL_PORT = 4340
GUEST_WORDS = ("--mac", topology.GUEST_MAC, "--ip", topology.GUEST_IP)

AGENT_FILE = """\
[agent]
name = agent-{me.letter}
hosts = {me.host}
socket = {socket}
store = {store}
log_level = {log_level}

{interfaces}
[home]
prefix = {me.prefix}

[control]
port = {port}
listen = yes

[hypervisor {me.host}]
key_id = {key_id}
key = {host_key}
allow = {prefixes}
"""

ONE_ARMED = """\
[interface lan]
tap = hm-{me.letter}
create = yes
bridge = br0
role = lan
address = {me.agent}/24
gateway = {me.router}
"""

GATEWAY = """\
[interface lan]
tap = hm-{me.letter}
create = yes
bridge = br0
role = lan
address = {me.router}/24

[interface wan]
tap = hm-{me.letter}-w
create = yes
bridge = br1
role = wan
address = {me.wan_agent}/24
gateway = {me.wan_router}
"""

PEER = """
[peer agent-{peer.letter}]
address = {address}
hosts = {peer.host}
home = {peer.prefix}
spi = {spi}
algorithm = hmac-sha256
key = {key}
"""

NOTIFY_FILE = """\
[agent]
address = {address}
port = {port}

[key]
id = {key_id}
key = {host_key}
"""


class AgentError(RuntimeError):
    """An agent did not start or died, or a notice was not accepted."""


class Agent:
    """One agent in its subnet, and its hypervisor host's notify-migrate."""

    def __init__(self, programs, me, is_gateway, folders):
        self.me = me
        self.is_gateway = is_gateway
        self._programs = programs
        self._config = os.path.join(folders.work, f"agent-{me.letter}.conf")
        self.notify_config = os.path.join(folders.work, f"notify-{me.letter}.conf")
        self._socket = os.path.join(folders.work, f"agent-{me.letter}.sock")
        self._store = os.path.join(folders.work, f"agent-{me.letter}.store")
        self.log = os.path.join(folders.results, f"agent-{me.letter}.log")
        self._process = None

    @property
    def number(self):
        return topology.subnet_number(self.me.letter)

    @property
    def tunnel_addr(self):
        """Where the other agents find it."""
        return self.me.wan_agent if self.is_gateway else self.me.agent

    @property
    def control_addr(self):
        """Where hypervisors find it."""
        return self.me.router if self.is_gateway else self.me.agent

    def configure(self, peers):
        """Writes its file and its hypervisor host's; `peers`: each other agent with the key shared with it."""
        subnets = [self.me, *(peer.me for peer, _ in peers)]
        words = {"me": self.me, "key_id": 300 + self.number, "port": CONTROL_PORT,
                 "host_key": secrets.token_hex(32), "socket": self._socket, "store": self._store,
                 "address": self.control_addr,
                 "prefixes": ", ".join(subnet.prefix for subnet in subnets),
                 "interfaces": (GATEWAY if self.is_gateway else ONE_ARMED).format(me=self.me),
                 "log_level": os.environ.get("HM_LOG_LEVEL", "info")}
        sections = [PEER.format(peer=peer.me, address=peer.tunnel_addr, key=key, spi=1000 + self.number + peer.number)
                    for peer, key in peers]
        self._write(self._config, AGENT_FILE.format(**words) + "".join(sections))
        self._write(self.notify_config, NOTIFY_FILE.format(**words))

    @staticmethod
    def _write(path, text):
        with open(path, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)

    def start(self):
        # By ip(8) and not by setns alone: it also shows the namespace's own /sys. As urgent as the guest.
        argv = ["nice", "-n", "-10", "ip", "netns", "exec", self.me.space.name,
                os.path.join(self._programs, "hypermip"), "run", "-c", self._config]
        with open(self.log, "w", encoding="ascii") as log:
            self._process = self.me.space.start(argv, stdout=log, stderr=subprocess.STDOUT)

    def wait_ready(self, timeout_s=15):
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and self._process.poll() is None:
            if self.ask("status") is not None:
                return
            time.sleep(0.02)
        raise AgentError(f"agent {self.me.letter} is not ready: {self.last_words()}")

    def ask(self, report):
        """One of the reports of the admin socket, as text in JSON; None when the agent does not give it."""
        done = subprocess.run([os.path.join(self._programs, "hypermip"), report, "-j", "-s", self._socket],
                              capture_output=True, text=True, check=False, timeout=10)
        return done.stdout if done.returncode == 0 else None

    def notify(self, *words, patience_s=30):
        """Runs notify-migrate on the hypervisor host; gives its exit status, its words and how long it took."""
        start = time.monotonic()
        process = self.start_notify(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            said, _ = process.communicate(timeout=patience_s)
        finally:
            stop(process)
        return process.returncode, said.decode().strip(), (time.monotonic() - start) * 1000

    def start_notify(self, *words, **options):
        """Starts notify-migrate on the hypervisor host."""
        return self.me.space.start([self.notify_program, "--config", self.notify_config, *words], **options)

    @property
    def notify_program(self):
        return os.path.join(self._programs, "notify-migrate")

    def imminent(self, host):
        """Announces the move and waits until it is staged; gives the milliseconds from start to exit."""
        status, said, took_ms = self.notify("imminent", "vm1", "--to", host, *GUEST_WORDS)
        if status != 0:
            raise AgentError(f"notify-migrate ended with {status}: {said}")
        return took_ms

    def last_words(self, lines=5):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return " | ".join(line.strip() for line in log.readlines()[-lines:])

    def close(self):
        if self._process:
            stop(self._process)

    def is_running(self):
        return self._process.poll() is None


class Agents:
    """One in each subnet; close() ends them."""

    def __init__(self, network, programs, folders, cleanup):
        self._agents = {letter: Agent(programs, subnet, network.is_gateways, folders)
                        for letter, subnet in network.subnets.items()}
        keys = {frozenset(pair): secrets.token_hex(32) for pair in combinations(self._agents, 2)}
        for letter, agent in self._agents.items():
            agent.configure([(peer, keys[frozenset((letter, other))]) for other, peer in self._agents.items()
                             if other != letter])
        for agent in self._agents.values():
            cleanup.callback(agent.close)
            agent.start()
        for agent in self._agents.values():
            agent.wait_ready()

    def __getitem__(self, letter):
        return self._agents[letter]

    def handover(self, place, role):
        """What the place's agent says of its newest handover in that role; {}: nothing."""
        rows = json.loads(self._agents[place.subnet.letter].ask("handovers") or "{}").get("rows", [])
        return max((row for row in rows if row["role"] == role), key=lambda row: row["epoch"], default={})

    def rows(self, report):
        """Those of all agents."""
        return [row for agent in self._agents.values() for row in json.loads(agent.ask(report) or "{}").get("rows", [])]

    def counter(self, name):
        """The sum over all agents."""
        return sum(row[name] for row in self.rows("counters"))

    def check_alive(self):
        for letter, agent in self._agents.items():
            if not agent.is_running():
                raise AgentError(f"agent {letter} has ended: {agent.last_words()}")

    def keep_reports(self, folder):
        """What the agents say of themselves, for whoever looks at the results."""
        for letter, agent in self._agents.items():
            for report in ("bindings", "visitors", "handovers", "counters"):
                with open(os.path.join(folder, f"agent-{letter}-{report}.json"), "w", encoding="utf-8") as file:
                    file.write(agent.ask(report) or "")
