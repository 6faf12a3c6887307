#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Certificates over QUIC that must be refused, from a live peer on another QUIC stack (aioquic).

    run.py PEER

PEER is our peer of ../CONTRACT.md. It dials a listener, and listens for a dialler, whose certificate
has one thing wrong at a time; the good one must be accepted in both roles. The last line is
`forged: N passed, N failed`.
"""

import functools
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import run as interop  # the one in the folder above

KINDS = ("good", "no-extension", "other-identity", "other-statement", "other-signer", "expired", "not-yet", "cut", "critical")


def we_dial(peer, python, kind):
    """What is wrong, or nothing."""
    forged = subprocess.Popen([python, HERE / "forged.py", "listen", kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        lines, status, said = interop.dial([peer], [forged.stdout.readline().strip()])
    finally:
        forged.communicate()
    connect = lines[0] if lines else {}
    if kind == "good":
        return "" if status == 0 else f"the good certificate was refused: {connect} {said}"
    refused = status == 1 and connect.get("ok") is False and "certificate" in connect.get("error", "")
    return "" if refused else f"{connect}, status {status}: {said}"


def we_listen(peer, python, kind):
    with interop.Listener([peer], ["--listen", "/ip4/127.0.0.1/udp/0/quic-v1"]) as listener:
        port = re.search(r"/udp/(\d+)", listener.addresses()[0])[1]
        done = subprocess.run([python, HERE / "forged.py", "dial", kind, port], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=120)
    # A refusal by TLS is an alert: 0x100 and its number.
    expected = "accepted" if kind == "good" else r"refused 0x1\w\w"
    return "" if re.fullmatch(expected, done.stdout.strip()) else f"{done.stdout.strip()!r}: {done.stderr[-300:]}"


def main():
    peer = sys.argv[1]
    python = pathlib.Path(interop.build("py")).parent / "venv/bin/python"
    cases = [(f"{role.__name__} {kind}", functools.partial(role, peer, python, kind)) for role in (we_dial, we_listen) for kind in KINDS]
    sys.exit(1 if interop.run_cases("forged", cases) else 0)


if __name__ == "__main__":
    main()
