#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns the check that the benchmark works: a very short run measures every device and hardly loses a frame.
# It asserts no speed.
set -euo pipefail

if [ "$(id -u)" -ne 0 ]; then
    echo "must be root to make network namespaces"
    exit 77
fi
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
json=$(mktemp)
trap 'rm -f "$json"' EXIT

"$top/tests/bench/run.sh" --seconds 0.2 --rounds 1 --json "$json"
python3 - "$json" <<'CHECK'
import json
import sys

with open(sys.argv[1], encoding="ascii") as file:
    figures = json.load(file)
for frame in ("udp64", "tcp1500"):
    for device in ("relay1", "agent1", "relay2", "pair"):
        for figure in ("pps", "cpu_ns_per_packet"):
            values = figures[f"{device}_{frame}_{figure}"]
            assert 0 < values["min"] <= values["median"] <= values["max"], (device, frame, figure, values)
        lost = figures[f"{device}_{frame}_lost_share"]["max"]
        assert lost < 0.01, (device, frame, "lost share", lost)
    for device in ("agent1", "pair"):
        for ratio in ("pps_vs_relay", "cpu_vs_relay"):
            assert figures[f"{device}_{frame}_{ratio}"]["median"] > 0, (device, frame, ratio)
for key in ("tunnel_tcp_down", "tunnel_tcp_up", "relay_chain_tcp_down", "vxlan_tcp_up", "tcp_vs_relay", "tcp_vs_vxlan",
            "narrow_tcp"):
    assert figures[key]["min"] > 0, (key, figures[key])
assert figures["bytes_per_binding"] > 0 and figures["packet_ns_1000000"] > 0, "capacity"
assert figures["narrow_vs_fitting"]["median"] > 0.3, figures["narrow_vs_fitting"]  # a black hole would carry nothing
CHECK
