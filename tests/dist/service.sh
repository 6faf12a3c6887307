#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# service.sh ROOT: boots the systemd of ROOT, where the packages are installed, in namespaces and a control group of its own, without
# a network but loopback, and has it run p2p.service: start, reload, a restart after a kill, stop. Part of run.sh.
#
# Needs to be root, and a control group hierarchy of version 2 that may be written to.
set -euo pipefail
root=$1
skip() { printf 'skipped: %s\nservice: 0 passed, 0 failed, 1 skipped\n' "$1"; exit 0; }

# Process 1 of the new namespaces: what a container manager mounts, then systemd.
boot() {
    mount --make-rprivate /
    mount --bind "$1" "$1"
    cd "$1"
    rm -rf var/log/journal # what was said in another run
    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys
    mount -t tmpfs tmpfs sys/fs
    mkdir sys/fs/cgroup
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -t tmpfs tmpfs run
    mount -t tmpfs -o mode=755 tmpfs dev
    for device in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/${device%:*}" c 1 "${device#*:}"; done
    mknod -m 666 dev/tty c 5 0
    mkdir dev/shm dev/pts
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    ip link set lo up
    pivot_root . .
    umount -l .
    exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=basic.target >/run/boot.log 2>&1
}

# Runs beside systemd. Each wait has an end, for machines that are busy; nothing is judged by how long it took.
use() {
    said() { journalctl --no-pager -o cat -u p2p | grep -qF "$1"; }
    state() { systemctl show -p "$1" p2p | sed 's/^[^=]*=//'; }
    failed() { printf 'service: %s\n' "$1"; journalctl --no-pager -n 40; exit 1; }
    wait_for() {
        local tries
        for ((tries = 0; tries < 600; tries++)); do
            ! eval "$1" || return 0
            sleep 0.2
        done
        failed "never came true: $1"
    }
    wait_for '[[ $(systemctl is-system-running 2>&1) =~ running|degraded ]]'
    systemctl start p2p || failed "the node was not started, or never said that it is ready"
    pid=$(state MainPID)
    status=$(cat "/proc/$pid/status")
    [[ $status =~ NoNewPrivs:[[:space:]]1 && $status =~ Seccomp:[[:space:]]2 && ! $status =~ Uid:[[:space:]]0 ]] ||
        failed "the node runs with more than it needs"
    [ -f /var/lib/private/p2p/key ] || failed "its key is not where the unit says"

    mkdir -p /etc/p2p
    echo 'limits: {conns: 77}' >/etc/p2p/config.yaml
    systemctl reload p2p
    wait_for 'said "was read again; in use now: limits.conns"'
    echo 'limits: {conns: x}' >/etc/p2p/config.yaml
    systemctl reload p2p
    wait_for 'said "/etc/p2p/config.yaml, line 1, column 17: conns needs a number"'
    rm /etc/p2p/config.yaml
    [ "$(state MainPID)" = "$pid" ] || failed "a bad configuration ended the node"

    addr=$(journalctl --no-pager -o cat -u p2p | grep -o -m1 '/ip4/127.0.0.1/tcp/4001/p2p/.*')
    kill -KILL "$pid"
    wait_for '[ "$(state NRestarts) $(state ActiveState)" = "1 active" ]'
    p2p ping --count 1 "$addr" || failed "after a restart it is another node, or none"
    systemctl stop p2p
    [ "$(state ActiveState) $(state Result)" = "inactive success" ] || failed "it did not end in good order"
}

groups=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)
group=$groups/p2p-test-$$
[ -n "$groups" ] && mkdir "$group" 2>/dev/null || skip "this machine lets nobody make a control group of version 2, which systemd needs"
[ -x "$root/lib/systemd/systemd" ]
(
    echo "$BASHPID" >"$group/cgroup.procs"
    exec unshare --cgroup --pid --fork --kill-child --mount --uts --ipc --net bash -ec "$(declare -f boot); boot '$root'" </dev/null 2>"$root/boot.err"
) &
machine=$!
init=
end() {
    [ -z "$init" ] || kill -KILL "$init" 2>/dev/null || true # and all that it started with it
    wait "$machine" 2>/dev/null || true
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
        sleep 0.5 # what was in it is ending
    done
}
trap end EXIT
for ((tries = 0; tries < 600; tries++)); do
    init=$(pgrep -P "$machine" -x systemd) && break
    kill -0 "$machine" 2>/dev/null || break
    sleep 0.2
done
[ -n "$init" ] || { echo "service: systemd did not boot: $(cat "$root/boot.err")"; exit 1; }
timeout 500 nsenter --target "$init" --all --root --wd env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -ec "$(declare -f use); use" </dev/null ||
    { echo "service: 0 passed, 1 failed"; exit 1; }
echo "service: 1 passed, 0 failed"
