#!/usr/bin/env bash
# All tests, or the parts named. The hostile web runs alone and last: its bounds are on seconds and memory.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ $# -gt 0 ]; then exec .venv/bin/pytest "$@"; fi
.venv/bin/pytest -n 2 --dist worksteal --ignore tests/hostile
.venv/bin/pytest tests/hostile
