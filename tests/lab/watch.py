# SPDX-License-Identifier: BSD-3-Clause
"""The watch at both ends of a migration. The topology is drawn in test_watch.sh."""

import contextlib
import json
import signal
import struct
import subprocess
import time

import control
import harness
import super_frame
from agent import Notifier
from harness import execute, wait_for
from host import frame_socket, mac_bytes
from namespace import stop
from played_agent import ATTACH, FETCH, SALVAGE, STOPPED, PlayedAgent, split
from played_qemu import PlayedQemu, number_of, numbered
from topology import GUEST_MAC, Topology

VM = mac_bytes(GUEST_MAC)
NEIGHBOUR = mac_bytes("02:00:00:00:00:99")
OTHER = mac_bytes("02:00:00:00:00:77")
COMPLETED, FAILED, UNREACHABLE = 0, 9, 6


class Watch:
    """The program, with its events."""

    def __init__(self, world, qemu_path, tap, *words):
        self._path = world.lab.path(f"events-{time.monotonic_ns()}")
        with open(self._path, "w", encoding="ascii") as out:
            argv = [world.lab.program("notify-migrate"), "--config", world.notifier.config, "-j", "watch", "vm1",
                    "--qmp", qemu_path, "--dev", tap, *words]
            self.process = world.space.start(argv, stdout=out, stderr=subprocess.STDOUT)

    def events(self):
        with open(self._path, encoding="utf-8") as file:
            lines = file.read().split("\n")[:-1]
        return [json.loads(line) if line.startswith("{") else {"event": "noise", "text": line} for line in lines]

    def names(self):
        return [event["event"] for event in self.events()]

    def event(self, name):
        """Waits for it."""
        wait_for(lambda: name in self.names() or self.process.poll() is not None)
        return next((event for event in self.events() if event["event"] == name), {"event": None})

    def ends(self):
        """Its exit status."""
        wait_for(lambda: self.process.poll() is not None)
        return self.process.poll()

    def close(self):
        stop(self.process)


class World:
    def __init__(self, lab):
        self.lab = lab
        self.space = Topology(lab.cleanup).subnets["a"].space
        self.notifier = Notifier(lab, self.space, "a", "10.1.0.3", 300)
        commands = ["link add n0 type veth peer name n1", "link set n0 master br0", "link set n0 up",
                    "link set n1 up", "link add h0 type veth peer name h1", "link set h0 master br0",
                    "link set h0 up", "link set h1 up"]
        for tap in ("vm-a", "vm-a2"):
            commands += [f"tuntap add {tap} mode tap", f"link set {tap} master br0", f"link set {tap} up"]
        self.space.ip(*commands)
        self.neighbour = frame_socket(self.space, "n1")
        lab.cleanup.callback(self.neighbour.close)
        self._runs = 0

    @contextlib.contextmanager
    def run(self, tap, state, *words, pause=None, counts=True, offloads=False, **how):
        """Agent, QEMU and watch."""
        self._runs += 1
        path = self.lab.path(f"qmp{self._runs}")
        with contextlib.ExitStack() as cleanup:
            agent = cleanup.enter_context(contextlib.closing(
                PlayedAgent(self.space, "10.1.0.3", self.notifier.key, VM, **how)))
            qemu = cleanup.enter_context(contextlib.closing(PlayedQemu(self.space, tap, VM, path, state, pause,
                                                                            counts, offloads)))
            wait_for(lambda: "LOWER_UP" in execute(self.space, "ip", "link", "show", "dev", tap).stdout)
            if state == "running":
                qemu.announce()
            watch = cleanup.enter_context(contextlib.closing(Watch(self, path, tap, *words)))
            self.lab.need("the watch is attached", lambda: watch.event("attached")["event"],
                          tell=lambda: watch.events())
            yield agent, qemu, watch

    def send(self, numbers, dst=VM):
        for number in numbers:
            self.neighbour.send(numbered(dst, NEIGHBOUR, number))


def salvaged(agent):
    frames, whole = split(bytes(agent.salvage))
    return [number_of(frame) for frame in frames] if whole else None


def segmentation(world):
    """Whether the VM's TAP takes super-frames."""
    lines = execute(world.space, "ethtool", "-k", "vm-a").stdout.splitlines()
    return {line.split()[1] for line in lines if line.strip().startswith(("tx-tcp-segmentation", "tx-udp-segmentation"))}


NOT_KNOWN = "it is not known whether QEMU threw a frame away"


