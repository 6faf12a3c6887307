# SPDX-License-Identifier: MIT OR Apache-2.0
"""What suites are made of: programs that are started, watched and asked, and the cases built from them.

A case is a function without arguments that measures once and returns figures. It raises Skip, with the reason, when it
cannot be run here. The sender runs on CPU 0 and the receiver on CPU 1.
"""

import json
import os
import pathlib
import signal
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENT = dict(os.environ, GOMAXPROCS="1", TOKIO_WORKER_THREADS="1")
SENDER, RECEIVER = "0", "1"
TCP, QUIC = "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"
# Where a browser gathers ICE candidates (run.py makes it, in the namespace of the run).
CABLE = "10.99.2.1"
WS, WEBTRANSPORT, WEBRTC = TCP + "/ws", QUIC + "/webtransport", "/ip4/127.0.0.1/udp/0/webrtc-direct"
DEADLINE = 300  # seconds a program may take; then it is killed and its case left out

build = ROOT / "build" / "release"  # where our programs lie; run.py sets it
programs = {}  # "ours", "go", "rust", "js" -> path


class Skip(Exception):
    """This case cannot be run here."""


def program_path(name):
    return build / "tests" / "bench" / name


def find_programs():
    programs["ours"] = program_path("bench-peer")
    for who in ("go", "rust", "js"):
        programs[who] = peer_path(who)


def peer_path(who):
    """Where `./dev bench` has had it built."""
    child = subprocess.Popen(["sh", ROOT / "tests/interop/setup.sh", who], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True, start_new_session=True)
    try:
        path = child.communicate(timeout=60)[0].strip()
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        path = ""
    return path or f"missing-{who}-peer"


# ---- processes ----


