# SPDX-License-Identifier: BSD-3-Clause
"""Owns the real guest: QEMU processes in the subnets' namespaces, and the guest's live migration between them."""

import os
import subprocess
from collections import namedtuple

import topology
from namespace import stop
from probes import PORT, TCP_RATE
from qmp import Qmp, QmpError

# Odd on purpose: QemuMachine tells why.
RAM = "98404K"

Pause = namedtuple("Pause", "stop_ns resume_ns")


class Qemu:
    """One QEMU process on one place's TAP."""

    def __init__(self, number, place, image, folders, incoming=None):
        self.place = place
        self._monitor = os.path.join(folders.work, f"qmp{number}")
        self.log = os.path.join(folders.results, f"qemu{number}.log")
        argv = self._command(place, image, os.path.join(folders.results, f"console{number}.log"))
        if incoming:
            argv += ["-incoming", f"unix:{incoming}"]
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
        append = (f"console=ttyS0 quiet panic=-1 ipv6.disable=1 hm_address={topology.GUEST_IP}/24 "
                  f"hm_gateway={topology.GATEWAY} hm_port={PORT} hm_tcp_rate={TCP_RATE}")
        return ["qemu-system-x86_64", "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot",
                "-accel", "tcg", "-m", RAM, "-smp", "1",
                "-kernel", os.path.join(image, "vmlinuz"), "-initrd", os.path.join(image, "initramfs"),
                "-append", append, "-serial", f"file:{console}",
                "-netdev", f"tap,id=net0,ifname={place.tap},script=no,downscript=no",
                "-device", f"virtio-net-pci,netdev=net0,mac={topology.GUEST_MAC},romfile=",
                "-qmp", f"unix:{self._monitor},server=on,wait=off"]

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
        for place in network.places.values():
            place.subnet.space.ip(f"tuntap add {place.tap} mode tap", f"link set {place.tap} master br0",
                                  f"link set {place.tap} up")
        cleanup.callback(self.close)

    @property
    def place(self):
        return self._source.place

    def _start(self, place, incoming=None):
        self._started += 1
        return Qemu(self._started, place, self._image, self._folders, incoming)

    def _stream(self, number):
        """The socket through which that QEMU gets the guest."""
        return os.path.join(self._folders.work, f"stream{number}")

    def boot(self, place):
        self._source = self._start(place)

    def prepare(self, place):
        """Starts the QEMU that waits for the guest."""
        self._target = self._start(place, self._stream(self._started + 1))

    def migrate(self):
        """Moves the guest to the place prepared; ends when it runs there and the old QEMU is gone."""
        source, target = self._source.qmp, self._target.qmp
        source.command("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
        source.command("migrate", uri=f"unix:{self._stream(self._started)}")
        _, data = source.wait_event("MIGRATION", accept=lambda data: data["status"] in ("completed", "failed"))
        if data["status"] == "failed":
            reason = source.command("query-migrate").get("error-desc", "QEMU does not say why")
            raise QmpError(f"the migration failed: {reason}")
        stop_ns, _ = source.wait_event("STOP")
        resume_ns, _ = target.wait_event("RESUME")
        self._source.close()
        self._source, self._target = self._target, None
        return Pause(stop_ns, resume_ns)

    def close(self):
        for qemu in (self._target, self._source):
            if qemu:
                qemu.close()
        self._source = self._target = None
