#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The command line tool, as a person or a script uses it: the real binary on the loopback interface.

    test_cli.py PATH-OF-P2P [NAME…]

Every test gets an empty folder. The last line is `cli: N passed, N failed, N skipped`.
"""
import contextlib
import hashlib
import json
import os
import re
import resource
import select
import signal
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time

import runner

P2P = os.path.abspath(sys.argv[1])
PATIENCE = 60
PEER = "12D3KooW9xTAmgKVCFvpEJ5WrmCYg83n4oeFCXpMPy7W1nPu572o"  # nobody in particular


def p2p(*args, status=0, text=True, **more):
    """Runs it to its end and returns (stdout, stderr); the status must be as expected."""
    done = subprocess.run([P2P, *args], capture_output=True, timeout=PATIENCE, text=text, **more)
    assert done.returncode == status, f"{args}: status {done.returncode}, not {status}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def refuses(*args, status, says, **more):
    """Fails with one sentence on stderr that has every word of `says`, and nothing on stdout."""
    out, err = p2p(*args, status=status, **more)
    assert out == "", f"{args}: on stdout: {out!r}"
    assert err.count("\n") == 1 and err.startswith("p2p: ") and len(err) < 900, f"{args}: {err!r}"
    for word in says:
        assert word in err, f"{args}: {word!r} is missing in {err!r}"
    return err


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


class Listener:
    """p2p listen in the background."""

    def __init__(self, *args, listen="/ip4/127.0.0.1/tcp/0"):
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen([P2P, "listen", "--listen", listen, *args],
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.addrs = []
        self.ready = None
        while True:
            line = self.process.stdout.readline()
            assert line, "listen ended before it was ready: " + self.errors()
            if line.startswith("{"):
                o = json.loads(line)
                if o["type"] == "ready":
                    self.ready = o
                    break
                self.addrs.append(o["addr"])
            elif line == "ready\n":
                break
            else:
                self.addrs.append(line.strip())
        self.addr = self.addrs[0]

    def errors(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self, how=signal.SIGINT, status=0):
        self.process.send_signal(how)
        out = self.process.stdout.read()
        code = self.process.wait(PATIENCE)
        assert code == status, f"listen: status {code}\n{self.errors()}"
        return out

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


@contextlib.contextmanager
def listener(*args, **more):
    it = Listener(*args, **more)
    try:
        yield it
    finally:
        it.kill()


@contextlib.contextmanager
def silent_port():
    """A TCP port that takes connections and never says a word."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        s.settimeout(PATIENCE)
        yield s


def port_of(s):
    return s.getsockname()[1]


def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# --- help, version, wrong use


def test_help_lists_every_command():
    out, _ = p2p("help")
    for command in "key listen ping identify perf dial stun replay version help".split():
        assert re.search(rf"^  {command}\b", out, re.M), command
        about, _ = p2p("help", command)
        assert about.startswith(f"usage: p2p {command}")
        assert p2p(command, "--help")[0] == about
    assert p2p("--help")[0] == out


def test_version():
    out, _ = p2p("version")
    assert re.fullmatch(r"p2p \d+\.\d+\.\d+ \(OpenSSL \S+, libuv \S+\)\n", out)
    assert p2p("--version")[0] == out
    (o,) = objects(p2p("version", "--json")[0])
    assert o["type"] == "version" and out.startswith("p2p " + o["version"]) and o["openssl"] and o["libuv"]


def test_wrong_use_has_status_2():
    out, err = p2p(status=2)
    assert out == "" and err.startswith("usage:")
    refuses("fly", status=2, says=["fly", "p2p help"])
    refuses("help", "fly", status=2, says=["fly"])
    refuses("ping", status=2, says=["ping ADDR"])
    refuses("ping", "a", "b", status=2, says=['"b"'])
    refuses("ping", "--fast", "/ip4/127.0.0.1/tcp/1", status=2, says=["--fast", "p2p help ping"])
    refuses("ping", "-x", "/ip4/127.0.0.1/tcp/1", status=2, says=["-x"])
    refuses("ping", "/ip4/127.0.0.1/tcp/1", "--count", status=2, says=["--count N"])
    refuses("ping", "/ip4/127.0.0.1/tcp/1", "--count", "0", status=2, says=["1 to"])
    refuses("ping", "/ip4/127.0.0.1/tcp/1", "--count=-3", status=2, says=["-3"])
    refuses("ping", "/ip4/127.0.0.1/tcp/1", "--count", "3x", status=2, says=["3x"])
    refuses("ping", "/ip4/127.0.0.1/tcp/1", "--json=yes", status=2, says=["--json"])
    refuses("ping", "/ip4/127.0.0.1/tcp/1", "--log", "loud", status=2, says=["loud", "debug"])
    refuses("ping", "/ip4/127.0.0.1/tcp/1", "--security", "ssl", status=2, says=["ssl", "noise", "tls"])
    refuses("ping", "/ip4/127.0.0.1/tcp/1", "--security", "noise,noise", status=2, says=["twice"])
    refuses("ping", "/ip4/127.0.0.1/tcp/1", "--security", "", status=2, says=["noise"])
    refuses("ping", "/ip4/127.0.0.1/tcp/1", "--muxer", "yamux,", status=2, says=["yamux"])
    refuses("key", "turn", "x", status=2, says=["turn", "key new"])
    refuses("key", "new", status=2, says=["FILE"])
    refuses("key", "new", "k", "--type", "dsa", status=2, says=["dsa", "ed25519"])
    assert os.listdir() == []
    refuses("dial", "/ip4/127.0.0.1/tcp/1", status=2, says=["--protocol"])
    refuses("dial", "/ip4/127.0.0.1/tcp/1", "--protocol", "x" * 300, status=2, says=["255"])
    refuses("dial", "/ip4/127.0.0.1/tcp/1", "--protocol", "/x", "--record", "f", status=2, says=["recorded"])
    assert not os.path.exists("f")
    refuses("dial", "/ip4/127.0.0.1/tcp/1", "--protocol", "/x", "--json", status=2, says=["--json"])