def migrate_with_traffic(world, qemu, watch, thrown=1, at_last=None, **how):
    """Numbers 0 to 99 reach the guest, from 100 on so many are thrown away at the stop, one is held, up to 119 wait;
    frames for others are in between."""
    qemu.event("MIGRATION", status="active")
    for at in range(0, 100, 5):
        world.send(range(at, at + 5))
        world.send(range(1000, 1002), OTHER)
        world.lab.need(f"the guest gets {at + 5}", lambda: len(qemu.numbers()) >= at + 5)
        sampled = qemu.commands.count("x-query-virtio-queue-status")
        wait_for(lambda: qemu.commands.count("x-query-virtio-queue-status") > sampled + 1)
    qemu.begin_stop(thrown)
    world.send(range(100, 120))
    world.send([2000], OTHER)
    if at_last:
        at_last()
    wait_for(lambda: qemu.read_ahead == 0)
    qemu.stop_for_migration(**how)
    return watch


def salvages_what_the_guest_never_got(world):
    lab = world.lab
    for lose in ((), (2, 4, 5, 8)):
        lab.part(f"at the source{', datagrams are lost' if lose else ''}")
        with world.run("vm-a", "running", "--to", "hv-b1", port="h1", lose=lose) as (agent, qemu, watch):
            lab.claim("the agent hears that a stop notice will come", agent.stop_notice)
            migrate_with_traffic(world, qemu, watch)
            lab.becomes("the migration goes on", lambda: "migrate-continue" in qemu.commands, tell=watch.events)
            qemu.event("MIGRATION", status="completed")
            lab.equal("it ends", watch.ends(), COMPLETED)
            lab.equal("the salvage is what the guest never got", salvaged(agent), list(range(100, 120)))
            lab.equal("the cut is exact", agent.cut, "exact")
            lab.equal("it told each thing once",
                      [agent.asked.count(one) for one in (control.IMMINENT, STOPPED, control.CANCEL)], [1, 1, 0])
            lab.claim("and few pieces twice", 7 <= agent.asked.count(SALVAGE) <= (21 if lose else 7), agent.asked)
            lab.equal("nothing was missed", [event for event in watch.events() if event["event"] == "warning"], [])
            lab.equal("QEMU is as it was", qemu.capabilities["pause-before-switchover"], False)


def salvages_super_frames(world):
    """As the packets that they stand for: while the watch is there the kernel cuts them before the TAP."""
    lab = world.lab
    sender = super_frame.super_socket(world.space, "n1")
    lab.cleanup.callback(sender.close)
    payload = bytes(at * 7 % 251 for at in range(7500))
    for protocol, name in ((super_frame.TCP, "TCP"), (super_frame.UDP, "datagrams")):
        lab.part(f"a super-frame of {name}")
        with world.run("vm-a", "running", port="h1", offloads=True) as (agent, qemu, watch):
            switched = segmentation(world)
            migrate_with_traffic(world, qemu, watch, thrown=0, at_last=lambda: super_frame.send_super(
                sender, VM + NEIGHBOUR, protocol, "10.1.0.7", "10.1.0.5", payload, 1000))
            lab.becomes("the migration goes on", lambda: "migrate-continue" in qemu.commands, tell=watch.events)
            qemu.event("MIGRATION", status="completed")
            lab.equal("it ends", watch.ends(), COMPLETED)
            frames = [frame for frame in split(bytes(agent.salvage))[0] if frame[12:14] == b"\x08\0"]
            lab.equal("its packets are salvaged", [len(super_frame.payload_of(frame)) for frame in frames],
                      [1000] * 7 + [500])
            lab.claim("with each byte", b"".join(map(super_frame.payload_of, frames)) == payload, frames)
            lab.claim("and sums that are right", all(map(super_frame.is_right, frames)), frames)
            lab.equal("so the cut is exact", agent.cut, "exact")
            lab.equal("the offloads are off meanwhile, and on again", (switched, "on" in segmentation(world)), ({"off"}, True))


def tells_a_failure(world):
    for status, thrown, how in (("failed", 0, {}), ("failed", 1, {}), ("failed", 0, {"blocked_s": 0.05}),
                                ("cancelled", 1, {"blocked_s": 0.05}),
                                ("cancelled", 0, {"blocked_s": 0.05, "runs_on": True}),
                                ("cancelled", 1, {"blocked_s": 0.05, "runs_on": True})):
        world.lab.part(f"a migration that {status}, and QEMU has thrown {thrown} away {how or ''}")
        for is_last in (False, False, True):
            if tells_one_failure(world, status, thrown, how, is_last):
                break


def tells_no_stop_of_others(world):
    lab = world.lab
    lab.part("a stop that is not the migration's")
    with world.run("vm-a", "running", port="h1") as (agent, qemu, watch):
        qemu.event("STOP")
        qemu.event("RESUME")
        watch.process.send_signal(signal.SIGTERM)
        lab.claim("it ends by a signal", watch.ends() not in (None, FAILED))
        lab.equal("the agent hears nothing", agent.asked, [])


