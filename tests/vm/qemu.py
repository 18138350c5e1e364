# SPDX-License-Identifier: BSD-3-Clause
"""Owns the real guest: QEMU processes in the subnets' namespaces, and the guest's live migration between them."""

import json
import os
import subprocess
import time
from collections import namedtuple

import topology
from hub import arp_request, packet_socket
from namespace import stop
from probes import PORT, TCP_RATE
from qmp import Qmp, QmpError

# Odd on purpose: QemuMachine tells why.
RAM = "98404K"
# That there might be a second one makes QEMU before 8.1 keep the guest's memory barriers, which the rings of its
# network device need though it has one CPU alone: the device is QEMU's other thread. Without them the guest misses an
# interrupt in one of some hundred moves, and takes no frame ever after.
ONE_CPU = "1,maxcpus=2"
# Page tables per privilege level and a clock in a device are what an emulated kernel spends its time on.
QUICK = "mitigations=off tsc=reliable clocksource=tsc"
# At 5,000 probes/s a guest that is emulated on a busy machine may lag by more than the usual 1,000 frames.
TAP_QUEUE_LEN = 10_000

# A guest that hangs is asked so often, by somebody whom it does not know.
ASKED, ANSWER_S, ASKER_MAC = 3, 2, "02:00:00:00:00:77"
LOOK_AGAIN_S = 0.05

UNLIMITED_BANDWIDTH = 1 << 40
DOWNTIME_MS = 300  # as QEMU has it
HOLD = "pause-before-switchover"

Pause = namedtuple("Pause", "stop_ns resume_ns")


def has_sent(before, after):
    """Has the guest sent anything between two answers of describe_device?"""
    return before["queues"][1]["used-idx"] != after["queues"][1]["used-idx"]


def hangs(before, after):
    """Was a running guest given something by its device, and has done nothing with it? As describe_device tells both."""
    received = [told["queues"][0]["used-idx"] for told in (before, after)]
    has_room = after["queues"][0]["last-avail-idx"] != after["queues"][0]["shadow-avail-idx"]
    return (after["machine"] == "running" and received[0] != received[1] and has_room and not has_sent(before, after)
            and all(queue["used-idx"] == queue["signalled-used"] for queue in after["queues"]))


class Qemu:
    """One QEMU process on one place's TAP. Of its two monitors one is ours, and one is for a watch."""

    def __init__(self, number, place, image, folders, incoming=()):
        self.place = place
        self._monitor = os.path.join(folders.work, f"qmp{number}")
        self.watch_monitor = os.path.join(folders.work, f"qmp{number}-watch")
        self.log = os.path.join(folders.results, f"qemu{number}.log")
        argv = self._command(place, image, os.path.join(folders.results, f"console{number}.log"))
        argv += incoming
        with open(self.log, "w", encoding="ascii") as log:
            self.process = place.subnet.space.start(argv, stdout=log, stderr=subprocess.STDOUT)
        try:
            self.qmp = Qmp(self._monitor, self.process)
        except QmpError as error:
            self._explain(error)

    def _explain(self, error):
        stop(self.process)
        with open(self.log, encoding="utf-8", errors="replace") as log:
            raise QmpError(f"{error}: {log.read().strip()}") from error

    def _command(self, place, image, console):
        append = (f"{QUICK} console=ttyS0 quiet panic=-1 ipv6.disable=1 hm_address={topology.GUEST_IP}/24 "
                  f"hm_gateway={topology.GATEWAY} hm_port={PORT} hm_tcp_rate={TCP_RATE}")
        return ["nice", "-n", "-10", "qemu-system-x86_64", "-no-user-config", "-nodefaults", "-display", "none",
                "-no-reboot", "-accel", "tcg", "-m", RAM, "-smp", ONE_CPU,
                "-kernel", os.path.join(image, "vmlinuz"), "-initrd", os.path.join(image, "initramfs"),
                "-append", append, "-serial", f"file:{console}",
                "-netdev", f"tap,id=net0,ifname={place.tap},script=no,downscript=no",
                "-device", f"virtio-net-pci,netdev=net0,mac={topology.GUEST_MAC},romfile=",
                "-qmp", f"unix:{self._monitor},server=on,wait=off",
                "-qmp", f"unix:{self.watch_monitor},server=on,wait=off"]

    def close(self):
        self.qmp.close()
        stop(self.process)


