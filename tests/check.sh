#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns the whole check: set-up, format, all builds, all tests. It stops at the first step that fails.
#
# Each step's output goes to build/check-STEP.log and is shown when the step fails. The tests of gcc's sanitized build
# come last, with the fuzz programs and the demonstration among them, so that CTest's own closing lines end the output.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

started=$SECONDS

# step NAME COMMAND...: runs one step quietly and prints how long it took.
step() {
    local name=$1 log=build/check-$1.log begin=$SECONDS
    shift
    printf '%-16s ' "$name"
    if "$@" >"$log" 2>&1; then
        echo "$((SECONDS - begin)) s"
    else
        echo "FAILED after $((SECONDS - begin)) s; $log says:"
        tail -n 200 "$log"
        exit 1
    fi
}

check_format() {
    find firmware platform config tests -name '*.[ch]' -print0 |
        xargs -0 -r -n 16 -P 2 clang-format --dry-run -Werror
}

build() {
    cmake --preset "$1" && cmake --build --preset "$1"
}

mkdir -p build
step setup tests/setup.sh
step format check_format
for preset in dev dev-clang release fuzz; do
    step "build-$preset" build "$preset"
done
step adversary build/release/bin/adversary --seeds 20000 --jobs 2
tail -n 1 build/check-adversary.log
step test-dev-clang ctest --preset dev-clang -j 2

echo "all but the last step: $((SECONDS - started)) s"
exec ctest --preset dev -j 2 --no-tests=error
