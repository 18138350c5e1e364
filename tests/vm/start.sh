# SPDX-License-Identifier: BSD-3-Clause
# Owns the start of a run with a guest, for the scripts that source it: set-up, the build of the release, the program.

# start SCRIPT WORD...: HM_BIN_DIR names another folder with the programs; then nothing is built.
start() {
    local top script=$1
    shift
    top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    "$top/tests/setup.sh"
    if [ -z "${HM_BIN_DIR:-}" ]; then
        (cd "$top" && cmake --preset release >build/vm-build.log 2>&1 &&
            cmake --build --preset release >>build/vm-build.log 2>&1) || {
            tail -n 30 "$top/build/vm-build.log" >&2
            exit 1
        }
    fi
    exec /usr/bin/python3 -B "$top/tests/vm/$script" "$@"
}
