# SPDX-License-Identifier: BSD-3-Clause
"""Measures packet rate, bulk TCP, latency and CPU time of agents beside their baselines, in turn and in one run (see
run.sh)."""
import argparse
import json
import os
import platform
import shutil
import signal
import sys
import tempfile

import bulk
import control_plane
import crowd
import lab
import latency
import picture
from chains import (NARROW_LABS, AgentLab, BatchRelayLab, IpipAgentLab, RelayLab, SingleAgentLab, SuperRelayLab,
                    TrainAgentLab, VxlanLab, WayNotTaken, WholeAgentLab)
from figures import cell, print_list, spread, spread_rounds

FRAMES = {"udp64": "64-byte UDP frames", "tcp1500": "1,500-byte TCP packets"}
DEVICES = {
    "relay1": "one bare relay",
    "agent1": "one agent",
    "relay2": "two bare relays",
    "batch2": "two relays of batches",
    "pair": "pair of agents",
    "apart": "pair, trains cut between",
}
LAB_OF = {"relay1": "relay", "agent1": "agent", "relay2": "relay", "batch2": "batch", "pair": "agent", "apart": "agent"}
RELAY_LABS = {"relay": RelayLab, "batch": BatchRelayLab}
AGENT_LABS = {"agent": AgentLab, "super": SuperRelayLab, "vxlan": VxlanLab, "whole": WholeAgentLab,
              "train": TrainAgentLab, "single": SingleAgentLab, "ipip": IpipAgentLab} | NARROW_LABS
