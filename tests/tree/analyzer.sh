#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# gcc's analyzer over the library, file by file. The optimiser is on because it shows the analyzer more
# of what a function is called with. Prints warnings only; fails if there are any.
#
#   analyzer.sh [FILE...]
set -euo pipefail
cd "$(dirname "$0")/../.."

include=$(pkg-config --cflags openssl libsodium libuv gnutls libngtcp2 libnghttp3)
export include

analyze() {
    # Split on purpose: several options.
    # shellcheck disable=SC2086
    gcc -std=gnu11 -O2 -fanalyzer -Werror -fdiagnostics-path-format=none -D_GNU_SOURCE -DP2P_VERSION='"0"' \
        -Iinclude -Isrc $include -c -o /dev/null "$1"
}
export -f analyze

# wasm.c is for another target.
if [ $# -gt 0 ]; then files=("$@"); else mapfile -t files < <(git ls-files 'src/*.c' ':!src/crypto/wasm.c'); fi
printf '%s\0' "${files[@]}" | xargs -0 -P"$(nproc)" -n1 bash -c 'analyze "$1"' analyze
