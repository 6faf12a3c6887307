#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Measures this library beside its peers and beside what the machine can do, in one interleaved run.

    run.py [SUITE...] [--rounds N] [--quick] [--json FILE] [--build DIR]

Suites: tcp, quic, handshakes, memory; without any, all. Every case of a suite is run once a round
(A B C, A B C, ...) and its median counts, so that a machine that slows down slows all of them. The
sender runs on CPU 0 and the receiver on CPU 1, each with one thread for its work. TCP uses cubic on
every side: as root the run moves into a network namespace of its own whose loopback route says so;
otherwise the system's choice is used and named.

Beside Gbit/s stands what one CPU second of the busier side moves: with a CPU of its own for each side
the two say the same, but on a machine that others use too only the second can be compared.

Nothing here passes or fails: it prints figures, ratios, and the goals of docs/performance.md.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENT = dict(os.environ, GOMAXPROCS="1", TOKIO_WORKER_THREADS="1")
SENDER, RECEIVER = "0", "1"
TCP, QUIC = "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"
DEADLINE = 300

args = None
programs = {}


class Skip(Exception):
    """This case cannot be run here."""


# ---- processes ----


def pinned(cpu, command):
    return ["taskset", "-c", cpu, *map(str, command)]


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
    """A program with stdin and stdout, stopped at the end of its block."""

    def __init__(self, cpu, command):
        self.child = subprocess.Popen(pinned(cpu, command), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT)
        self.pid = self.child.pid

    def line(self):
        text = self.child.stdout.readline()
        if not text:
            raise Skip(f"{self.child.args[3]} ended")
        return text.strip()

    def ask(self):
        self.child.stdin.write("?\n")
        self.child.stdin.flush()
        return json.loads(self.line())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Listener(Process):
    def __init__(self, who, address, security):
        command = [programs[who], "listen"]
        command += [address] if who == "ours" else ["--listen", address]
        super().__init__(RECEIVER, command + (["--security", security] if security else []))
        self.address = None
        while (line := self.line()) != "ready":
            self.address = self.address or line


