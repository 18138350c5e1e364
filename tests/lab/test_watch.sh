#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# notify-migrate watch at both ends of a migration, on real TAPs: what it salvages, in which order it delivers, and what
# it does when agent, monitor or operator fail.
#
#     namespace a: bridge br0 (kernel 10.1.0.3: the watch, and an agent played by us)
#       |-- vm-a   a QEMU played by us reads it, where the VM leaves
#       |-- vm-a2  another, where the VM arrives
#       |-- n0     a neighbour that sends numbered frames to the VM, and super-frames
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
run_test watch.py
