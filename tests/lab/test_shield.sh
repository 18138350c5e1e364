#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A machine visits a subnet behind a shield on its port of the bridge: it and the agent may talk, nobody else there.
#
# The network is that of test_one_armed.sh: the foreign subnet's router has the home router's MAC.
# The tunnel is IP in IP.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_nft shield.py
run_test shield.py
