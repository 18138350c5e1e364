#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The program hypermip as an operator meets it: help, check, reports, its start and its end, what it refuses and how it
# says so, and what rights it keeps.
#
#   subnet a: bridge br0, the kernel 10.1.0.3
#     |-- hm-a: agent A 10.1.0.2 (makes its TAP)
#     |-- hm-t: agents T, 10.1.0.4 (attach to a TAP that is there)
#     |-- up0: router 10.1.0.1; agent B, 10.2.0.2, is only configured
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
run_test command_line.py