def test_sizes():
    for bad in ["x", "", "-1", "1X", "10MiBs", "9999999999999999999", "99999T", "1.5M", "9P"]:
        refuses("perf", "/ip4/127.0.0.1/tcp/1", "--upload", bad, status=2, says=["1GiB"])
    with listener() as l:
        for size, count in [("1000", 1000), ("10k", 10000), ("2KiB", 2048), ("1M", 10**6), ("1MiB", 2**20), ("5B", 5), ("1MB", 10**6)]:
            out, _ = p2p("perf", l.addr, "--upload", size, "--download", "0", "--json")
            assert objects(out)[-1]["uploaded"] == count, size


def test_bad_addresses():
    refuses("ping", "here", status=2, says=["here", "/ip4/"])
    refuses("ping", "", status=2, says=["address"])
    refuses("ping", "/ip4/1.2.3.4/tcp/99999", status=2, says=["address"])
    refuses("ping", "/ip4/1.2.3.4/tcp/1/" + "x" * 10000, status=2, says=["too long"])
    refuses("ping", "/ip4/1.2.3.4/tcp/1/p2p/nobody", status=2, says=["p2p"])
    refuses("listen", "--listen", "here", status=2, says=["here", "/ip4/"])
    err = refuses("ping", "/ip4/1.2.3.4/tcp/1/\033[31m", status=2, says=["address"])
    assert "\033" not in err


def test_unsupported_addresses():
    refuses("ping", "/ip4/127.0.0.1/sctp/1", status=1, says=["no transport", "sctp", "/tcp/"])
    refuses("ping", f"/p2p/{PEER}", status=1, says=["no address"])
    refuses("ping", "/dns4/no.such.name.invalid/tcp/1", status=1, says=["no.such.name.invalid", "check the name"])
    refuses("listen", "--listen", "/ip4/127.0.0.1/sctp/1", status=1, says=["no transport", "/tcp/"])
    refuses("listen", "--listen", "/ip4/192.0.2.77/tcp/0", status=1, says=["192.0.2.77", "--listen"])


# --- keys


def test_key_new_and_show():
    for kind in ["ed25519", "secp256k1", "ecdsa", "rsa"]:
        made, _ = p2p("key", "new", kind, "--type", kind)
        assert stat.S_IMODE(os.stat(kind).st_mode) == 0o600
        shown, _ = p2p("key", "show", kind)
        assert made == shown and f"type        {kind}" in shown
        (o,) = objects(p2p("key", "show", kind, "--json")[0])
        assert o["type"] == "key" and o["key_type"] == kind and o["file"] == kind
        assert o["peer"] in shown and o["cid"].startswith("k") and bytes.fromhex(o["public_key"])
    assert p2p("key", "new", "another")[0] != p2p("key", "show", "ed25519")[0]


def test_key_files_are_never_overwritten():
    p2p("key", "new", "k")
    before = open("k", "rb").read()
    refuses("key", "new", "k", status=1, says=["exists", "left as it is"])
    assert open("k", "rb").read() == before
    os.symlink("elsewhere", "link")
    refuses("key", "new", "link", status=1, says=["link"])
    assert not os.path.exists("elsewhere")
    refuses("key", "new", "no/such/folder", status=1, says=["No such file"])
    refuses("key", "new", "/dev/full", status=1, says=["exists"])


def test_bad_key_files():
    p2p("key", "new", "good")
    good = open("good", "rb").read()

    def make(name, content, mode=0o600):
        with open(name, "wb") as f:
            f.write(content)
        os.chmod(name, mode)
        return name

    cases = [
        ("missing", ["no key file", "p2p key new"]),
        (make("empty", b""), ["empty"]),
        (make("corrupt", b"\x08\x01\x12\x40" + b"?" * 60), ["damaged"]),
        (make("text", b"hello there"), ["damaged"]),
        (make("cut", good[:-1]), ["damaged"]),
        (make("longer", good + b"\0"), ["damaged"]),
        (make("halves", good[:-1] + bytes([good[-1] ^ 1])), ["do not belong together"]),
        (make("big", b"\0" * 6000), ["too big"]),
        (make("open", good, 0o644), ["others", "chmod 600"]),
        (make("group", good, 0o640), ["others", "chmod 600"]),
        (".", ["not a file"]),
    ]
    os.mkfifo("fifo", 0o600)
    cases.append(("fifo", ["not a file"]))
    if os.geteuid() != 0:
        cases.append((make("unreadable", good, 0o000), ["Permission"]))
    for name, says in cases:
        refuses("key", "show", name, status=1, says=says)
        refuses("listen", "--key", name, "--listen", "/ip4/127.0.0.1/tcp/0", status=1, says=says)


def test_the_key_decides_the_peer():
    p2p("key", "new", "k")
    (o,) = objects(p2p("key", "show", "k", "--json")[0])
    with listener("--key", "k") as l:
        assert l.addr.endswith("/p2p/" + o["peer"])


# --- listen


def test_listen_prints_addresses_then_ready():
    with listener("--listen", "/ip6/::1/tcp/0") as l:
        assert len(l.addrs) == 2
        assert re.fullmatch(r"/ip4/127\.0\.0\.1/tcp/\d+/p2p/12D3KooW\w+", l.addrs[0])
        assert l.addrs[1].startswith("/ip6/::1/tcp/")
        assert l.stop() == ""


