#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A machine visits a subnet behind a shield on its port of the bridge: it and the agent may talk, nobody else there.
#
# The network is that of test_one_armed.sh: the foreign subnet's router has the home router's MAC.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
if ! command -v nft >/dev/null; then
    echo "shield.py: needs nft" >&2
    exit 77
fi
run_test shield.py
