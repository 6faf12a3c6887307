#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# gcc's analyzer over the library, file by file, with the optimiser on because it follows calls better so.
# Prints warnings only; fails if there are any.
#
#   analyzer.sh [FILE...]
set -euo pipefail
cd "$(dirname "$0")/../.."

include=$(pkg-config --cflags openssl libuv gnutls libngtcp2 libnghttp3)
analyze() {
    # shellcheck disable=SC2086
    gcc -std=gnu11 -O2 -Wall -Wextra -fanalyzer -Werror -fdiagnostics-plain-output -fdiagnostics-path-format=none \
        -D_GNU_SOURCE -DP2P_VERSION='"0"' -Iinclude -Isrc $include -c -o /dev/null "$1"
}
export -f analyze
export include

if [ $# -gt 0 ]; then files=("$@"); else mapfile -t files < <(git ls-files 'src/*.c'); fi
printf '%s\0' "${files[@]}" | xargs -0 -P"$(nproc)" -n1 bash -c 'analyze "$1"' analyze || exit 1
