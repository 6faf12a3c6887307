#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Plays the public suites' transport interop without containers: every dialler, listener, transport,
security and muxer in which our contract program takes part, with a real redis-server between them.

    run.py PROGRAM [--langs go,rust,js,py,chromium,firefox] [--transports tcp,…] [--jobs N]

Ours meets itself by the modern and the legacy contract and in perf; the other implementations are
the peers of ../CONTRACT.md behind adapter.py. A case passes as in the suites: the dialler ends with
status 0 and its output is what the contract says, to the letter, while the listener still runs.
The last line is `contract: N passed, N failed, N skipped`.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import fnmatch
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

import adapter
import redis

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import run as interop  # the one in the folder above

CASE_SECONDS = 90
TRANSPORTS = tuple(adapter.LISTEN)
NUMBER = r"\d+\.\d+"
LATENCY = re.compile(rf"latency:\n  handshake_plus_one_rtt: ({NUMBER})\n  ping_rtt: {NUMBER}\n  unit: ms\n")
LATENCY_LEGACY = re.compile(rf'{{"handshakePlusOneRTTMillis":({NUMBER}),"pingRTTMilllis":{NUMBER}}}\n')
PERF_AMOUNTS = {
    "UPLOAD_BYTES": "4194304", "DOWNLOAD_BYTES": "4194304", "UPLOAD_ITERATIONS": "3", "DOWNLOAD_ITERATIONS": "3",
    "LATENCY_ITERATIONS": "10", "DURATION": "20",
}


def perf_section(name, iterations, unit):
    values = "".join(f"  {key}: {NUMBER}\n" for key in ("min", "q1", "median", "q3", "max"))
    some = rf"\[(?:{NUMBER}(?:, {NUMBER})*)?\]"
    every = rf"\[{NUMBER}(?:, {NUMBER}){{{iterations - 1}}}\]"
    return rf"{name}:\n  iterations: {iterations}\n{values}  outliers: {some}\n  samples: {every}\n  unit: {unit}\n"


PERF = re.compile(perf_section("upload", 3, "Gbps") + perf_section("download", 3, "Gbps") + perf_section("latency", 10, "ms"))
OUTPUT = {"modern": LATENCY, "legacy": LATENCY_LEGACY, "perf": PERF}

NO_BROWSER_LISTENS = "a page can open no socket to listen on"
JS_BROWSER = "a page has no transport but ws, wss, webtransport and webrtc-direct"
JS_TLS = "js-libp2p has only noise in a browser"

# What a peer does not have: (peer, role, transport, security, muxer) as patterns, and why.
LACKS = [
    (("chromium", "listener", "*", "*", "*"), NO_BROWSER_LISTENS),
    (("firefox", "listener", "*", "*", "*"), NO_BROWSER_LISTENS),
    (("chromium", "*", "tcp", "*", "*"), JS_BROWSER),
    (("firefox", "*", "tcp", "*", "*"), JS_BROWSER),
    (("chromium", "*", "quic-v1", "*", "*"), JS_BROWSER),
    (("firefox", "*", "quic-v1", "*", "*"), JS_BROWSER),
    (("chromium", "*", "*", "tls", "*"), JS_TLS),
    (("firefox", "*", "*", "tls", "*"), JS_TLS),
    (("firefox", "*", "webrtc-direct", "*", "*"), "Firefox sends nothing of WebRTC's on a machine that has only loopback"),
    (("go", "*", "*", "*", "mplex"), "go-libp2p has removed mplex"),
    (("rust", "*", "wss", "*", "*"), "rust-libp2p's wss needs a certificate that the dialler trusts"),
    (("rust", "*", "webtransport", "*", "*"), "rust-libp2p has webtransport for wasm only"),
    (("rust", "*", "webrtc-direct", "*", "*"), "libp2p-webrtc 0.10.0-alpha times out even against itself"),
    (("js", "*", "webtransport", "*", "*"), "js-libp2p has webtransport for browsers only"),
    (("py", "*", "wss", "*", "*"), "py-libp2p 0.8.1 dials wss only with a certificate that it trusts"),
]


