#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Agents are killed, and their stores damaged, while a machine is away; the topology is drawn in test_one_armed.sh.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
run_test store.py