def run_json(cpu, command):
    """Runs to the end; the objects it printed and the CPU seconds it used."""
    child = subprocess.Popen(pinned(cpu, command) if cpu else list(map(str, command)), stdin=subprocess.DEVNULL if cpu is None else subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    before = os.times()
    try:
        out, err = child.communicate(timeout=DEADLINE) if child.stdin is None else wait_with_open_stdin(child)
    except subprocess.TimeoutExpired:
        child.kill()
        raise Skip("no end") from None
    after = os.times()
    if child.returncode != 0:
        raise Skip((err or out).strip()[-200:])
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")], used


def wait_with_open_stdin(child):
    """Peers end when their stdin does, so it stays open until they are done."""
    out = child.stdout.read()
    err = child.stderr.read()
    child.wait(DEADLINE)
    child.stdin.close()
    return out, err


# ---- cases: each is a function that measures once and returns figures ----


def ceiling(program, *words):
    def measure():
        if not program_path(program).exists():
            raise Skip(f"{program} is not built")
        found, _ = run_json(None, [program_path(program), *words])
        result = found[-1]
        if "cpu_tx" in result:
            megabytes = float(words[-1])
            result["bound"] = megabytes * 8e-3 / max(result["cpu_tx"], result["cpu_rx"])
        return result
    return measure


def iperf():
    server = subprocess.Popen(pinned(RECEIVER, ["iperf3", "-s", "-1"]), stdout=subprocess.DEVNULL)
    time.sleep(0.3)
    try:
        run = subprocess.run(pinned(SENDER, ["iperf3", "-c", "127.0.0.1", "-t", "1", "-C", "cubic", "-J"]),
                             capture_output=True, text=True, timeout=30, check=False)
    finally:
        server.kill()
        server.wait()
    return {"gbit": json.loads(run.stdout)["end"]["sum_received"]["bits_per_second"] / 1e9}


def throughput(who, address, security, megabytes, streams=1, block=65536):
    def measure():
        total = int(megabytes * 1_000_000)
        with Listener(who, address, security) as listener:
            from_time = cpu_time(listener.pid)
            choice = ["--security", security] if security else []
            if who == "ours":
                found, sent = run_json(SENDER, [programs[who], "perf", listener.address, *choice,
                                                "--bytes", total, "--streams", streams, "--block", block])
                result = found[-1]
            else:
                found, sent = run_json(SENDER, [programs[who], "dial", *choice, listener.address, f"perf:{total}:0"])
                result = {"gbit": found[-1]["up_mbit"] / 1000}
            received = cpu_time(listener.pid) - from_time
        result["bound"] = total * 8e-9 / max(sent, received)
        return result
    return measure


def handshakes(who, address, security, count):
    """CPU time of the listener for `count` connections, both directions of identify included."""
    def measure():
        with Listener(who, address, security) as listener:
            choice = ["--security", security] if security else []
            before = cpu_time(listener.pid)
            with Process(SENDER, [programs["ours"], "hold", listener.address, *choice, "--count", count]) as holder:
                holder.line()
                time.sleep(0.5)
                used = cpu_time(listener.pid) - before
        return {"rate": count / used, "us": used / count * 1e6}
    return measure


def memory(who, address, security, count):
    """What a listener grows by for each idle connection, twenty seconds after the last one."""
    def measure():
        with Listener(who, address, security) as listener:
            rss = resident(listener.pid)
            before = listener.ask() if who == "ours" else None
            choice = ["--security", security] if security else []
            with Process(SENDER, [programs["ours"], "hold", listener.address, *choice, "--count", count]) as holder:
                holder.line()
                time.sleep(2 if args.quick else 20)
                result = {"rss_kib": (resident(listener.pid) - rss) / count / 1024}
                if before:
                    after = listener.ask()
                    result["heap_kib"] = (after["heap"] - before["heap"]) / count / 1024
                    result["counted_kib"] = (after["counted"] - before["counted"]) / count / 1024
        return result
    return measure


def suite_tcp():
    amount = 300 if args.quick else 1500
    cases = {
        "iperf3": iperf,
        "ceiling: ChaCha20-Poly1305 pipe": ceiling("ceiling-pipe", "chacha", 65500, 2, amount),
        "ceiling: AES-128-GCM pipe": ceiling("ceiling-pipe", "aes", 16384, 4, amount),
        "ours noise": throughput("ours", TCP, "noise", amount),
        "ours noise, 10 streams": throughput("ours", TCP, "noise", amount, streams=10),
        "ours noise, 1 KiB writes": throughput("ours", TCP, "noise", amount, block=1024),
        "ours tls": throughput("ours", TCP, "tls", amount),
    }
    for who in ("go", "rust"):
        for security in ("noise", "tls"):
            cases[f"{who} {security}"] = throughput(who, TCP, security, amount)
    return cases


def suite_quic():
    amount = 150 if args.quick else 800
    return {
        "ceiling: ngtcp2": ceiling("ceiling-quic", amount),
        "ours": throughput("ours", QUIC, None, amount),
        "ours, 10 streams": throughput("ours", QUIC, None, amount, streams=10),
        "go": throughput("go", QUIC, None, amount),
        "rust": throughput("rust", QUIC, None, amount),
    }


def suite_handshakes():
    count = 100 if args.quick else 500
    cases = {"ceiling: Noise XX primitives": ceiling("ceiling-handshake")}
    for name, address, security in (("noise", TCP, "noise"), ("tls", TCP, "tls"), ("quic", QUIC, None)):
        for who in ("ours", "go", "rust"):
            cases[f"{who} {name}"] = handshakes(who, address, security, count)
    return cases


def suite_memory():
    few = 200 if args.quick else 1000
    many = few if args.quick else 10000
    return {
        "ours noise": memory("ours", TCP, "noise", many),
        "ours tls": memory("ours", TCP, "tls", many),
        "ours quic": memory("ours", QUIC, None, few),
        "go noise": memory("go", TCP, "noise", few),
        "go quic": memory("go", QUIC, None, few),
        "rust noise": memory("rust", TCP, "noise", few),
        "rust quic": memory("rust", QUIC, None, few),
    }


SUITES = {"tcp": suite_tcp, "quic": suite_quic, "handshakes": suite_handshakes, "memory": suite_memory}
MAIN_FIGURE = {"tcp": "gbit", "quic": "gbit", "handshakes": "rate", "memory": "rss_kib"}
COLUMNS = {
    "tcp": (("gbit", "Gbit/s"), ("bound", "Gbit per CPU second")),
    "quic": (("gbit", "Gbit/s"), ("bound", "Gbit per CPU second")),
    "handshakes": (("rate", "per second and core"), ("us", "us each")),
    "memory": (("rss_kib", "RSS, KiB"), ("heap_kib", "heap, KiB"), ("counted_kib", "of it the library's, KiB")),
}

# (suite, figure, case, other case or None for the figure itself, at least (+) or at most (-), goal)
GOALS = [
    ("tcp", "gbit", "ours noise", "ceiling: ChaCha20-Poly1305 pipe", 0.85),
    ("tcp", "gbit", "ours noise", "go noise", 1.6),
    ("tcp", "gbit", "ours noise", "rust noise", 2),
    ("tcp", "gbit", "ours tls", "ceiling: AES-128-GCM pipe", 0.85),
    ("tcp", "gbit", "ours tls", "go tls", 2),
    ("tcp", "gbit", "ours tls", "rust tls", 2),
    ("tcp", "gbit", "ours noise, 10 streams", "ours noise", 0.95),
    ("tcp", "gbit", "ours noise, 1 KiB writes", "ours noise", 0.4),
    ("quic", "gbit", "ours", "ceiling: ngtcp2", 0.9),
    ("quic", "gbit", "ours", "go", 2.5),
    ("quic", "gbit", "ours", "rust", 1.8),
    ("quic", "gbit", "ours, 10 streams", "ours", 0.95),
    ("handshakes", "rate", "ours noise", "ceiling: Noise XX primitives", 0.6),
    ("handshakes", "rate", "ours noise", "go noise", 5),
    ("handshakes", "rate", "ours noise", "rust noise", 3),
    ("handshakes", "rate", "ours quic", "go quic", 3),
    ("handshakes", "rate", "ours quic", "rust quic", 2),
    ("memory", "heap_kib", "ours noise", None, -8),
    ("memory", "heap_kib", "ours tls", None, -8),
    ("memory", "heap_kib", "ours quic", None, -40),
]

# ---- running and telling ----


def program_path(name):
    return args.build / "tests" / "bench" / name


def run_suite(name):
    cases = SUITES[name]()
    found = {case: [] for case in cases}
    skipped = {}
    rounds = min(args.rounds, 1) if name == "memory" else args.rounds
    for number in range(rounds):
        for case, measure in cases.items():
            if case in skipped:
                continue
            try:
                found[case].append(measure())
                shown = found[case][-1][MAIN_FIGURE[name]]
                print(f"{name} {number + 1}/{rounds} {case}: {shown:.2f}", file=sys.stderr, flush=True)
            except (Skip, KeyError, OSError) as problem:
                skipped[case] = str(problem)
                print(f"{name} {case}: left out: {problem}", file=sys.stderr, flush=True)
    return found


def figures(runs, figure):
    return sorted(run[figure] for run in runs if figure in run)


def spread(values):
    if not values:
        return "–"
    middle = statistics.median(values)
    digits = 0 if middle >= 100 else 1 if middle >= 20 else 2
    text = f"{middle:.{digits}f}"
    return text if len(values) == 1 else f"{text} ({values[0]:.{digits}f}..{values[-1]:.{digits}f})"


def print_suite(name, found):
    columns = COLUMNS[name]
    print(f"\n### {name}\n\n| case | {' | '.join(title for _, title in columns)} |\n|---|{'---|' * len(columns)}")
    for case, runs in found.items():
        print(f"| {case} | {' | '.join(spread(figures(runs, figure)) for figure, _ in columns)} |")


def median(results, suite, case, figure):
    values = figures(results.get(suite, {}).get(case, []), figure)
    return statistics.median(values) if values else None


def print_goals(results):
    rows = []
    for suite, figure, case, other, goal in GOALS:
        ours = median(results, suite, case, figure)
        theirs = median(results, suite, other, figure) if other else 1
        if not ours or not theirs:
            continue
        value = ours / theirs
        reached = value >= goal if goal > 0 else value <= -goal
        bound, by_cpu = "", ""
        if figure == "gbit":
            mine, its = (median(results, suite, c, "bound") for c in (case, other))
            bound = f"{mine / its:.2f}" if mine and its else ""
            by_cpu = ("yes" if mine / its >= goal else "no") if bound else ""
        rows.append(f"| {suite}: {case}{' / ' + other if other else ''} | {'≥' if goal > 0 else '≤'} {abs(goal)} | "
                    f"{value:.2f} | {'yes' if reached else 'no'} | {bound} | {by_cpu} |")
    if rows:
        print("\n### goals\n\n| figure | goal | ratio, or KiB | reached | ratio by CPU time | reached |\n|---|---|---|---|---|---|")
        print("\n".join(rows))


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    route = subprocess.run(["ip", "route", "show", "table", "local"], capture_output=True, text=True, check=False).stdout
    system = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    control = "cubic" if "congctl cubic" in route else f"{system} (the system's; iperf3: cubic)"
    return f"{os.cpu_count()} × {model}, Linux {os.uname().release}, TCP {control}, load {os.getloadavg()[0]:.1f}"


def own_namespace():
    """Moves the whole run into a network namespace whose loopback uses cubic."""
    inside = ["sh", "-c", "ip link set lo up && ip route replace local 127.0.0.0/8 dev lo table local proto kernel "
              "scope host src 127.0.0.1 congctl cubic && ip route del local 127.0.0.1 dev lo table local; exec \"$@\"",
              "sh", sys.executable, *sys.argv]
    if os.geteuid() == 0 and "P2P_BENCH_INSIDE" not in os.environ:
        if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0:
            os.execvpe("unshare", ["unshare", "--net", *inside], dict(os.environ, P2P_BENCH_INSIDE="1"))


def find_programs():
    programs["ours"] = program_path("bench-peer")
    for who in ("go", "rust"):
        run = subprocess.run(["sh", ROOT / "tests/interop/setup.sh", who], capture_output=True, text=True, check=False)
        programs[who] = run.stdout.strip() or f"missing-{who}-peer"


def main():
    global args
    parser = argparse.ArgumentParser()
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, less data")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release")
    args = parser.parse_args()
    unknown = set(args.suites) - set(SUITES)
    if unknown:
        parser.error(f"no such suite: {', '.join(unknown)}")
    args.rounds = args.rounds or (3 if args.quick else 5)
    own_namespace()
    find_programs()
    before = machine()
    results = {name: run_suite(name) for name in args.suites or SUITES}
    print(f"{before} (at the end {os.getloadavg()[0]:.1f}); medians of {args.rounds} rounds (min..max)")
    for name, found in results.items():
        print_suite(name, found)
    print_goals(results)
    if args.json:
        args.json.write_text(json.dumps({"machine": before, "rounds": args.rounds, "results": results}, indent=1))


if __name__ == "__main__":
    main()
