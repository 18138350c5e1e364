# SPDX-License-Identifier: BSD-3-Clause
"""The program `hypermip` as an operator meets it. The topology is drawn in test_cli.sh."""

import json
import os
import re
import signal
import stat
import subprocess

import harness
from agent import Agent, Notifier, write_ini
from harness import execute
from topology import Topology

REPORTS = ("status", "bindings", "visitors", "handovers", "counters", "neighbours", "peers", "port")
KEY = "000102030405060708090a0b0c0d0e0f"
FAULTY = """\
[agent]
name = agent a
hosts = hv-a1
colour = green

[interface lan]
tap = hm-a
address = 10.1.0.2
mtu = 100
gateway = 10.2.0.1

[peer agent-b]
address = 10.2.0.2
home = 10.2.0.5/24
spi = 12
key = 0011

[hypervisor hv-a1]
key_id = 300
allow = 10.1.0.0/24

[weather]
"""
# line: the key that is wrong there, and something that must be said about it
FAULTS = {2: "name", 4: "colour", 8: "address", 9: "mtu", 14: "home", 15: "spi", 16: "key", 18: "key", 22: "weather"}


class Course:
    def __init__(self, lab):
        self.lab = lab
        self.network = Topology(lab.cleanup)
        self.space = self.network.subnets["a"].space
        self.hypervisor = Notifier(lab, self.space, "a", "10.1.0.2", 300)
        self.agent = self.new_agent("agent-a", "hm-a", "10.1.0.2")

    def new_agent(self, name, tap, address, **interface):
        sections = {"agent": {"hosts": "hv-a1"},
                    "interface lan": {"tap": tap, "bridge": "br0", "address": f"{address}/24", "gateway": "10.1.0.1",
                                      **interface},
                    "peer agent-b": {"address": "10.2.0.2", "hosts": "hv-b1", "home": "10.2.0.0/24", "spi": 1000,
                                     "key": KEY},
                    "hypervisor hv-a1": self.hypervisor.section("10.1.0.0/24")}
        return Agent(self.lab, self.space, name, sections)

    def run(self, *words, **options):
        return execute(self.space, self.lab.program("hypermip"), *words, **options)

    def has_device(self, name):
        return execute(self.space, "ip", "link", "show", "dev", name).returncode == 0

    # --- parts

    def help(self):
        self.lab.part("help and usage")
        done = self.run("--help")
        self.lab.claim("--help tells all commands and exit codes",
                       done.returncode == 0
                       and all(word in done.stdout for word in ("run", "check", "keygen", "exit code", *REPORTS)), done)
        self.lab.claim("--version", re.fullmatch(r"hypermip \d+\.\d+\.\d+\n", self.run("--version").stdout))
        for name, words in (("no command", ()), ("an unknown command", ("dance",)),
                            ("an unknown option", ("run", "--fast")), ("an option without its value", ("run", "-c")),
                            ("a word too many", ("keygen", "now")), ("an option of another command", ("run", "-j"))):
            done = self.run(*words)
            self.lab.claim(f"{name}: 2, and it says why", done.returncode == 2 and done.stderr and not done.stdout,
                           done)
        keys = {self.run("keygen").stdout for _ in range(3)}
        self.lab.claim("keygen gives 64 hex digits, others each time",
                       len(keys) == 3 and all(re.fullmatch(r"[0-9a-f]{64}\n", key) for key in keys), keys)
        self.lab.claim("keys tells all keys", all(word in self.run("keys").stdout for word in
                                                  ("staged_lifetime_s", "kernel_address", "takeover")))

    def check(self):
        self.lab.part("check")
        path = self.lab.path("faulty.ini")
        with open(path, "w", encoding="ascii") as file:
            file.write(FAULTY)
        for command in ("check", "run"):
            done = self.run(command, "-c", path)
            told = {int(line.split(":")[1]): line for line in done.stderr.splitlines()
                    if line.startswith(f"{path}:") and line.split(":")[1].isdigit()}
            self.lab.equal(f"{command} of a faulty file: exit status", done.returncode, 2)
            for line, word in FAULTS.items():
                self.lab.claim(f"{command} tells the fault in line {line}: {word}", word in told.get(line, ""),
                               done.stderr)
        self.lab.claim("what was found and what is allowed", "found" in told[9] and "100" in told[9]
                       and "allowed" in told[9] and "576" in told[9], told[9])
        self.lab.claim("no secret is told", "0011" not in done.stderr, done.stderr)
        self.lab.claim("run of a faulty file touches nothing", not self.has_device("hm-a"))
        done = self.run("check", "-c", "/nonexistent.ini")
        self.lab.claim("a file that is not there: 2, and which",
                       done.returncode == 2 and "/nonexistent.ini" in done.stderr, done)
        write_ini(self.agent.config, self.agent.sections)
        done = self.run("check", "-c", self.agent.config)
        self.lab.claim("a good file: 0, and its sum", done.returncode == 0 and "one-armed agent agent-a" in done.stdout,
                       done)

    def not_running(self):
        self.lab.part("not running")
        for words in (("-s", self.agent.socket), ("-c", self.agent.config), ("-j", "-s", self.agent.socket)):
            done = self.run("status", *words)
            self.lab.claim(f"status {words[0]}: 1, and what to do",
                           done.returncode == 1 and "not running" in done.stderr and "hypermip run" in done.stderr
                           and not done.stdout, done)

    def reports(self):
        self.lab.part("reports")
        self.agent.start()
        for report in REPORTS:
            table, rows = self.run(report, "-s", self.agent.socket), self.run(report, "-j", "-s", self.agent.socket)
            self.lab.claim(f"{report} as a table",
                           table.returncode == 0 and table.stdout and "{" not in table.stdout, table)
            picked = subprocess.run(["jq", "-er", ".report, .agent, (.rows | type)"], input=rows.stdout, text=True,
                                    capture_output=True, check=False)
            self.lab.equal(f"{report} as JSON, read by jq", picked.stdout.split(), [report, "agent-a", "array"])
        done = self.run("status", "-c", self.agent.config)
        self.lab.claim("status of the agent of a file", done.returncode == 0 and "one-armed" in done.stdout, done)
        names = set(json.loads(self.run("counters", "-j", "-s", self.agent.socket).stdout)["rows"][0])
        self.lab.claim("counters have drops and events", {"frames-in", "drop-mip-auth"} <= names, names)
        asked = self.agent.ask("weather")
        self.lab.claim("the socket tells what it does not have", "no report" in json.loads(asked)["error"], asked)

    def privileges(self):
        self.lab.part("privileges")
        with open(f"/proc/{self.agent.process.pid}/status", encoding="ascii") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        self.lab.claim("it is no root: all four user ids", "0" not in status["Uid"].split(), status["Uid"])
        self.lab.claim("nor are its groups", "0" not in status["Gid"].split() + status["Groups"].split(), status)
        for name in ("CapEff", "CapPrm", "CapInh"):
            self.lab.equal(f"{name} is empty", int(status[name], 16), 0)
        self.lab.equal("it can gain none", status["NoNewPrivs"], "1")
        mode = os.stat(self.agent.socket).st_mode
        self.lab.equal("its socket is for its owner alone", stat.S_IMODE(mode) & 0o077, 0)

    def second(self):
        self.lab.part("a second agent")
        for name, expected, agent in (
                ("the same file", "another process has it", self.new_agent("agent-a2", "hm-a", "10.1.0.4")),
                ("the same socket", "answers there already", self.new_agent("agent-a3", "hm-x", "10.1.0.4"))):
            agent.sections["agent"]["socket"] = self.agent.socket
            self._is_refused(name, agent, expected)
        self.lab.claim("the device of the refused one is gone", not self.has_device("hm-x"))
        self.lab.claim("the first one goes on", self.run("status", "-s", self.agent.socket).returncode == 0)

    def _is_refused(self, name, agent, expected):
        """It must not start: exit status 1, with the reason, and with the thing's name."""
        self.lab.agents.remove(agent)
        agent.launch()
        self.lab.becomes(f"{name}: it ends", agent.has_died)
        self.lab.claim(f"{name}: 1, and why", agent.end() == 1 and expected in agent.last_words(5), agent.last_words(5))

    def end(self):
        self.lab.part("its end")
        said = execute(self.space, "ip", "link", "show", "dev", "hm-a").stdout
        self.lab.claim("its TAP is a port of its bridge", "master br0" in said, said)
        self.lab.equal("SIGTERM ends it with 0", self.agent.end(), 0)
        self.lab.claim("the TAP that it made is gone", not self.has_device("hm-a"))
        self.agent.start()
        self.lab.equal("it starts again, over what the last one left; SIGINT ends it with 0",
                       self.agent.end(signal.SIGINT), 0)

    def attach(self):
        self.lab.part("a TAP that is there")
        agent = self.new_agent("agent-t", "hm-t", "10.1.0.4", create="no")
        self._is_refused("a TAP that is not there, with create = no", agent, "no such device")
        for create in ("no", "yes"):
            self._attaches(create)
        self._loses_its_tap()

    def _attaches(self, create):
        self.space.ip("tuntap add dev hm-t mode tap")
        agent = self.new_agent(f"agent-{create}", "hm-t", "10.1.0.4", create=create)
        agent.start()
        self.space.ip("neigh flush dev br0")  # each agent has a MAC of its own
        self.lab.claim(f"create = {create}: it answers a ping by that TAP",
                       execute(self.space, "ping", "-n", "-c", "1", "-w", "3", "10.1.0.4").returncode == 0)
        agent.end()
        self.lab.claim(f"create = {create}: the TAP is still there at its end", self.has_device("hm-t"))
        self.space.ip("link del hm-t")

    def _loses_its_tap(self):
        self.space.ip("tuntap add dev hm-t mode tap")
        agent = self.new_agent("agent-l", "hm-t", "10.1.0.4", create="no")
        agent.start()
        self.space.ip("link del hm-t")
        self.lab.agents.remove(agent)
        self.lab.becomes("a TAP that is taken away ends it", agent.has_died)
        self.lab.claim("1, and which TAP", agent.end() == 1 and "TAP hm-t: lost" in agent.last_words(3),
                       agent.last_words(3))

    def user(self):
        self.lab.part("user")
        self.agent.set("agent", user="no-such-user")
        self._is_refused("a user that is not there", self.agent, 'no user "no-such-user"')
        self.agent.endings.clear()
        self.agent.set("agent", user="root")
        self.lab.agents.append(self.agent)
        self.agent.start()
        with open(f"/proc/{self.agent.process.pid}/status", encoding="ascii") as file:
            text = file.read()
        self.lab.claim("user = root stays root, without a capability",
                       "Uid:\t0\t0" in text and re.search(r"CapEff:\t0+\n", text), text)


def course(lab):
    one = Course(lab)
    one.help()
    one.check()
    one.not_running()
    one.reports()
    one.privileges()
    one.second()
    one.end()
    one.attach()
    one.user()


harness.main(course)
