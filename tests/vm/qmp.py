# SPDX-License-Identifier: BSD-3-Clause
"""Owns the talk with QEMU's monitor (QMP): commands and events, with the events' own time stamps."""

import json
import os
import socket
import time


class QmpError(RuntimeError):
    """QEMU refused, went away, or did not say in time what was waited for."""


class Qmp:
    """One client of one monitor socket. Events that nobody waits for yet are kept in order."""

    def __init__(self, path, process, timeout_s=20):
        self._events = []
        self._rest = b""
        self._socket = self._connect(path, process, time.monotonic() + timeout_s)
        self._read(time.monotonic() + timeout_s)  # the greeting
        self.command("qmp_capabilities")

    @staticmethod
    def _connect(path, process, end):
        """QEMU makes the socket some time after its start."""
        while time.monotonic() < end and process.poll() is None:
            client = socket.socket(socket.AF_UNIX)
            try:
                if os.path.exists(path):
                    client.connect(path)
                    return client
            except ConnectionRefusedError:
                pass
            client.close()
            time.sleep(0.005)
        raise QmpError("QEMU did not start")

    def close(self):
        self._socket.close()

    def _read(self, end):
        """The next message, or an error when there is none until `end`."""
        while b"\n" not in self._rest:
            self._socket.settimeout(max(0.001, end - time.monotonic()))
            try:
                data = self._socket.recv(65536)
            except TimeoutError as error:
                raise QmpError("QEMU's monitor says nothing") from error
            if not data:
                raise QmpError("QEMU has gone")
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        return json.loads(line)

    def command(self, name, timeout_s=20, **arguments):
        """Gives what the command returns."""
        end = time.monotonic() + timeout_s
        self._socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        while True:
            message = self._read(end)
            if "event" in message:
                self._events.append(message)
            elif "error" in message:
                raise QmpError(f"{name}: {message['error']['desc']}")
            else:
                return message["return"]

    def forget_events(self):
        """What has been said until now is of no interest."""
        self._events.clear()

    def wait_event(self, name, timeout_s=60, accept=lambda data: True):
        """Takes the oldest event of that name whose data is accepted; gives its stamp in ns and its data."""
        end = time.monotonic() + timeout_s
        while True:
            for event in self._events:
                if event["event"] == name and accept(event.get("data", {})):
                    self._events.remove(event)
                    stamp = event["timestamp"]
                    return stamp["seconds"] * 10**9 + stamp["microseconds"] * 1000, event.get("data", {})
            message = self._read(end)
            if "event" in message:
                self._events.append(message)
