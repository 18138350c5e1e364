# SPDX-License-Identifier: BSD-3-Clause
"""Owns the judgement of captured frames by tshark: none that our agents sent is malformed or has a wrong checksum.

A judgement of no frames is a fault of its own. tshark's own gaps (a kind of message that it takes for malformed, though
it is not) would be excepted here, by name: of what our agents send it has none.

    judge.py -- PROGRAM...      runs a scenario's program, and judges what its agents sent
    judge.py FILE.pcap...       judges captures
    judge.py --whole FILE...    the same of captures that hold the beginnings of frames: of those that are there whole;
                                the kernel may have had their last sums, of TCP and UDP, yet to make
"""

import collections
import os
import re
import subprocess
import sys
import tempfile

CHECKSUMS = ("ip", "icmp", "udp", "tcp", "gre")
MOBILE_IP_PORT, CONTROL_PORT, PROBES = "434", "4340", "5000-5009"
# These ports are ours: tshark's heuristics would take a random byte for some old protocol's.
TSHARK = ["tshark", "-n", "-d", f"udp.port=={CONTROL_PORT},data", "-d", f"udp.port=={PROBES},data",
          *(word for layer in ("ip", "udp", "tcp") for word in ("-o", f"{layer}.check_checksum:TRUE"))]
LONGEST = 1514
FIELDS = ("frame.number", "frame.len", "frame.protocols", "mip.type", "_ws.malformed", "icmp.type", "icmp.code",
          "udp.srcport", "udp.dstport", *(f"{layer}.checksum.status" for layer in CHECKSUMS))
BAD = "0"
# By tshark's names of a frame's protocols.
TUNNELS = {"IP in IP": "eth:ethertype:ip:ip", "GRE": "eth:ethertype:ip:gre:ip",
           "UDP tunnel": "eth:ethertype:ip:udp:mip:ip"}
KINDS = {**{name: rf"{start}\b" for name, start in TUNNELS.items()},
         **{f"TCP in {name}": rf"{start}:tcp\b" for name, start in TUNNELS.items()},
         "Mobile IP": r".*:udp:mip$", "ARP": r"eth:ethertype:arp", "ICMP": r".*:icmp", "DHCP": r".*:dhcp"}


class JudgeError(RuntimeError):
    """tshark does not work."""


def tshark(path, *words):
    done = subprocess.run([*TSHARK, "-r", path, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise JudgeError(f"tshark: {done.stderr.strip()}")
    return done.stdout


def _quotes_garbage(frame):
    """An ICMP error about a fragment that nobody completed: it quotes what a test made up, of UDP port 0, or of our
    own ports and longer than any message."""
    return (frame["icmp.type"] == "11" and frame["icmp.code"] == "1"
            and frame["udp.srcport"].split(",")[-1] in ("0", MOBILE_IP_PORT, CONTROL_PORT))


# What is wrong in these frames was made by a test, and only told again by an agent.
EXCEPTIONS = {"quotes a made-up fragment": _quotes_garbage}


def _faults(frame, is_pending):
    """What tshark finds; an ICMP error's quotation is cut, and tshark knows not to sum it up."""
    if frame["_ws.malformed"]:
        yield "malformed"
    for layer in CHECKSUMS:
        statuses = frame[f"{layer}.checksum.status"].split(",")
        if BAD in statuses and not (is_pending and layer in ("udp", "tcp")):
            yield f"{layer} checksum"


def _kinds(frame):
    """Of a message in a tunnel both the message's and the tunnel's."""
    yield from (kind for kind, pattern in KINDS.items() if re.match(pattern, frame["frame.protocols"]))
    ports = {frame[f"udp.{end}port"].split(",")[-1] for end in ("src", "dst")}
    if CONTROL_PORT in ports and frame["frame.protocols"].endswith(":udp:data"):
        yield "control"


class Judgement:
    """Of one file, or of those of its frames that a display filter takes. `pending`: numbers of frames whose last sum,
    of TCP or UDP, the kernel had yet to make.

    Super-frames are not whole packets yet; they are counted, and judged behind the cable, where they have been cut.
    """

    def __init__(self, path, pending=frozenset(), only=None):
        self.frames, self.super_frames = 0, 0
        self.kinds = collections.Counter()
        self.excepted = collections.Counter()
        self.faulty = {}
        words = [word for name in FIELDS for word in ("-e", name)] + (["-Y", only] if only else [])
        for line in tshark(path, "-T", "fields", *words).splitlines():
            self._look(dict(zip(FIELDS, line.split("\t"))), pending)
        self.shown = self._show(path) if self.faulty else []

    def _look(self, frame, pending):
        number = int(frame["frame.number"])
        if int(frame["frame.len"]) > LONGEST:
            self.super_frames += 1
            return
        self.frames += 1
        self.kinds.update(_kinds(frame))
        faults = list(_faults(frame, number in pending))
        names = [name for name, holds in EXCEPTIONS.items() if faults == ["malformed"] and holds(frame)]
        if names:
            self.excepted[names[0]] += 1
        elif faults:
            self.faulty[number] = ", ".join(faults)

    def _show(self, path):
        some = list(self.faulty)[:5]
        lines = tshark(path, "-Y", f"frame.number in {{{', '.join(map(str, some))}}}").splitlines()
        return [f"{self.faulty[number]}: {line}" for number, line in zip(some, lines)]

    def holds(self):
        return self.frames > 0 and not self.faulty

    def told(self):
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds.items())
        others = "".join(f"; {count} excepted: {name}" for name, count in self.excepted.items())
        return f"{self.frames} frames ({kinds}){others}"


class _Each:
    """Has every number."""

    def __contains__(self, number):
        return True


def _judge_files(paths, **how):
    status = 0
    for path in paths:
        judgement = Judgement(path, **how)
        print(f"judged by tshark: {judgement.told()}: {'good' if judgement.holds() else 'FAULTY'}", flush=True)
        for line in judgement.shown:
            print(f"    {line}", flush=True)
        status |= not judgement.holds()
    return status


def _run_and_judge(argv):
    """The program's own failure comes first: what it sent until then is not looked at."""
    with tempfile.TemporaryDirectory(prefix="hypermip-judge-") as folder:
        path = os.path.join(folder, "sent.pcap")
        status = subprocess.run(argv, env={**os.environ, "HM_SIM_SENT": path}, check=False).returncode
        if status == 0 and not os.path.exists(path):
            print("judged by tshark: no frames: FAULTY", flush=True)
            return 1
        return status or _judge_files([path])


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[:1] == ["--"]:
        sys.exit(_run_and_judge(words[1:]))
    if words[:1] == ["--whole"]:
        sys.exit(_judge_files(words[1:], pending=_Each(), only="frame.cap_len == frame.len"))
    sys.exit(_judge_files(words))
