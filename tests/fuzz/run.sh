#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns one timed run of a fuzz program, from the committed corpus of its parser: run.sh PROGRAM [libFuzzer option...]
#
# HM_FUZZ_SECONDS sets the time (10 s). New inputs go to a scratch folder beside the program and the committed corpus
# stays as it is; an input that breaks the parser is kept there too and named in the output.
set -euo pipefail

program=$1
shift
name=$(basename "$program")
corpus=$(dirname "${BASH_SOURCE[0]}")/corpus/${name#fuzz_}

if [ ! -x "$program" ]; then
    echo "$program is not built: cmake --preset fuzz && cmake --build --preset fuzz"
    exit 77
fi
if [ -z "$(ls -A "$corpus" 2>/dev/null)" ]; then
    echo "no corpus in $corpus"
    exit 1
fi
scratch=$program.run
mkdir -p "$scratch/found"
exec "$program" -max_total_time="${HM_FUZZ_SECONDS:-10}" -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 \
    -verbosity=1 -artifact_prefix="$scratch/" "$@" "$scratch/found" "$corpus"
