#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns the one command of the main job: sets the machine up, builds the release, and shows a live-migrated guest keep
# its address.
#
# usage: tests/demo.sh [--fast] [--json FILE] [--keep DIR] [--stay SECONDS] [--baseline-only]
# HM_BIN_DIR names another folder with the programs; then nothing is built.
# HM_LOG_LEVEL sets the level of the agents' logs.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
needs_programs=yes
for word in "$@"; do
    case $word in
    -h | --help | --baseline-only) needs_programs= ;;
    esac
done

"$top/tests/setup.sh"
if [ -n "$needs_programs" ] && [ -z "${HM_BIN_DIR:-}" ]; then
    (cd "$top" && cmake --preset release >build/demo-build.log 2>&1 &&
        cmake --build --preset release >>build/demo-build.log 2>&1) || {
        tail -n 30 "$top/build/demo-build.log" >&2
        exit 1
    }
fi
exec /usr/bin/python3 -B "$top/tests/vm/demo.py" "$@"
