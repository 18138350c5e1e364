# SPDX-License-Identifier: BSD-3-Clause
"""Owns the campaign's part with a group: fifty namespaces as machines of one subnet, moved at once.

Each has its own MAC and address, is probed both ways, and talks to the next one. The machines stop when the agent knows
that they do: nobody salvages what a namespace has not read.
"""

import json
import select
import subprocess
import time

import probes
import watch
from agents import AgentError, Agents
from hub import Hub, packet_socket, rarp
from namespace import stop
from topology import CORRESPONDENT_IP, Topology

MACHINES = 50
RATE = 20  # probes per second, of each stream
TIMING_S = 1.0
SLACK_MS = 100  # of the streams' timing, where loss is explained by the pause

# All namespaces of a host share the room for 1,024 neighbours in its kernel. The agent tells each visitor of all that it
# knew at home, by ARP requests to it alone: fifty times fifty of the group's own. A machine hears no such request about
# another of the group, unless that one itself asks.
GROUP_HEARS_LITTLE = """
table netdev machine {
    chain door {
        type filter hook ingress device "eth0" priority 0; policy accept;
        ether type arp arp operation request ether daddr != ff:ff:ff:ff:ff:ff \
            ether saddr & ff:ff:ff:ff:ff:00 != 52:54:00:0a:02:00 arp saddr ip 10.1.0.100-10.1.0.149 drop
    }
}
"""


class Machine:
    """One of the group."""

    def __init__(self, network, hub, number):
        self.mac = f"52:54:00:0a:02:{number:02x}"
        self.address = f"10.1.0.{100 + number}"
        self.space = network.space(f"g{number}")
        hub.add_guest(self.space, f"guest{number}", self.mac, self.address)
        self.space.run(["nft", "-f", "-"], input=GROUP_HEARS_LITTLE)
        self._announcer = packet_socket(self.space, "eth0")

    def announce(self):
        self._announcer.send(rarp(self.mac))

    def close(self):
        self._announcer.close()


class Streams:
    """The process that probes all of them."""

    def __init__(self, program, network, machines):
        ends = [f"{network.correspondent.name}={CORRESPONDENT_IP}"]
        ends += [f"{machine.space.name}={machine.address}" for machine in machines]
        self._process = network.correspondent.start([program, "group", str(RATE), *ends], stdin=subprocess.PIPE,
                                                    stdout=subprocess.PIPE)
        self._line()

    def _line(self):
        if select.select([self._process.stdout], [], [], 15)[0]:
            if text := self._process.stdout.readline():
                return text
        raise probes.ProbeError("the group's probes do not answer")

    def command(self, letter):
        self._process.stdin.write(f"{letter}\n".encode())
        return self._line()

    def finish(self):
        return json.loads(self.command("q"))

    def close(self):
        stop(self._process)


class Group:
    """The network with its machines and agents."""

    def __init__(self, setting, folders, cleanup):
        self._program = setting.program
        self._results = folders.results
        self.network = Topology(cleanup, "ab")
        self._hub = Hub(self.network, learns=True)
        self._machines = [Machine(self.network, self._hub, number) for number in range(MACHINES)]
        for machine in self._machines:
            cleanup.callback(machine.close)
        self._agents = Agents(self.network, setting.programs, folders, cleanup)
        self.place = self.network.places["a"]
        self._hub.open(self.place)
        for machine in self._machines:
            machine.announce()
        self.is_strict = setting.may_watch and watch.is_known(self._agents["a"].notify_program)

    def _tell(self, *words):
        agent = self._agents[self.place.subnet.letter]
        status, said, took_ms = agent.notify(*words, patience_s=60)
        if status != 0:
            raise AgentError(f"notify-migrate {words[0]} ended with {status}: {said}")
        return took_ms

    def _addresses(self, machine):
        return ("--mac", machine.mac, "--ip", machine.address)

    def _stage(self, host):
        if self.is_strict:
            return self._tell("imminent", *(machine.mac for machine in self._machines), "--to", host, "--stop-notice")
        return sum(self._tell("imminent", machine.mac, "--to", host, *self._addresses(machine))
                   for machine in self._machines)

    def _stop(self):
        """The agents hold what comes from now on; then the cable is disabled."""
        if self.is_strict:
            agent = self._agents[self.place.subnet.letter]
            told = [agent.start_notify("stopped", machine.mac, stdout=subprocess.DEVNULL) for machine in self._machines]
            failed = [process.returncode for process in told if process.wait(30)]
            if failed:
                raise AgentError(f"notify-migrate stopped ended with {failed}")
        self._hub.close(self.place)

    def _land(self, place):
        self._hub.open(place)
        for machine in self._machines:
            machine.announce()
        self.place = place

    def overtaken(self, source, destination):
        """How many packets could be overtaken at the landing, by the records of the newest handovers."""
        rows = json.loads(self._agents[destination].ask("handovers"))["rows"]
        newest = [row for row in rows if row["role"] == "destination"][:len(self._machines)]
        return sum(row["overtaken"] for row in newest) if destination == "a" and source != "a" else 0

    def move(self, place):
        """Moves all; gives the record's figures."""
        streams = Streams(self._program, self.network, self._machines)
        try:
            time.sleep(TIMING_S)
            staging_ms = self._stage(place.subnet.host)
            streams.command("p")
            start = time.monotonic()
            self._stop()
            self._land(place)
            pause_ms = (time.monotonic() - start) * 1000
            streams.command("r")
            time.sleep(TIMING_S)
            self._agents.check_alive()
            self._agents.keep_reports(self._results)
            return {"group": streams.finish(), "staging_ms": staging_ms, "pause_ms": pause_ms}
        finally:
            streams.close()


def faults(counts, most_lost, most_reordered):
    """What is wrong with the counts of all ways.

    Nobody watches these TAPs. On its home LAN a machine's first frame moves the bridges, and neighbours then reach it
    ahead of what the agent still holds: the agent's record tells how many that could be, and no more may be.
    """
    found = []
    for way, count in counts.items():
        if count["lost"] > most_lost:
            found.append(f"{way}: {count['lost']} lost, at most {most_lost:.0f} allowed")
        if count["doubled"]:
            found.append(f"{way}: {count['doubled']} doubled")
        if count["reordered"] > most_reordered:
            found.append(f"{way}: {count['reordered']} reordered, at most {most_reordered} could be overtaken")
    return found


def run(setting, folders, cleanup, add):
    """There and back."""
    group = Group(setting, folders, cleanup)
    for _ in range(setting.group_rounds):
        for name in ("b", "a"):
            source = group.place.name
            figures = group.move(group.network.places[name])
            most_lost = 0 if group.is_strict else MACHINES * RATE * (figures["pause_ms"] + SLACK_MS) / 1000
            add({"part": "group", "case": f"{MACHINES} machines at once", "from": source, "to": name, **figures,
                 "group_lost": sum(count["lost"] for count in figures["group"].values()),
                 "faults": faults(figures["group"], most_lost, group.overtaken(source, name))})
