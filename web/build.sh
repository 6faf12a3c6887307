#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# build.sh FOLDER...: puts the page into each FOLDER: the files here, js/libp2p.js, which esbuild
# bundles from the packages of package.json, and licences.txt, their licences. The bundle is kept in
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

if [ ! -d "$built" ]; then
    command -v npm > /dev/null || { echo "web/build.sh: npm is needed once, to fetch the page's packages" >&2; exit 1; }
    making=$built.$$
    log=$making.log
    mkdir -p "$making/done"
    cp -R "$here/package.json" "$here/bundle" "$making"
    (
        cd "$making"
        step npm install --ignore-scripts --legacy-peer-deps --no-package-lock --no-audit --no-fund --loglevel error
        step node_modules/.bin/esbuild bundle/libp2p.js --bundle --minify --format=esm --platform=browser --target=chrome116,firefox125 \
            --define:global=globalThis --legal-comments=none --metafile=meta.json --outfile=done/libp2p.js
        node bundle/licences.js meta.json > done/licences.txt
    )
    mv -T "$making/done" "$built" 2> /dev/null || [ -d "$built" ] # another run may have been faster
    rm -rf "$making" "$log"
fi

for folder in "$@"; do
    mkdir -p "$folder/js"
    cp "$here"/*.html "$here"/*.css "$here"/*.svg "$built/licences.txt" "$folder"
    cp "$here"/js/*.js "$built/libp2p.js" "$folder/js"
done
