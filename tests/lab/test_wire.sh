#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What our agents send on a whole journey, judged by tshark: no malformed packet, no wrong checksum, registrations as
# the RFCs have them; openssl recomputes all their authenticators. And a foreign agent that is not ours registers a node:
# its requests are built by scapy and Python's hmac, the home agent's replies are checked by Python and openssl.
#
#   correspondent c          router r                subnet a: bridge br0
#     10.9.0.10 eth0 ------- to-cn 10.9.0.1            |-- hm-a: agent A 10.1.0.2 (capture of what it sends)
#                            to-a 10.1.0.1 ----------- |-- to-n: home neighbour n 10.1.0.7
#                            to-b 10.2.0.1 --------- \ |-- vm-a ---.
#                                                     \              hub s ---- machine v 10.1.0.5
#                                                      subnet b: br0
#                                                      |-- vm-b ---'
#                                                      |-- hm-b: agent B 10.2.0.2 (capture of what it sends)
#                                                      |-- later the kernel has 10.2.0.2 and 10.2.0.9: the peer by scapy
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
run_test wire.py
