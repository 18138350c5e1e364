#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A machine leaves its subnet and comes back, and all go on reaching it; the agents are their subnets' gateways.
#
#   correspondent c            router r            wan (br1)                            lan (br0)
#     10.9.0.10 ------ to-c 10.9.0.1
#                      to-a 10.101.0.1 -- up0 -- hm-a-w 10.101.0.2 [agent A] hm-a 10.1.0.1 --+-- n 10.1.0.7
#                                                                                            +-- kernel 10.1.0.3
#                                                                             .--- vm-a -----+
#                                       machine v 10.1.0.5 --- hub s ---------|
#                                                                             '--- vm-b -----+
#                                                                                            +-- kernel 10.2.0.3
#                      to-b 10.102.0.1 -- up0 -- hm-b-w 10.102.0.2 [agent B] hm-b 10.2.0.1 --+-- m 10.2.0.7
#
# Of the hub's two cables one is open at a time: there the machine is. Agent A knows its ways by static routes, agent B
# by a default router. The router checks sources strictly.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_nft gateway.py
run_test gateway.py
