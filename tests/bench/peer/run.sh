#!/usr/bin/env bash
# Starts the gateway for a side-by-side benchmark: PORT is where it listens, UPSTREAM one root below
# which all four APIs stand. What is kept across requests is off unless KEEP=1, as no peer keeps any.
set -euo pipefail
cd "$(dirname "$0")/../../.."
export CASEGRAPH_PORT="${PORT:-4000}"
export CASEGRAPH_LOG__LEVEL="${CASEGRAPH_LOG__LEVEL:-error}"
export CASEGRAPH_ACTION_MANAGEMENT__URL="$UPSTREAM/v1/actionmanagement"
export CASEGRAPH_ACTION_MANAGEMENT__TOKEN_URL="$UPSTREAM/identity/connect/token"
export CASEGRAPH_ACTION_MANAGEMENT__CLIENT_ID=bench CASEGRAPH_ACTION_MANAGEMENT__CLIENT_SECRET=bench
export CASEGRAPH_ACTION_MANAGEMENT__HUBS=96
export CASEGRAPH_CASE_REVIEWS__URL="$UPSTREAM/api/v1"
export CASEGRAPH_CASE_REVIEWS__USERNAME=bench CASEGRAPH_CASE_REVIEWS__TOKEN=bench
export CASEGRAPH_CASE_REVIEWS__MAX_PER_SECOND="${REVIEWS_PER_SECOND:-0}"
export CASEGRAPH_RATINGS__URL="$UPSTREAM/api/v1" CASEGRAPH_RATINGS__TOKEN=bench
export CASEGRAPH_CUSTOMER_CASES__URL="$UPSTREAM" CASEGRAPH_CUSTOMER_CASES__AUTH_VALUE=bench
for name in ACTION_MANAGEMENT CASE_REVIEWS RATINGS CUSTOMER_CASES; do
  export "CASEGRAPH_${name}__CONCURRENCY=${CONCURRENCY:-64}"
done
if [ "${KEEP:-0}" != 1 ]; then
  export CASEGRAPH_ACTION_MANAGEMENT__FEED=off CASEGRAPH_CASE_REVIEWS__FEED=off
  for kind in CASES NOTES REVIEWS RATINGS CUSTOMER_CASES; do
    export "CASEGRAPH_FRESHNESS__${kind}__FRESH_SECONDS=0" "CASEGRAPH_FRESHNESS__${kind}__STALE_SECONDS=0"
  done
fi
exec "${CASEGRAPH_PYTHON:-python3}" -m casegraph serve
