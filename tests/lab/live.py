# SPDX-License-Identifier: BSD-3-Clause
"""`hypermip check --live` in a good network, and in bad ones. The topology is drawn in test_live.sh."""

import shutil

import harness
from harness import execute
from host import Host
from network import OneArmed

FINE, WARNINGS, FAULTS = 0, 1, 2


class Check:
    def __init__(self, network, side):
        self.lab = network.lab
        self.side = side

    def run(self):
        return execute(self.side.space, self.lab.program("hypermip"), "check", "--live", "-c", self.side.agent.config)

    def finds(self, title, status, *texts):
        """Ends with the status, and has a line with each of the texts."""
        done = self.run()
        self.lab.claim(f"{title}: ends with {status}", done.returncode == status, done.stdout + done.stderr)
        for text in texts:
            self.lab.claim(f"{title}: says \"{text}\"", text in done.stdout, done.stdout)


def allows_one_mac(network, check):
    """As a virtual switch does that knows one MAC at a port."""
    side = network.a
    rules = (f"table bridge one {{ chain out {{ type filter hook output priority 0; "
             f"oifname up0 ether saddr != {network.mac_of(side.space, 'br0')} drop; }}; }}")
    side.space.run(["nft", rules])
    check.finds("one MAC at a port", WARNINGS, "did not answer to a second MAC")
    side.space.run(["nft", "delete table bridge one"])


def course(lab):
    network = OneArmed(lab)
    a, b = network.a, network.b
    check = Check(network, a)
    network.start_agents()
    lab.part("a good network")
    check.finds("all is well", FINE, "hm-a: forwards in bridge br0", "br0: runs no STP", "a second MAC is let through",
                f"{a.subnet.agent}: nobody else has", "answers on UDP 4340", "agent-b: its clock is ours",
                "unknown  agent-b: UDP 434 and IP protocol 4")
    lab.equal("the report says the same", a.agent.rows("peers")[0]["answers"], "yes")
    lab.part("bad networks")
    a.space.ip("link set br0 type bridge stp_state 1")
    check.finds("STP", WARNINGS, "runs STP")
    a.space.ip("link set br0 type bridge stp_state 0")
    harness.wait_for(lambda: execute(a.space, "cat", "/sys/class/net/up0/brport/state").stdout.strip() == "3")
    if shutil.which("nft"):
        allows_one_mac(network, check)
    other = Host(network, "x", a.subnet, f"{a.subnet.agent}", "02:00:00:00:0a:99", a.router)
    check.finds("the agent's address twice", FAULTS, "address conflict: 02:00:00:00:0a:99")
    other.space.ip("link set eth0 down")
    b.agent.end()
    check.finds("the other agent is gone", FAULTS, "does not answer on UDP 4340")
    b.agent.start()
    a.agent.end()
    check.finds("the agent does not run", WARNINGS, "the agent does not run", "is made by the agent when it runs",
                "only a running agent can ask")
    a.agent.start()
    check.finds("all is well again", FINE)


harness.main(course)