def test_listen_json():
    with listener("--json", "--log", "info") as l:
        assert l.ready["peer"] == l.addr.split("/p2p/")[1]
        assert l.ready["offload"] in ("gso gro", "gso", "gro", "none")
        assert "offload of datagram sockets: " + l.ready["offload"] in l.errors()
        p2p("ping", l.addr, "--count", "1")
        seen = {o["type"]: o for o in objects(l.stop())}
        assert set(seen) == {"connected", "disconnected"}
        c = seen["connected"]
        assert c["direction"] == "inbound" and c["transport"] == "tcp" and c["security"] == "/noise"
        assert c["muxer"] == "/yamux/1.0.0" and c["setup_ms"] > 0 and c["addr"].startswith("/ip4/127.0.0.1/tcp/")
        d = seen["disconnected"]
        assert d["peer"] == c["peer"] and d["by_peer"] is True and d["error"] and d["reason"]


def test_listen_on_a_used_port():
    with listener() as l:
        addr = l.addr.split("/p2p/")[0]
        refuses("listen", "--listen", addr, status=1, says=[addr, "used", "--listen", "port 0"])


def test_sigterm_is_like_ctrl_c():
    with listener() as l:
        l.stop(signal.SIGTERM)


# --- ping, identify, perf


def test_ping():
    with listener() as l:
        peer = l.addr.split("/p2p/")[1]
        out, err = p2p("ping", l.addr, "--count", "3", "--interval", "10")
        lines = out.splitlines()
        assert len(lines) == 4 and err == ""
        for i, line in enumerate(lines[:3]):
            assert re.fullmatch(rf"{peer} seq {i + 1} rtt \d+\.\d+ ms", line)
        assert lines[3].startswith("3 sent, 3 answered, min ")
        seen = objects(p2p("ping", l.addr, "--count", "2", "--interval=0", "--json")[0])
        assert [o["type"] for o in seen] == ["connected", "pong", "pong", "ping"]
        assert seen[0]["direction"] == "outbound" and seen[1]["seq"] == 1 and seen[2]["rtt_ms"] > 0
        last = seen[3]
        assert last["sent"] == 2 and last["received"] == 2
        assert last["min_ms"] <= last["mean_ms"] <= last["max_ms"]
        p2p("ping", l.addr.split("/p2p/")[0], "--count", "1")  # whoever answers


def test_ping_over_each_security():
    with listener("--security", "noise,tls") as l:
        for name, said in [("noise", "/noise"), ("tls", "/tls/1.0.0"), ("tls,noise", "/tls/1.0.0")]:
            seen = objects(p2p("ping", l.addr, "--count", "1", "--security", name, "--json")[0])
            assert seen[0]["security"] == said


def test_ping_over_mplex():
    with listener("--muxer", "mplex,yamux") as l:
        seen = objects(p2p("ping", l.addr, "--count", "1", "--muxer", "mplex", "--json")[0])
        assert seen[0]["muxer"] == "/mplex/6.7.0"


def test_quic():
    with listener(listen="/ip4/127.0.0.1/udp/0/quic-v1") as l:
        seen = objects(p2p("ping", l.addr, "--count", "2", "--interval", "0", "--json")[0])
        assert seen[0]["transport"].startswith("quic") and seen[-1]["received"] == 2
        out, _ = p2p("perf", l.addr, "--upload", "5M", "--download", "5M", "--json")
        assert objects(out)[-1]["downloaded"] == 5000000
        l.stop()


def qlogs(folder):
    """(client's first connection id, role) → (head, events) of each file, as a viewer reads them."""
    found = {}
    for name in os.listdir(folder):
        cid, role = re.fullmatch(r"([0-9a-f]{16,40})-\d+-\d+-(client|server)\.sqlog", name).groups()
        with open(os.path.join(folder, name), "rb") as f:
            before, *records = f.read().split(b"\x1e")
        assert before == b"" and all(r.endswith(b"\n") for r in records), name
        head, *events = [json.loads(r) for r in records]
        assert head["qlog_format"] == "JSON-SEQ" and head["qlog_version"] == "0.3"
        assert head["trace"]["vantage_point"]["type"] == role
        assert head["trace"]["common_fields"]["group_id"] == cid
        times = [e["time"] for e in events]
        assert times == sorted(times) and all(re.fullmatch(r"\w+:\w+", e["name"]) for e in events)
        found[cid, role] = [e["name"] for e in events]
    return found


def test_qlogs():
    os.mkdir("ours")
    os.mkdir("theirs")
    with listener("--qlog", "theirs", listen="/ip4/127.0.0.1/udp/0/quic-v1") as l:
        for command in [["ping", l.addr, "--count", "1"], ["identify", l.addr],
                        ["perf", l.addr, "--upload", "2M", "--download", "2M"]]:
            p2p(*command, "--qlog", "ours")
        p2p("dial", l.addr, "--protocol", "/echo/1.0.0", "--qlog", "ours", input="hello")
        l.stop()
    ours, theirs = qlogs("ours"), qlogs("theirs")
    assert len(ours) == 4 and len(theirs) == 4
    for (cid, role), events in ours.items():
        assert role == "client" and {"transport:packet_sent", "transport:packet_received"} <= set(events)
        assert "transport:packet_received" in theirs[cid, "server"]
    assert max(len(events) for events in ours.values()) > 500  # more than one piece is kept
    assert all(stat.S_IMODE(os.stat("ours/" + name).st_mode) == 0o600 for name in os.listdir("ours"))
    os.mkdir("none")
    with listener() as l:
        p2p("ping", l.addr, "--count", "1", "--qlog", "none")
    assert os.listdir("none") == []


def test_qlogs_of_webtransport():
    os.mkdir("logs")
    with listener(listen="/ip4/127.0.0.1/udp/0/quic-v1/webtransport") as l:
        p2p("ping", l.addr, "--count", "1", "--qlog", "logs")
        l.stop()
    assert len(qlogs("logs")) == 1


