#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A machine leaves its subnet and comes back, and all go on reaching it; the agents are one-armed.
#
#   correspondent c          router r                subnet a: bridge br0, the hypervisor host's kernel 10.1.0.3
#     10.9.0.10 eth0 ------- to-cn 10.9.0.1            |-- up0      |-- hm-a: agent A 10.1.0.2
#                            to-a 10.1.0.1 ----------- |-- to-n: home neighbour n 10.1.0.7
#                            to-b 10.2.0.1 --------- \ |-- vm-a ---.
#                                                     \              hub s ---- machine v 10.1.0.5
#                                                      subnet b: br0, 10.2.0.3
#                                                      |-- vm-b ---'
#                                                      |-- up0      |-- hm-b: agent B 10.2.0.2
#                                                      |-- to-m: foreign neighbour m 10.2.0.7
#
# Of the two cables from hub to bridge one is open at a time: there the machine is. The router checks sources strictly,
# and has the same MAC on both subnets, as with VRRP.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_nft one_armed.py
run_test one_armed.py
