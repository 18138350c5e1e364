#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The judges are judged: among good frames of every kind tshark's judgement finds each planted fault and nothing else,
# does not hold over no frames, and openssl finds each bit that is changed under an authenticator.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
run_test judging.py
