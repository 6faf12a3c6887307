#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs one peer program (ours) against the interop peers of other implementations, in both
directions, over every transport, security and muxer that both have.

    run.py --ours build/peer                              the whole matrix
    run.py --ours build/peer --langs go --transports tcp,quic-v1 --quick
    run.py --ours "$(./setup.sh go)" --ours-lang go       any peer can stand in for ours

The peers follow CONTRACT.md and are built by setup.sh. For each pair, direction and configuration
one listener runs while the dialler runs all its tests on one connection, and then is asked to
dial it with a wrong peer id or certificate hash; pages are loaded again. Connections without
traffic wait beside all of that.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import fnmatch
import itertools
import json
import pathlib
import queue
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

from namespaces import FAR, NEAR, Unavailable, two_namespaces

HERE = pathlib.Path(__file__).resolve().parent

CASES = ["ping:50", "identify", "perf:1048576:1048576", "halfclose:1", "halfclose:16384", "halfclose", "reset", "streams:100", "open"]
QUICK_CASES = ["ping", "identify", "perf:65536:65536", "halfclose", "reset", "streams:10", "open"]
# Where framing, flow control and loss recovery are the transport's own: the whole list also in a quick run, and many bytes
# each way, all of them compared.
BIG, BIG_IF_SLOW = "halfclose:20000000", "halfclose:1000000"
SLOW = {"js", "py", "chromium", "firefox"}  # with them the smaller one in a quick run
OBSERVED = "observed"
WRONG_ID = "wrong-id"
WRONG_CERTHASH = "wrong-certhash"
RELOAD = "reload"
RELOADED = ("ws/noise/yamux", "webtransport", "webrtc-direct")  # starting a browser takes long
IDLE = "idle:35"  # longer than any idle time-out of QUIC or consent of ICE here: keeping alive is what holds the connection
IDLE_AT_ONCE = 8  # they only wait, but starting a browser is work
KEY_TYPES = ["ed25519", "secp256k1", "ecdsa", "rsa"]
ABSENT_CERTHASH = "uEiC-z_4P_OsIBMCX-wNoGGmyBZ-D2JLUzZ2vIXtsPUfZZA"
ABSENT_PEER = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"  # the all-zero seed

# WebTransport without libp2p, and what the listener must have said when a case is over.
RAW = "webtransport, raw"
RAW_CASES = {
    "connect": [],
    "echo": [],
    "reset": [f"raw stream ended: reset, code {code}" for code in (0, 29, 30, 255)],
    "one-way": [],
    "datagram": [],
    "close": ["raw session closed: code 7, (.*: )?bye, ünïcode"],
    "opened": [],
    "was-reset": [],
    "was-closed": [],
}

# Guards against what hangs, far above what a machine needs that has other things to do.
SETUP_SECONDS = 1800
READY_SECONDS = 60
DIAL_SECONDS = 600
END_SECONDS = 20
TRIES = 3  # of what fails, in all: live peers stumble when the machine is busy

ADDRESSES = {
    "tcp": "/ip4/127.0.0.1/tcp/0",
    "ws": "/ip4/127.0.0.1/tcp/0/ws",
    "wss": "/ip4/127.0.0.1/tcp/0/tls/ws",
    "quic-v1": "/ip4/127.0.0.1/udp/0/quic-v1",
    "webtransport": "/ip4/127.0.0.1/udp/0/quic-v1/webtransport",
    "webrtc-direct": "/ip4/127.0.0.1/udp/0/webrtc-direct",
    "webrtc-direct-v2": "/ip4/127.0.0.1/udp/0/webrtc-direct",
    "webrtc-direct-v2-strict": "/ip4/127.0.0.1/udp/0/webrtc-direct",
}
STRICT = "webrtc-direct-v2-strict"  # from a Chromium that already forbids what version 1 does
SEPARATE = (WRONG_ID, WRONG_CERTHASH, RELOAD)  # each on connections of its own
STACKED = {"tcp", "ws", "wss"}  # the others bring security and streams of their own
BY_CERTHASH = {"webtransport", "webrtc-direct", "webrtc-direct-v2", STRICT}
PROTOCOL_IDS = {"noise": "/noise", "tls": "/tls/1.0.0", "yamux": "/yamux/1.0.0", "mplex": "/mplex/6.7.0", "": ""}
LISTENER_PROTOCOLS = {
    "/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0", "/perf/1.0.0", "/echo/1.0.0",
    "/interop/reset/1.0.0", "/interop/open/1.0.0",
}


