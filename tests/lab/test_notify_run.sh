#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# notify-migrate run, stopped, and groups of VMs, towards an agent played by us on the kernel's address of a namespace.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
run_test notify_run.py