def test_folders_that_take_no_qlogs():
    open("file", "w").close()
    nobody = f"/ip4/127.0.0.1/udp/{closed_port()}/quic-v1"
    for command in [["ping", nobody], ["identify", nobody], ["perf", nobody], ["dial", nobody, "--protocol", "/x"],
                    ["listen", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"]]:
        refuses(*command, "--qlog", "missing", status=1, says=["missing", "No such file", "mkdir"])
        refuses(*command, "--qlog", "file", status=1, says=["file", "Not a directory"])
    if os.geteuid() != 0:
        os.mkdir("closed", 0o500)
        refuses("ping", nobody, "--qlog", "closed", status=1, says=["closed", "Permission"])
    refuses("ping", nobody, "--qlog", status=2, says=["--qlog DIR"])


def test_a_full_disk_ends_the_qlogs_not_the_command():
    """Files may not grow beyond 8 KiB here: that is what a full disk looks like to a process."""
    os.mkdir("logs")
    with listener(listen="/ip4/127.0.0.1/udp/0/quic-v1") as l:
        out, err = p2p("perf", l.addr, "--upload", "4M", "--download", "4M", "--qlog", "logs", status=1, restore_signals=False,
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)))
        assert "download  4.00 MB" in out, out
        assert err.count("\n") == 1 and "File too large" in err and "no more qlogs" in err, err