@dataclasses.dataclass(frozen=True)
class Peer:
    """What an implementation can do."""

    agent: str
    listens: tuple
    dials: tuple
    security: tuple = ("noise", "tls")
    muxers: tuple = ("yamux", "mplex")
    keys: tuple = tuple(KEY_TYPES)
    setup: str = ""  # what setup.sh calls it, if not by its own name
    dial_options: tuple = ()
    apart: tuple = ()  # transports that it dials only from another network namespace


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the two peers of a configuration run."""

    listen: tuple = ()  # prefix of the listener's command
    dial: tuple = ()
    listener_ip: str = "127.0.0.1"
    dialler_ip: str = "127.0.0.1"


EVERY_TRANSPORT = tuple(transport for transport in ADDRESSES if transport != STRICT)
BROWSER = {"listens": (), "security": ("noise",), "keys": ("ed25519", "secp256k1", "rsa"), "setup": "browser"}

PEERS = {
    "c": Peer("c-libp2p/", (*EVERY_TRANSPORT, STRICT), EVERY_TRANSPORT),
    # go-libp2p has removed mplex.
    "go": Peer("go-libp2p/", (*EVERY_TRANSPORT, STRICT), EVERY_TRANSPORT, muxers=("yamux",)),
    # rust-libp2p: wss needs a certificate the dialler trusts; its webtransport is for wasm only;
    # libp2p-webrtc 0.10.0-alpha times out even against itself.
    "rust": Peer("rust-libp2p/", ("tcp", "ws", "quic-v1"), ("tcp", "ws", "quic-v1")),
    # js-libp2p in Node: its webtransport is for browsers only; no version 2 of webrtc-direct; an
    # ecdsa identity ends in UnsupportedKeyTypeError.
    "js": Peer(
        "js-libp2p/",
        ("tcp", "ws", "wss", "quic-v1", "webrtc-direct"),
        ("tcp", "ws", "wss", "quic-v1", "webrtc-direct"),
        keys=("ed25519", "secp256k1", "rsa"),
    ),
    # py-libp2p: its ECDSA keys cannot sign (NotImplementedError).
    "py": Peer(
        "py-libp2p/", ("tcp", "ws", "quic-v1", "webtransport", "webrtc-direct"),
        ("tcp", "ws", "quic-v1", "webtransport", "webrtc-direct"),
        keys=("ed25519", "secp256k1", "rsa"),
    ),
    # Browsers cannot listen, and a page cannot open a TCP or QUIC connection of its own. Firefox
    # sends nothing of WebRTC's to 127.0.0.1.
    "chromium": Peer(
        "js-libp2p/", dials=("ws", "wss", "webtransport", "webrtc-direct", "webrtc-direct-v2", STRICT),
        dial_options=("--browser", "chromium"), **BROWSER,
    ),
    "firefox": Peer(
        "js-libp2p/", dials=("ws", "wss", "webtransport", "webrtc-direct", "webrtc-direct-v2"),
        dial_options=("--browser", "firefox"), apart=("webrtc-direct", "webrtc-direct-v2"), **BROWSER,
    ),
}

PY_MPLEX = "py-libp2p 0.8.1's mplex stalls now and then when more than a little is under way, also against itself"
PY_QUIC_DROPS = "py-libp2p 0.8.1 drops what comes on a QUIC stream while 2 MiB of it wait to be read"
PY_WT_SLOW = "py-libp2p 0.8.1's webtransport is too slow for so much"
PY_RTC_CLOSE = "py-libp2p 0.8.1 resets a webrtc-direct stream whose other side has half closed, also with go-libp2p"
PY_RTC_OPEN = "streams that py-libp2p 0.8.1 opens over webrtc-direct get no answer, also from go-libp2p"
JS_PY_TLS = "js-libp2p does not find the libp2p extension in py-libp2p's certificate"
FIREFOX_GO_CLOSE = "Firefox says 'Error in input stream' when go-libp2p closes both sides of a stream"

# Single cases that cannot work:
# (dialler, listener, transport, security, muxer, case) as patterns, and the reason.
LIMITS = [
    (("js", "*", "*", "*", "*", "key:ecdsa"), "js-libp2p 3.3 cannot read another's ECDSA key"),
    (("*", "js", "*", "*", "*", "key:ecdsa"), "js-libp2p 3.3 cannot read another's ECDSA key"),
    (("py", "*", "*", "*", "*", "key:ecdsa"), "py-libp2p 0.8.1 cannot read another's ECDSA key"),
    (("*", "py", "*", "*", "*", "key:ecdsa"), "py-libp2p 0.8.1 cannot read another's ECDSA key"),
    (("py", "*", "*", "*", "mplex", "streams:*"), PY_MPLEX),
    (("py", "*", "*", "*", "mplex", "open"), PY_MPLEX),
    (("*", "py", "*", "*", "mplex", "streams:*"), PY_MPLEX),
    (("*", "py", "*", "*", "mplex", "open"), PY_MPLEX),
    (("py", "*", "*", "*", "mplex", "halfclose"), PY_MPLEX),
    (("js", "py", "quic-v1", "*", "*", "reset"), "js-libp2p sees py-libp2p's QUIC reset as an end, and can still send"),
    (("py", "js", "*", "tls", "*", "*"), JS_PY_TLS),
    (("js", "py", "*", "tls", "*", "*"), JS_PY_TLS),
    (("*", "py", "quic-v1", "*", "*", BIG), PY_QUIC_DROPS),
    *((("*", "py", "webrtc-direct", "*", "*", case), PY_RTC_CLOSE) for case in ("halfclose*", "streams:*", "perf:*")),
    (("*", "py", "webrtc-direct", "*", "*", "open"), PY_RTC_OPEN),
    (("*", "py", "webrtc-direct", "*", "*", OBSERVED), "py-libp2p 0.8.1 sends no observed address over webrtc-direct"),
    *((("py", "*", "webrtc-direct", "*", "*", case), PY_RTC_OPEN)
      for case in ("ping*", "identify", "perf:*", "halfclose*", "reset", "streams:*", "open", OBSERVED, "idle:*")),
    (("firefox", "go", "webtransport", "*", "*", "identify"), FIREFOX_GO_CLOSE),
    (("firefox", "go", "webtransport", "*", "*", OBSERVED), FIREFOX_GO_CLOSE),
    (("firefox", "go", "webtransport", "*", "*", "open"), FIREFOX_GO_CLOSE),
    (("*", "py", "ws", "*", "*", OBSERVED), "py-libp2p 0.8.1 sends no observed address over ws"),
    (("*", "py", "quic-v1", "*", "*", OBSERVED), "py-libp2p 0.8.1 calls the observed QUIC address tcp"),
    (("*", "py", "webtransport", "*", "*", OBSERVED), "py-libp2p 0.8.1 calls the observed QUIC address tcp"),
    (("*", "py", "webtransport", "*", "*", BIG_IF_SLOW), PY_WT_SLOW),
    (("py", "*", "webtransport", "*", "*", BIG_IF_SLOW), PY_WT_SLOW),
    (("*", "py", "webtransport", "*", "*", BIG), PY_WT_SLOW),
    (("py", "*", "webtransport", "*", "*", BIG), PY_WT_SLOW),
]


@dataclasses.dataclass(frozen=True)
class Config:
    """One column of the table."""

    transport: str
    security: str = ""
    muxer: str = ""

    def __str__(self):
        return "/".join(filter(None, (self.transport, self.security, self.muxer)))

    def options(self):
        stack = [("--security", self.security), ("--muxer", self.muxer)]
        return [word for option, value in stack if value for word in (option, value)]

    def dial_options(self):
        version = ["--dialer-version", "2"] if self.transport.startswith("webrtc-direct-v2") else []
        return self.options() + version + (["--no-munging"] if self.transport == STRICT else [])


@dataclasses.dataclass
class Result:
    dialler: str
    listener: str
    config: str
    case: str
    status: str  # passed, failed, skipped
    detail: str = ""
    numbers: dict = dataclasses.field(default_factory=dict)


class Failure(Exception):
    """Something that makes a case fail, in one sentence."""


# ---- processes ----


class Listener:
    """A listening peer; leaving the context ends it by closing its stdin."""

    def __init__(self, program, options):
        self.stderr = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [*program, "listen", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr, text=True,
        )
        self.lines = queue.Queue()
        threading.Thread(target=self._read_lines, daemon=True).start()

    def _read_lines(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())
        self.lines.put(None)

    def addresses(self):
        addresses = []
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                line = self.lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise Failure(f"the listener was not ready after {READY_SECONDS} s: {tail(self.stderr)}") from None
            if line is None:
                raise Failure(f"the listener ended with status {self.process.wait()}: {tail(self.stderr)}")
            if line == "ready":
                return addresses
            addresses.append(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.stderr.close()


def dial(program, arguments):
    """Runs a dialler and returns its result lines, its status and its last words."""
    with tempfile.TemporaryFile("w+") as stderr:
        process = subprocess.Popen(
            [*program, "dial", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True,
        )
        try:
            output, _ = process.communicate(timeout=DIAL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        return lines, process.returncode, tail(stderr)


def tail(file, length=300):
    """The last line of a log that names an error, else the end of it."""
    file.seek(0)
    lines = [line.strip() for line in file if line.strip()]
    errors = [line for line in lines if "rror" in line]
    return (errors or lines or ["it said nothing"])[-1][-length:]


# ---- what is run ----


def configurations(dialler, listener, transports):
    for transport in transports:
        if transport not in dialler.dials or transport not in listener.listens:
            continue
        if transport not in STACKED:
            yield Config(transport)
            continue
        for security, muxer in itertools.product(dialler.security, dialler.muxers):
            if security in listener.security and muxer in listener.muxers:
                yield Config(transport, security, muxer)


class Runner:
    def __init__(self, programs, quick):
        self.programs = programs
        self.quick = quick
        self.results = []
        self.again = 0  # columns that did not pass at once
        self.namespaces = contextlib.ExitStack()
        self.apart = None  # the Place between network namespaces, once it was needed

    def record(self, dialler, listener, config, case, status, detail="", numbers=None):
        self.results.append(Result(dialler, listener, str(config), case, status, detail, numbers or {}))

    def tried(self, attempt, *arguments):
        """Records what attempt(*arguments) records, TRIES times at most until each of its cases has passed once. Every
        stumble is printed; what failed every time has failed."""
        before = len(self.results)
        best = {}
        for number in range(1, TRIES + 1):
            attempt(*arguments)
            now, self.results[before:] = self.results[before:], []
            for result in now:
                if result.case not in best or best[result.case].status == "failed":
                    best[result.case] = result
            for r in now:
                if r.status == "failed":
                    print(f"  {r.dialler} dials {r.listener} {r.config} {r.case}, try {number} of {TRIES}: {r.detail}", flush=True)
            if not any(result.status == "failed" for result in best.values()):
                break
        self.again += number > 1
        self.results += best.values()
        for r in best.values():
            if r.status == "failed":
                print(f"  FAILED {r.dialler} dials {r.listener} {r.config} {r.case}: {r.detail}", flush=True)

    def run_configuration(self, dialler, listener, config):
        """All cases of a column."""
        try:
            place = self.place(dialler, config)
        except Unavailable as reason:
            for case in self.cases_of(dialler, listener, config):
                self.record(dialler, listener, config, case, "skipped", f"not on the loopback interface, and {reason}")
            return
        self.tried(self.try_configuration, dialler, listener, config, place)

    def place(self, dialler, config):
        if config.transport not in PEERS[dialler].apart:
            return Place()
        if self.apart is None:
            far, near = self.namespaces.enter_context(two_namespaces())
            self.apart = Place(tuple(far), tuple(near), FAR, NEAR)
        return self.apart

    def try_configuration(self, dialler, listener, config, place):
        """All cases of a column, on one listener."""
        before = len(self.results)
        cases = []
        for case in self.cases_of(dialler, listener, config):
            if reason := limit(dialler, listener, config, case):
                self.record(dialler, listener, config, case, "skipped", reason)
            else:
                cases.append(case)
        if "connect" not in cases:
            return
        try:
            with self.listen(listener, config, place) as process:
                address = process.addresses()[0]
                self.run_tests(dialler, listener, config, place, address, cases)
                if WRONG_ID in cases:
                    self.run_refused(dialler, listener, config, place, WRONG_ID, wrong_id(address))
                if WRONG_CERTHASH in cases:
                    self.run_refused(dialler, listener, config, place, WRONG_CERTHASH, wrong_certhash(address))
                if RELOAD in cases:
                    self.run_reload(dialler, listener, config, place, address)
        except Failure as failure:
            done = {r.case for r in self.results[before:]}
            for case in cases:
                if case not in done:
                    self.record(dialler, listener, config, case, "failed", str(failure))

    def cases_of(self, dialler, listener, config):
        cases = ["connect", *(QUICK_CASES if self.quick and config.transport in STACKED else CASES)]
        if config.transport not in STACKED:
            smaller = self.quick and {dialler, listener} & SLOW
            cases.append(BIG_IF_SLOW if smaller else BIG)
            if not smaller and limit(dialler, listener, config, BIG):
                cases.append(BIG_IF_SLOW)
        cases += [OBSERVED, WRONG_ID]
        if config.transport in BY_CERTHASH:
            cases.append(WRONG_CERTHASH)
        if PEERS[dialler].setup == "browser" and str(config) in RELOADED:
            cases.append(RELOAD)
        return cases

    def listen(self, name, config, place, *options):
        address = ADDRESSES[config.transport].replace("127.0.0.1", place.listener_ip)
        return Listener([*place.listen, self.programs[name]], ["--listen", address, *config.options(), *options])

    def dial(self, name, config, place, address, *words):
        arguments = [*PEERS[name].dial_options, address, *config.dial_options(), *words]
        return dial([*place.dial, self.programs[name]], arguments)

    def run_tests(self, dialler, listener, config, place, address, cases):
        """What happens on one connection. The observed address has a case of its own, because
        an implementation can be wrong in that alone."""
        tests = [case for case in cases if case not in ("connect", OBSERVED, *SEPARATE)]
        lines, status, stderr = self.dial(dialler, config, place, address, *tests)
        by_case = dict(zip(["connect", *tests], lines))
        for case in cases:
            if case in SEPARATE:
                continue
            line = by_case.get("identify" if case == OBSERVED else case)
            if line is None:
                problem = f"no result; the dialler ended with status {status}: {stderr}"
            elif not line["ok"]:
                problem = line.get("error") or "it failed without a reason"
            else:
                problem = wrong_answer(case, line, config, place, address, PEERS[listener])
            self.record(dialler, listener, config, case, "failed" if problem else "passed", problem, line)

    def run_refused(self, dialler, listener, config, place, case, wrong):
        """A dial to an address that somebody has changed."""
        lines, status, _ = self.dial(dialler, config, place, wrong, "ping")
        connect = lines[0] if lines else {}
        refused = status == 1 and connect.get("ok") is False and connect.get("error")
        self.record(
            dialler, listener, config, case,
            "passed" if refused else "failed",
            "" if refused else f"{wrong} was not refused: {connect}, status {status}",
        )

    def run_reload(self, dialler, listener, config, place, address):
        """The page connects, is loaded again, and connects again."""
        lines, status, stderr = self.dial(dialler, config, place, address, "--reload", "ping")
        ok = status == 0 and [line["test"] for line in lines if line["ok"]] == ["connect", "ping"] * 2
        self.record(
            dialler, listener, config, RELOAD, "passed" if ok else "failed",
            "" if ok else f"it reported {lines} and ended with status {status}: {stderr}",
        )

    def idle(self, dialler, listener, config, place):
        """What is wrong after a while without traffic, or nothing; tried again as everything."""
        for number in range(1, TRIES + 1):
            if not (problem := self.try_idle(dialler, listener, config, place)):
                break
            print(f"  {dialler} dials {listener} {config} {IDLE}, try {number} of {TRIES}: {problem}", flush=True)
        return problem

    def try_idle(self, dialler, listener, config, place):
        try:
            with self.listen(listener, config, place) as process:
                lines, status, stderr = self.dial(dialler, config, place, process.addresses()[0], IDLE)
        except Failure as failure:
            return str(failure)
        errors = [line["error"] for line in lines if not line["ok"]]
        return "; ".join(errors) or ("" if status == 0 and len(lines) == 2 else f"status {status}: {stderr}")

    def run_key_type(self, dialler, listener, config, key):
        """Both sides have a key of this type, or the one that can."""
        case = f"key:{key}"
        if reason := limit(dialler, listener, config, case):
            self.record(dialler, listener, config, case, "skipped", reason)
            return
        with_key = ["--key-type", key]
        listener_key = with_key if key in PEERS[listener].keys else []
        dialler_key = with_key if key in PEERS[dialler].keys else []
        try:
            with self.listen(listener, config, Place(), *listener_key) as process:
                address = process.addresses()[0]
                lines, status, stderr = self.dial(dialler, config, Place(), address, *dialler_key, "ping")
        except Failure as failure:
            self.record(dialler, listener, config, case, "failed", str(failure))
            return
        errors = [line["error"] for line in lines if not line["ok"]]
        problem = "; ".join(errors) or ("" if status == 0 else f"status {status}: {stderr}")
        self.record(dialler, listener, config, case, "failed" if problem else "passed", problem)

    def run_raw(self, dialler, listener):
        """WebTransport without libp2p."""
        by_case, said, why = {}, [], "no result"
        address = ["--listen", ADDRESSES["webtransport"]]
        try:
            with Listener([self.programs[listener]], ["--raw", *address]) as process:
                lines, status, stderr = dial([self.programs[dialler]], [process.addresses()[0], "--raw"])
                by_case = {line["test"]: line for line in lines}
                why = f"no result; the dialler ended with status {status}: {stderr}"
                wanted = [pattern for case in by_case for pattern in RAW_CASES[case]]
                with contextlib.suppress(queue.Empty):
                    while not all(any(re.fullmatch(pattern, heard) for heard in said) for pattern in wanted):
                        said.append(process.lines.get(timeout=READY_SECONDS) or "")
        except Failure as failure:
            why = str(failure)
        for case, patterns in RAW_CASES.items():
            line = by_case.get(case)
            unsaid = [pattern for pattern in patterns if not any(re.fullmatch(pattern, heard) for heard in said)]
            problem = why if line is None else "" if line["ok"] else line["error"]
            if not problem and unsaid:
                problem = f"the listener did not say {unsaid[0]!r}, but {said}"
            self.record(dialler, listener, RAW, case, "failed" if problem else "passed", problem, line)


def wrong_id(address):
    return address.rpartition("/p2p/")[0] + "/p2p/" + ABSENT_PEER


def wrong_certhash(address):
    return re.sub("/certhash/[^/]*", f"/certhash/{ABSENT_CERTHASH}", address)


def limit(dialler, listener, config, case):
    """The reason why a case cannot work, or nothing."""
    subject = (dialler, listener, config.transport, config.security, config.muxer, case)
    for patterns, reason in LIMITS:
        if all(map(fnmatch.fnmatchcase, subject, patterns)):
            return reason
    return ""


def wrong_answer(case, line, config, place, address, listener):
    """What is wrong with the answer of a test that passed, or nothing."""
    if case == "connect":
        expected = {
            "peer": address.rpartition("/p2p/")[2],
            "security": PROTOCOL_IDS[config.security],
            "muxer": PROTOCOL_IDS[config.muxer],
        }
        wrong = [f"{key} is {line.get(key)!r}" for key, value in expected.items() if line.get(key) != value]
        return ", ".join(wrong)
    if case == "identify":
        if not line["agent"].startswith(listener.agent):
            return f"the agent is {line['agent']!r}, not {listener.agent}..."
        if missing := LISTENER_PROTOCOLS - set(line["protocols"]):
            return f"identify does not name {', '.join(sorted(missing))}"
    if case == OBSERVED and not is_of_dialler(line["observed"], config, place):
        return f"the observed address is {line['observed']!r}"
    return ""


def is_of_dialler(observed, config, place):
    """Whether the dialler can have come from there. An ICE agent checks from all addresses of its machine, and its best path
    from the loopback interface's listener may be one to another of them."""
    _, family, ip, protocol, *_ = [*observed.split("/"), "", "", "", ""]
    if family != "ip4" or protocol != ("tcp" if config.transport in STACKED else "udp"):
        return False
    return ip == place.dialler_ip or (place == Place() and config.transport.startswith("webrtc") and ip != "0.0.0.0" and is_own(ip))


