# SPDX-License-Identifier: MIT OR Apache-2.0
"""One connection over TCP: Noise or TLS, then yamux."""

import json
import subprocess
import time

from measure import RECEIVER, SENDER, TCP, Skip, ceiling, throughput

COLUMNS = (("gbit", "Gbit/s"), ("bound", "Gbit per CPU second"))
GOALS = (
    ("gbit", "ours noise", "ceiling: ChaCha20-Poly1305 pipe", 0.85),
    ("gbit", "ours noise", "go noise", 1.6),
    ("gbit", "ours noise", "rust noise", 2),
    ("gbit", "ours tls", "ceiling: AES-128-GCM pipe", 0.85),
    ("gbit", "ours tls", "go tls", 2),
    ("gbit", "ours tls", "rust tls", 2),
    ("gbit", "ours noise, 10 streams", "ours noise", 0.95),
    ("gbit", "ours noise, 1 KiB writes", "ours noise", 0.4),
)


def iperf():
    try:
        server = subprocess.Popen(["taskset", "-c", RECEIVER, "iperf3", "-s", "-1"], stdout=subprocess.DEVNULL)
        time.sleep(0.3)
        run = subprocess.run(["taskset", "-c", SENDER, "iperf3", "-c", "127.0.0.1", "-t", "1", "-C", "cubic", "-J"],
                             capture_output=True, text=True, timeout=30, check=False)
        return {"gbit": json.loads(run.stdout)["end"]["sum_received"]["bits_per_second"] / 1e9}
    except (KeyError, ValueError, subprocess.TimeoutExpired) as problem:
        raise Skip(f"iperf3: {problem}") from None
    finally:
        server.kill()
        server.wait()


def cases(quick):
    amount = 300 if quick else 1500
    table = {
        "iperf3": iperf,
        "ceiling: ChaCha20-Poly1305 pipe": ceiling("ceiling-pipe", "chacha", 65500, 2, amount=amount),
        "ceiling: AES-128-GCM pipe": ceiling("ceiling-pipe", "aes", 16384, 4, amount=amount),
        "ours noise": throughput("ours", TCP, "noise", amount),
        "ours noise, 10 streams": throughput("ours", TCP, "noise", amount, streams=10),
        "ours noise, 1 KiB writes": throughput("ours", TCP, "noise", amount, block=1024),
        "ours tls": throughput("ours", TCP, "tls", amount),
    }
    for who in ("go", "rust"):
        for security in ("noise", "tls"):
            table[f"{who} {security}"] = throughput(who, TCP, security, amount)
    return table
