#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The contract program by itself: its exit statuses, its sentences and its output to the letter.

    test_contract.py PROGRAM

The last line is `contract-program: N passed, N failed`.
"""

import os
import re
import subprocess
import sys
import traceback

import redis

PROGRAM = os.path.abspath(sys.argv[1])
PATIENCE = 60
NOBODY = "12D3KooW9xTAmgKVCFvpEJ5WrmCYg83n4oeFCXpMPy7W1nPu572o"
NUMBER = r"\d+\.\d{3}"

MODERN = {"IS_DIALER": "true", "TEST_KEY": "c0ffee00", "TRANSPORT": "tcp", "SECURE_CHANNEL": "noise", "MUXER": "yamux",
          "LISTENER_IP": "127.0.0.1", "TEST_TIMEOUT_SECS": "30"}
LEGACY = {"is_dialer": "true", "transport": "tcp", "security": "noise", "muxer": "yamux", "ip": "127.0.0.1",
          "test_timeout_seconds": "30"}


def run(env, *arguments):
    done = subprocess.run([PROGRAM, *arguments], env=env, capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


def refuses(env, *arguments, status=2, says):
    """One sentence on stderr that has these words, nothing on stdout."""
    got, out, err = run(env, *arguments)
    assert got == status, f"status {got}, not {status}: {err}"
    assert out == "", f"on stdout: {out!r}"
    assert err.startswith("contract: ") and err.count("\n") == 1, f"not one sentence: {err!r}"
    for word in says:
        assert word in err, f"{word!r} is missing in {err!r}"


def without(env, name):
    return {key: value for key, value in env.items() if key != name}


class Listener:
    def __init__(self, env, *arguments):
        self.process = subprocess.Popen([PROGRAM, *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, text=True)

    def __enter__(self):
        self.address = self.process.stderr.readline().rpartition(" ")[2].strip()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.output, _ = self.process.communicate()


# ---- the environment ----


def a_wrong_environment_is_said_in_one_sentence(server):
    modern, legacy = MODERN | {"REDIS_ADDR": server}, LEGACY | {"redis_addr": server}
    refuses(without(modern, "IS_DIALER"), says=["IS_DIALER", "true or false"])
    refuses(modern | {"IS_DIALER": "yes"}, says=["IS_DIALER", '"yes"', "true or false"])
    refuses(without(legacy, "is_dialer"), says=["is_dialer", "true or false"])
    refuses(modern | {"TRANSPORT": "webrtc"}, says=["TRANSPORT", '"webrtc"', "webrtc-direct"])
    refuses(without(modern, "TRANSPORT"), says=["TRANSPORT", "tcp, ws, wss"])
    refuses(modern | {"SECURE_CHANNEL": "plaintext"}, says=["SECURE_CHANNEL", "noise or tls"])
    refuses(without(modern, "SECURE_CHANNEL"), says=["SECURE_CHANNEL", "noise or tls"])
    refuses(modern | {"MUXER": "spdy"}, says=["MUXER", "yamux or mplex"])
    refuses(legacy | {"muxer": "null"}, says=["muxer", "yamux or mplex"])
    for address in ("redis", "redis:", ":6379", "redis:0", "redis:99999", "redis:6379x", "r" * 300 + ":1"):
        refuses(modern | {"REDIS_ADDR": address}, says=["REDIS_ADDR", "a host and a port"])
    for number in ("soon", "-1", "1e3", "99999999999999999999999"):
        refuses(modern | {"TEST_TIMEOUT_SECS": number}, says=["TEST_TIMEOUT_SECS", "a number"])
    refuses(modern | {"TEST_KEY": "k" * 200}, says=["TEST_KEY", "longer"])
    refuses(modern | {"LISTENER_IP": "1" * 200}, says=["LISTENER_IP"])


def wrong_arguments_are_said_in_one_sentence(server):
    modern = MODERN | {"REDIS_ADDR": server}
    refuses(modern, "relay", says=["transport", "perf"])
    refuses(modern, "perf", "again", says=["transport", "perf"])
    refuses(without(modern, "TEST_KEY"), "perf", says=["TEST_KEY"])
    refuses(modern | {"UPLOAD_BYTES": "much"}, "perf", says=["UPLOAD_BYTES", "a number"])
    refuses(modern | {"LATENCY_ITERATIONS": "1001"}, "perf", says=["LATENCY_ITERATIONS", "at most 1000"])


# ---- the meeting ----


def without_redis_both_roles_fail(_):
    nobody = f"127.0.0.1:{redis.free_port()}"
    for role in ("true", "false"):
        refuses(MODERN | {"REDIS_ADDR": nobody, "IS_DIALER": role}, status=1, says=["cannot reach redis", nobody])
        refuses(LEGACY | {"redis_addr": nobody, "is_dialer": role}, status=1, says=["cannot reach redis", nobody])


def a_dialler_gives_up_when_there_is_no_listener(server):
    short = MODERN | {"REDIS_ADDR": server, "TEST_TIMEOUT_SECS": "1"}
    refuses(short, status=1, says=["no listener", "c0ffee00_listener_multiaddr", "1 s"])
    refuses(short, "perf", status=1, says=["no listener", "c0ffee00_listener_multiaddr"])


def a_listener_that_nobody_ends_fails(server):
    status, out, err = run(MODERN | {"REDIS_ADDR": server, "IS_DIALER": "false", "TEST_TIMEOUT_SECS": "1"})
    assert status == 1 and out == "" and "in time" in err, (status, out, err)


def what_redis_refuses_is_said(server):
    redis.command(server, "SET", "c0ffee00_listener_multiaddr", "a string, not a list")
    refuses(MODERN | {"REDIS_ADDR": server}, status=1, says=["redis failed at BLPOP", "WRONGTYPE"])


def an_address_that_makes_no_sense_fails(server):
    for address, says in (("/ip4/127.0.0.1/tcp/x", "makes no sense"), ("no address", "makes no sense"),
                          ("/" * 5000, "longer than any")):
        redis.command(server, "RPUSH", "c0ffee00_listener_multiaddr", address)
        refuses(MODERN | {"REDIS_ADDR": server}, status=1, says=[says])


def a_dial_that_fails_fails(server):
    redis.command(server, "RPUSH", "listenerAddr", f"/ip4/127.0.0.1/tcp/{redis.free_port()}/p2p/{NOBODY}")
    status, out, err = run(LEGACY | {"redis_addr": server})
    assert status == 1 and out == "" and "the dial failed" in err, (status, out, err)


def another_peer_than_the_address_says_is_refused(server):
    with Listener(MODERN | {"REDIS_ADDR": server, "IS_DIALER": "false"}) as listener:
        redis.command(server, "DEL", "c0ffee00_listener_multiaddr")
        wrong = listener.address.rpartition("/")[0] + "/" + NOBODY
        redis.command(server, "RPUSH", "c0ffee00_listener_multiaddr", wrong)
        status, out, err = run(MODERN | {"REDIS_ADDR": server})
    assert status == 1 and out == "" and "wrong peer" in err, (status, out, err)


# ---- the output ----


def the_modern_contract_prints_yaml(server):
    with Listener(MODERN | {"REDIS_ADDR": server, "IS_DIALER": "false"}) as listener:
        waiting = redis.command(server, "LRANGE", "c0ffee00_listener_multiaddr", "0", "-1")
        assert waiting == [listener.address], (waiting, listener.address)
        status, out, err = run(MODERN | {"REDIS_ADDR": server, "DEBUG": "true"})
    assert status == 0, (status, err)
    assert re.fullmatch(rf"latency:\n  handshake_plus_one_rtt: {NUMBER}\n  ping_rtt: {NUMBER}\n  unit: ms\n", out), out
    assert listener.output == "", listener.output


def the_legacy_contract_prints_a_line_of_json(server):
    with Listener(LEGACY | {"redis_addr": server, "is_dialer": "false"}) as listener:
        assert redis.command(server, "LRANGE", "listenerAddr", "0", "-1") == [listener.address]
        status, out, err = run(LEGACY | {"redis_addr": server})
    assert status == 0, (status, err)
    assert re.fullmatch(rf'{{"handshakePlusOneRTTMillis":{NUMBER},"pingRTTMilllis":{NUMBER}}}\n', out), out
    assert listener.output == "", listener.output


def section(text, name):
    """A section of the perf output as a dictionary; the lists as lists."""
    body = re.search(rf"^{name}:\n((?:  .*\n)+)", text, re.M)[1]
    pairs = dict(line.strip().split(": ", 1) for line in body.splitlines())
    lists = {key: [float(x) for x in value[1:-1].split(", ") if x] for key, value in pairs.items() if value[0] == "["}
    return pairs | lists


def perf_prints_what_the_samples_amount_to(server):
    """What is not given, or given as null, has the contract's default; here: ten rounds of upload."""
    amounts = {"UPLOAD_BYTES": "1048576", "DOWNLOAD_BYTES": "1048576", "UPLOAD_ITERATIONS": "null",
               "DOWNLOAD_ITERATIONS": "1", "LATENCY_ITERATIONS": "7"}
    quic = {"REDIS_ADDR": server, "TRANSPORT": "quic-v1", "SECURE_CHANNEL": "null", "MUXER": ""}
    with Listener(MODERN | quic | {"IS_DIALER": "false"}, "perf") as listener:
        assert redis.command(server, "GET", "c0ffee00_listener_multiaddr") == listener.address
        status, out, err = run(MODERN | quic | amounts, "perf")
    assert status == 0 and listener.output == "", (status, err, listener.output)
    assert re.findall(r"^(\w+):$", out, re.M) == ["upload", "download", "latency"], out
    for name, count, unit in (("upload", 10, "Gbps"), ("download", 1, "Gbps"), ("latency", 7, "ms")):
        got = section(out, name)
        assert list(got) == ["iterations", "min", "q1", "median", "q3", "max", "outliers", "samples", "unit"], got
        assert got["unit"] == unit and got["iterations"] == str(count) and len(got["samples"]) == count, got
        inliers = [x for x in got["samples"] if x not in got["outliers"]]
        assert float(got["min"]) == min(inliers) and float(got["max"]) == max(inliers), got
        assert float(got["q1"]) <= float(got["median"]) <= float(got["q3"]), got
        if count == 7:
            assert float(got["median"]) == sorted(got["samples"])[3], got


TESTS = [
    a_wrong_environment_is_said_in_one_sentence,
    wrong_arguments_are_said_in_one_sentence,
    without_redis_both_roles_fail,
    a_dialler_gives_up_when_there_is_no_listener,
    a_listener_that_nobody_ends_fails,
    what_redis_refuses_is_said,
    an_address_that_makes_no_sense_fails,
    a_dial_that_fails_fails,
    another_peer_than_the_address_says_is_refused,
    the_modern_contract_prints_yaml,
    the_legacy_contract_prints_a_line_of_json,
    perf_prints_what_the_samples_amount_to,
]


def main():
    passed = failed = 0
    with redis.server() as server:
        for test in TESTS:
            redis.command(server, "FLUSHALL")
            try:
                test(server)
                passed += 1
            except Exception:
                failed += 1
                print(f"FAILED: {test.__name__}")
                traceback.print_exc(file=sys.stdout)
    print(f"contract-program: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
