#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What hypervisor hosts tell the agents by notify-migrate, and what becomes of it: every exit code, names, allow-lists,
# all or none, some hundred machines at once, cancel, expiry, repetition, clocks, an agent that listens on an address of
# the kernel.
#
#   correspondent c          router r                subnet a: bridge br0
#     10.9.0.10 eth0 ------- to-cn 10.9.0.1            |-- the kernel 10.1.0.3: notify-migrate; kernel_address
#                            to-a 10.1.0.1 ----------- |-- hm-a: agent A 10.1.0.2
#                            to-b 10.2.0.1 --------- \ |-- to-n: home neighbour n 10.1.0.7
#                                                     \|-- vm-a ---.
#                                                      \             hub s ---- machine v 10.1.0.5 and 10.1.0.6
#                                                       subnet b: br0
#                                                      |-- vm-b ---'
#                                                      |-- the kernel 10.2.0.3: notify-migrate
#                                                      |-- hm-b: agent B 10.2.0.2
#
# Nothing here can give a process another clock: an agent whose clock is wrong is played by a socket on 10.1.0.3, and a
# hypervisor host's wrong clock by datagrams of our own making.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
run_test control_channel.py
