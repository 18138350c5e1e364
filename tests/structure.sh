#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns the check that the parts depend on each other in one direction only, by reading every #include.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

faults=0

# forbid WHY REGEX FOLDER...: no source file below the folders may include what the regex matches.
forbid() {
    local why=$1 regex=$2 hits
    shift 2
    hits=$(grep -rnE --include='*.[ch]' "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($regex)" "$@" 2>/dev/null) || true
    if [ -n "$hits" ]; then
        printf '%s:\n%s\n' "$why" "$hits"
        faults=1
    fi
}

forbid 'the firmware knows neither platform nor configuration files' \
    '(\.\./)*(platform|config)/|uv\.h|ini\.h|jansson\.h' firmware
forbid 'the firmware knows no operating system and no clock' \
    'unistd\.h|fcntl\.h|poll\.h|sys/|net/|netinet/|arpa/|linux/|time\.h|errno\.h|signal\.h|pthread\.h' firmware
forbid 'configuration knows no platform' '(\.\./)*platform/|uv\.h' config
forbid 'base stands below everything' 'firmware/(wire|agent|path|link|stack|[a-z_]+\.h)|(\.\./)|lwip/' firmware/base
forbid 'wire/ turns bytes into structs and decides nothing' \
    'firmware/(agent|path|link|stack)/|(\.\./)|lwip/' firmware/wire
forbid 'agent/ decides and knows no stack' 'lwip/' firmware/agent
forbid 'the simulated platform knows no real one' 'platform/linux/|uv\.h' platform/sim
forbid 'the Linux platform knows no simulated one' 'platform/sim/' platform/linux
forbid 'the product knows no tests' 'tests/|cmocka\.h' firmware config platform

guards=$(grep -rLE --include='*.h' '^#ifndef HM_[A-Z0-9_]+_H$' firmware config platform 2>/dev/null) || true
if [ -n "$guards" ]; then
    printf 'headers without their guard HM_<DIR>_<FILE>_H:\n%s\n' "$guards"
    faults=1
fi
spdx=$(find firmware config platform tests CMakeLists.txt .ci -type f \
    \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name CMakeLists.txt \) -print0 |
    xargs -0 grep -L 'SPDX-License-Identifier: BSD-3-Clause') || true
if [ -n "$spdx" ]; then
    printf 'files without the licence line:\n%s\n' "$spdx"
    faults=1
fi
exit "$faults"
