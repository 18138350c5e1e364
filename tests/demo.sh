#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns the one command of the main job: sets the machine up, builds the release, and shows a live-migrated guest keep
# its address.
#
# usage: tests/demo.sh [--fast] [--without-watch] [--neighbour] [--json FILE] [--keep DIR] [--stay SECONDS]
#                      [--baseline-only]
# HM_BIN_DIR names another folder with the programs; then nothing is built.
# HM_LOG_LEVEL sets the level of the agents' logs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/vm/start.sh"
start demo.py "$@"
