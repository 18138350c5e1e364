#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# `hypermip check --live` tells what the network around an agent does not allow.
#
# The network is that of test_one_armed.sh, spoilt in one way after another.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
run_test live.py
