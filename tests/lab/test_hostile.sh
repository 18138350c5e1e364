#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Forged, replayed, truncated, looping, wrong-peer and wrong-inner-address packets against live agents while a machine
# is away: each is dropped, its counter rises, and bindings, visitors and handovers stay as they are.
#
#   correspondent c          router r                subnet a: bridge br0
#     10.9.0.10 eth0 ------- to-cn 10.9.0.1            |-- hm-a: agent A 10.1.0.2, home agent of v
#                            to-a 10.1.0.1 ----------- |-- to-n: attacker n 10.1.0.7
#                            to-b 10.2.0.1 --------- \ |-- vm-a (disabled)
#                                                     \
#                                                      subnet b: br0
#                                                      |-- hm-b: agent B 10.2.0.2
#                                                      |-- to-m: attacker m 10.2.0.7
#                                                      |-- vm-b --- hub s ---- machine v 10.1.0.5, a visitor
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
run_test hostile.py
