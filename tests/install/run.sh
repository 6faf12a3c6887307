#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Installs into an empty folder and builds an example against the installed copy alone: with pkg-config (static and
# shared, C and C++) and with CMake.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
cmake --install build/dev --prefix "$root" >/dev/null
lib=$(dirname "$(find "$root" -name p2p.pc)")
export PKG_CONFIG_PATH=$lib
cp examples/echo.c "$work/echo.c"
cd "$work"

# The program prints its address and waits for others.
prints_its_address() {
    coproc program { exec "$@"; }
    read -r address <&"${program[0]}"
    kill "$program_PID"
    wait "$program_PID" || true
    [[ $address == /ip4/127.0.0.1/tcp/*/p2p/* ]]
}

gcc -Wall -Wextra -Werror echo.c $(pkg-config --cflags --libs p2p) -o shared
LD_LIBRARY_PATH=$(dirname "$lib") prints_its_address ./shared
# libp2p.a, and the shared libraries that it is linked with.
needs=$(pkg-config --print-requires-private p2p | sed 's/ .*//')
gcc echo.c $(pkg-config --cflags p2p) "$(dirname "$lib")/libp2p.a" $(pkg-config --libs $needs) -o static
prints_its_address ./static

# The headers are C++ too.
{
    for header in "$root"/include/p2p/*.h; do echo "#include <p2p/$(basename "$header")>"; done
    echo 'int main() { return p2p_err_text(P2P_OK) == nullptr; }'
} >all.cpp
g++ -Wall -Wextra -Werror all.cpp $(pkg-config --cflags --libs p2p) -o cpp
LD_LIBRARY_PATH=$(dirname "$lib") ./cpp

mkdir project
cat >project/CMakeLists.txt <<'TXT'
cmake_minimum_required(VERSION 3.25)
project(outside C)
find_package(p2p REQUIRED)
add_executable(outside ../echo.c)
target_link_libraries(outside PRIVATE p2p::p2p)
TXT
cmake -G Ninja -S project -B out -DCMAKE_PREFIX_PATH="$root" >/dev/null
cmake --build out >/dev/null
prints_its_address ./out/outside
[ ! -d "$root/share/man" ] || find "$root/share/man" -name 'p2p.1' | grep -q .
