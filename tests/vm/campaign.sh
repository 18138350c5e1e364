#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns the campaign: a real guest moved in every way, many times in a row, each move counted.
#
# usage: tests/vm/campaign.sh [--short] [--json FILE] [--only NAME]... [--keep DIR] [--without-watch]
# HM_BIN_DIR names another folder with the programs; then nothing is built.
# HM_LOG_LEVEL sets the level of the agents' logs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/start.sh"
start campaign.py "$@"