@dataclasses.dataclass(frozen=True)
class Case:
    dialler: str
    listener: str
    config: interop.Config
    contract: str = "modern"

    def name(self):
        """As the suites name it; what they have no name for is marked behind it."""
        parts = filter(None, (self.config.transport, self.config.security, self.config.muxer))
        mark = "" if self.contract == "modern" else f" [{self.contract}]"
        return f"{self.dialler} x {self.listener} ({', '.join(parts)}){mark}"

    def row(self):
        return f"{self.dialler} → {self.listener}" + ("" if self.contract == "modern" else f", {self.contract}")


@dataclasses.dataclass
class Outcome:
    case: Case
    status: str  # passed, failed, skipped
    detail: str = ""  # why, or the milliseconds
    again: bool = False


# ---- the matrix ----


def every_config(transports):
    ours = dataclasses.replace(interop.PEERS["c"], dials=transports, listens=transports)
    return list(interop.configurations(ours, ours, transports))


def peers(outward):
    """What each can do; Firefox does webrtc-direct where there is more than loopback."""
    firefox = interop.PEERS["firefox"]
    dials = tuple(t for t in firefox.dials if outward or t != "webrtc-direct")
    return interop.PEERS | {"firefox": dataclasses.replace(firefox, dials=dials)}


def can(peer, role, config):
    transports = peer.dials if role == "dialler" else peer.listens
    return (config.transport in transports
            and (not config.security or (config.security in peer.security and config.muxer in peer.muxers)))


def why_not(table, case):
    """The reason why a case cannot be played, or nothing."""
    for name, role in ((case.dialler, "dialler"), (case.listener, "listener")):
        if can(table[name], role, case.config):
            continue
        subject = (name, role, case.config.transport, case.config.security, case.config.muxer)
        for patterns, reason in LACKS:
            if all(map(fnmatch.fnmatchcase, subject, patterns)):
                return reason
        raise LookupError(f"LACKS does not say why {name} as {role} cannot do {case.config}")
    return interop.limit(case.dialler, case.listener, case.config, "ping")


def all_cases(langs, configs):
    cases = [Case("c", "c", config, contract) for contract in ("modern", "legacy", "perf") for config in configs]
    for lang in langs:
        cases += [Case(*pair, config) for pair in (("c", lang), (lang, "c")) for config in configs]
    return cases


# ---- one case ----


def environment(case, role, redis_address):
    """What a container of the suites gets."""
    dialer = "true" if role == "dialler" else "false"
    stack = case.config
    if case.contract == "legacy":
        named = {"transport": stack.transport, "security": stack.security, "muxer": stack.muxer, "is_dialer": dialer,
                 "ip": "0.0.0.0", "redis_addr": redis_address, "test_timeout_seconds": str(CASE_SECONDS)}
    else:
        key = hashlib.sha256((case.name() + "\n").encode()).hexdigest()[:8]
        named = {"IS_DIALER": dialer, "REDIS_ADDR": redis_address, "TEST_KEY": key, "TRANSPORT": stack.transport,
                 "LISTENER_IP": "0.0.0.0", "DEBUG": "false", "SECURE_CHANNEL": stack.security, "MUXER": stack.muxer,
                 "TEST_TIMEOUT_SECS": str(CASE_SECONDS)}
        if case.contract == "perf" and role == "dialler":
            named |= PERF_AMOUNTS
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {k: v for k, v in named.items() if v}


def play(case, images, redis_address):
    """What is wrong, or nothing; and the output of the dialler."""
    arguments = ["perf"] if case.contract == "perf" else []
    with tempfile.TemporaryFile("w+") as listener_log, tempfile.TemporaryFile("w+") as dialler_log:
        listener = subprocess.Popen(
            [*images[case.listener], *arguments], env=environment(case, "listener", redis_address),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=listener_log, text=True,
        )
        try:
            dialler = subprocess.run(
                [*images[case.dialler], *arguments], env=environment(case, "dialler", redis_address),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=dialler_log, text=True, timeout=CASE_SECONDS + 30,
            )
            still_there = listener.poll() is None
        finally:
            listener.kill()
            said, _ = listener.communicate()
        logs = f"dialler: {interop.tail(dialler_log)}; listener: {interop.tail(listener_log)}"
        if dialler.returncode != 0:
            return f"status {dialler.returncode}; {logs}", dialler.stdout
        if not OUTPUT[case.contract].fullmatch(dialler.stdout):
            return f"the dialler's output is not the contract's: {dialler.stdout!r}", dialler.stdout
        if not still_there:
            return f"the listener was over before the dialler; {logs}", dialler.stdout
        return (f"the listener wrote to stdout: {said!r}" if said else ""), dialler.stdout