def test_the_default_addresses():
    """All four, or a clear sentence where port 4001 is taken."""
    it = subprocess.Popen([P2P, "listen"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = it.stdout.readline()
    if not first:
        assert "4001" in it.stderr.read() and it.wait(PATIENCE) == 1
        it.stdout.close()
        it.stderr.close()
        return
    lines = [first]
    while lines[-1] != "ready\n":
        lines.append(it.stdout.readline())
    it.send_signal(signal.SIGINT)
    it.communicate(timeout=PATIENCE)
    assert it.returncode == 0
    assert any("/tcp/4001/p2p/" in line for line in lines) and any("/udp/4001/quic-v1/" in line for line in lines)


def test_identify():
    with listener() as l:
        out, _ = p2p("identify", l.addr)
        assert l.addr.split("/p2p/")[1] in out and "/ipfs/ping/1.0.0" in out and "c-libp2p/" in out
        (c, o) = objects(p2p("identify", l.addr, "--json")[0])
        assert c["type"] == "connected" and o["type"] == "identify"
        assert {"/ipfs/id/1.0.0", "/ipfs/ping/1.0.0", "/perf/1.0.0", "/echo/1.0.0"} <= set(o["protocols"])
        assert o["addrs"] == [l.addr.split("/p2p/")[0]] and o["addrs_signed"] is True
        assert o["observed"].startswith("/ip4/127.0.0.1/tcp/") and o["agent"].startswith("c-libp2p/")
        assert o["protocol_version"] and o["peer"] == l.addr.split("/p2p/")[1]


def test_perf():
    with listener() as l:
        out, _ = p2p("perf", l.addr, "--upload", "3M", "--download", "2M")
        assert re.search(r"^upload    3\.00 MB in [\d.]+ s, .*/s$", out, re.M)
        assert re.search(r"^download  2\.00 MB in [\d.]+ s, .*/s$", out, re.M)
        seen = objects(p2p("perf", l.addr, "--upload", "5000001", "--download", "7", "--streams", "4", "--json")[0])
        o = seen[-1]
        assert seen[0]["type"] == "connected" and o["type"] == "perf"
        assert all(each["type"] == "progress" for each in seen[1:-1])
        assert o["uploaded"] == 5000001 and o["downloaded"] == 7 and o["streams"] == 4
        assert o["upload_seconds"] >= 0 and o["download_seconds"] >= 0


def test_perf_shows_a_bar_on_a_terminal():
    with listener() as l:
        for no_color in [False, True]:
            master, slave = os.openpty()
            env = dict(os.environ, TERM="xterm")
            env.pop("NO_COLOR", None)
            if no_color:
                env["NO_COLOR"] = "1"
            done = subprocess.Popen([P2P, "perf", l.addr, "--upload", "150M", "--download", "150M"],
                                    stdout=slave, stderr=slave, env=env)
            os.close(slave)
            seen = b""
            while True:
                try:
                    piece = os.read(master, 65536)
                except OSError:
                    break
                if not piece:
                    break
                seen += piece
            os.close(master)
            assert done.wait(PATIENCE) == 0
            assert b"\r" in seen and b"%" in seen and b"s left" in seen and b"#" in seen, seen
            assert (b"\033[32m" in seen) == (not no_color), seen


def test_logs_go_to_stderr():
    with listener("--log", "debug") as l:
        out, err = p2p("ping", f"/ip4/127.0.0.1/tcp/{closed_port()}", "--log", "trace", "--count", "1", status=1)
        assert out == "" and " debug swarm: " in err, err


# --- failures of the network


def test_nobody_listens():
    port = closed_port()
    for command in [["ping"], ["identify"], ["perf"], ["dial", "--protocol", "/echo/1.0.0"]]:
        refuses(*command, f"/ip4/127.0.0.1/tcp/{port}", status=1, says=[f"/ip4/127.0.0.1/tcp/{port}", "refused", "check"])
    out, err = p2p("ping", f"/ip4/127.0.0.1/tcp/{port}", "--json", status=1)
    assert out == "" and "refused" in err


def test_a_wrong_peer_is_named_with_the_right_one():
    with listener() as l:
        addr, peer = l.addr.split("/p2p/")
        refuses("ping", f"{addr}/p2p/{PEER}", status=1, says=["wrong peer", PEER, peer])
        refuses("ping", f"{addr}/p2p/{PEER}", "--security", "noise", status=1, says=[PEER, peer])
    with listener("--security", "tls") as l:
        addr, peer = l.addr.split("/p2p/")
        refuses("ping", f"{addr}/p2p/{PEER}", "--security", "tls", status=1, says=["wrong peer", PEER, peer])


def test_no_common_security_names_the_lists():
    with listener("--security", "noise") as l:
        refuses("ping", l.addr, "--security", "tls", status=1, says=["security", "/tls/1.0.0", "--security"])
        wait_until(lambda: "did not come about" in l.errors())
        seen = l.errors()
        assert "this side speaks /noise" in seen and "asked for /tls/1.0.0" in seen, seen
        # What the peer refuses first does not hinder what both have.
        seen = objects(p2p("ping", l.addr, "--security", "tls,noise", "--count", "1", "--json")[0])
        assert seen[0]["security"] == "/noise"
    with listener("--security", "tls") as l:
        refuses("ping", l.addr, "--security", "noise", status=1, says=["security", "/noise"])


def test_a_silent_peer_names_the_step():
    with silent_port() as s:
        refuses("ping", f"/ip4/127.0.0.1/tcp/{port_of(s)}", status=1, says=["time ran out", "security protocol"])


def test_a_peer_that_is_no_libp2p():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        child = os.fork()
        if child == 0:
            kept = []
            while len(kept) < 8:  # it is tried again
                kept.append(s.accept()[0])
                kept[-1].sendall(b"220 mail.example ESMTP\r\n")
                kept[-1].shutdown(socket.SHUT_WR)
            os._exit(0)
        refuses("ping", f"/ip4/127.0.0.1/tcp/{s.getsockname()[1]}", status=1,
                says=["closed the connection while agreeing on a security protocol"])
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_stdout_that_takes_nothing():
    with open("/dev/full", "w") as full:
        for command in [["help"], ["version"], ["key", "new", "k"]]:
            done = subprocess.run([P2P, *command], stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
            assert done.returncode == 1 and "standard output" in done.stderr, done.stderr


# --- Ctrl-C


def start(*args):
    return subprocess.Popen([P2P, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_ctrl_c_says_goodbye():
    with listener("--json") as l:
        it = start("ping", l.addr, "--count", "1000", "--interval", "20")
        it.stdout.readline()
        it.send_signal(signal.SIGINT)
        out, err = it.communicate(timeout=PATIENCE)
        assert it.returncode == 0 and b" answered, min " in out, err
        seen = [o for o in objects(l.stop()) if o["type"] == "disconnected"]
        assert len(seen) == 1 and seen[0]["reason"] == "the peer ended the connection", seen


def test_ctrl_c_on_the_listener_reaches_its_peers():
    with listener() as l:
        it = start("ping", l.addr, "--count", "1000", "--interval", "20")
        it.stdout.readline()
        l.stop()
        _, err = it.communicate(timeout=PATIENCE)
        assert it.returncode == 1 and b"p2p: " in err and err.count(b"\n") == 1, err


def test_ctrl_c_before_the_end_is_status_1():
    with silent_port() as s:
        it = start("ping", f"/ip4/127.0.0.1/tcp/{port_of(s)}")
        with s.accept()[0]:
            it.send_signal(signal.SIGINT)
            _, err = it.communicate(timeout=PATIENCE)
        assert it.returncode == 1 and b"interrupted" in err, err
    with listener() as l:
        it = start("perf", l.addr, "--upload", "1T")
        wait_until(lambda: "connected: " in l.errors())
        it.send_signal(signal.SIGINT)
        _, err = it.communicate(timeout=PATIENCE)
        assert it.returncode == 1 and b"interrupted" in err, err
        l.stop()


def test_a_second_ctrl_c_ends_at_once():
    """A peer that never lets go: stopped, so that the goodbye is not answered. On a busy machine the first may come to its end
    before the second arrives."""
    with listener(listen="/ip4/127.0.0.1/udp/0/quic-v1") as l:
        for _ in range(5):
            it = start("ping", l.addr, "--count", "1000", "--interval", "20")
            it.stdout.readline()
            l.process.send_signal(signal.SIGSTOP)
            while it.poll() is None:
                it.send_signal(signal.SIGINT)
                time.sleep(0.1)
            it.communicate(timeout=PATIENCE)
            l.process.send_signal(signal.SIGCONT)
            if it.returncode == 130:
                return
        raise AssertionError(f"status {it.returncode}")


# --- dial


def test_dial_echoes():
    data = os.urandom(3_000_000)
    with listener() as l:
        out, err = p2p("dial", l.addr, "--protocol", "/echo/1.0.0", input=data, text=False)
        assert out == data and err == b""
        assert p2p("dial", l.addr, "--protocol", "/echo/1.0.0", input=b"", text=False)[0] == b""
        with open("in", "wb") as f:
            f.write(data)
        with open("in", "rb") as i, open("out", "wb") as o:
            assert subprocess.run([P2P, "dial", l.addr, "--protocol", "/echo/1.0.0"], stdin=i, stdout=o, timeout=PATIENCE).returncode == 0
        assert open("out", "rb").read() == data


def test_dial_passes_bytes_before_the_end():
    with listener() as l:
        it = start("dial", l.addr, "--protocol", "/echo/1.0.0")
        for word in [b"one", b"two"]:
            it.stdin.write(word)
            it.stdin.flush()
            assert os.read(it.stdout.fileno(), 100) == word
        it.stdin.close()  # half close: what is on its way still comes
        assert it.stdout.read() == b"" and it.wait(PATIENCE) == 0
        it.stdout.close()
        it.stderr.close()


def test_dial_waits_for_a_slow_reader():
    data = os.urandom(8_000_000)
    with listener() as l, open("in", "wb") as f:
        f.write(data)
        f.flush()
        with open("in", "rb") as i:
            it = subprocess.Popen([P2P, "dial", l.addr, "--protocol", "/echo/1.0.0"], stdin=i, stdout=subprocess.PIPE)
            time.sleep(0.5)
            digest = hashlib.sha256()
            while piece := it.stdout.read(1_000_000):
                digest.update(piece)
                time.sleep(0.01)
            assert it.wait(PATIENCE) == 0
            it.stdout.close()
        assert digest.digest() == hashlib.sha256(data).digest()


def test_dial_of_an_unknown_protocol():
    with listener() as l:
        refuses("dial", l.addr, "--protocol", "/no/such", status=1, says=["/no/such", "p2p identify"], input="")


def test_dial_to_a_closed_stdout():
    with listener() as l:
        it = start("dial", l.addr, "--protocol", "/echo/1.0.0")
        it.stdout.close()
        it.stdin.write(b"x" * 1000)
        it.stdin.flush()
        assert it.wait(PATIENCE) == 1
        err = it.stderr.read()
        assert b"standard output" in err, err
        it.stdin.close()
        it.stderr.close()


def test_dial_interrupted_with_an_open_stdin():
    with listener() as l:
        it = start("dial", l.addr, "--protocol", "/echo/1.0.0")
        it.stdin.write(b"x")
        it.stdin.flush()
        assert it.stdout.read(1) == b"x"
        it.send_signal(signal.SIGINT)
        assert it.wait(PATIENCE) == 1
        for each in (it.stdin, it.stdout, it.stderr):
            each.close()


# --- record and replay


def replay_same(name):
    out, err = p2p("replay", name)
    assert out.startswith("the same: ") and err == "", (out, err)
    (o,) = objects(p2p("replay", name, "--json")[0])
    assert o["type"] == "replay" and o["same"] is True and o["inputs"] > 0 and o["effects"] > 0
    assert o["draws"] > 0 and o["events"] > 0 and o["drawn_bytes"] > 0
    return o


def test_recordings_replay_the_same():
    for security in ["noise", "tls"]:
        with listener("--security", security, "--record", f"listen-{security}") as l:
            more = ["--security", security, "--record"]
            _, err = p2p("ping", l.addr, "--count", "3", "--interval", "5", *more, f"ping-{security}")
            assert "secret" in err and "private key" in err
            p2p("identify", l.addr, *more, f"identify-{security}")
            p2p("perf", l.addr, "--upload", "8M", "--download", "8M", "--streams", "3", *more, f"perf-{security}")
            l.stop()
        for command in ["listen", "ping", "identify", "perf"]:
            name = f"{command}-{security}"
            assert stat.S_IMODE(os.stat(name).st_mode) == 0o600
            assert replay_same(name)["command"] == command


def test_every_transport_replays():
    for transport in ["udp/0/quic-v1", "udp/0/quic-v1/webtransport", "udp/0/webrtc-direct", "tcp/0/ws"]:
        with listener("--record", "listen", listen="/ip4/127.0.0.1/" + transport) as l:
            p2p("ping", l.addr, "--count", "3", "--interval", "5", "--record", "ping")
            p2p("perf", l.addr, "--upload", "3M", "--download", "3M", "--streams", "2", "--record", "perf")
            l.stop()
        for command in ["listen", "ping", "perf"]:
            assert replay_same(command)["command"] == command
            os.remove(command)


def test_a_recording_with_qlogs_replays_without_them():
    os.mkdir("logs")
    with listener(listen="/ip4/127.0.0.1/udp/0/quic-v1") as l:
        p2p("ping", l.addr, "--count", "1", "--record", "ping", "--qlog", "logs")
    assert len(os.listdir("logs")) == 1
    os.rename("logs", "away")
    replay_same("ping")
    assert not os.path.exists("logs")


def test_every_kind_of_key_replays():
    for kind in ["rsa", "ecdsa", "secp256k1"]:
        p2p("key", "new", kind, "--type", kind)
        with listener("--security", "noise,tls", "--key", kind, "--record", "rec-" + kind) as l:
            p2p("ping", l.addr, "--count", "1", "--security", "noise")
            p2p("ping", l.addr, "--count", "1", "--security", "tls")
            l.stop()
        os.remove(kind)  # the recording has its own copy
        replay_same("rec-" + kind)


def test_failures_replay_too():
    p2p("ping", f"/ip4/127.0.0.1/tcp/{closed_port()}", "--record", "refused", status=1)
    replay = p2p("replay", "refused")[0]
    assert replay.startswith("the same: ")
    p2p("ping", "/dns4/localhost/tcp/1", "--record", "named", status=1)
    p2p("replay", "named")
    with listener("--record", "l") as l:
        it = start("perf", l.addr, "--upload", "1T", "--record", "interrupted")
        wait_until(lambda: "connected: " in l.errors())
        it.send_signal(signal.SIGINT)
        it.communicate(timeout=PATIENCE)
        l.stop()
    replay_same("interrupted")
    replay_same("l")


def recording():
    with listener("--record", "good") as l:
        p2p("ping", l.addr, "--count", "2", "--interval", "1")
        l.stop()
    return open("good", "rb").read()


def test_damaged_recordings_are_refused():
    good = recording()

    def say(content, says):
        with open("bad", "wb") as f:
            f.write(content)
        refuses("replay", "bad", status=1, says=says)

    for at in [20, 60, len(good) // 2, len(good) - 12, len(good) - 1]:
        say(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:], ["bad"])
    for at in [14, 100, len(good) // 2, len(good) - 1]:
        say(good[:at], ["cut off"])
    say(b"", ["no recording"])
    say(b"hello, world, this is no recording", ["no recording"])
    say(good[:13] + b"\x09" + good[14:], ["version"])
    refuses("replay", "missing", status=1, says=["missing", "No such file"])
    refuses("replay", ".", status=1, says=["."])


def frames(content):
    at = 14
    while at < len(content):
        size = shift = 0
        while True:
            byte = content[at]
            size |= (byte & 0x7f) << shift
            shift += 7
            at += 1
            if byte < 0x80:
                break
        yield content[at:at + size]
        at += size + 4


def sealed(bodies):
    """A recording of these frames with right checksums: what someone who knows the format can make."""
    out = b"p2p-recording\x01"
    chain = hashlib.sha256(out).digest()
    for body in bodies:
        size, length = len(body), b""
        while size >= 0x80:
            length += bytes([size & 0x7f | 0x80])
            size >>= 7
        chain = hashlib.sha256(chain + body).digest()
        out += length + bytes([size]) + body + chain[:4]
    return out


def test_the_first_difference_is_shown():
    good = recording()
    bodies = list(frames(good))
    assert sealed(bodies) == good
    kinds = [body[0] for body in bodies]

    def differs(changed, says):
        with open("changed", "wb") as f:
            f.write(sealed(changed))
        refuses("replay", "changed", status=1, says=says)

    def flip(i, at):
        body = bytearray(bodies[i])
        body[at] ^= 1
        return bodies[:i] + [bytes(body)] + bodies[i + 1:]

    drawn = [i for i, b in enumerate(bodies) if b[0] == 4 and len(b) > 32]
    effects = [i for i, b in enumerate(bodies) if b[0] == 3 and len(b) > 1]
    events = [i for i, b in enumerate(bodies) if b[0] == 6 and len(b) > 1]
    inputs = [i for i, b in enumerate(bodies) if b[:2] == b"\x02\x03" and len(b) > 60]
    differs(flip(drawn[1], -1), [f"frame {drawn[1]} ", "differs", "drawn"])
    differs(flip(effects[0], 1), [f"frame {effects[0]} ", "effect"])
    differs(flip(events[0], 1), [f"frame {events[0]} ", "event"])
    differs(flip(inputs[0], 50), ["differs"])
    differs(bodies[:inputs[0]] + bodies[inputs[0] + 1:], ["differs"])
    assert kinds[0] == 1 and kinds[-1] == 8 and 7 in kinds
    header = bytearray(bodies[0])
    header[30] ^= 1  # the seed
    differs([bytes(header)] + bodies[1:], ["differs"])


def test_a_recording_is_never_overwritten():
    open("mine", "w").close()
    refuses("ping", f"/ip4/127.0.0.1/tcp/{closed_port()}", "--record", "mine", status=1, says=["mine", "exists"])
    refuses("ping", f"/ip4/127.0.0.1/tcp/{closed_port()}", "--record", "no/such/folder", status=1, says=["No such file"])


def test_a_full_disk_ends_the_recording_not_the_command():
    with listener() as l:
        out, err = p2p("ping", l.addr, "--count", "2", "--interval", "1", "--record", "/dev/full", status=1)
        assert "2 sent, 2 answered" in out
        assert err.count("No space left") == 1, err
        out, err = p2p("perf", l.addr, "--upload", "4M", "--download", "4M", "--record", "/dev/full", status=1)
        assert "download  4.00 MB" in out and err.count("No space left") == 1, err


# --- stun


@contextlib.contextmanager
def stun_server(answer):
    """A STUN server on 127.0.0.1 whose answer to a request is `answer(request, from)`; None: no answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))

        def serve():
            while True:
                request, sender = s.recvfrom(2048)
                if sender is None:
                    return  # shut down
                reply = answer(request, sender)
                if reply is not None:
                    s.sendto(reply, sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield s.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):  # not connected, says the system, and wakes the thread
                s.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)


def test_stun_asks_our_own_node():
    with listener(listen="/ip4/127.0.0.1/udp/0/webrtc-direct") as l:
        host, port = re.match(r"/ip4/([0-9.]+)/udp/(\d+)/", l.addr).groups()
        for addr in (l.addr, f"/ip4/{host}/udp/{port}", f"{host}:{port}", f"stun:{host}:{port}", f"localhost:{port}"):
            if addr.startswith("localhost") and socket.getaddrinfo("localhost", 1, type=socket.SOCK_DGRAM)[0][4][0] != host:
                continue  # it has no other address than the first to ask
            out, err = p2p("stun", addr)
            assert err == "" and re.fullmatch(r"/ip4/127\.0\.0\.1/udp/\d+ \(no NAT between\)\n", out), (addr, out, err)
        (o,) = objects(p2p("stun", addr, "--json")[0])
        assert o["type"] == "stun" and o["server"] == f"/ip4/{host}/udp/{port}" and o["addr"] == o["local"], o
        assert o["nat"] is False and o["requests"] >= 1 and o["took_ms"] > 0, o


def test_stun_without_an_answer():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(PATIENCE)
        addr = f"127.0.0.1:{s.getsockname()[1]}"
        refuses("stun", addr, "--requests", "3", "--rto", "10", status=1, says=[addr, "3 requests", "0.2 seconds", "UDP"])
        assert len({s.recv(2048) for _ in range(3)}) == 1  # the same request three times
    refuses("stun", "127.0.0.1:9", "--requests", "1", "--rto", "1", "--json", status=1, says=["1 request within"])
    refuses("stun", "nobody.invalid:3478", status=1, says=["nobody.invalid", "name"])


def test_stun_behind_a_nat_and_refused():
    def success(request, sender):  # MAPPED-ADDRESS 203.0.113.9:61000, as the servers before RFC 5389 said it
        return b"\x01\x01\x00\x0c" + request[4:20] + b"\x00\x01\x00\x08\x00\x01\xee\x48\xcb\x00\x71\x09"

    def wants_credentials(request, sender):
        return b"\x01\x11\x00\x08" + request[4:20] + b"\x00\x09\x00\x04\x00\x00\x04\x01"

    with stun_server(success) as port:
        out, _ = p2p("stun", f"127.0.0.1:{port}")
        assert out == "/ip4/203.0.113.9/udp/61000 (behind a NAT)\n", out
    with stun_server(wants_credentials) as port:
        refuses("stun", f"127.0.0.1:{port}", status=1, says=["401", "credentials", "another server"])


def test_stun_wrong_use():
    for addr in ("", ":1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", "[::1", "[::1]x", "a/b:1", "/ip4/127.0.0.1/tcp/1",
                 "/ip4/127.0.0.1", "x" * 300):
        refuses("stun", addr, status=2, says=["STUN server", "3478"])
    refuses("stun", "127.0.0.1:1", "--requests", "17", status=2, says=["--requests", "16"])
    refuses("stun", "127.0.0.1:1", "--rto", "0", status=2, says=["--rto", "1"])
    refuses("stun", "127.0.0.1:1", "--record", "x", status=2, says=["--record"])
    refuses("stun", status=2, says=["ADDR"])


def test_stun_interrupted():
    asked = threading.Event()
    with stun_server(lambda request, sender: asked.set()) as port:
        it = subprocess.Popen([P2P, "stun", f"127.0.0.1:{port}"], stderr=subprocess.PIPE, text=True)
        assert asked.wait(PATIENCE)
        it.send_signal(signal.SIGINT)
        _, err = it.communicate(timeout=PATIENCE)
        assert it.returncode == 1 and err == "p2p: interrupted before an answer came\n", err


# --- wss with certificate files

TLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tls")


def put_pair(name, key=None):
    """The pair NAME as cert.pem and key.pem, put in place as programs that renew certificates do."""
    for source, target in ((f"{name}.crt", "cert.pem"), (f"{key or name}.key", "key.pem")):
        shutil.copy(os.path.join(TLS, source), "new")
        os.replace("new", target)


def wss_connect(l):
    """A TLS connection to the listener and the certificate that it showed."""
    port = int(re.search(r"/tcp/(\d+)/", l.addr).group(1))
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    conn = context.wrap_socket(socket.create_connection(("127.0.0.1", port), PATIENCE))
    return conn, ssl.DER_cert_to_PEM_cert(conn.getpeercert(binary_form=True)).strip()


def shown(l):
    conn, cert = wss_connect(l)
    conn.close()
    return next(name for name in "ab" if cert == open(os.path.join(TLS, f"{name}.crt")).read().strip())


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


@contextlib.contextmanager
def wss_listener(*args):
    put_pair("a")
    with listener("--tls-cert", "cert.pem", "--tls-key", "key.pem", *args, listen="/ip4/127.0.0.1/tcp/0/tls/ws") as l:
        yield l


def websocket(l):
    conn, _ = wss_connect(l)
    conn.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += conn.recv(4096)
    assert answer.startswith(b"HTTP/1.1 101"), answer
    return conn


def pongs(conn):
    """The WebSocket answers a ping."""
    conn.sendall(b"\x89\x82\0\0\0\0hi")
    got = b""
    while not got.endswith(b"\x8a\x02hi"):
        piece = conn.recv(4096)
        assert piece, "the connection has ended"
        got += piece
    return True


def test_tls_files_are_read_again_when_they_change():
    with wss_listener() as l:
        assert shown(l) == "a"
        with websocket(l) as conn:
            assert pongs(conn)
            put_pair("b")
            wait_until(lambda: shown(l) == "b")
            assert pongs(conn)
        assert "cert.pem is in use now" in l.errors()
        l.stop()


def test_tls_files_are_read_again_on_sighup():
    with wss_listener("--json") as l:
        l.process.send_signal(signal.SIGHUP)
        o = next(o for line in l.process.stdout if (o := json.loads(line))["type"].startswith("certificate"))
        assert o["type"] == "certificate" and o["cert"] == "cert.pem", o
        l.stop()


def test_a_bad_pair_changes_nothing_and_is_said():
    bad = [lambda: put_pair("b", key="a"), lambda: os.remove("key.pem"), lambda: open("cert.pem", "w").close()]
    for spoil in bad:
        with wss_listener() as l:
            spoil()
            l.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "stays in use" in l.errors())
            assert shown(l) == "a"
            put_pair("b")
            wait_until(lambda: shown(l) == "b")
            l.stop()


def test_tls_files_that_are_no_good_at_the_start():
    wss = ["listen", "--listen", "/ip4/127.0.0.1/tcp/0/tls/ws"]
    refuses(*wss, status=1, says=["--tls-cert", "--tls-key"])
    refuses(*wss, "--tls-cert", "x", status=2, says=["--tls-cert", "--tls-key", "both"])
    refuses(*wss, "--tls-cert", "absent", "--tls-key", "absent", status=1, says=["absent", "No such file", "--tls-cert"])
    put_pair("a", key="b")
    refuses(*wss, "--tls-cert", "cert.pem", "--tls-key", "key.pem", status=1, says=["cert.pem", "key.pem", "PEM"])
    refuses(*wss, "--tls-cert", ".", "--tls-key", "key.pem", status=1, says=["cannot read", "directory"])
    put_pair("a")
    refuses(*wss, "--tls-cert", "cert.pem", "--tls-key", "key.pem", "--record", "r", status=2, says=["--record", "--tls-cert"])


if __name__ == "__main__":
    sys.exit(runner.run("cli", globals(), sys.argv[2:]))
