#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Measures this library beside its peers and beside what the machine can do, in one interleaved run.

    run.py [SUITE...] [--rounds N] [--quick] [--json FILE] [--build DIR]

A suite is a file in `suites` (its README says what is in one); without any, all run. Every case of a suite is run once
a round (A B C, A B C, ...) and its median counts, so that a machine that slows down slows all of them. The sender runs
on CPU 0 and the receiver on CPU 1, each with one thread for its work. TCP uses cubic on every side: as root the run
moves into a network namespace of its own whose loopback route says so; otherwise the system's choice is used and named.

Beside Gbit/s stands what one CPU second of the busier side moves: with a CPU of its own for each side the two say the
same, but on a machine that others use too only the second can be compared.

Nothing here passes or fails: it prints figures, ratios, and the goals of docs/performance.md.
"""

import argparse
import importlib
import json
import os
import pathlib
import statistics
import subprocess
import sys

import measure

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "suites"))


def suite_names():
    return sorted(path.stem for path in (HERE / "suites").glob("*.py"))


def run_suite(name, args):
    suite = importlib.import_module(name)
    cases = suite.cases(args.quick)
    found = {case: [] for case in cases}
    rounds = min(args.rounds, getattr(suite, "ROUNDS", args.rounds))
    skipped = set()
    for number in range(rounds):
        for case, once in cases.items():
            if case in skipped:
                continue
            try:
                found[case].append(once())
                shown = found[case][-1][suite.COLUMNS[0][0]]
                print(f"{name} {number + 1}/{rounds} {case}: {shown:.2f}", file=sys.stderr, flush=True)
            except (measure.Skip, KeyError, ValueError, OSError) as problem:
                skipped.add(case)
                print(f"{name} {case}: left out: {problem}", file=sys.stderr, flush=True)
    return found


# ---- telling ----


def figures(runs, figure):
    return sorted(run[figure] for run in runs if figure in run)


def median(found, case, figure):
    values = figures(found.get(case, []), figure)
    return statistics.median(values) if values else None


def spread(values):
    if not values:
        return "–"
    middle = statistics.median(values)
    digits = 0 if middle >= 100 else 1 if middle >= 20 else 2
    text = f"{middle:.{digits}f}"
    return text if len(values) == 1 else f"{text} ({values[0]:.{digits}f}..{values[-1]:.{digits}f})"


def print_suite(name, found):
    columns = importlib.import_module(name).COLUMNS
    print(f"\n### {name}\n\n| case | {' | '.join(title for _, title in columns)} |\n|---|{'---|' * len(columns)}")
    for case, runs in found.items():
        print(f"| {case} | {' | '.join(spread(figures(runs, figure)) for figure, _ in columns)} |")


def goal_row(name, found, figure, case, other, goal):
    """`goal`: at least so much, or when it is negative at most."""
    suite = importlib.import_module(name)
    ours = median(found, case, figure)
    theirs = median(found, other, figure) if other else 1
    if ours is None or not theirs:
        return None
    value = ours / theirs
    reached = value >= goal if goal > 0 else value <= -goal
    shown, by_cpu, also = f"{value:.2f}", "", ""
    if other is None:
        shown = f"{value:.5g} ({dict(suite.COLUMNS)[figure]})"
    elif figure == "gbit":
        mine, its = median(found, case, "bound"), median(found, other, "bound")
        if mine and its:
            by_cpu, also = f"{mine / its:.2f}", "yes" if mine / its >= goal else "no"
    what = f", {figure}" if other and figure != "gbit" else ""
    return (f"| {name}: {case}{' / ' + other if other else ''}{what} | {'≥' if goal > 0 else '≤'} {abs(goal)} | {shown} | "
            f"{'yes' if reached else 'no'} | {by_cpu} | {also} |")


def print_goals(results):
    rows = [goal_row(name, found, *goal) for name, found in results.items() for goal in importlib.import_module(name).GOALS]
    rows = [row for row in rows if row]
    if rows:
        print("\n### goals\n\n| figure | goal | ratio, or figure | reached | ratio by CPU time | reached |\n|---|---|---|---|---|---|")
        print("\n".join(rows))


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    route = subprocess.run(["ip", "route", "show", "table", "local"], capture_output=True, text=True, check=False).stdout
    system = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    control = "cubic" if "congctl cubic" in route else f"{system} (the system's; iperf3: cubic)"
    return f"{os.cpu_count()} × {model}, Linux {os.uname().release}, TCP {control}, load {os.getloadavg()[0]:.1f}"


def own_namespace():
    """Moves the whole run into a network namespace whose loopback uses cubic, and which has a cable and a default route:
    without them a browser gathers no ICE candidates."""
    inside = ["sh", "-c", "ip link set lo up && ip route replace local 127.0.0.0/8 dev lo table local proto kernel "
              "scope host src 127.0.0.1 congctl cubic && ip route del local 127.0.0.1 dev lo table local; "
              "ip link add near type veth peer name far && ip address add " + measure.CABLE + "/24 dev near && ip link set near up && "
              "ip link set far up && ip route add default via 10.99.2.2; exec \"$@\"",
              "sh", sys.executable, *sys.argv]
    if os.geteuid() == 0 and "P2P_BENCH_INSIDE" not in os.environ:
        if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0:
            os.execvpe("unshare", ["unshare", "--net", *inside], dict(os.environ, P2P_BENCH_INSIDE="1"))


def main():
    names = suite_names()
    parser = argparse.ArgumentParser()
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, less data")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path, default=measure.build)
    args = parser.parse_args()
    unknown = set(args.suites) - set(names)
    if unknown:
        parser.error(f"no such suite: {', '.join(unknown)}")
    args.rounds = args.rounds or (3 if args.quick else 5)
    own_namespace()
    measure.build = args.build
    measure.find_programs()
    before = machine()
    results = {name: run_suite(name, args) for name in args.suites or names}
    print(f"{before} (at the end {os.getloadavg()[0]:.1f}); medians of {args.rounds} rounds (min..max), memory of one")
    for name, found in results.items():
        print_suite(name, found)
    print_goals(results)
    if args.json:
        args.json.write_text(json.dumps({"machine": before, "rounds": args.rounds, "results": results}, indent=1))


if __name__ == "__main__":
    main()
