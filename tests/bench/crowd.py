# SPDX-License-Identifier: BSD-3-Clause
"""Measures what many bindings cost on the wire: small packets to a thousand VMs that are away, and to a million, each
for one of them at random; one home agent each, in turn. What leaves it is counted at the far end of its WAN link, where
nothing else runs.

Alone: python3 tests/bench/crowd.py --bin build/release/bin [--many N] [--rounds N] [--seconds S]"""
import argparse
import ipaddress
import json
import os
import re
import shutil
import sys
import tempfile

import lab
from control_plane import ControlLab, register
from figures import print_list, spread_rounds

FEW, MANY = 1000, 1_000_000
PORTION = 50_000  # registered in one go: requests are made before they are sent, and grow old
FIRST, HOST, OWN = "10.33.0.0", "10.32.0.8", "10.32.0.9"  # of the VMs; of the host; of the correspondent


class CrowdLab(ControlLab):
    """A home of a million addresses. The agent stands in for absent nodes with its own MAC: their own would have to be
    announced again and again, which is another cost than that of their packets."""

    home, prefix_len, takeover = {"a": "10.32.0.1", "b": "10.64.0.1"}, 11, "own"

    def __init__(self, name, bin_dir, work, cpu, count):
        super().__init__(name, bin_dir, work, cpu, has_store=False)
        self.count = self.max_bindings = count
        self.agent_mac = None

    def build(self):
        super().build()
        self.ip("a", "address", "add", f"{HOST}/{self.prefix_len}", "dev", "br-lan")

    def settle(self, generator_cpu):
        """All are away, and the correspondent knows its router."""
        self.start("a")
        for first in range(0, self.count, PORTION):
            count = min(PORTION, self.count - first)
            register(self, generator_cpu, str(ipaddress.ip_address(FIRST) + first), count, 2 * count)
        self.ip("corr", "address", "add", f"{OWN}/{self.prefix_len}", "dev", "eth0")
        self.await_ping("corr", self.home["a"])
        self.agent_mac = re.search(r"lladdr (\S+)", self.ip("corr", "neigh", "show", self.home["a"])).group(1)
        self.cut_link()

    def measure(self, generator_cpu, seconds):
        said = json.loads(lab.run(
            os.path.join(self.bin_dir, "blast"), "--tx", f"{self.netns('corr')}/eth0", "--rx",
            f"{self.netns('b')}/link", "--frame", "udp64", "--from", f"{lab.CORR_MAC}/{OWN}",
            "--to", f"{self.agent_mac}/{FIRST}", "--spread", str(self.count), "--seconds", str(seconds),
            "--pid", str(self.children[0].pid), preexec_fn=lab.first_on(generator_cpu)))
        self.check_alive()
        forwarded = max(said["forwarded"], 1)
        return said["forwarded"] / said["window_ns"] * 1e9, said["cpu_ns"][0] / forwarded


def one_round(chains, generator_cpu, seconds):
    figures = {}
    for name, chain in chains.items():
        figures[f"{name}_pps"], figures[f"{name}_cpu_ns_per_packet"] = chain.measure(generator_cpu, seconds)
    figures["crowd_vs_few_pps"] = figures["crowd_pps"] / figures["few_pps"]
    figures["crowd_vs_few_cpu"] = figures["crowd_cpu_ns_per_packet"] / figures["few_cpu_ns_per_packet"]
    return figures


def measure(bin_dir, device_cpu, generator_cpu, many, rounds, seconds):
    """The figures summed up."""
    work = tempfile.mkdtemp(prefix="hm-crowd-")
    chains = {}
    try:
        for name, count in (("few", FEW), ("crowd", many)):
            own = os.path.join(work, name)
            os.mkdir(own)
            chains[name] = CrowdLab(f"hmw{os.getpid()}-{name}", bin_dir, own, device_cpu, count)
            chains[name].settle(generator_cpu)
        return spread_rounds([one_round(chains, generator_cpu, seconds) for _ in range(rounds)])
    except RuntimeError:
        for chain in chains.values():
            chain.show_logs()
        raise
    finally:
        for chain in chains.values():
            chain.stop()
        shutil.rmtree(work, ignore_errors=True)


def print_table(figures, many):
    print_list(f"Small packets to {FEW:,} VMs that are away, and to {many:,}, at random", figures)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, metavar="DIR", help="where the programs are")
    parser.add_argument("--many", type=int, default=MANY, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--seconds", type=float, default=1.0, metavar="S")
    arguments = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    try:
        print_table(measure(arguments.bin, cpus[1 % len(cpus)], cpus[0], arguments.many, arguments.rounds,
                            arguments.seconds), arguments.many)
    except RuntimeError as error:
        print(f"crowd: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
