# SPDX-License-Identifier: BSD-3-Clause
"""Owns the reading of what `hypermip check --live` says."""

import json

from harness import execute

FINE, WARNINGS, FAULTS = 0, 1, 2
PROBLEMS = ("warning", "fault")
DEMANDS = ("agent", "device", "address", "macs", "reception", "arp", "source", "vlan", "control", "registration",
           "tunnel", "clock")


class LiveCheck:
    """The check of one agent, read as JSON; a line is (verdict, demand, subject, a part of what was found)."""

    def __init__(self, lab, side, config=None):
        self.lab = lab
        self.space = side.space
        self.config = config or side.agent.config
        self.document = None  # what finds() has read last

    def run(self, *options):
        return execute(self.space, self.lab.program("hypermip"), "check", "--live", *options, "-c", self.config)

    def rows(self):
        return json.loads(self.run("-j").stdout)["rows"]

    @staticmethod
    def matches(row, line):
        verdict, demand, subject, found = line
        return (row["verdict"], row["demand"], row["subject"]) == (verdict, demand, subject) and found in row["found"]

    def tells(self, title, *lines):
        """Has each of the lines, where more is broken than they say."""
        problems = [row for row in self.rows() if row["verdict"] in PROBLEMS]
        for line in lines:
            self.lab.claim(f"{title}: {' '.join(line)}", any(self.matches(row, line) for row in problems), problems)

    def finds(self, title, *lines):
        """Has each of the lines, a line for every demand, and no problem that is not among the lines."""
        done = self.run("-j")
        self.document = json.loads(done.stdout)
        rows = self.document["rows"]
        problems = [row for row in rows if row["verdict"] in PROBLEMS]
        told = "\n".join(" ".join(row.values()) for row in rows if row["verdict"] != "ok" or not lines)
        for line in lines:
            self.lab.claim(f"{title}: {' '.join(line)}", any(self.matches(row, line) for row in rows),
                           told + done.stderr)
        strange = [row for row in problems if not any(self.matches(row, line) for line in lines)]
        self.lab.claim(f"{title}: {'nothing else' if lines else 'no problem'} is told", not strange, strange)
        missing = set(DEMANDS) - {row["demand"] for row in rows}
        self.lab.claim(f"{title}: every demand has a line", not missing, missing)
        expected = FAULTS if any(line[0] == "fault" for line in lines) else WARNINGS if problems else FINE
        self.lab.equal(f"{title}: exit status", done.returncode, expected)