def cpu_time(pid):
    """Seconds on a CPU of all threads, to the nanosecond; the clock ticks of `stat` are too coarse."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    return 0


class Process:
    """A program on one CPU with stdin and stdout, stopped at the end of its block."""

    def __init__(self, cpu, command):
        command = ["taskset", "-c", cpu, *map(str, command)] if cpu else [*map(str, command)]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                      text=True, env=ENVIRONMENT)
        self.pid = self.child.pid
        self.watchdog = threading.Timer(DEADLINE, self.child.kill)
        self.watchdog.daemon = True
        self.watchdog.start()

    def line(self):
        text = self.child.stdout.readline()
        if not text:
            raise Skip(f"{pathlib.Path(self.child.args[-1]).name}: ended too early")
        return text.strip()

    def ask(self):
        """What our own peer holds."""
        self.child.stdin.write("?\n")
        self.child.stdin.flush()
        return json.loads(self.line())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.watchdog.cancel()
        self.child.stdin.close()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()


class Listener(Process):
    """The peer `who` (ours, go, rust), listening; `address` is what it printed."""

    def __init__(self, who, address, security=None):
        command = [programs[who], "listen"]
        command += [address] if who == "ours" else ["--listen", address]
        super().__init__(RECEIVER, command + (["--security", security] if security else []))
        self.address = None
        while (line := self.line()) != "ready":
            self.address = self.address or line


def run_json(cpu, command):
    """Runs to the end; the last object it printed and the CPU seconds it used."""
    before = os.times()
    with Process(cpu, command) as process:
        # Peers end when their stdin does, so it stays open until they are done.
        lines = process.child.stdout.read().splitlines()
        if process.child.wait() != 0:
            raise Skip((lines or ["failed"])[-1][-200:])
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    found = [json.loads(line) for line in lines if line.startswith("{")]
    if not found:
        raise Skip("it printed no figures")
    return found[-1], used


# ---- cases ----


def ceiling(program, *words, amount=0):
    """A program that shows what the machine can do; with `amount`, the megabytes it moves, also by CPU time."""
    def measure():
        if not program_path(program).exists():
            raise Skip(f"{program} is not built")
        result, _ = run_json(None, [program_path(program), *words, *([amount] if amount else [])])
        if amount:
            result["bound"] = amount * 8e-3 / max(result["cpu_tx"], result["cpu_rx"])
        return result
    return measure


def throughput(who, address, security, megabytes, streams=1, block=65536):
    """One upload; `bound` is what a CPU second of the busier side moves."""
    def measure():
        total = int(megabytes * 1_000_000)
        choice = ["--security", security] if security else []
        with Listener(who, address, security) as listener:
            before = cpu_time(listener.pid)
            if who == "ours":
                result, sent = run_json(SENDER, [programs[who], "perf", listener.address, *choice,
                                                 "--bytes", total, "--streams", streams, "--block", block])
            else:
                found, sent = run_json(SENDER, [programs[who], "dial", *choice, listener.address, f"perf:{total}:0"])
                result = {"gbit": found["up_mbit"] / 1000}
            received = cpu_time(listener.pid) - before
        result["bound"] = total * 8e-9 / max(sent, received)
        return result
    return measure


def over_ethernet(case):
    """The same where the loopback device carries no more than Ethernet does: UDP payloads of at most 1452 bytes."""
    def measure():
        if "P2P_BENCH_INSIDE" not in os.environ:
            raise Skip("the loopback device of the machine itself is left as it is")
        set_mtu(1500)
        try:
            return case()
        finally:
            set_mtu(65536)
    return measure


def set_mtu(size):
    subprocess.run(["ip", "link", "set", "lo", "mtu", str(size)], check=True)


def from_page(who, address, megabytes, browser="chromium"):
    """A page dials, uploads and downloads. The browser has both CPUs: it is many processes."""
    def measure():
        if "browser" not in programs:
            programs["browser"] = peer_path("browser")
        total = int(megabytes * 1_000_000)
        stacked = ["--security", "noise"] if "/tcp/" in address else []
        with Listener(who, address, stacked[-1] if stacked else None) as listener:
            before = cpu_time(listener.pid)
            with Process(None, [programs["browser"], "dial", "--browser", browser, listener.address, *stacked,
                                f"perf:{total}:{total}"]) as page:
                lines = {found["test"]: found for found in map(json.loads, page.child.stdout.read().splitlines())}
            used = cpu_time(listener.pid) - before
        if not lines.get("perf", {}).get("ok"):
            raise Skip(next((line["error"] for line in lines.values() if not line["ok"]), "the page said nothing"))
        return {"up": lines["perf"]["up_mbit"], "down": lines["perf"]["down_mbit"], "dial": lines["connect"]["ms"], "cpu": used}
    return measure


def handshakes(who, address, security, count):
    """CPU time of the listener for `count` connections, both directions of identify included."""
    def measure():
        choice = ["--security", security] if security else []
        with Listener(who, address, security) as listener:
            before = cpu_time(listener.pid)
            with Process(SENDER, [programs["ours"], "hold", listener.address, *choice, "--count", count]) as holder:
                holder.line()
                time.sleep(0.5)
                used = cpu_time(listener.pid) - before
        return {"rate": count / used, "us": used / count * 1e6}
    return measure


def idle(who, address, security, count, settle, watch=0):
    """What a listener grows by for each idle connection, `settle` seconds after the last one; then, over `watch`
    seconds more, how much of a core it uses in per cent."""
    def measure():
        choice = ["--security", security] if security else []
        with Listener(who, address, security) as listener:
            rss = resident(listener.pid)
            before = listener.ask() if who == "ours" else None
            with Process(SENDER, [programs["ours"], "hold", listener.address, *choice, "--count", count]) as holder:
                holder.line()
                time.sleep(settle)
                result = {"rss_kib": (resident(listener.pid) - rss) / count / 1024}
                if before:
                    after = listener.ask()
                    result["conns"] = after["conns"]
                    result["heap_kib"] = (after["heap"] - before["heap"]) / count / 1024
                    result["counted_kib"] = (after["counted"] - before["counted"]) / count / 1024
                if watch:
                    from_cpu, from_time = cpu_time(listener.pid), time.monotonic()
                    time.sleep(watch)
                    result["core"] = (cpu_time(listener.pid) - from_cpu) / (time.monotonic() - from_time) * 100
        return result
    return measure
