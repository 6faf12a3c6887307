#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# run.sh [RELEASE]: installs the packages of dist/RELEASE (`./dev dist` there) into a clean root of that Debian release, made
# by debootstrap, and runs `p2p up` in it as nobody, in a network of its own, and then as a service of its systemd (service.sh).
# The root is kept in ${XDG_CACHE_HOME:-~/.cache}/c-libp2p/roots; each run works on a throw-away layer above it.
#
# Needs to be root, debootstrap, python3, and the host of this machine's own apt sources.
set -euo pipefail
cd "$(dirname "$0")/../.."
release=${1:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
clean=${XDG_CACHE_HOME:-$HOME/.cache}/c-libp2p/roots/$release

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
skip() { printf '%s\ndist: 0 passed, 0 failed, 1 skipped\n' "$1"; exit 0; }

# The second half: what is installed is used, where there is no network but loopback.
if [ "${2:-}" = --use ]; then
    root=$3
    ip link set lo up
    inside p2p version
    inside systemd-analyze verify --man=no /usr/lib/systemd/system/p2p.service
    inside test -f /usr/share/man/man1/p2p.1.gz -o -f /usr/share/doc/p2p/copyright
    coproc node { exec chroot --userspec=nobody:nogroup "$root" env -i HOME=/tmp/nobody /usr/bin/p2p up --json 2>"$root/tmp/up.log"; }
    read -r -t 60 first <&"${node[0]}" || { cat "$root/tmp/up.log"; exit 1; }
    addr=$(python3 - "$first" <<'PY'
import json, sys, urllib.request
up = json.loads(sys.argv[1])
assert up["type"] == "up" and up["page"] == "http://127.0.0.1:4080/", up
get = lambda path: urllib.request.urlopen(up["page"] + path, timeout=20).read().decode()
assert "<script" in get("") and "webrtc" in get("js/libp2p.js"), "the page is not there"
assert json.loads(get("api/health"))["ok"]
assert any("/udp/4001/quic-v1/" in a for a in up["addrs"]), up
print(next(a for a in up["addrs"] if a.startswith("/ip4/127.0.0.1/tcp/4001/p2p/")))
PY
)
    for kind in tcp/4001 tcp/4001/ws udp/4001/quic-v1; do
        inside p2p ping "${addr/tcp\/4001/$kind}" --count 1
    done
    kill "$node_PID"
    wait "$node_PID" || [ $? = 143 ]
    exit 0
fi

[ "$(id -u)" = 0 ] || skip "a clean root is made by root only"
ls "dist/$release"/*.deb >/dev/null || { echo "there are no packages in dist/$release; \`./dev dist\` makes them"; exit 1; }
mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
    sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\?\(http[^ ]*\).*/\2/p' | head -n 1)
if [ ! -d "$clean" ]; then
    rm -rf "$clean.new"
    mkdir -p "$(dirname "$clean")"
    debootstrap --variant=minbase "$release" "$clean.new" "$mirror" >/dev/null
    rm -f "$clean.new"/var/cache/apt/archives/*.deb
    mv "$clean.new" "$clean"
fi

# All mounts are this process's own and end with it.
if [ "${2:-}" != --mounted ]; then
    unshare --mount --propagation private bash "$0" "$release" --mounted || { echo "dist: 0 passed, 1 failed"; exit 1; }
    echo "dist: 1 passed, 0 failed"
    exit 0
fi
work=$(mktemp -d /var/tmp/dist-XXXXXX)
root=$work/root
trap 'umount -l "$root/proc" "$root/dev" "$root" 2>/dev/null; rm -rf "$work"' EXIT
mkdir "$root" "$work/upper" "$work/layer"
mount -t overlay overlay -o "lowerdir=$clean,upperdir=$work/upper,workdir=$work/layer" "$root" 2>/dev/null || cp -a "$clean/." "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
cp /etc/resolv.conf "$root/etc/"
mkdir "$root/packages"
cp "dist/$release"/*.deb "$root/packages"
rm -f "$root"/packages/*-dbgsym_*
[ "$release" != bookworm ] || echo "deb $mirror bookworm-backports main" >"$root/etc/apt/sources.list.d/backports.list"

inside apt-get update -qq
inside bash -c 'apt-get install -y -qq --no-install-recommends /packages/*.deb systemd >/dev/null 2>/tmp/apt.log || { cat /tmp/apt.log; exit 1; }'
unshare --net bash "$0" "$release" --use "$root"
bash tests/dist/service.sh "$root"
inside apt-get purge -y -qq p2p libp2p0 libp2p-dev >/dev/null
[ ! -e "$root/usr/bin/p2p" ] && [ ! -e "$root/usr/share/p2p" ]
