#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A cable that is pulled for ten seconds in the middle of transfers, in network namespaces of its own:

    p2p listen  [a] 10.77.0.1 ──── veth ──── 10.77.0.2 [b]  p2p perf, p2p dial

    test_link.py PATH-OF-P2P

Over QUIC and over TCP, all at once: perf moves its bytes, echo gives back what it was given, and no connection ends. The
cable carries RATE, so that nothing is over before it is pulled. Namespaces need root; without, it says so. The last line is
`netns: N passed, N failed`.
"""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

P2P = os.path.abspath(sys.argv[1])
RATE = "200mbit"
BYTES = 100_000_000  # four seconds of all that the cable carries
ECHOED = 40_000_000
DOWN = 10
PATIENCE = 600
TRIES = 3  # when a transfer was over before the others had begun: a machine with other things to do
NAMES = [f"p2p-link-{os.getpid()}-{side}" for side in "ab"]


def ip(*args):
    subprocess.run(["ip", *args], check=True, capture_output=True, text=True)


def inside(side, *command):
    return ["ip", "netns", "exec", NAMES[side], *command]


def slow(name, device):
    return ["ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", RATE, "burst", "256kb", "latency", "50ms"]


def set_up():
    for name in NAMES:
        ip("netns", "add", name)
    ip("link", "add", "cable", "netns", NAMES[0], "type", "veth", "peer", "name", "cable", "netns", NAMES[1])
    for side, name in enumerate(NAMES):
        ip("-n", name, "addr", "add", f"10.77.0.{side + 1}/24", "dev", "cable")
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "link", "set", "cable", "up")
        subprocess.run(slow(name, "cable"), check=True, capture_output=True, text=True)


def tear_down():
    for name in NAMES:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


class Transfer:
    """A program in b; `started` once bytes move, `fault` what is wrong at its end."""

    def __init__(self, name):
        self.name = name
        self.started = threading.Event()
        self.fault = "did not end"
        self.thread = threading.Thread(target=self.guarded, daemon=True)
        self.thread.start()

    def guarded(self):
        try:
            self.fault = self.run()
        except Exception as e:  # a thread's exception is its fault, not silence
            self.fault = repr(e)
        self.started.set()


class Perf(Transfer):
    def __init__(self, name, addr):
        self.addr = addr
        super().__init__(name)

    def run(self):
        size = str(BYTES)
        it = subprocess.Popen(inside(1, P2P, "perf", self.addr, "--upload", size, "--download", size, "--json"),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        last = {}
        for line in it.stdout:
            last = json.loads(line)
            if last["type"] == "progress" and last["uploaded"] > 0:
                self.started.set()
        err = it.stderr.read()
        if it.wait() != 0 or last.get("type") != "perf":
            return f"status {it.returncode}: {err}"
        return None if (last["uploaded"], last["downloaded"]) == (BYTES, BYTES) else f"moved {last}"


class Echo(Transfer):
    def __init__(self, name, addr):
        self.addr = addr
        super().__init__(name)

    def run(self):
        it = subprocess.Popen(inside(1, P2P, "dial", self.addr, "--protocol", "/echo/1.0.0"),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        block = os.urandom(1 << 20)
        sent, heard = hashlib.sha256(), hashlib.sha256()

        def feed():
            for at in range(0, ECHOED, len(block)):
                piece = block[:min(len(block), ECHOED - at)]
                sent.update(piece)
                it.stdin.write(piece)
            it.stdin.close()

        feeder = threading.Thread(target=feed, daemon=True)
        feeder.start()
        count = 0
        while piece := it.stdout.read(1 << 16):
            heard.update(piece)
            count += len(piece)
            self.started.set()
        err = it.stderr.read().decode()
        if it.wait() != 0 or count != ECHOED:
            return f"status {it.returncode}, {count} of {ECHOED} bytes: {err}"
        feeder.join()
        return None if sent.digest() == heard.digest() else "other bytes came back"


def listen():
    it = subprocess.Popen(inside(0, P2P, "listen", "--json", "--listen", "/ip4/10.77.0.1/udp/0/quic-v1",
                                 "--listen", "/ip4/10.77.0.1/tcp/0"), stdout=subprocess.PIPE, text=True)
    addrs = {}
    for line in it.stdout:
        o = json.loads(line)
        if o["type"] == "ready":
            return it, addrs
        addrs["quic" if "/quic-v1" in o["addr"] else "tcp"] = o["addr"]
    raise RuntimeError("listen ended before it was ready")


class TooEarly(Exception):
    """A transfer was over before the cable was pulled."""


def pull_the_cable():
    """What went wrong."""
    listener, addrs = listen()
    try:
        transfers = [kind(f"{kind.__name__} over {name}", addr) for name, addr in addrs.items() for kind in (Perf, Echo)]
        for transfer in transfers:
            if not transfer.started.wait(PATIENCE):
                return [f"{transfer.name}: nothing moved"]
        if early := [t.name for t in transfers if not t.thread.is_alive() and t.fault is None]:
            raise TooEarly(", ".join(early))
        ip("-n", NAMES[0], "link", "set", "cable", "down")
        time.sleep(DOWN)
        ip("-n", NAMES[0], "link", "set", "cable", "up")
        wrong = []
        for transfer in transfers:
            transfer.thread.join(PATIENCE)
            if transfer.fault is not None:
                wrong.append(f"{transfer.name}: {transfer.fault}")
        return wrong
    finally:
        listener.send_signal(signal.SIGINT)
        try:
            listener.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            listener.kill()


def why_not():
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "there is no ip (package iproute2)"
    name = NAMES[0] + "-try"
    try:
        ip("netns", "add", name)
        subprocess.run(slow(name, "lo"), check=True, capture_output=True, text=True)
    except (subprocess.CalledProcessError, OSError) as error:
        return f"this machine gives no network namespaces with slow cables: {getattr(error, 'stderr', error)}".strip()
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return None


def main():
    reason = why_not()
    if reason is not None:
        print(f"skipped: {reason}\nnetns: 0 passed, 0 failed, 1 skipped")
        return 0
    for _ in range(TRIES):
        try:
            set_up()
            wrong = pull_the_cable()
            break
        except TooEarly as early:
            wrong = [f"over before the cable was pulled: {early}"]
            print(f"once more: {wrong[0]}", flush=True)
        finally:
            tear_down()
    for line in wrong:
        print("FAIL " + line)
    print("netns: 0 passed, 1 failed" if wrong else "netns: 1 passed, 0 failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
