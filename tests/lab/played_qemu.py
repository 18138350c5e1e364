# SPDX-License-Identifier: BSD-3-Clause
"""Owns a QEMU played by us, towards a watch: a monitor, and a guest that reads its TAP and counts what it gets."""

import contextlib
import fcntl
import json
import os
import select
import socket
import struct
import threading
import time

TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
# What a Linux guest has QEMU ask for: checksum, TCP, and, of a kernel that has it, trains of datagrams.
OFFLOADS = (0x01 | 0x02 | 0x20 | 0x40, 0x01 | 0x02)
OFFLOAD_LEN = 10  # before each frame, then
PATH = "/machine/nic/virtio-backend"
ETHERTYPE_NUMBERED = b"\x88\xb6"
ETHERTYPE_FILLER = b"\x88\xb5"


def numbered(dst, src, number, length=400):
    return (dst + src + ETHERTYPE_NUMBERED + struct.pack(">I", number)).ljust(length, b"\0")


def number_of(frame):
    """None: not one of ours."""
    return struct.unpack(">I", frame[14:18])[0] if frame[12:14] == ETHERTYPE_NUMBERED else None


def open_tap(name, offloads=False):
    """The end of a TAP that is QEMU's."""
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    flags = IFF_TAP | IFF_NO_PI | (IFF_VNET_HDR if offloads else 0)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    for features in OFFLOADS if offloads else ():
        with contextlib.suppress(OSError):
            fcntl.ioctl(tap, TUNSETOFFLOAD, features)
            break
    return tap


