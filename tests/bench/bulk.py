# SPDX-License-Identifier: BSD-3-Clause
"""Measures bulk TCP between correspondent and VM: through the pair of agents, two bare relays with super-frames, the
kernel's VXLAN, and pairs of agents that are held to one way of sending super-frames, in turn; and through a tunnel that
is narrower than the LAN, with segments that fit it and with longer ones, as those of a connection that was opened
before the VM moved; and that again, by each way, with a sender whose segments come one by one, and not as
super-frames."""
import json
import time

import lab

CHAINS = {"tunnel": "agent", "relay_chain": "super", "vxlan": "vxlan"}
WAYS = {"way_whole": "whole", "way_train": "train", "way_single": "single", "way_ipip": "ipip"}
# Of a sender whose segments come one by one.
NARROW = {"narrow_single": "narrow", "narrow_single_way_train": "narrow_way_train",
          "narrow_single_way_single": "narrow_way_single", "narrow_single_way_ipip": "narrow_way_ipip"}
DIRECTIONS = {"down": (), "up": ("-R",)}
FITTING_MSS = 1428  # what a tunnel leaves of 1,500 bytes: 32 for it, 40 for the headers (options count as payload)


def transfer(chain, cpu, seconds, *words):
    """The payload that arrived: its "bytes" and "bits_per_second". Both ends share a core, where the other one has the
    chain's devices; of a chain without any each end has its own."""
    server_cpu = cpu if chain.children else chain.cpu
    with chain.serving("vm", server_cpu, "listening", "iperf3", "-s", "-1", "--forceflush") as server:
        said = lab.run(*chain.inside("corr", "iperf3", "-c", lab.VM_ADDR, "-t", str(seconds), "-J", *words),
                       preexec_fn=lab.first_on(cpu))
        server.wait(10)
    return json.loads(said)["end"]["sum_received"]


def mbit_per_s(received):
    return received["bits_per_second"] / 1e6


def cpu_ns(process):
    """CPU time so far of a process with all its threads, by the clock that clock_getcpuclockid(3) names."""
    return time.clock_gettime_ns(~process.pid << 3 | 2)


def both_directions(chain, cpu, seconds, name):
    """Mbit/s of each direction, and the CPU time of each of the chain's programs for a GB, one half each way."""
    figures = {}
    size = 0
    before = [cpu_ns(child) for child in chain.children]
    for direction, words in DIRECTIONS.items():
        received = transfer(chain, cpu, seconds, *words)
        figures[f"{name}_tcp_{direction}"] = mbit_per_s(received)
        size += received["bytes"]
    for which, child, old_ns in zip(("first", "second"), chain.children, before):
        figures[f"{name.removesuffix('_chain')}_cpu_s_per_gb_{which}"] = (cpu_ns(child) - old_ns) / size
    return figures


def worse_ratio(figures, name, base):
    """That of the direction which compares worse."""
    return min(figures[f"{name}_tcp_{direction}"] / figures[f"{base}_tcp_{direction}"] for direction in DIRECTIONS)


def long_segments(chain, cpu, seconds, name):
    """Segments that do not fit the tunnel, beside such as do."""
    long = mbit_per_s(transfer(chain, cpu, seconds))
    fitting = mbit_per_s(transfer(chain, cpu, seconds, "-M", str(FITTING_MSS)))
    return {f"{name}_tcp": long, f"{name}_tcp_fitting": fitting, f"{name}_vs_fitting": long / fitting}


def measure(labs, cpu, seconds):
    """One round: {key: Mbit/s, CPU seconds per GB, or a ratio of two of this round}."""
    figures = {}
    ways = {name: kind for name, kind in WAYS.items() if kind in labs}
    for name, kind in (CHAINS | ways).items():
        figures |= both_directions(labs[kind], cpu, seconds, name)
    figures["tcp_vs_relay"] = worse_ratio(figures, "tunnel", "relay_chain")
    figures["tcp_vs_vxlan"] = worse_ratio(figures, "tunnel", "vxlan")
    for name in ways:
        figures[f"{name}_vs_relay"] = worse_ratio(figures, name, "relay_chain")
    figures |= long_segments(labs["narrow"], cpu, seconds, "narrow")
    for name, kind in NARROW.items():
        if kind in labs:
            with labs[kind].without_offloads("corr"):
                figures |= long_segments(labs[kind], cpu, seconds, name)
    return figures
