# SPDX-License-Identifier: MIT OR Apache-2.0
"""`p2p up` at rest: how long until it is ready, what it holds, and what it uses while nothing happens."""

import pathlib
import tempfile
import time
import urllib.request

import measure

COLUMNS = (("ready_ms", "ready after, ms"), ("ready_cpu_ms", "of it on a CPU, ms"), ("anon_kib", "private memory, KiB"), ("rss_kib", "RSS, KiB"),
           ("core", "per cent of a core"), ("again_ms", "ready after, key there, ms"))
GOALS = (
    ("ready_ms", "alone", None, -300),
    ("again_ms", "alone", None, -300),
    ("anon_kib", "alone", None, -5 * 1024),
    ("rss_kib", "alone", None, -16 * 1024),
    ("core", "alone", None, -0.5),
    ("rss_kib", "a page listens", None, -16 * 1024),
    ("core", "a page listens", None, -0.5),
)


def field(pid, name):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise ValueError(name)


class Node(measure.Process):
    """p2p up on free ports; `url` and `ready_ms` tell the rest."""

    def __init__(self, data):
        begun = time.monotonic()
        program = measure.build / "p2p"
        super().__init__(None, ["env", f"XDG_DATA_HOME={data}", program, "up", "--port", "0", "--page", "127.0.0.1:0"])
        while (line := self.line()) != "ready":
            if line.startswith("page: "):
                self.url = line.removeprefix("page: ")
        self.ready_ms = (time.monotonic() - begun) * 1000
        self.ready_cpu_ms = measure.cpu_time(self.pid) * 1000

    def __exit__(self, *_):
        self.child.terminate()
        super().__exit__()


def at_rest(watch, listens):
    def once():
        with tempfile.TemporaryDirectory() as data:
            with Node(data) as node:
                first = {"ready_ms": node.ready_ms, "ready_cpu_ms": node.ready_cpu_ms}
            with Node(data) as node:
                events = urllib.request.urlopen(node.url + "api/events", timeout=60) if listens else None
                time.sleep(1)
                before = measure.cpu_time(node.pid)
                time.sleep(watch)
                used = measure.cpu_time(node.pid) - before
                found = {**first, "again_ms": node.ready_ms, "anon_kib": field(node.pid, "RssAnon"),
                         "rss_kib": field(node.pid, "VmRSS"), "core": 100 * used / watch}
                if events:
                    events.close()
                return found

    return once


def cases(quick):
    watch = 5 if quick else 20
    return {"alone": at_rest(watch, False), "a page listens": at_rest(watch, True)}