class PlayedQemu(threading.Thread):
    """Serves one watch. `state` is the run state; what the guest has got is in `got`, in order.

    `pause`: pause-before-switchover is on already (True), or not known (False). `counts`: it tells its device's counter.
    `offloads`: its guest takes super-frames.
    """

    def __init__(self, space, tap, mac, path, state, pause=None, counts=True, offloads=False):
        super().__init__(daemon=True)
        self._tap_name, self._mac = tap, mac
        self.tap = space.make(open_tap, tap, offloads)
        self._before = OFFLOAD_LEN if offloads else 0
        self.state = state
        self.got = []
        self.used = 65500  # it wraps soon
        self.read_ahead = 0  # how many frames are still read when the guest does not run, and lost
        self._held = None  # the frame that is kept for a guest that will run again
        self._may_hold = False  # one more
        self._main_may_run = threading.Event()  # else the migration's thread has the say
        self._main_may_run.set()
        self.room = 256  # buffers that the guest has given
        self.remaining = 1 << 40  # bytes of its memory, to be sent at 1,000 per ms
        self.migration = "none"
        self.commands = []
        self.capabilities = {"pause-before-switchover": True} if pause else {}
        self._knows_pause = pause is not False
        self._counts = counts
        self._client = None
        self._over = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(1)
        self.start()

    def close(self):
        self._over = True
        self._main_may_run.set()
        self.join()
        for one in (self._listener, self._client):
            if one:
                one.close()
        os.close(self.tap)

    def hang_up(self):
        self._client.shutdown(socket.SHUT_RDWR)

    def event(self, name, **data):
        now = time.time()
        self._say({"event": name, "data": data,
                   "timestamp": {"seconds": int(now), "microseconds": int(now % 1 * 1e6)}})

    def announce(self):
        """A broadcast from the guest: the bridge learns where it is."""
        os.write(self.tap, bytes(self._before) + (b"\xff" * 6 + self._mac + ETHERTYPE_FILLER).ljust(60, b"\0"))

    def resume(self):
        """It runs; whoever told it to hears of that."""
        if self._held:
            self._take(self._held)
        self._held, self._may_hold = None, False
        self.state = "running"
        self.announce()
        self.event("RESUME")

    def begin_stop(self, thrown):
        """The guest does not run any more; so many frames are still read, and thrown away."""
        self.state = "finish-migrate"
        self.read_ahead = thrown

    def stop_for_migration(self, blocked_s=0.0, runs_on=False):
        """Nothing is read or answered between STOP and the migration's next state; then a frame is read and held.

        `runs_on`: the guest runs again before that.
        """
        self.state = "finish-migrate"
        self._main_may_run.clear()
        self.event("STOP")
        time.sleep(blocked_s)
        self.event("MIGRATION", status="pre-switchover")
        self._may_hold = True
        if runs_on:
            self.resume()
        self._main_may_run.set()

    def _say(self, message):
        self._client.sendall(json.dumps(message).encode() + b"\r\n")

    def run(self):
        lines = []
        while not self._over:
            sources = [self._client or self._listener] + [self.tap] * self._reads()
            ready = select.select(sources, [], [], 0 if len(lines) > 1 else 0.02)[0]
            if self._listener in ready:
                self._client = self._listener.accept()[0]
                self._say({"QMP": {"version": {}, "capabilities": []}})
            elif self._client in ready:
                lines = self._receive(lines)
            self._main_may_run.wait()
            self._read_tap()
            if len(lines) > 1:  # one in each round, and the TAP was looked at before
                self._obey(json.loads(lines.pop(0)))

    def _receive(self, lines):
        """The lines that are to be obeyed, the last of them not yet whole."""
        data = self._client.recv(65536)
        if not data:
            self._client.close()
            self._client = None
            return []
        *whole, rest = ((lines or [b""])[-1] + data).split(b"\n")
        return [*lines[:-1], *whole, rest]

    def _reads(self):
        """Is the TAP looked at? What the guest is not given stays there."""
        return self.state == "running" or self.read_ahead > 0 or self._may_hold

    def _read_tap(self):
        """All that is there."""
        while self._reads():
            try:
                frame = os.read(self.tap, 65536 + self._before)[self._before:]
            except BlockingIOError:
                return
            if self.state == "running":
                self._take(frame)
            elif self.read_ahead > 0:
                self.read_ahead -= 1
            else:
                self._held, self._may_hold = frame, False

    def _take(self, frame):
        if frame[:6] in (self._mac, b"\xff" * 6):
            self.used = (self.used + 1) % 65536
            self.got.append(frame)

    def numbers(self):
        return [number_of(frame) for frame in list(self.got) if number_of(frame) is not None]

    def _obey(self, message):
        name, arguments = message["execute"], message.get("arguments", {})
        self.commands.append(name)
        try:
            self._say({"return": self._answer(name, arguments), "id": message["id"]})
        except LookupError:
            self._say({"error": {"class": "GenericError", "desc": "not known here"}, "id": message["id"]})
        if name == "migrate-continue":
            self.event("MIGRATION", status="device")

    def _answer(self, name, arguments):
        mac = self._mac.hex(":")
        if name == "migrate-set-capabilities":
            if not self._knows_pause and arguments["capabilities"][0]["capability"] != "events":
                raise LookupError
            self.capabilities.update((one["capability"], one["state"]) for one in arguments["capabilities"])
        if name.startswith("x-") and not self._counts:
            raise LookupError
        if name == "cont":
            self.resume()
        return {
            "qmp_capabilities": {}, "migrate-set-capabilities": {}, "migrate-continue": {}, "cont": {},
            "query-status": {"status": self.state},
            "query-migrate-capabilities": [{"capability": key, "state": value}
                                           for key, value in self.capabilities.items()],
            "human-monitor-command": f"virtio-net-pci.0: index=0,type=nic,macaddr={mac}\r\n"
                                     f" \\ n0: index=0,type=tap,ifname={self._tap_name},script=no\r\n",
            "query-rx-filter": [{"name": "nic", "main-mac": mac, "promiscuous": False, "broadcast-allowed": True,
                                 "unicast": "normal", "multicast": "normal", "unicast-table": [],
                                 "multicast-table": []}],
            "x-query-virtio": [{"name": "virtio-net", "path": PATH}], "qom-get": mac,
            "x-query-virtio-queue-status": {"used-idx": self.used, "last-avail-idx": self.used,
                                            "shadow-avail-idx": (self.used + self.room) % 65536},
            "query-migrate": {"status": self.migration, "ram": {"remaining": self.remaining, "mbps": 8.0,
                                                                "dirty-sync-count": 2}},
            "query-migrate-parameters": {"downtime-limit": 300},
        }[name]
