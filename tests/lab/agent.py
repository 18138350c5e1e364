# SPDX-License-Identifier: BSD-3-Clause
"""Owns the programs under test: agents with their files and reports, and a hypervisor host's notify-migrate."""

import json
import os
import secrets
import signal
import socket
import subprocess

from harness import LabError, PATIENCE_S, execute, wait_for
from namespace import stop
from sniffer import Record

CONTROL_PORT = 4340


def write_ini(path, sections):
    """Writes {"section [name]": {key: value, list of values, or None: leave out}}."""
    lines = []
    for section, keys in sections.items():
        lines.append(f"[{section}]")
        for key, value in keys.items():
            values = value if isinstance(value, list) else [] if value is None else [value]
            lines.extend(f"{key} = {one}" for one in values)
    with open(path, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write("\n".join(lines) + "\n")


class Agent:
    """One agent in a namespace: started and ended as often as a test likes, with a file that it may change."""

    def __init__(self, lab, space, name, sections):
        self.name = name
        self.space = space
        self.sections = sections
        self.config = lab.path(f"{name}.ini")
        self.socket = lab.path(f"{name}.sock")
        self.store = lab.path(f"{name}.store")
        self.log = lab.path(f"{name}.log")
        self.process = None
        self.endings = []  # exit statuses
        self._program = lab.program("hypermip")
        self._record = Record.of(lab)
        self._recorded = {}  # TAP: its queue in the record
        sections["agent"] = {"name": name, "socket": self.socket, "store": self.store,
                             "log_level": os.environ.get("HM_LOG_LEVEL", "info"), **sections["agent"]}
        lab.agents.append(self)
        lab.cleanup.callback(self.end)

    def set(self, section, **keys):
        """Changes the file for the next start."""
        self.sections.setdefault(section, {}).update(keys)

    def launch(self):
        """Starts it and does not wait."""
        self._end_record()
        write_ini(self.config, self.sections)
        # By ip(8) and not by setns alone: it also shows the namespace's own /sys.
        argv = ["ip", "netns", "exec", self.space.name, self._program, "run", "-c", self.config]
        with open(self.log, "a", encoding="ascii") as log:
            self.process = self.space.start(argv, stdout=log, stderr=subprocess.STDOUT)

    def start(self):
        self.launch()
        if not wait_for(lambda: self.process.poll() is not None or self._answers()):
            raise LabError(f"{self.name} does not get ready")
        if self.process.poll() is not None:
            raise LabError(f"{self.name} has ended: {self.last_words(3)}")

    def _is_recorded(self):
        """What it sends goes into the lab's record, as soon as it has made its TAPs."""
        taps = [keys["tap"] for section, keys in self.sections.items() if section.startswith("interface ")]
        for tap in taps:
            if self._recorded.get(tap) is None:
                self._recorded[tap] = self._record.begin(self.space, tap)
        return None not in self._recorded.values()

    def _answers(self):
        if not self._is_recorded():
            return False
        try:
            return bool(self.ask("status"))
        except OSError:
            return False

    def has_died(self):
        """It was started, nobody ended it, and it is gone."""
        return self.process is not None and self.process.poll() is not None

    def end(self, how=signal.SIGTERM):
        """Ends it; gives its exit status."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.send_signal(signal.SIGCONT)
        stop(process, how)
        self._end_record()
        self.endings.append(process.returncode)
        return process.returncode

    def _end_record(self):
        for queue in filter(None, self._recorded.values()):
            self._record.end(queue)
        self._recorded.clear()

    def kill(self):
        """Ends it at once; how it ended is no claim of the test's."""
        self.end(signal.SIGKILL)
        self.endings.pop()

    def restart(self):
        self.end()
        self.start()

    def ask(self, report):
        """What its socket answers: what `hypermip REPORT -j` prints, without a program for each question."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE_S)
            client.connect(self.socket)
            client.sendall(f"{report}\n".encode())
            return b"".join(iter(lambda: client.recv(65536), b"")).decode()

    def rows(self, report):
        """A report's rows."""
        try:
            return json.loads(self.ask(report))["rows"]
        except (OSError, ValueError, KeyError) as error:
            raise LabError(f"{self.name} does not report {report}: {error}") from error

    def counter(self, name):
        return self.rows("counters")[0][name]

    def states(self, report):
        """{home address: state} of bindings or visitors."""
        return {row["home_address"]: row["state"] for row in self.rows(report)}

    def last_words(self, lines):
        if not os.path.exists(self.log):
            return ""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])


class Notifier:
    """notify-migrate on a hypervisor host, with its notify.conf."""

    def __init__(self, lab, space, name, agent_addr, key_id, key=None):
        self.space = space
        self.agent_addr = agent_addr
        self.key_id = key_id
        self.key = key or secrets.token_hex(32)
        self.config = lab.path(f"notify-{name}.conf")
        self._program = lab.program("notify-migrate")
        write_ini(self.config, {"agent": {"address": agent_addr, "port": CONTROL_PORT},
                                "key": {"id": key_id, "key": self.key}})

    def section(self, *allow):
        """Its [hypervisor] section in the agent's file."""
        return {"key_id": self.key_id, "key": self.key, "allow": ", ".join(allow)}

    def run(self, *words):
        """Runs it with a file of its own; gives exit status, output and errors."""
        return execute(self.space, self._program, "--config", self.config, *words)

    def tell(self, *words):
        """Runs it with -j; gives the exit status and the object."""
        done = self.run("-j", *words)
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError as error:
            text = f"notify-migrate {' '.join(words)}: no JSON ({error}): {done.stdout}{done.stderr}"
            raise LabError(text) from error
