#!/usr/bin/env bash
# Starts the hand-written floor of a side-by-side benchmark on PORT, over the upstreams below UPSTREAM; see serve.py.
set -euo pipefail
export PYTHONPATH="$(dirname "$0")/../..${PYTHONPATH:+:$PYTHONPATH}"
exec "${CASEGRAPH_PYTHON:-python3}" "$(dirname "$0")/serve.py"
