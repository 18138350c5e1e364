#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns the start of the harness's own tests: what it judges it must also be able to condemn.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
exec /usr/bin/python3 -B -m unittest -q test_verdict test_watch
