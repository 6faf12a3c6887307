#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes a peer of ../CONTRACT.md into a program of the public suites' modern contract.

    IS_DIALER=… REDIS_ADDR=… TEST_KEY=… TRANSPORT=… adapter.py PEER [OPTION…]

The peers know nothing of redis: this program starts one, tells it what the environment says, and
carries its address or its times to where the contract wants them. OPTION goes to the peer's `dial`.
Exit status: 0 passed, 1 failed, 2 wrong environment.
"""

import json
import os
import socket
import subprocess
import sys

import redis

LISTEN = {
    "tcp": "/tcp/0", "ws": "/tcp/0/ws", "wss": "/tcp/0/tls/ws", "quic-v1": "/udp/0/quic-v1",
    "webtransport": "/udp/0/quic-v1/webtransport", "webrtc-direct": "/udp/0/webrtc-direct",
}


def fail(why, status=1):
    print(f"adapter: {why}", file=sys.stderr)
    sys.exit(status)


def stack_options():
    named = [("--security", "SECURE_CHANNEL"), ("--muxer", "MUXER")]
    return [word for option, name in named if os.environ.get(name) for word in (option, os.environ[name])]


def own_address(ip):
    """What others can dial, where the suite says 0.0.0.0; nothing is sent to find it out."""
    if ip != "0.0.0.0":
        return ip
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            return s.getsockname()[0]
        except OSError:  # a machine without a network
            return "127.0.0.1"


def listen(peer, address, key, patience):
    where = "/ip4/" + own_address(os.environ["LISTENER_IP"]) + LISTEN[os.environ["TRANSPORT"]]
    process = subprocess.Popen([peer, "listen", "--listen", where, *stack_options()],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        addresses = []
        for line in process.stdout:
            if line.strip() == "ready":
                break
            addresses.append(line.strip())
        else:
            fail(f"the peer ended with status {process.wait()} before it was ready")
        redis.command(address, "DEL", key)
        redis.command(address, "RPUSH", key, addresses[0])
        process.wait(patience)  # it goes on until it is ended
        fail("the listener ended by itself")
    except subprocess.TimeoutExpired:
        fail("nobody ended this listener in time")
    finally:
        process.kill()


def dial(peer, options, address, key, patience):
    found = redis.command(address, "BLPOP", key, patience, timeout=patience + 10)
    if found is None:
        fail(f"no listener left its address at {key}")
    process = subprocess.run([peer, "dial", *options, found[1], *stack_options(), "ping"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=patience)
    lines = {line["test"]: line for line in map(json.loads, process.stdout.splitlines())}
    for name in ("connect", "ping"):
        if name not in lines or not lines[name]["ok"]:
            fail(f"{name}: {lines.get(name, {}).get('error', f'the peer ended with status {process.returncode}')}")
    print("latency:")
    print(f"  handshake_plus_one_rtt: {lines['connect']['ms'] + lines['ping']['ms']:.3f}")
    print(f"  ping_rtt: {lines['ping']['rtt_ms']:.3f}")
    print("  unit: ms")


def main():
    peer, *options = sys.argv[1:]
    if os.environ.get("TRANSPORT") not in LISTEN or "TEST_KEY" not in os.environ:
        fail("TRANSPORT or TEST_KEY is wrong", 2)
    address, key = os.environ["REDIS_ADDR"], os.environ["TEST_KEY"] + "_listener_multiaddr"
    patience = int(os.environ.get("TEST_TIMEOUT_SECS", "180"))
    if os.environ["IS_DIALER"] == "true":
        dial(peer, options, address, key, patience)
    else:
        listen(peer, address, key, patience)


if __name__ == "__main__":
    main()
