#!/usr/bin/env bash
# Starts the gateway for a side-by-side benchmark on PORT, over the upstreams below UPSTREAM; see serve.py.
set -euo pipefail
exec "${CASEGRAPH_PYTHON:-python3}" "$(dirname "$0")/serve.py"
