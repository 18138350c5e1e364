# SPDX-License-Identifier: BSD-3-Clause
"""Owns the two agents: their configuration files, their processes, and the notices that a hypervisor gives them."""

import os
import secrets
import subprocess
import time

import topology
from namespace import stop

CONTROL_PORT = 4340

AGENT_FILE = """\
[agent]
name = agent-{me.letter}
hosts = {me.host}
socket = {socket}
store = {store}
log_level = {log_level}

[interface lan]
tap = hm-{me.letter}
create = yes
bridge = br0
role = lan
address = {me.agent}/24
gateway = {me.router}

[home]
prefix = {me.prefix}

[control]
port = {port}
listen = yes

[peer agent-{peer.letter}]
address = {peer.agent}
hosts = {peer.host}
home = {peer.prefix}
spi = 1000
algorithm = hmac-sha256
key = {peer_key}

[hypervisor {me.host}]
key_id = {key_id}
key = {host_key}
allow = {me.prefix}, {peer.prefix}
"""

NOTIFY_FILE = """\
[agent]
address = {me.agent}
port = {port}

[key]
id = {key_id}
key = {host_key}
"""


class AgentError(RuntimeError):
    """An agent did not start or died, or a notice was not accepted."""


class Agent:
    """One agent in its subnet, and its hypervisor host's notify-migrate."""

    def __init__(self, programs, me, folders):
        self.me = me
        self._programs = programs
        self._config = os.path.join(folders.work, f"agent-{me.letter}.conf")
        self._notify_config = os.path.join(folders.work, f"notify-{me.letter}.conf")
        self._socket = os.path.join(folders.work, f"agent-{me.letter}.sock")
        self._store = os.path.join(folders.work, f"agent-{me.letter}.store")
        self.log = os.path.join(folders.results, f"agent-{me.letter}.log")
        self._process = None

    def configure(self, peer, peer_key, key_id):
        words = {"me": self.me, "peer": peer, "peer_key": peer_key, "key_id": key_id, "port": CONTROL_PORT,
                 "host_key": secrets.token_hex(32), "socket": self._socket, "store": self._store,
                 "log_level": os.environ.get("HM_LOG_LEVEL", "info")}
        for path, text in ((self._config, AGENT_FILE), (self._notify_config, NOTIFY_FILE)):
            with open(path, "w", encoding="ascii") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(text.format(**words))

    def start(self):
        # By ip(8) and not by setns alone: it also shows the namespace's own /sys.
        argv = ["ip", "netns", "exec", self.me.space.name, os.path.join(self._programs, "hypermip"), "run", "-c",
                self._config]
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

    def imminent(self, host):
        """Announces the move and waits until it is staged; gives the milliseconds from start to exit."""
        argv = [os.path.join(self._programs, "notify-migrate"), "--config", self._notify_config, "imminent", "vm1",
                "--to", host, "--mac", topology.GUEST_MAC, "--ip", topology.GUEST_IP]
        start = time.monotonic()
        process = self.me.space.start(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            said, _ = process.communicate(timeout=30)
        finally:
            stop(process)
        took_ms = (time.monotonic() - start) * 1000
        if process.returncode != 0:
            raise AgentError(f"notify-migrate ended with {process.returncode}: {said.decode().strip()}")
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
    """Both; close() ends them."""

    def __init__(self, network, programs, folders, cleanup):
        self._agents = {letter: Agent(programs, subnet, folders) for letter, subnet in network.subnets.items()}
        key = secrets.token_hex(32)
        sides = network.subnets
        self._agents["a"].configure(sides["b"], key, 300)
        self._agents["b"].configure(sides["a"], key, 301)
        for agent in self._agents.values():
            cleanup.callback(agent.close)
            agent.start()
        for agent in self._agents.values():
            agent.wait_ready()

    def announce(self, source, destination):
        """The source's hypervisor tells its agent."""
        return self._agents[source.subnet.letter].imminent(destination.subnet.host)

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
