# SPDX-License-Identifier: BSD-3-Clause
"""What notify-migrate does around another program, and for several VMs. See test_notify_run.sh."""

import contextlib
import json
import signal
import subprocess

import control
import harness
from agent import Notifier
from harness import wait_for
from host import mac_bytes
from played_agent import STOPPED, PlayedAgent
from topology import GUEST_MAC, Topology

ADDRESS = "10.1.0.3"
TO = ("--to", "hv-b1")
UNKNOWN_VM, USAGE = 4, 2


class World:
    def __init__(self, lab):
        self.lab = lab
        self.space = Topology(lab.cleanup).subnets["a"].space
        self.notifier = Notifier(lab, self.space, "a", ADDRESS, 300)

    def agent(self, **how):
        return contextlib.closing(PlayedAgent(self.space, ADDRESS, self.notifier.key, mac_bytes(GUEST_MAC), **how))


def runs_a_program(world):
    lab, notifier = world.lab, world.notifier
    lab.part("run")
    with world.agent() as agent:
        done = notifier.run("run", "vm1", *TO, "--stop-notice", "--", "sh", "-c", "echo said --help; cat; exit 0")
        lab.equal("a program that ends well", (done.returncode, agent.asked), (0, [control.IMMINENT, control.STATUS]))
        lab.claim("its output is ours", "said --help" in done.stdout, done)
        lab.claim("the agent hears that a stop notice will come", agent.stop_notice)
    with world.agent() as agent:
        done = notifier.run("run", "vm1", *TO, "--", "sh", "-c", "exit 42")
        lab.equal("one that fails", (done.returncode, agent.asked), (42, [control.IMMINENT, control.CANCEL]))
    with world.agent() as agent:
        done = notifier.run("run", "vm1", *TO, "--", "/no/such/program")
        lab.equal("one that is not there", (done.returncode, agent.asked), (127, [control.IMMINENT, control.CANCEL]))
    with world.agent(strangers=("vm1",)) as agent:
        done = notifier.run("run", "vm1", *TO, "--", "echo", "it ran")
        lab.claim("nothing is run when nothing is staged",
                  done.returncode == UNKNOWN_VM and "it ran" not in done.stdout, done)
        done = notifier.run("run", "vm1", *TO, "--on-error", "proceed", "--", "echo", "it ran")
        lab.claim("unless it is wanted", done.returncode == 0 and "it ran" in done.stdout, done)
        lab.claim("then nothing is cancelled", control.CANCEL not in agent.asked, agent.asked)
    with world.agent() as agent:
        process = world.space.start([lab.program("notify-migrate"), "--config", notifier.config, "run", "vm1", *TO, "--",
                                     "sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done"],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = b""
        while b"ready" not in said:
            said += process.stdout.read(100) or b""
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: process.poll() is not None)
        process.stdout.close()
        lab.equal("a signal is passed on", (process.returncode, agent.asked), (7, [control.IMMINENT, control.CANCEL]))


def takes_groups(world):
    lab, notifier = world.lab, world.notifier
    names = ["web1", "web2", GUEST_MAC]
    lab.part("groups")
    with world.agent() as agent:
        done = notifier.run("-j", "imminent", *names, *TO)
        said = json.loads(done.stdout)
        lab.equal("all are staged", (done.returncode, [one["result"] for one in said]), (0, ["staged"] * 3))
        lab.equal("each is named", [one["vm"] for one in said], names)
        done = notifier.run("cancel", *names)
        lab.equal("all are cancelled", (done.returncode, done.stdout.count("cancelled")), (0, 3))
    with world.agent(strangers=("web2",)) as agent:
        done = notifier.run("imminent", *names, *TO)
        lab.equal("one that is not known: none", done.returncode, UNKNOWN_VM)
        lab.equal("the others are cancelled", sorted(vm for what, vm in agent.named if what == control.CANCEL),
                  sorted(["web1", GUEST_MAC]))
        lab.claim("and it is said", done.stderr.count("is cancelled, since another is not") == 2, done.stderr)
        done = notifier.run("imminent", *names, *TO, "--dry-run")
        lab.equal("a dry run of it undoes nothing", [what for what, _ in agent.named].count(control.CANCEL), 2)
    for words in (("imminent", "web1", "web2", *TO, "--ip", "10.1.0.5"), ("landed", "web1", "web2"),
                  ("run", "web1", *TO), ("run", "web1", "--", "true"), ("status", "web1", "--stop-notice"),
                  ("watch", "web1", "--dev", "tap0"), ("watch", "web1", "--qmp", "/x"), ("cancel", "web1", "--qmp", "/x"),
                  ("watch", "web1", "--qmp", "/x", "--dev", "lo", "--cut", "guessed"), ("imminent", *TO)):
        done = notifier.run(*words)
        lab.claim(f"wrong: {' '.join(words)}", done.returncode == USAGE and done.stderr and not done.stdout, done)


def tells_a_stop(world):
    lab, notifier = world.lab, world.notifier
    lab.part("stopped")
    with world.agent() as agent:
        done = notifier.run("-j", "stopped", "vm1")
        said = json.loads(done.stdout)
        lab.equal("it is told", (done.returncode, said["command"], said["result"], agent.asked),
                  (0, "stopped", "told", [STOPPED]))


def course(lab):
    world = World(lab)
    runs_a_program(world)
    takes_groups(world)
    tells_a_stop(world)


harness.main(course)
