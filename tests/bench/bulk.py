# SPDX-License-Identifier: BSD-3-Clause
"""Measures bulk TCP between correspondent and VM: through the pair of agents, two bare relays with super-frames, and
the kernel's VXLAN, in turn; and through a tunnel that is narrower than the LAN, with segments that fit it and with
longer ones, as those of a connection that was opened before the VM moved."""
import json
import subprocess

import lab

CHAINS = {"tunnel": "agent", "relay_chain": "super", "vxlan": "vxlan"}
WAYS = {"down": (), "up": ("-R",)}
FITTING_MSS = 1440  # below what a tunnel leaves of 1,500 bytes: 20 for it, 40 and 12 of options


def transfer(chain, cpu, seconds, *words):
    """Mbit/s of the payload that arrived."""
    server = subprocess.Popen(chain.inside("vm", "iperf3", "-s", "-1", "--forceflush"), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, preexec_fn=lab.first_on(cpu))
    try:
        while "listening" not in (line := server.stdout.readline()):
            if not line:
                raise RuntimeError("iperf3 does not serve")
        said = lab.run(*chain.inside("corr", "iperf3", "-c", lab.VM_ADDR, "-t", str(seconds), "-J", *words),
                       preexec_fn=lab.first_on(cpu))
        server.wait(10)
    finally:
        server.stdout.close()
        server.terminate()
        server.wait()
    return json.loads(said)["end"]["sum_received"]["bits_per_second"] / 1e6


def measure(labs, cpu, seconds):
    """One round: {key: Mbit/s, or a ratio of two of this round}."""
    figures = {}
    for name, kind in CHAINS.items():
        for way, words in WAYS.items():
            figures[f"{name}_tcp_{way}"] = transfer(labs[kind], cpu, seconds, *words)
    for name, base in (("tcp_vs_relay", "relay_chain"), ("tcp_vs_vxlan", "vxlan")):
        figures[name] = min(figures[f"tunnel_tcp_{way}"] / figures[f"{base}_tcp_{way}"] for way in WAYS)
    figures["narrow_tcp"] = transfer(labs["narrow"], cpu, seconds)
    figures["narrow_tcp_fitting"] = transfer(labs["narrow"], cpu, seconds, "-M", str(FITTING_MSS))
    figures["narrow_vs_fitting"] = figures["narrow_tcp"] / figures["narrow_tcp_fitting"]
    return figures


def print_table(figures):
    """`figures`: each key's median, minimum and maximum over the rounds."""
    print("\nBulk TCP, Mbit/s: median (minimum - maximum)")
    for key, values in figures.items():
        form = "{:.2f}" if "_vs_" in key else "{:,.0f}"
        cells = [form.format(values[which]) for which in ("median", "min", "max")]
        print(f"  {key:<22}{cells[0]:>10} ({cells[1]} - {cells[2]})")
