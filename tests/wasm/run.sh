#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds the core for wasm32 and runs it under Node.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -f build/wasm32/build.ninja ] || cmake --preset wasm32 >/dev/null
cmake --build build/wasm32 >build/wasm32.log 2>&1 || {
    grep -E -A6 'error|FAILED' build/wasm32.log | head -40
    echo "wasm32: 0 passed, 1 failed"
    exit 1
}
node --no-warnings tests/wasm/run.mjs build/wasm32/tests/wasm tests/spec