def tells_one_failure(world, status, thrown, how, is_last):
    """False, and the rest is not asked: the watch was kept from its work for a millisecond after the stop, by whatever
    else the machine does, and says that it does not know what was thrown away."""
    lab = world.lab
    with world.run("vm-a", "running", port="h1") as (agent, qemu, watch):
        migrate_with_traffic(world, qemu, watch, thrown, **how)
        if "runs_on" not in how:
            wait_for(lambda: "migrate-continue" in qemu.commands)
            qemu.resume()
        qemu.event("MIGRATION", status=status)
        lab.equal("it ends", watch.ends(), FAILED)
        lab.equal("the agent hears CANCEL", agent.asked[-1], control.CANCEL)
        if not is_last and any(NOT_KNOWN in event.get("text", "") for event in watch.events()):
            return False
        numbers = [*range(100), *range(100 + thrown, 120), *range(100, 100 + thrown)]
        lab.becomes("the guest gets all, and what QEMU threw away at last", lambda: qemu.numbers() == numbers,
                    tell=lambda: (qemu.numbers(), watch.events()))
        lab.equal("that is said", watch.names().count("returned"), thrown)
        return True


def goes_without_its_own_pause(world):
    lab = world.lab
    lab.part("a QEMU that does not pause before the switchover")
    with world.run("vm-a", "running", pause=False, port="h1") as (agent, qemu, watch):
        qemu.event("MIGRATION", status="active")
        world.send(range(10))
        wait_for(lambda: len(qemu.numbers()) == 10)
        qemu.state = "finish-migrate"
        world.send(range(10, 20))
        qemu.event("STOP")
        lab.becomes("the agent gets the salvage", lambda: agent.salvage_ended, tell=watch.events)
        lab.equal("of all that the guest never got", salvaged(agent)[-10:], list(range(10, 20)))
        lab.claim("nothing is continued", "migrate-continue" not in qemu.commands)
        qemu.event("MIGRATION", status="completed")
        lab.equal("it ends", watch.ends(), COMPLETED)
    lab.part("a pause that another has set")
    with world.run("vm-a", "running", "--deadline", "1500", pause=True, port="h1") as (agent, qemu, watch):
        migrate_with_traffic(world, qemu, watch)
        lab.becomes("the agent gets the salvage", lambda: agent.salvage_ended, tell=watch.events)
        lab.claim("the other may continue", "migrate-continue" not in qemu.commands)
        qemu.event("MIGRATION", status="device")
        qemu.event("MIGRATION", status="completed")
        lab.equal("it ends", watch.ends(), COMPLETED)
        lab.claim("it never did", "migrate-continue" not in qemu.commands)
        lab.equal("the pause is left as it was", qemu.capabilities["pause-before-switchover"], True)


def never_holds_the_migration(world):
    lab = world.lab
    lab.part("without an agent that answers")
    with world.run("vm-a", "running", "--deadline", "100", lose=range(10000)) as (_, qemu, watch):
        migrate_with_traffic(world, qemu, watch)
        lab.becomes("the migration goes on", lambda: "migrate-continue" in qemu.commands)
        qemu.event("MIGRATION", status="completed")
        lab.equal("it ends", watch.ends(), COMPLETED)
        lab.claim("it warned", "warning" in watch.names())
    lab.part("on a signal")
    with world.run("vm-a", "running", lose=range(10000)) as (_, qemu, watch):
        qemu.event("MIGRATION", status="active")
        wait_for(lambda: "x-query-virtio-queue-status" in qemu.commands)
        watch.process.send_signal(signal.SIGTERM)
        lab.claim("it stays while the VM migrates", watch.event("warning")["event"])
        qemu.stop_for_migration()
        lab.becomes("the migration goes on", lambda: "migrate-continue" in qemu.commands)
        qemu.event("MIGRATION", status="completed")
        lab.equal("it ends", watch.ends(), COMPLETED)
    lab.part("without the monitor")
    with world.run("vm-a", "running", port="h1") as (agent, qemu, watch):
        qemu.hang_up()
        lab.claim("it ends, not with 0", watch.ends() not in (None, COMPLETED))
        lab.equal("the agent hears nothing", agent.asked, [])


