#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# build.sh FOLDER...: puts the page into each FOLDER, made of the files here and of js/libp2p.js,
# which esbuild bundles from the packages of package.json. The bundle is kept in
# ${XDG_CACHE_HOME:-~/.cache}/c-libp2p/page-HASH, where HASH covers package.json and bundle/: only
# when these change are packages fetched again.
#
# Needs: npm.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/c-libp2p

hash=$(cd "$here" && cat package.json bundle/* build.sh | sha256sum | cut -c 1-12)
built=$cache/page-$hash

step() {
    "$@" > "$log" 2>&1 || { tail -n 40 "$log" >&2; echo "web/build.sh: the page's packages could not be built" >&2; exit 1; }
}

if [ ! -f "$built/libp2p.js" ]; then
    command -v npm > /dev/null || { echo "web/build.sh: npm is needed once, to fetch the page's packages" >&2; exit 1; }
    log=$built/build.log
    rm -rf "$built"
    mkdir -p "$built"
    cp -R "$here/package.json" "$here/bundle" "$built"
    (cd "$built" && step npm install --ignore-scripts --legacy-peer-deps --no-package-lock --no-audit --no-fund --loglevel error)
    (cd "$built" && step node_modules/.bin/esbuild bundle/libp2p.js --bundle --minify --format=esm \
        --platform=browser --target=chrome111,firefox114 --define:global=globalThis --legal-comments=none --outfile=new.js)
    mv "$built/new.js" "$built/libp2p.js"
    rm -rf "$built/node_modules"
fi

for folder in "$@"; do
    mkdir -p "$folder/js"
    cp "$here"/*.html "$here"/*.css "$here"/*.svg "$folder"
    cp "$here"/js/*.js "$built/libp2p.js" "$folder/js"
done
