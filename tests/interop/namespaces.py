#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Two network namespaces with one cable between them:

    ┌─ far ──────────┐            ┌─ near ─────────┐
    │ 10.99.1.1      │──── veth ──│ 10.99.1.2      │
    │ fd99:1::1      │            │ fd99:1::2      │
    └────────────────┘            └────────────────┘

For what the loopback interface cannot show: Firefox gathers no ICE candidates there, and none at all without a default
route. Each namespace is held by a process that ends when this one does, however that happens, so nothing can be left
behind. Needs root.

    namespaces.py COMMAND…     runs COMMAND in `near`; P2P_FAR is the prefix of commands for `far`, P2P_FAR_IP and
                               P2P_FAR_IP6 its addresses. Status 77 and one sentence: it cannot be done here.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time

FAR, NEAR = "10.99.1.1", "10.99.1.2"
FAR6, NEAR6 = "fd99:1::1", "fd99:1::2"
CANNOT = 77


class Unavailable(Exception):
    """Why there are no namespaces here, in one sentence."""


def holder():
    """A process in a network namespace of its own, which waits for the end of its standard input."""
    process = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo there; exec cat"], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if process.stdout.readline() != "there\n":
        process.wait()
        raise Unavailable("the system lets nobody make network namespaces")
    return process


def within(process):
    return ["nsenter", f"--net=/proc/{process.pid}/ns/net", "--"]


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(words)}: {done.stderr.strip()}")


def plug(process, end, own4, own6, other4, other6):
    ip = [*within(process), "ip"]
    run(*ip, "link", "set", "lo", "up")
    run(*ip, "address", "add", f"{own4}/24", "dev", end)
    run(*ip, "address", "add", f"{own6}/64", "dev", end, "nodad")
    run(*ip, "link", "set", end, "up")
    run(*ip, "route", "add", "default", "via", other4)
    run(*ip, "-6", "route", "add", "default", "via", other6)


def settle(*prefixes):
    """Waits until the system has found out that its own link-local addresses there are nobody else's: browsers break off what
    they load when addresses change."""
    end = time.monotonic() + 60
    ask = ["ip", "-6", "address", "show", "tentative"]
    while time.monotonic() < end and any(subprocess.run([*there, *ask], capture_output=True).stdout for there in prefixes):
        time.sleep(0.1)


@contextlib.contextmanager
def two_namespaces():
    """The prefixes of commands for far and for near."""
    if os.geteuid() != 0:
        raise Unavailable("network namespaces need root")
    for tool in ("unshare", "nsenter", "ip"):
        if shutil.which(tool) is None:
            raise Unavailable(f"network namespaces need {tool} (packages util-linux, iproute2)")
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(2):
            process = holder()
            held.append(process)
            stack.callback(process.wait)
            stack.callback(process.stdin.close)
        far, near = held
        run("ip", "link", "add", "p2p0", "netns", str(far.pid), "type", "veth",
            "peer", "name", "p2p0", "netns", str(near.pid))
        plug(far, "p2p0", FAR, FAR6, NEAR, NEAR6)
        plug(near, "p2p0", NEAR, NEAR6, FAR, FAR6)
        settle(within(far), within(near))
        yield within(far), within(near)


def main():
    try:
        with two_namespaces() as (far, near):
            surroundings = {**os.environ, "P2P_FAR": " ".join(far), "P2P_FAR_IP": FAR, "P2P_FAR_IP6": FAR6}
            return subprocess.run([*near, *sys.argv[1:]], env=surroundings).returncode
    except Unavailable as reason:
        print(reason)
        return CANNOT


if __name__ == "__main__":
    sys.exit(main())
