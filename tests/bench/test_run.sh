#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns the check that the benchmark works: a very short run measures every device and chain, hardly loses a frame, draws
# what it has measured, and reaches half of each goal.
set -euo pipefail

if [ "$(id -u)" -ne 0 ]; then
    echo "must be root to make network namespaces"
    exit 77
fi
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# with the release that it builds, whatever the other tests run
env -u HM_BIN_DIR "$top/tests/bench/run.sh" --seconds 0.2 --rounds 1 --crowd 20000 --json "$work/figures.json"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$top/tests/bench python3 - "$work/figures.json" "$work/figures.svg" <<'CHECK'
import json
import platform
import re
import sys
import xml.etree.ElementTree

import picture

WAYS_SINCE = {"whole": (6, 17), "train": (6, 2)}  # the kernel that brought what the way needs

with open(sys.argv[1], encoding="ascii") as file:
    figures = json.load(file)


def check_spread(key):
    values = figures[key]
    assert 0 < values["min"] <= values["median"] <= values["max"], (key, values)


for frame in ("udp64", "tcp1500"):
    for device in ("relay1", "agent1", "relay2", "batch2", "pair", "apart"):
        for figure in ("pps", "cpu_ns_per_packet"):
            check_spread(f"{device}_{frame}_{figure}")
        lost = figures[f"{device}_{frame}_lost_share"]["max"]
        assert lost < 0.01, (device, frame, "lost share", lost)
    for device in ("agent1", "batch2", "pair", "apart"):
        for ratio in ("pps_vs_relay", "cpu_vs_relay"):
            check_spread(f"{device}_{frame}_{ratio}")
    for which in ("first", "second"):
        check_spread(f"pair_{frame}_cpu_ns_per_packet_{which}")

kernel = tuple(map(int, re.match(r"(\d+)\.(\d+)", platform.release()).groups()))
for way in figures["ways_not_taken"]:
    assert kernel < WAYS_SINCE.get(way.removeprefix("narrow_way_"), (0, 0)), (kernel, figures["ways_not_taken"])
ways = [f"way_{way}" for way in ("whole", "train", "single", "ipip") if way not in figures["ways_not_taken"]]
for chain in ["tunnel", "relay_chain", "vxlan", *ways]:
    for direction in ("down", "up"):
        check_spread(f"{chain}_tcp_{direction}")
for chain in ["tunnel", "relay", *ways]:
    for which in ("first", "second"):
        check_spread(f"{chain}_cpu_s_per_gb_{which}")
ratios = ["tcp_vs_relay", "tcp_vs_vxlan", "pps_vs_relay", "latency_p50_vs_relay", *(f"{way}_vs_relay" for way in ways)]
ratios += ["lookup_many_vs_few", "crowd_vs_few_cpu"]
narrow = ["narrow", "narrow_single", *(f"narrow_single_{way}" for way in ways if way != "way_whole")]
for key in ["narrow_tcp", "narrow_single_tcp", "tunnel_pps", "relay_chain_pps", "pps_vs_batch_relay", *ratios]:
    check_spread(key)
for name in narrow:
    check_spread(f"{name}_vs_fitting")
    ratios.append(f"{name}_vs_fitting")
    assert figures[ratios[-1]]["median"] > 0.5, (ratios[-1], figures[ratios[-1]])

for chain in ("latency", "relay_latency"):
    check_spread(f"{chain}_p50_us")
    assert figures[f"{chain}_p50_us"]["median"] <= figures[f"{chain}_p99_us"]["median"], chain
    assert figures[f"{chain}_lost"]["max"] < 10, (chain, figures[f"{chain}_lost"])  # of a thousand

for key in ("crowd_pps", "crowd_vs_few_pps", "crowd_vs_few_cpu"):
    check_spread(key)

for key in ("registrations_per_s", "wire_stored_registrations_per_s", "wire_unstored_registrations_per_s",
            "staging_1000_ms", "bytes_per_binding", "expiry_worst_us"):
    check_spread(key)
assert figures["bytes_per_binding"]["max"] <= 256, figures["bytes_per_binding"]
for key in ("lookup", "packet"):  # a table that is walked, or waited for at each step, costs ten times as much
    assert figures[f"{key}_many_vs_few"]["median"] < 5, (key, figures[f"{key}_many_vs_few"])

goals = {key: picture.BARS[key][1] for key in ratios if picture.BARS[key][1] is not None}
for key, goal in goals.items():  # a single short round on a machine that has other work
    median = figures[key]["median"]
    assert (median <= 2 * goal if key in picture.CEILINGS else median >= goal / 2), (key, figures[key], goal)
drawn = [part.get("class") for part in xml.etree.ElementTree.parse(sys.argv[2]).iter()]
assert drawn.count("bar") == len(ratios) and drawn.count("goal") == len(goals) > 8, "the picture"
CHECK