class QemuMachine:
    """The guest, wherever it runs.

    QEMU before 9.0 under TCG can miss dirty pages while it migrates, when the RAM block is a multiple of 256 KB and
    aligned: the odd RAM size takes the path that is safe. The stream goes through a Unix socket, which namespaces do
    not divide. The ends of the pause are the stamps that QEMU gives its events, not the time at which we read them.
    """

    kind = "QEMU guest"

    def __init__(self, network, image, folders, cleanup):
        self._image = image
        self._folders = folders
        self._started = 0
        self._source = None
        self._target = None
        self.moves = 0  # so far
        for place in network.places.values():
            place.subnet.space.ip(f"tuntap add {place.tap} mode tap", f"link set {place.tap} master br0",
                                  f"link set {place.tap} txqueuelen {TAP_QUEUE_LEN}", f"link set {place.tap} up")
        cleanup.callback(self.close)

    @property
    def place(self):
        return self._source.place

    @property
    def source_monitor(self):
        return self._source.watch_monitor

    @property
    def target_monitor(self):
        return self._target.watch_monitor

    def _start(self, place, incoming=()):
        self._started += 1
        return Qemu(self._started, place, self._image, self._folders, incoming)

    def _stream(self, number):
        """The socket through which that QEMU gets the guest."""
        return os.path.join(self._folders.work, f"stream{number}")

    def boot(self, place):
        self._source = self._start(place)

    def prepare(self, place, is_paused=False):
        """Starts the QEMU that waits for the guest, and for `cont` after it if `is_paused`."""
        incoming = ["-incoming", f"unix:{self._stream(self._started + 1)}"]
        self._target = self._start(place, incoming + (["-S"] if is_paused else []))

    def start_migration(self, *capabilities, bandwidth=None, downtime_ms=DOWNTIME_MS):
        """`bandwidth`: bytes per second, for a migration that is to take its time. `downtime_ms`: the pause that QEMU
        aims at."""
        source = self._source.qmp
        source.forget_events()
        source.command("migrate-set-capabilities", capabilities=[
            {"capability": name, "state": True} for name in ("events", *capabilities)])
        source.command("migrate-set-parameters", **{"max-bandwidth": bandwidth or UNLIMITED_BANDWIDTH,
                                                    "downtime-limit": downtime_ms})
        source.command("migrate", uri=f"unix:{self._stream(self._started)}")

    def wait_status(self, *statuses):
        """Waits until the migration is in one of the states; gives it."""
        _, data = self._source.qmp.wait_event("MIGRATION", accept=lambda data: data["status"] in statuses)
        return data["status"]

    def migrate(self, downtime_ms=DOWNTIME_MS):
        """Moves the guest to the place prepared; ends when it runs there. The old QEMU stays until retire()."""
        self.start_migration(downtime_ms=downtime_ms)
        if self.wait_status("completed", "failed") == "failed":
            reason = self._source.qmp.command("query-migrate").get("error-desc", "QEMU does not say why")
            raise QmpError(f"the migration failed: {reason}")
        return self.wait_pause_of_move()

    def wait_pause_of_move(self):
        """The migration has completed."""
        stop_ns, _ = self._source.qmp.wait_event("STOP")
        resume_ns, _ = self._target.qmp.wait_event("RESUME")
        return Pause(stop_ns, resume_ns)

    def wait_pause_at_source(self):
        """The migration has failed after the stop."""
        stop_ns, _ = self._source.qmp.wait_event("STOP")
        resume_ns, _ = self._source.qmp.wait_event("RESUME")
        return Pause(stop_ns, resume_ns)

    def describe_device(self):
        """What the guest's network device is at: its state, both its queues, its TAP's counters."""
        qmp, place = self._source.qmp, self.place
        path = qmp.command("x-query-virtio")[0]["path"]
        queues = [qmp.command("x-query-virtio-queue-status", path=path, queue=number) for number in (0, 1)]
        counters = place.subnet.space.run(["ip", "-j", "-s", "link", "show", place.tap])
        return {"machine": qmp.command("query-status")["status"], "queues": queues, "tap": json.loads(counters)}

    def ask_device(self):
        """What the device was at before ARP requests were put into the guest's TAP, and after; and whether the guest
        hangs: they were given to it, and its kernel, which answers them without any program, has sent nothing."""
        before = self.describe_device()
        end = time.monotonic() + ANSWER_S
        with packet_socket(self.place.subnet.space, self.place.tap) as socket:
            for _ in range(ASKED):
                socket.send(arp_request(ASKER_MAC, topology.NEIGHBOUR_IP, topology.GUEST_IP))
        after = self.describe_device()
        while not has_sent(before, after) and time.monotonic() < end:
            time.sleep(LOOK_AGAIN_S)
            after = self.describe_device()
        return {"is_hung": hangs(before, after), "before": before, "after": after}

    def command(self, name, **arguments):
        """A command to the QEMU that the guest is to leave."""
        return self._source.qmp.command(name, **arguments)

    def kill_target(self):
        """The destination's host fails."""
        self._target.process.kill()
        self._target.process.wait()

    def give_up(self):
        """After a migration that did not come to its end: the guest runs where it ran."""
        self._target.close()
        self._target = None
        self.command("migrate-set-capabilities", capabilities=[{"capability": HOLD, "state": False}])

    def retire(self):
        """After migrate(): ends the old QEMU."""
        self._source.close()
        self._source, self._target = self._target, None

    def close(self):
        for qemu in (self._target, self._source):
            if qemu:
                qemu.close()
        self._source = self._target = None
