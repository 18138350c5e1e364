#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns the benchmark's entry: sets the machine up, builds the release, and measures what agents carry, what they add to
# a round trip and the CPU time that they take, beside bare TAP relays and the kernel's VXLAN in the same run. It
# reports and asserts nothing. Run as root; --help tells the options. HM_BIN_DIR names a folder of ready programs
# instead of the build.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

case " $* " in
*" --help "* | *" -h "*) exec python3 "$top/tests/bench/run.py" --bin . --help ;;
esac
if [ "$(id -u)" -ne 0 ]; then
    echo "bench: must be root to make network namespaces" >&2
    exit 77
fi
bin=${HM_BIN_DIR:-}
if [ -z "$bin" ]; then
    "$top/tests/setup.sh" >&2
    cd "$top"
    bin=$top/build/release/bin
    [ -f build/release/build.ninja ] || cmake --preset release >&2
    cmake --build --preset release --target hypermip notify-migrate relay blast round-trip capacity registering registrar >&2
    cd "$OLDPWD"
fi
exec env PYTHONDONTWRITEBYTECODE=1 python3 "$top/tests/bench/run.py" --bin "$bin" "$@"