def is_own(ip):
    """Whether this machine has that address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.bind((ip, 0))
            return True
        except OSError:
            return False


# ---- the report ----


def markdown(results):
    """A table: a row for each peer and direction, a column for each configuration."""
    columns = list(dict.fromkeys(r.config for r in results))
    rows = list(dict.fromkeys((r.dialler, r.listener) for r in results))
    lines = ["| dialler → listener | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row in rows:
        cells = []
        for column in columns:
            cell = [r for r in results if (r.dialler, r.listener) == row and r.config == column]
            cells.append(summary(cell))
        lines.append(f"| {row[0]} → {row[1]} | " + " | ".join(cells) + " |")
    notes = skip_notes(results)
    notes += [f"- **failed**: {r.dialler} → {r.listener} {r.config} {r.case}: {r.detail}" for r in results if r.status == "failed"]
    return "\n".join(lines + [""] + notes if notes else lines)


def skip_notes(results):
    """One line for each pair and reason, with the configurations and cases it takes away."""
    groups = {}
    for r in results:
        if r.status == "skipped":
            configs, cases = groups.setdefault((r.dialler, r.listener, r.detail), ({}, {}))
            configs[r.config] = cases[r.case] = None
    return [
        f"- skipped: {dialler} → {listener} {', '.join(configs)}: {', '.join(cases)}: {reason}"
        for (dialler, listener, reason), (configs, cases) in groups.items()
    ]


def summary(cell):
    run = [r for r in cell if r.status != "skipped"]
    if not cell:
        return "–"
    if not run:
        return "skipped"
    passed = sum(r.status == "passed" for r in run)
    failed = [r.case.split(":")[0] for r in run if r.status == "failed"]
    return f"{passed}/{len(run)}" + (f" ✗ {', '.join(failed)}" if failed else "")


def run_cases(suite, cases):
    """Runs named cases, each of which returns what is wrong with it or nothing, TRIES times at most; counts and prints.
    For the runners in the folders below."""
    failed = 0
    for name, case in cases:
        for number in range(1, TRIES + 1):
            try:
                problem = case()
            except (Failure, subprocess.TimeoutExpired) as error:
                problem = str(error)
            if not problem:
                break
            print(f"  {name}, try {number} of {TRIES}: {problem}", flush=True)
        if problem:
            failed += 1
            print(f"  FAILED: {name}: {problem}", flush=True)
    print(f"{suite}: {len(cases) - failed} passed, {failed} failed")
    return failed


def last_line(results):
    count = {status: sum(r.status == status for r in results) for status in ("passed", "failed", "skipped")}
    skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
    return f"interop: {count['passed']} passed, {count['failed']} failed{skipped}"


# ---- the command line ----


def build(lang):
    """The path of a peer, built if need be."""
    name = PEERS[lang].setup or lang
    setup = subprocess.run([HERE / "setup.sh", name], stdout=subprocess.PIPE, text=True, timeout=SETUP_SECONDS)
    if setup.returncode != 0:
        sys.exit(f"run.py: the {name} peer could not be set up")
    return setup.stdout.strip()


def parse_arguments():
    parser = argparse.ArgumentParser(description="Runs a libp2p peer program against other implementations.")
    parser.add_argument("--ours", required=True, help="the program under test, which follows CONTRACT.md")
    parser.add_argument("--ours-lang", default="c", choices=PEERS, help="whose abilities it has (default: c)")
    parser.add_argument("--langs", default="go,rust,js,py", help="who it meets (default: %(default)s)")
    parser.add_argument("--transports", default=",".join(ADDRESSES), help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="smaller tests where the streams are a muxer's, and key types over one configuration only")
    parser.add_argument("--json", metavar="FILE", help="write every result here")
    parser.add_argument("--markdown", metavar="FILE", help="write the table here")
    arguments = parser.parse_args()
    arguments.langs = arguments.langs.split(",")
    arguments.transports = arguments.transports.split(",")
    for name, known in [*((lang, PEERS) for lang in arguments.langs), *((t, ADDRESSES) for t in arguments.transports)]:
        if name not in known:
            parser.error(f"{name} is none of {', '.join(known)}")
    return arguments


def run_direction(runner, dialler, listener, arguments):
    start, first = time.monotonic(), len(runner.results)
    configs = list(configurations(PEERS[dialler], PEERS[listener], arguments.transports))
    for config in configs:
        runner.run_configuration(dialler, listener, config)
    # Key types matter where identities are proven: once for each security, and in QUIC's TLS.
    proving = [c for c in configs if c.transport in ("tcp", "quic-v1") and c.muxer in ("", "yamux")]
    for config in proving[:1] if arguments.quick else proving:
        for key in KEY_TYPES[1:]:
            runner.tried(runner.run_key_type, dialler, listener, config, key)
    done = runner.results[first:]
    if done:
        print(f"{dialler} dials {listener}: {summary(done)} in {time.monotonic() - start:.1f} s", flush=True)


def start_idle(runner, pool, pairs, transports):
    """Connections without traffic wait beside everything else: (column, future of what is wrong) of each."""
    waiting = []
    for dialler, listener in pairs:
        for config in configurations(PEERS[dialler], PEERS[listener], transports):
            if config.transport in STACKED and (config.transport, config.security, config.muxer) != ("tcp", "noise", "yamux"):
                continue
            column = (dialler, listener, config)
            try:
                reason, place = limit(*column, IDLE), runner.place(dialler, config)
            except Unavailable as unavailable:
                reason = str(unavailable)
            if reason:
                runner.record(*column, IDLE, "skipped", reason)
            else:
                waiting.append((column, pool.submit(runner.idle, *column, place)))
    return waiting


def main():
    arguments = parse_arguments()
    ours = arguments.ours_lang
    programs = {lang: build(lang) for lang in arguments.langs}
    programs[ours] = arguments.ours
    runner = Runner(programs, arguments.quick)
    pairs = [pair for lang in arguments.langs for pair in dict.fromkeys([(ours, lang), (lang, ours)])]
    with runner.namespaces, concurrent.futures.ThreadPoolExecutor(IDLE_AT_ONCE) as pool:
        idle = start_idle(runner, pool, pairs, arguments.transports)
        for dialler, listener in pairs:
            run_direction(runner, dialler, listener, arguments)
        if ours == "c" and "go" in arguments.langs and "webtransport" in arguments.transports:
            runner.tried(runner.run_raw, ours, "go")
            runner.tried(runner.run_raw, "go", ours)
        for column, problem in idle:
            problem = problem.result()
            runner.record(*column, IDLE, "failed" if problem else "passed", problem)

    table = markdown(runner.results)
    print("\n" + table + "\n")
    if arguments.json:
        results = [dataclasses.asdict(result) for result in runner.results]
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=1) + "\n")
    if arguments.markdown:
        pathlib.Path(arguments.markdown).write_text(table + "\n")
    if runner.again:
        print(f"{runner.again} columns did not pass at once (see above)")
    print(last_line(runner.results))
    sys.exit(1 if any(result.status == "failed" for result in runner.results) else 0)


if __name__ == "__main__":
    main()
