# SPDX-License-Identifier: BSD-3-Clause
"""Measures the time of a small packet's round trip between correspondent and VM, one at a time: through the pair of
agents and through two bare relays, in turn."""
import json
import os

import lab

CHAINS = {"latency": "agent", "relay_latency": "relay"}
ECHO_PORT = "7"  # the VM drops what comes for port 9
TRIPS_PER_S = 2500
MIN_TRIPS = 1000  # a p99 is the tenth longest of as many


def ask(chain, cpu, program, trips):
    """What the asking end says: p50 and p99 in microseconds, and how many got no answer."""
    with chain.serving("vm", cpu, "ready", program, "echo", lab.VM_ADDR, ECHO_PORT):
        return json.loads(lab.run(*chain.inside("corr", program, "ask", lab.VM_ADDR, ECHO_PORT, str(trips)),
                                  preexec_fn=lab.first_on(cpu)))


def measure(labs, cpu, seconds, bin_dir):
    """One round: {key: microseconds, or a ratio of two of this round}."""
    program = os.path.join(bin_dir, "round-trip")
    trips = max(MIN_TRIPS, round(seconds * TRIPS_PER_S))
    figures = {}
    for name, kind in CHAINS.items():
        said = ask(labs[kind], cpu, program, trips)
        figures |= {f"{name}_{figure}": said[figure] for figure in ("p50_us", "p99_us", "lost")}
    figures["latency_p50_vs_relay"] = figures["latency_p50_us"] / figures["relay_latency_p50_us"]
    return figures
