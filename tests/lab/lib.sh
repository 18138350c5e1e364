#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns the start of every lab test: is it permitted here, and off to the test's own program.
#
# The programs under test are in HM_BIN_DIR, by default the release build's. HM_LOG_LEVEL sets the agents' logs,
# HM_LAB_KEEP names a folder that keeps what a failed test leaves behind.

# need_nft FILE.py: ends a test that is skipped without nft.
need_nft() {
    if ! command -v nft >/dev/null; then
        echo "$1: needs nft" >&2
        exit 77
    fi
}

# run_test FILE.py: does not come back. Exit status: 0 all claims hold, 1 not, 77 not permitted here.
run_test() {
    local folder
    folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
    if [ "$(id -u)" -ne 0 ] || [ ! -e /dev/net/tun ]; then
        echo "$1: needs to be root, and /dev/net/tun" >&2
        exit 77
    fi
    export HM_BIN_DIR=${HM_BIN_DIR:-$folder/../../build/release/bin}
    export PYTHONPATH=$folder/../vm
    exec /usr/bin/python3 -B "$folder/$1"
}