def delivers_in_order(world):
    lab = world.lab
    waiting = b"".join(struct.pack(">H", 400) + numbered(VM, NEIGHBOUR, number) for number in range(3000))
    for paused in (True, False):
        lab.part(f"at the destination, {'started with -S' if paused else 'that runs at once'}")
        with world.run("vm-a2", "inmigrate", "--deadline", "9000", unknown=3) as (agent, qemu, watch):
            lab.equal("it attached when the agent knew the VM", agent.asked.count(ATTACH), 4)
            agent.waiting += waiting
            agent.ready_at_once = True
            qemu.event("MIGRATION", status="active")
            qemu.read_ahead = 1  # and loses it
            if paused:
                qemu.state = "paused"
                qemu.event("MIGRATION", status="completed")
                lab.becomes("it lets the VM run", lambda: "cont" in qemu.commands, tell=watch.events)
            else:
                qemu.resume()
            watch.event("running")
            world.send(range(5000, 7000))
            lab.equal("it ends", watch.ends(), COMPLETED)
            lab.becomes("the guest gets all", lambda: len(qemu.numbers()) >= 5000,
                        tell=lambda: (len(qemu.numbers()), watch.events()))
            in_order = [*range(3000), *range(5000, 7000)]
            lab.claim("in order", qemu.numbers() == in_order,
                      [pair for pair in zip(qemu.numbers(), in_order) if pair[0] != pair[1]][:10])
            lab.equal("the agent knows that it was delivered", agent.confirmed, len(waiting))
            lab.claim("the agent hears LANDED", control.LANDED in agent.asked and FETCH in agent.asked)


def holds_before_the_stop(world):
    lab = world.lab
    lab.part("a TAP without a bucket")
    with world.run("vm-a", "running", "--cut", "hold", port="h1") as (agent, qemu, watch):
        lab.claim("it is said how to make one", any("tc qdisc" in event["text"] for event in watch.events()))
    execute(world.space, "tc", "qdisc", "replace", "dev", "vm-a", "root", "tbf", "rate", "800gbit", "burst", "64mb",
            "limit", "32mb")
    for counts in (True, False):
        lab.part(f"held before the stop, {'with' if counts else 'without'} the device's counter")
        with world.run("vm-a", "running", "--cut", "hold", "--deadline", "9000", counts=counts,
                       port="h1") as (agent, qemu, watch):
            qemu.event("MIGRATION", status="active")
            world.send(range(10))
            lab.becomes("the guest gets what comes", lambda: qemu.numbers() == list(range(10)))
            qemu.remaining = 1000
            lab.equal("near the end it is held", watch.event("held")["event"], "held")
            world.send(range(10, 100))  # no more than fit in the sending socket
            lab.equal("the guest gets the rest", watch.event("drained")["event"], "drained")
            qemu.stop_for_migration()
            lab.becomes("the migration goes on", lambda: "migrate-continue" in qemu.commands, tell=watch.events)
            qemu.event("MIGRATION", status="completed")
            lab.equal("it ends", watch.ends(), COMPLETED)
            lab.claim("the salvage is what was held", salvaged(agent) == list(range(10, 100)),
                      (salvaged(agent), qemu.numbers(), watch.events()))
            lab.equal("the cut is exact", (agent.cut, watch.event("salvaged")["ahead"]), ("exact", 0))
    lab.part("a stop that does not come")
    with world.run("vm-a", "running", "--cut", "hold", "--deadline", "100", port="h1") as (agent, qemu, watch):
        qemu.remaining = 1000
        qemu.event("MIGRATION", status="active")
        watch.event("held")
        world.send(range(10))
        lab.equal("it is let go", watch.event("released")["event"], "released")
        lab.becomes("the guest gets what was held", lambda: qemu.numbers() == list(range(10)), tell=qemu.numbers)
        lab.becomes("and it is tried again", lambda: watch.names().count("held") == 2, tell=watch.names)
    lab.part("a watch that is killed while it holds")
    with world.run("vm-a", "running", "--cut", "hold", "--deadline", "9000", port="h1") as (agent, qemu, watch):
        qemu.remaining = 1000
        qemu.event("MIGRATION", status="active")
        watch.event("held")
        watch.process.send_signal(signal.SIGKILL)
        watch.ends()
        world.send(range(10))
        lab.becomes("the plug is open", lambda: qemu.numbers() == list(range(10)), tell=qemu.numbers)


def plug_never_stays(world):
    lab = world.lab
    for how, name in ((signal.SIGKILL, "killed"), (signal.SIGTERM, "told to end")):
        lab.part(f"a watch that is {name} while the plug is closed")
        with world.run("vm-a2", "inmigrate", linger_s=60) as (_, qemu, watch):
            qemu.resume()
            watch.event("fetching")
            watch.process.send_signal(how)
            watch.ends()
            world.send(range(10))
            lab.becomes("the plug is open", lambda: qemu.numbers() == list(range(10)), tell=qemu.numbers)


def course(lab):
    world = World(lab)
    salvages_what_the_guest_never_got(world)
    salvages_super_frames(world)
    tells_a_failure(world)
    tells_no_stop_of_others(world)
    goes_without_its_own_pause(world)
    never_holds_the_migration(world)
    holds_before_the_stop(world)
    delivers_in_order(world)
    plug_never_stays(world)


harness.main(course)
