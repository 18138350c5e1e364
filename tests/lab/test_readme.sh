#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns the check that the README's first configuration is one: both of its files are loaded by the programs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bin=${HM_BIN_DIR:-build/release/bin}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
umask 077
mkdir "$folder/keys"
for key in keys/agent-b.key keys/hv-a1.key hv-a1.key; do
    "$bin/hypermip" keygen >"$folder/$key"
done

# ini_block N: the N-th block of configuration in the README.
ini_block() {
    awk -v wanted="$1" '/^```ini$/ {n++; inside = 1; next} /^```$/ {inside = 0} inside && n == wanted' README.md
}

ini_block 1 >"$folder/hypermip.ini"
ini_block 2 >"$folder/notify.conf"
test -s "$folder/hypermip.ini" && test -s "$folder/notify.conf"
"$bin/hypermip" check -c "$folder/hypermip.ini"

# Nobody answers at 10.1.0.2 here: that it was asked (exit 6) shows that the file is right.
code=0
"$bin/notify-migrate" --config "$folder/notify.conf" --agent 127.0.0.1:9 status vm1 --wait 1 || code=$?
test "$code" -eq 6
echo "the README's configuration is accepted"
