#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Our WebSocket against other implementations of the framing: npm's ws and PyPI's websockets.

    run.py PEER [js|py…]

PEER is our peer of ../CONTRACT.md. It dials another of itself through a bridge (README.md) that
speaks WebSocket on one side and TCP on the other, so that everything that libp2p sends goes through
the other implementation's framing, as client and as server. Then a client by itself looks at pings,
fragments, compression and close codes. The last line is `websocket: N passed, N failed`.
"""

import functools
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import run as interop  # the one in the folder above

TESTS = ["ping:50", "identify", "halfclose:1", "halfclose:16384", "halfclose:4000000", "perf:1000000:1000000", "reset",
         "streams:100", "open"]
UNDER_WAY = 16  # pings that may be without an answer when the connection ends
CODES = ["1000", "1001", "1008", "3000", "4999"]


class Bridge:
    def __init__(self, program, lang, command, port):
        self.process = subprocess.Popen([program, lang, command, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        output, _ = self.process.communicate(timeout=120)
        self.seen = json.loads(output or "{}")


def port_of(address):
    return re.search(r"/tcp/(\d+)", address)[1]


def through(peer, program, lang, command):
    """What is wrong when everything goes through a bridge."""
    listen, dial = ("/ip4/127.0.0.1/tcp/0", "/ws") if command == "serve" else ("/ip4/127.0.0.1/tcp/0/ws", "")
    with interop.Listener([peer], ["--listen", listen]) as listener:
        address = listener.addresses()[0]
        identity = address.rpartition("/p2p/")[2]
        with Bridge(program, lang, command, port_of(address)) as bridge:
            lines, status, said = interop.dial([peer], [f"/ip4/127.0.0.1/tcp/{bridge.port}{dial}/p2p/{identity}", *TESTS])
    problems = [f"{line['test']}: {line.get('error')}" for line in lines if not line["ok"]]
    seen = bridge.seen
    print(f"  {lang} {command}: {seen}", flush=True)
    if status != 0 or len(lines) != 1 + len(TESTS):
        problems.append(f"status {status}: {said}")
    if seen["pongs"] == 0 or seen["pings"] - seen["pongs"] > UNDER_WAY:
        problems.append(f"{seen['pongs']} of {seen['pings']} pings were answered")
    if seen["text"] != 0:
        problems.append(f"{seen['text']} messages were text")
    if seen["closes"] != [1000]:
        problems.append(f"closed with {seen['closes']}")
    return "; ".join(problems)


def probe(peer, program, lang):
    with interop.Listener([peer], ["--listen", "/ip4/127.0.0.1/tcp/0/ws"]) as listener:
        done = subprocess.run([program, lang, "probe", port_of(listener.addresses()[0])], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        return f"status {done.returncode}: {done.stderr[-300:]}"
    expected = {"extensions": "", "hello": True, "pongs": [True] * 3, "closes": {code: int(code) for code in CODES}}
    got = json.loads(done.stdout)
    return "" if got == expected else f"{got}, not {expected}"


def main():
    peer, *langs = sys.argv[1:]
    setup = subprocess.run([HERE.parent / "setup.sh", "websocket"], stdout=subprocess.PIPE, text=True)
    if setup.returncode != 0:
        sys.exit("run.py: the bridges could not be set up")
    program = setup.stdout.strip()
    cases = []
    for lang in langs or ["js", "py"]:
        cases += [(f"{lang} {command}", functools.partial(through, peer, program, lang, command)) for command in ("serve", "connect")]
        cases.append((f"{lang} probe", functools.partial(probe, peer, program, lang)))
    sys.exit(1 if interop.run_cases("websocket", cases) else 0)


if __name__ == "__main__":
    main()