class Player:
    """Plays cases in threads. Each has a redis of its own, because the legacy contract has one key for all."""

    def __init__(self, images, stack):
        self.images = images
        self.stack = stack
        self.mine = threading.local()
        self.lock = threading.Lock()

    def redis(self):
        if not hasattr(self.mine, "address"):
            with self.lock:
                self.mine.address = self.stack.enter_context(redis.server())
        redis.command(self.mine.address, "FLUSHALL")  # what the case before has left
        return self.mine.address

    def __call__(self, case):
        """As in ../run.py a failed case is played again, and that is said."""
        for number in range(1, interop.TRIES + 1):
            try:
                problem, output = play(case, self.images, self.redis())
            except subprocess.TimeoutExpired:
                problem, output = f"the dialler was not over after {CASE_SECONDS + 30} s", ""
            if not problem:
                match = OUTPUT[case.contract].fullmatch(output)
                return Outcome(case, "passed", f"{float(match[1]):.0f}" if match.groups() else "✓", number > 1)
            print(f"  {case.name()}, try {number} of {interop.TRIES}: {problem}", flush=True)
        print(f"  FAILED: {case.name()}: {problem}", flush=True)
        return Outcome(case, "failed", problem)


# ---- the report ----


def report(outcomes):
    columns = list(dict.fromkeys(str(o.case.config) for o in outcomes))
    rows = list(dict.fromkeys(o.case.row() for o in outcomes))
    cells = {(o.case.row(), str(o.case.config)): o.detail if o.status == "passed" else {"skipped": "–", "failed": "✗"}[o.status]
             for o in outcomes}
    print("\nHandshake and one round trip in milliseconds; ✓ where that is not measured, – where a peer cannot.\n")
    print("| dialler → listener | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for row in rows:
        print(f"| {row} | " + " | ".join(cells[row, column] for column in columns) + " |")
    print()
    reasons = {}
    for o in outcomes:
        if o.status == "skipped":
            reasons.setdefault((o.case.row(), o.detail), []).append(str(o.case.config))
    for (row, reason), configs in reasons.items():
        print(f"- skipped: {row} {', '.join(configs)}: {reason}")
    for o in outcomes:
        if o.status == "failed":
            print(f"- **failed**: {o.case.name()}: {o.detail}")
    count = {status: sum(o.status == status for o in outcomes) for status in ("passed", "failed", "skipped")}
    if again := sum(o.again for o in outcomes):
        print(f"{again} cases did not pass at once (see above)")
    print(f"contract: {count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return count["failed"]


def listed(known):
    def parse(text):
        names = tuple(filter(None, text.split(",")))
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(known)}")
        return names

    return parse


def main():
    others = [name for name in interop.PEERS if name != "c"]
    parser = argparse.ArgumentParser(description="Plays the public suites' transport interop without containers.")
    parser.add_argument("program", type=os.path.abspath, help="the contract program, as it is built")
    parser.add_argument("--langs", type=listed(others), default=tuple(others), help="who it meets beside itself; may be empty")
    parser.add_argument("--transports", type=listed(TRANSPORTS), default=TRANSPORTS)
    parser.add_argument("--jobs", type=int, default=2, help="cases at once (default: %(default)s)")
    arguments = parser.parse_args()

    table = peers(adapter.own_address("0.0.0.0") != "127.0.0.1")
    images = {"c": [arguments.program]}
    for lang in arguments.langs:
        images[lang] = [sys.executable, str(HERE / "adapter.py"), interop.build(lang), *table[lang].dial_options]
    outcomes, playable = [], []
    for case in all_cases(arguments.langs, every_config(arguments.transports)):
        reason = why_not(table, case)
        outcomes.append(Outcome(case, "skipped", reason))
        if not reason:
            playable.append(len(outcomes) - 1)
    start = time.monotonic()
    with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        results = pool.map(Player(images, stack), [outcomes[i].case for i in playable])
        for index, outcome in zip(playable, results):
            outcomes[index] = outcome
    print(f"{len(playable)} cases in {time.monotonic() - start:.0f} s")
    sys.exit(1 if report(outcomes) else 0)


if __name__ == "__main__":
    main()
