#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A machine visits a subnet that has the range of its home, and a host with its address, behind a shield.
#
# The network is that of test_gateway.sh, but that the foreign subnet b is 10.1.0.0/24, too.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
if ! command -v nft >/dev/null; then
    echo "twin_range.py: needs nft" >&2
    exit 77
fi
run_test twin_range.py