BASELINE = {"agent1": "relay1", "pair": "relay2", "batch2": "relay2", "apart": "relay2"}


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="write all figures as JSON")
    parser.add_argument("--svg", metavar="FILE", help="draw the ratios (FILE of --json, with .svg)")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="N", help="length of one measurement (2)")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="interleaved rounds (7)")
    parser.add_argument("--flood", action="store_true", help="send without regard to what arrives")
    parser.add_argument("--crowd", type=int, default=crowd.MANY, metavar="N",
                        help="bindings of the agent that has many (1,000,000)")
    parser.add_argument("--relays-only", action="store_true", help="measure no agents: is the machine quiet?")
    parser.add_argument("--bin", required=True, metavar="DIR", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.seconds <= 0 or arguments.rounds < 1 or arguments.crowd < 1:
        parser.error("--seconds, --rounds and --crowd must be positive")
    if arguments.json and not arguments.svg:
        arguments.svg = os.path.splitext(arguments.json)[0] + ".svg"
    return arguments


class Bench:
    """Takes the measurements: which lab, which processes, which window for each kind of device."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.labs = {}
        self.ways_not_taken = {}  # by the kernel: what the agent says
        cpus = sorted(os.sched_getaffinity(0))
        # The generator on one core, all devices under test on another one, however many there are.
        self.generator_cpu, self.device_cpu = cpus[0], cpus[1 % len(cpus)]
        self.cpus = len(cpus)

    def start_labs(self, work):
        """All at once: those that are not being measured stand idle, and cost less than starting them every round."""
        kinds = RELAY_LABS | ({} if self.arguments.relays_only else AGENT_LABS)
        for kind, make in kinds.items():
            own = os.path.join(work, kind)
            os.mkdir(own)
            self.labs[kind] = make(f"hmb{os.getpid()}-{kind}", self.arguments.bin, own, self.device_cpu)
            try:
                self.labs[kind].start()
            except WayNotTaken as reason:
                self.ways_not_taken[kind] = str(reason)
                self.labs.pop(kind).stop()

    def device_names(self):
        return [name for name in DEVICES if LAB_OF[name] in self.labs]

    def measure(self, device, frame):
        """One measurement; figures per second and per packet."""
        chain = self.labs[LAB_OF[device]]
        alone = device in ("relay1", "agent1")
        chain.await_ping("vm", lab.CORR_ADDR)
        pids = [child.pid for child in chain.children[:1 if alone else 2]]
        counter = chain.netns("b") + "/link" if alone else chain.netns("vm") + "/eth0"
        if alone:
            chain.cut_link()
        elif device == "apart":
            chain.carry_trains(False)
        try:
            result = self.blast(chain, counter, frame, pids)
        finally:
            if alone:
                chain.join_link()
            elif device == "apart":
                chain.carry_trains(True)
        chain.check_alive()
        seconds = result["window_ns"] / 1e9
        forwarded = max(result["forwarded"], 1)
        cpu_ns = sum(result["cpu_ns"])
        figures = {
            "pps": result["forwarded"] / seconds,
            "offered_pps": result["offered"] / seconds,
            "cpu_ns_per_packet": cpu_ns / forwarded,
            "busy": cpu_ns / result["window_ns"],
            "generator_busy": result["generator_cpu_ns"] / result["window_ns"],
            "lost_share": 1 - result["total_forwarded"] / max(result["total_offered"], 1),
        }
        if not alone:
            for which, own_ns in zip(("first", "second"), result["cpu_ns"]):
                figures[f"cpu_ns_per_packet_{which}"] = own_ns / forwarded
        return figures

    def blast(self, chain, counter, frame, pids):
        command = [os.path.join(self.arguments.bin, "blast"), "--tx", chain.netns("corr") + "/eth0", "--rx", counter,
                   "--frame", frame,
                   "--from", f"{lab.CORR_MAC}/{lab.CORR_ADDR}", "--to", f"{lab.VM_MAC}/{lab.VM_ADDR}",
                   "--seconds", str(self.arguments.seconds)]
        if self.arguments.flood:
            command += ["--window", "0"]
        for pid in pids:
            command += ["--pid", str(pid)]
        return json.loads(lab.run(*command, preexec_fn=lab.first_on(self.generator_cpu)))

    def rounds(self):
        """All measurements: {frame: {device: [figures of each round]}}; each round takes every device in turn."""
        taken = {frame: {device: [] for device in self.device_names()} for frame in FRAMES}
        for number in range(self.arguments.rounds):
            for frame in FRAMES:
                for device in self.device_names():
                    taken[frame][device].append(self.measure(device, frame))
            print(f"round {number + 1} of {self.arguments.rounds} done", file=sys.stderr)
        return taken

    def capacity(self):
        said = lab.run(os.path.join(self.arguments.bin, "capacity"), preexec_fn=lab.first_on(self.device_cpu))
        figures = json.loads(said)
        for name in ("lookup", "packet"):
            figures[f"{name}_many_vs_few"] = figures[f"{name}_ns_1000000"] / figures[f"{name}_ns_1000"]
        return figures

    def agent_rounds(self):
        """Bulk TCP, latency, many bindings, the control plane: the figures of each round, of all."""
        taken = {"bulk": [], "latency": [], "capacity": [], "control_plane": []}
        seconds = self.arguments.seconds
        for number in range(self.arguments.rounds):
            taken["bulk"].append(bulk.measure(self.labs, self.generator_cpu, max(1, round(seconds))))
            taken["latency"].append(latency.measure(self.labs, self.generator_cpu, seconds, self.arguments.bin))
            for chain in self.labs.values():
                chain.check_alive()
            taken["capacity"].append(self.capacity())
            taken["control_plane"].append(control_plane.measure(self.arguments.bin, self.device_cpu))
            print(f"round {number + 1} of {self.arguments.rounds} of the agents alone done", file=sys.stderr)
        return taken


def summarize(taken):
    """Flat keys DEVICE_FRAME_FIGURE; a ratio is taken within each round, then summed up."""
    figures = {}
    for frame, devices in taken.items():
        for device, rounds in devices.items():
            for figure in rounds[0]:
                figures[f"{device}_{frame}_{figure}"] = spread([one[figure] for one in rounds])
            base = devices.get(BASELINE.get(device))
            if base:
                for figure, ratio in (("pps", "pps_vs_relay"), ("cpu_ns_per_packet", "cpu_vs_relay")):
                    figures[f"{device}_{frame}_{ratio}"] = spread(
                        [own[figure] / bare[figure] for own, bare in zip(rounds, base) if bare[figure] > 0] or [0])
    if "pair_udp64_pps_vs_relay" in figures:
        figures |= {"tunnel_pps": figures["pair_udp64_pps"], "relay_chain_pps": figures["relay2_udp64_pps"],
                    "pps_vs_relay": figures["pair_udp64_pps_vs_relay"]}
        figures["pps_vs_batch_relay"] = spread(
            [own["pps"] / bare["pps"] for own, bare in zip(taken["udp64"]["pair"], taken["udp64"]["batch2"])])
    return figures


def print_table(figures, bench):
    arguments = bench.arguments
    print(f"\nMedian (minimum - maximum) of {arguments.rounds} round(s) of {arguments.seconds:g} s, devices in turn.\n")
    row = "{:<26}{:>32}{:>26}{:>24}{:>24}{:>7}{:>8}"
    print(row.format("", "forwarded packets/s", "CPU ns per packet", "packets/s : relay's", "CPU : relay's", "busy",
                     "lost"))
    for frame, frame_text in FRAMES.items():
        print(frame_text)
        for device in bench.device_names():
            key = f"{device}_{frame}_"
            print(row.format("  " + DEVICES[device], cell(figures, key + "pps", "{:,.0f}"),
                             cell(figures, key + "cpu_ns_per_packet", "{:,.0f}"),
                             cell(figures, key + "pps_vs_relay", "{:.2f}"),
                             cell(figures, key + "cpu_vs_relay", "{:.2f}"),
                             f"{figures[key + 'busy']['median']:.0%}",
                             f"{figures[key + 'lost_share']['median']:.1%}"))
            for which in ("first", "second"):
                own = cell(figures, f"{key}cpu_ns_per_packet_{which}", "{:,.0f}")
                if own:
                    print(row.format(f"    the {which} alone", "", own, "", "", "", "").rstrip())
    if "pps_vs_batch_relay" in figures:
        print("64-byte UDP frames, packets/s of the pair of agents : of two relays of batches: "
              + cell(figures, "pps_vs_batch_relay", "{:.2f}"))
    print_notes(figures, bench)


def print_notes(figures, bench):
    print(f"""
CPU ns per packet: CPU time of the device's process, or of both together, and of the kernel on its behalf: read,
  write, and the way of the written frame through bridges and cables to the next queue. Trains of datagrams go whole from
  one agent to the other, as on one host; alone, and in the last line, the kernel cuts them where they leave.
busy: share of its core that the device had. The devices of a chain share core {bench.device_cpu}, the generator has \
core {bench.generator_cpu}.""")
    if bench.arguments.flood:
        print("The generator floods: what it offers beyond the forwarded rate is lost.")
    else:
        print("The generator keeps at most 256 frames under way, so the rate is the highest without loss.")
    waiting = [key.removesuffix("_busy") for key, values in figures.items()
               if key.endswith("_busy") and not key.endswith("_generator_busy") and values["median"] < 0.9]
    if bench.cpus < 2:
        print("Only one core: the generator and the devices share it, the packet rates mean little.")
    elif waiting:
        print("The machine had other work, or the generator was the slower part, in: " + ", ".join(waiting)
              + "; go by the CPU time there.")


def print_agents(taken, bench):
    """`taken`: the agents' figures of each round. Returns them summed up."""
    figures = {part: spread_rounds(rounds) for part, rounds in taken.items()}
    print_list("Bulk TCP, Mbit/s, and CPU seconds per GB", figures["bulk"])
    for kind, reason in bench.ways_not_taken.items():
        print(f"  {kind}: not measured: {reason}")
    print_list("Round trips of 64-byte UDP frames, one at a time, us", figures["latency"])
    print_list("Many bindings, in one process (tests/bench/capacity.c)", figures["capacity"])
    print_list("The control plane: one core, HMAC-SHA-256; over the wire with the agent's store and without",
               figures["control_plane"])
    return {key: value for part in figures.values() for key, value in part.items()}


def write_json(path, figures, taken, bench):
    arguments = bench.arguments
    document = {
        "machine": {"kernel": platform.release(), "cores": bench.cpus, "load": os.getloadavg()},
        "settings": {"rounds": arguments.rounds, "seconds": arguments.seconds,
                     "load": "flood" if arguments.flood else "window"},
        "ways_not_taken": bench.ways_not_taken,
        **figures,
        "rounds": taken,
    }
    with open(path, "w", encoding="ascii") as file:
        json.dump(document, file, indent=1)
        file.write("\n")


def write_svg(path, figures, bench):
    arguments = bench.arguments
    with open(path, "w", encoding="ascii") as file:
        file.write(picture.draw(figures, f"{arguments.rounds} round(s) of {arguments.seconds:g} s, in turn; Linux "
                                         f"{platform.release()}, {bench.cpus} core(s)"))


def on_signal(number, _frame):
    sys.exit(128 + number)


def main():
    arguments = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    work = tempfile.mkdtemp(prefix="hm-bench-")
    bench = Bench(arguments)
    try:
        bench.start_labs(work)
        taken = bench.rounds()
        figures = summarize(taken)
        print_table(figures, bench)
        if not arguments.relays_only:
            agents_taken = bench.agent_rounds()
            figures |= print_agents(agents_taken, bench)
            taken |= agents_taken
            crowded = crowd.measure(arguments.bin, bench.device_cpu, bench.generator_cpu, arguments.crowd,
                                    arguments.rounds, arguments.seconds)
            crowd.print_table(crowded, arguments.crowd)
            figures |= crowded
        if arguments.json:
            write_json(arguments.json, figures, taken, bench)
        if arguments.svg:
            write_svg(arguments.svg, figures, bench)
    except RuntimeError as error:
        print(f"bench: {error}", file=sys.stderr)
        for chain in bench.labs.values():
            chain.show_logs()
        return 1
    finally:
        for chain in bench.labs.values():
            chain.stop()
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
