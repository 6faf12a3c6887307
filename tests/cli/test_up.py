#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""p2p up, as a person, a browser or a script uses it: the real binary on the loopback interface.

    test_up.py PATH-OF-P2P PATH-OF-NO-UDP-LIBRARY [NAME…]

Every test gets an empty folder, which is also the data directory. The last line is `up: N passed, N failed, N skipped`.
"""
import contextlib
import http.client
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

import runner
from runner import Skipped

P2P = os.path.abspath(sys.argv[1])
NO_UDP = os.path.abspath(sys.argv[2])
PATIENCE = 60
HELLO = "/c-libp2p/hello/1.0.0"


# --- running it


class Up:
    """p2p up in the background, on free ports. `lines` is what it printed before `ready`."""

    def __init__(self, *args, ports=True, command=(), env=None, stdin=subprocess.DEVNULL):
        self.log = tempfile.TemporaryFile(mode="w+")
        free = ["--port", "0", "--page", "127.0.0.1:0"] if ports else []
        self.process = subprocess.Popen([*command, P2P, "up", *free, *args], stdin=stdin, stdout=subprocess.PIPE,
                                        stderr=self.log, env={**os.environ, **(env or {})})
        self.seen = b""
        self.json = "--json" in args
        self.lines = []
        while (line := self.line()) not in ("ready", '{"type":"ready"}'):
            self.lines.append(line)
        if self.json:
            first = json.loads(self.lines[0])
            self.peer, self.addrs, self.url = first["peer"], first["addrs"], first["page"]
        else:
            self.peer = self.lines[0].removeprefix("peer: ")
            self.addrs = [line.strip() for line in self.lines if line.startswith("  /")]
            pages = [line.removeprefix("page: ") for line in self.lines if line.startswith("page: ")]
            self.url = pages[0] if pages else None
        if self.url:
            self.host, self.port = re.fullmatch(r"http://(.*):(\d+)/", self.url).groups()

    def line(self):
        """The next line of standard output."""
        out = self.process.stdout
        while b"\n" not in self.seen:
            ready, _, _ = select.select([out], [], [], PATIENCE)
            more = os.read(out.fileno(), 65536) if ready else b""
            assert more, "p2p up said no more: " + self.errors()
            self.seen += more
        line, self.seen = self.seen.split(b"\n", 1)
        return line.decode()

    def until(self, pattern):
        while not re.search(pattern, line := self.line()):
            pass
        return line

    def errors(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self, how=signal.SIGINT, status=0):
        self.process.send_signal(how)
        out = (self.seen + self.process.stdout.read()).decode()
        code = self.process.wait(PATIENCE)
        assert code == status, f"up: status {code}\n{self.errors()}"
        return out

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()

    # --- its page

    def ask(self, path, method="GET", body=None, headers=None):
        """(status, headers, text)"""
        c = http.client.HTTPConnection(self.host.strip("[]"), int(self.port), timeout=PATIENCE)
        c.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        headers = {"Host": f"{self.host}:{self.port}", **(headers or {})}
        if body is not None:
            headers.setdefault("Content-Length", str(len(body)))
        for name, value in headers.items():
            if value is not None:
                c.putheader(name, value)
        c.endheaders(body.encode() if isinstance(body, str) else body)
        answer = c.getresponse()
        text = answer.read().decode()
        c.close()
        for name in ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"):
            assert answer.getheader(name), f"{path}: no {name}"
        return answer.status, answer.headers, text

    def get(self, path, status=200, **more):
        code, _, text = self.ask(path, **more)
        assert code == status, f"GET {path}: {code} {text}"
        return json.loads(text)

    def token(self):
        return self.get("/api/node")["token"]

    def act(self, path, body, status=200, headers=None):
        headers = {"X-P2P-Token": self.token(), "Content-Type": "application/json", **(headers or {})}
        code, _, text = self.ask(path, "POST", body if isinstance(body, (str, bytes)) else json.dumps(body), headers)
        assert code == status, f"POST {path}: {code} {text}"
        o = json.loads(text)
        assert status == 200 or (list(o) == ["error"] and len(o["error"]) > 10), text
        return o


@contextlib.contextmanager
def up(*args, **more):
    it = Up(*args, **more)
    try:
        yield it
    finally:
        it.kill()


@contextlib.contextmanager
def listener():
    """p2p listen: a peer elsewhere. Gives its address."""
    it = subprocess.Popen([P2P, "listen", "--listen", "/ip4/127.0.0.1/tcp/0"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    try:
        addr = it.stdout.readline().strip()
        assert it.stdout.readline() == "ready\n"
        yield addr
    finally:
        it.kill()
        it.wait()
        it.stdout.close()


def refuses(*args, status, says, command=(), env=None):
    """Ends with one sentence on stderr that has every word of `says`, and nothing on stdout."""
    done = subprocess.run([*command, P2P, "up", *args], capture_output=True, timeout=PATIENCE, text=True,
                          stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
    err = done.stderr
    assert done.returncode == status, f"{args}: status {done.returncode}, not {status}\n{err}"
    assert done.stdout == "", f"{args}: on stdout: {done.stdout!r}"
    assert err.count("\n") == 1 and err.startswith("p2p: ") and len(err) < 900, f"{args}: {err!r}"
    for word in says:
        assert word in err, f"{args}: {word!r} is missing in {err!r}"
    return err


@contextlib.contextmanager
def taken(kind=socket.SOCK_STREAM, port=0, host="127.0.0.1"):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind((host, port))
        if kind == socket.SOCK_STREAM:
            s.listen()
        yield s.getsockname()[1]


class Events:
    """Listens to /api/events."""

    def __init__(self, node, headers=""):
        self.socket = socket.create_connection((node.host, int(node.port)), timeout=PATIENCE)
        self.socket.sendall(f"GET /api/events HTTP/1.1\r\nHost: {node.host}:{node.port}\r\n{headers}\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        while self.file.readline() != b"\r\n":
            pass
        self.text = b""

    def chunk(self):
        size = int(self.file.readline(), 16)
        data = self.file.read(size)
        self.file.readline()
        return data

    def next(self):
        """(name, object), or None at the end."""
        while True:
            head, separator, rest = self.text.partition(b"\n\n")
            if separator:
                self.text = rest
                found = re.fullmatch(rb"event: (\S+)\ndata: (.*)", head)
                if found:
                    return found[1].decode(), json.loads(found[2])
                continue
            more = self.chunk()
            if not more:
                return None
            self.text += more

    def until(self, name):
        while (event := self.next())[0] != name:
            pass
        return event[1]

    def close(self):
        self.file.close()
        self.socket.close()


@contextlib.contextmanager
def events(node, **more):
    it = Events(node, **more)
    try:
        yield it
    finally:
        it.close()


def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def hello_bytes(text, name="", sender=b""):
    fields = [(1, sender), (2, name.encode()), (3, text.encode())]
    body = b"".join(bytes([number << 3 | 2]) + varint(len(value)) + value for number, value in fields)
    return varint(len(body)) + body


def read_varint(f):
    value = shift = 0
    while True:
        byte = f.read(1)
        assert byte, "the stream ended"
        value |= (byte[0] & 127) << shift
        shift += 7
        if byte[0] < 128:
            return value


def hello_read(f):
    """{number: bytes} of the next message."""
    body, fields = f.read(read_varint(f)), {}
    while body:
        number, n = body[0] >> 3, body[1]
        assert n < 128 or body[2] < 128
        head = 2 if n < 128 else 3
        n = n if n < 128 else n & 127 | body[2] << 7
        fields[number] = body[head:head + n]
        body = body[head + n:]
    return fields


@contextlib.contextmanager
def tab(node):
    """A peer with an open hello stream, as a browser tab has one: a process with pipes."""
    it = subprocess.Popen([P2P, "dial", node.addrs[0], "--protocol", HELLO],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield it
    finally:
        it.kill()
        it.wait()
        for f in (it.stdin, it.stdout, it.stderr):
            f.close()


def say(process, *args, **more):
    process.stdin.write(hello_bytes(*args, **more))
    process.stdin.flush()


# --- the start


def test_first_lines_for_people():
    with up() as node:
        assert re.fullmatch(r"12D3KooW\w+", node.peer)
        text = "\n".join(node.lines)
        any_peer, browsers = text.split("addresses for any peer:\n")[1].split("\naddresses for browsers:\n")
        browsers, page = browsers.split("\npage: ")
        for kind in ("/tcp/", "/quic-v1/"):
            assert kind in any_peer, text
        for kind in ("/ws/", "/webtransport/certhash/", "/webrtc-direct/certhash/"):
            assert kind in browsers and kind not in any_peer, text
        assert page == node.url and node.url.startswith("http://127.0.0.1:")
        ports = {re.search(r"/(?:tcp|udp)/(\d+)", a)[1] for a in node.addrs}
        assert len(ports) == 1, f"one port for everything: {ports}"
        assert all(a.endswith("/p2p/" + node.peer) for a in node.addrs)
        assert "\033" not in text
        node.stop()


def test_json():
    with up("--json") as node:
        first = json.loads(node.lines[0])
        assert first["type"] == "up" and first["peer"] == node.peer and first["page"] == node.url
        assert len(node.lines) == 1 and first["browser"]["webtransport"] and "token" not in first
        subprocess.run([P2P, "ping", node.addrs[0], "--count", "1"], check=True, capture_output=True)
        told = [json.loads(line) for line in node.stop().splitlines()]
        assert [o["type"] for o in told] == ["connected", "identified", "disconnected"], told
        assert told[0]["direction"] == "in" and told[0]["transport"] == "tcp" and told[2]["reason"]


def test_help():
    out = subprocess.run([P2P, "help", "up"], capture_output=True, text=True, check=True).stdout
    for option in ("--port", "--page", "--no-page", "--web", "--open", "--ephemeral", "--key", "--listen", "--json"):
        assert re.search(rf"{option}\b", out), option


def test_wrong_use():
    refuses("--port", "70000", status=2, says=["--port", "65535"])
    refuses("--port", "x", status=2, says=["--port"])
    refuses("--page", "here:4", status=2, says=["here:4", "127.0.0.1:4080"])
    refuses("--page", "127.0.0.1:99999", status=2, says=["99999"])
    refuses("--page", "127.0.0.1:-1", status=2, says=["--page"])
    refuses("--page", "", status=2, says=["--page"])
    refuses("--key", "k", "--ephemeral", status=2, says=["--ephemeral"])
    refuses("--listen", "/ip4/127.0.0.1/tcp/0", "--port", "5", status=2, says=["--listen", "--port"])
    refuses("--listen", "somewhere", status=2, says=["somewhere", "/ip4/"])
    refuses("--no-page", "--open", status=2, says=["--no-page"])
    refuses("--record", "f", status=2, says=["--record"])
    refuses("more", status=2, says=["more"])
    assert os.listdir() == [], "nothing is made by a wrong command line"


# --- the key


def test_key_is_kept_for_its_owner():
    with up() as first:
        peer, wt = first.peer, [a for a in first.addrs if "certhash" in a]
        first.stop()
    key = pathlib.Path("data/p2p/key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    port = re.search(r"/udp/(\d+)", wt[0])[1]
    with up("--page", "127.0.0.1:0", "--port", port, ports=False) as again:
        assert again.peer == peer
        assert [a for a in again.addrs if "certhash" in a] == wt, "addresses with hashes survive a restart"
    with up("--ephemeral") as other:
        assert other.peer != peer


def test_home_without_xdg():
    with up(env={"XDG_DATA_HOME": "", "HOME": os.getcwd() + "/home"}):
        assert os.path.exists("home/.local/share/p2p/key")
    with up(env={"XDG_DATA_HOME": "relative", "HOME": os.getcwd() + "/home2"}):
        assert os.path.exists("home2/.local/share/p2p/key") and not os.path.exists("relative")
    refuses("--port", "0", status=1, says=["XDG_DATA_HOME", "HOME", "--ephemeral"], env={"XDG_DATA_HOME": "", "HOME": ""})


def test_two_with_one_key():
    with up() as first:
        refuses("--port", "0", "--page", "127.0.0.1:0", status=1, says=["another p2p up", "data/p2p/key", "--ephemeral"])
        refuses("--port", "0", "--key", "data/p2p/key", status=1, says=["another p2p up"])
        with up("--ephemeral") as second:
            assert second.peer != first.peer
        assert first.get("/api/health") == {"ok": True}
        first.stop()
    with up() as again:  # the lock went with the process
        again.stop()


def test_bad_keys():
    refuses("--key", "nowhere", status=1, says=["nowhere", "p2p key new"])
    pathlib.Path("bad").write_bytes(b"\x08\x01\x12\x03abc")
    os.chmod("bad", 0o600)
    refuses("--key", "bad", status=1, says=["bad", "damaged"])
    os.makedirs("data/p2p", exist_ok=True)
    pathlib.Path("data/p2p/key").write_bytes(b"")
    os.chmod("data/p2p/key", 0o600)
    refuses("--port", "0", status=1, says=["data/p2p/key", "empty"])
    pathlib.Path("data/p2p/key").write_bytes(b"garbage")
    refuses("--port", "0", status=1, says=["data/p2p/key", "damaged"])
    assert pathlib.Path("data/p2p/key").read_bytes() == b"garbage", "a damaged key is left as it is"
    os.chmod("data/p2p/key", 0o644)
    refuses("--port", "0", status=1, says=["data/p2p/key", "chmod 600"])


def unshared(script, *args):
    """Runs a shell script in namespaces of its own, where it may mount and change the network."""
    command = ["unshare", "--mount", "--net", *([] if os.getuid() == 0 else ["--map-root-user"]), "sh", "-c", script, "sh"]
    try:
        able = subprocess.run([*command[:-4], "true"], capture_output=True, timeout=PATIENCE).returncode == 0
    except FileNotFoundError:
        able = False
    if not able:
        raise Skipped("this machine lets nobody make namespaces (unshare)")
    return [*command, *args]


def test_data_folder_that_cannot_be_written():
    os.makedirs("data")
    read_only = unshared('mount -t tmpfs none data && mount -o remount,ro data && exec "$@"')
    refuses("--port", "0", command=read_only, status=1, says=["data/p2p", "Read-only", "--ephemeral"])
    pathlib.Path("data").rmdir()
    pathlib.Path("data").write_text("a file is in the way")
    refuses("--port", "0", status=1, says=["data/p2p", "Not a directory", "--key"])


def test_disk_full():
    os.makedirs("data")
    # One page for the folder's own file, and that is taken.
    full = unshared('mount -t tmpfs -o size=4k none data && mkdir data/p2p && head -c 4096 /dev/zero >data/filler; exec "$@"')
    refuses("--port", "0", command=full, status=1, says=["data/p2p/key", "No space left", "no file is left"])


# --- ports


def test_standard_ports_move_on():
    """In a network of their own, where nobody else has these ports."""
    with up("--ephemeral", ports=False, command=unshared('ip link set lo up && exec "$@"')) as first:
        there = ["nsenter", "--target", str(first.process.pid), "--net"]
        there += [] if os.getuid() == 0 else ["--user", "--preserve-credentials"]
        with up("--ephemeral", ports=False, command=there) as second:
            for node, port, page in ((first, 4001, 4080), (second, 4002, 4081)):
                assert {int(re.search(r"/(?:tcp|udp)/(\d+)", addr)[1]) for addr in node.addrs} == {port}
                assert node.url == f"http://127.0.0.1:{page}/"
            assert "in use" not in first.errors()
            assert "port 4001 is in use; listening on 4002" in second.errors()
            assert "port 4080 is in use; the page is on 4081" in second.errors()


def test_wanted_ports_in_use():
    with taken() as port:
        refuses("--ephemeral", "--port", str(port), status=1, says=[str(port), "in use", "--port"])
        refuses("--ephemeral", "--port", "0", "--page", f"127.0.0.1:{port}", status=1, says=[str(port), "in use", "--page", "--no-page"])
        refuses("--ephemeral", "--page", "127.0.0.1:0", "--listen", f"/ip4/127.0.0.1/tcp/{port}", status=1, says=[str(port), "--listen"])
    with taken(socket.SOCK_DGRAM) as port:
        refuses("--ephemeral", "--port", str(port), status=1, says=[str(port), "in use"])


def test_listen_says_where():
    with up("--page", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0", ports=False) as node:
        assert len(node.addrs) == 1 and node.addrs[0].startswith("/ip4/127.0.0.1/tcp/")
    refuses("--listen", "/ip4/127.0.0.1/sctp/1", "--page", "127.0.0.1:0", status=1, says=["no transport", "/tcp/"])


def test_no_ipv6():
    only_4 = unshared('ip link set lo up && echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 && exec "$@"')
    with up(command=only_4) as node:
        assert node.addrs and not any("/ip6/" in a for a in node.addrs)
        assert "no IPv6" in node.errors() and "going on with IPv4" in node.errors()
        node.stop()


def test_addresses_that_change():
    """A machine that gets an address while the node runs: the driver looks every few seconds."""
    later = unshared('ip link set lo up; (until [ -e now ]; do sleep 0.1; done; ip addr add 10.20.30.40/32 dev lo) >/dev/null & exec "$@"')
    with up(command=later) as node:
        assert not any("10.20.30.40" in a for a in node.addrs)
        pathlib.Path("now").touch()
        node.until("^addresses     have changed$")
        node.until("  /ip4/10.20.30.40/tcp/")
        node.stop()


def test_no_udp():
    with up(env={"LD_PRELOAD": NO_UDP}) as node:
        assert node.addrs and not any("/udp/" in a for a in node.addrs), node.addrs
        assert "gives no UDP port" in node.errors()
        assert node.get("/api/node")["browser"]["webtransport"] == []
        subprocess.run([P2P, "ping", node.addrs[0], "--count", "1"], check=True, capture_output=True)


# --- the page


def web_folder():
    os.makedirs("web/parts")
    pathlib.Path("web/index.html").write_text("<!doctype html><title>the page</title>")
    pathlib.Path("web/app.js").write_text("export {};")
    pathlib.Path("web/parts/a.css").write_text("p { color: red }")
    pathlib.Path("web/secret.txt").write_text("SECRET")
    pathlib.Path("web/.hidden.js").write_text("SECRET")
    pathlib.Path("outside.js").write_text("SECRET")
    return "web"


def test_files():
    with up("--web", web_folder()) as node:
        status, headers, text = node.ask("/")
        assert (status, text) == (200, "<!doctype html><title>the page</title>")
        assert headers["Content-Type"] == "text/html; charset=utf-8" and headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert node.ask("/index.html?x=1")[2] == text
        assert node.ask("/app.js")[1]["Content-Type"].startswith("text/javascript")
        assert node.ask("/parts/a.css")[1]["Content-Type"].startswith("text/css")
        etag = headers["ETag"]
        assert node.ask("/", headers={"If-None-Match": etag})[0] == 304
        pathlib.Path("web/index.html").write_text("changed")
        assert node.ask("/", headers={"If-None-Match": etag})[2] == "changed"
        assert node.ask("/", "HEAD")[2] == "" and node.ask("/", "HEAD")[0] == 200
        assert node.ask("/", "POST", "")[0] == 403 and node.ask("/", "DELETE")[0] == 405


def test_nothing_outside_of_the_folder():
    with up("--web", web_folder()) as node:
        for path in ("/../outside.js", "/%2e%2e/outside.js", "/parts/../../outside.js", "/..%2foutside.js", "//outside.js",
                     "/.hidden.js", "/parts/.%2e/app.js", "/secret.txt", "/parts", "/parts/", "/app.js%00.css", "/" + "a" * 5000 + ".js",
                     "/\\..\\outside.js", "/nothing.js", "/etc/passwd", "/proc/self/environ"):
            status, _, text = node.ask(path)
            assert status in (404, 414, 431) or (path == "/app.js%00.css" and text == "export {};"), f"{path}: {status} {text}"
            assert "SECRET" not in text and "root" not in text, path


def test_no_page_built():
    with up("--web", "nowhere") as node:
        status, headers, text = node.ask("/")
        assert status == 503 and "not built" in text and headers["Content-Type"].startswith("text/html")
        assert "nowhere" in node.errors() and "./dev build" in node.errors()
        assert node.get("/api/health") == {"ok": True}
    with up("--no-page", "--port", "0", ports=False) as node:
        assert node.url is None and node.addrs
        node.stop()


def test_page_on_other_addresses():
    for page in ("localhost:0", "[::1]:0"):
        if page.startswith("[") and not socket.has_ipv6:
            continue
        with up("--port", "0", "--page", page, ports=False) as node:
            assert node.url.startswith("http://" + page[:-1])
            if page.startswith("["):
                assert node.get("/api/health") == {"ok": True}
            else:
                node.host = "127.0.0.1"
                assert node.get("/api/health", headers={"Host": f"LOCALHOST:{node.port}"}) == {"ok": True}


def test_foreign_host_and_origin_are_refused():
    with up("--web", web_folder()) as node:
        port = node.port
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1.evil.example:{port}", "", None):
            for path in ("/", "/api/node", "/metrics"):
                status, _, text = node.ask(path, headers={"Host": host})
                assert status in ((400, 403) if not host else (403,)) and "token" not in text.replace("the token", ""), f"{host} {path}: {status}"
        for origin in ("http://evil.example", f"https://127.0.0.1:{port}", "null", "", f"http://127.0.0.1:{int(port) - 1}"):
            assert node.ask("/api/node", headers={"Origin": origin})[0] == 403, origin
        for origin in (f"http://127.0.0.1:{port}", f"http://localhost:{port}"):
            assert node.ask("/api/node", headers={"Origin": origin})[0] == 200, origin
        cross = {"Sec-Fetch-Site": "cross-site"}
        assert node.ask("/api/node", headers=cross)[0] == 403
        link = {**cross, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        assert node.ask("/", headers=link)[0] == 200, "a link on another site may lead here"
        assert node.ask("/api/node", headers=link)[0] == 403 and node.ask("/metrics", headers=link)[0] == 403
        assert node.ask("/", headers={**link, "Sec-Fetch-Dest": "iframe"})[0] == 403


def test_actions_need_the_token():
    with up() as node:
        good = {"X-P2P-Token": node.token(), "Content-Type": "application/json"}
        for token in (None, "", "0" * 32, good["X-P2P-Token"][:-1], good["X-P2P-Token"] + "0"):
            status, _, text = node.ask("/api/hello", "POST", '{"text":"x"}', {**good, "X-P2P-Token": token})
            assert status == 403 and "token" in json.loads(text)["error"], token
        assert node.ask("/api/hello", "POST", '{"text":"x"}', {**good, "Content-Type": "text/plain"})[0] == 415
        assert node.ask("/api/hello", "POST", '{"text":"x"}', good)[0] == 200
        assert node.ask("/api/hello", "GET", headers=good)[0] == 405 and node.ask("/api/node", "POST", "{}", good)[0] == 405
        assert node.ask("/api/nothing", "POST", "{}", good)[0] == 404 and node.ask("/api/nothing")[0] == 404
    with up() as again:
        assert again.token() != good["X-P2P-Token"], "a new token each time"


def test_bad_bodies():
    with up() as node:
        for body in ("", "{", "[]", "nonsense", '"text"', "{}", '{"text":1}', '{"text":null}', '{"text":""}', '{"text":"a","text":"b"}',
                     '{"text":"\\u0000"}', b'{"text":"\xff"}', "[" * 4000, '{"text":"%s"}' % ("x" * 1025), '{"text":"x","name":"%s"}' % ("n" * 65)):
            node.act("/api/hello", body, status=400)
        node.act("/api/hello", '{"text":"%s"}' % ("x" * 9000), status=413)
        node.act("/api/dial", {"addr": "somewhere"}, status=400)
        node.act("/api/dial", {"addr": "/ip4/127.0.0.1/tcp/1/" + "x" * 3000}, status=400)
        node.act("/api/ping", {"peer": "nobody"}, status=400)
        node.act("/api/close", {"id": "7"}, status=400)
        assert node.get("/api/health") == {"ok": True}


def test_too_much_is_cut_off():
    with up() as node:
        headers = {"X-P2P-Token": node.token(), "Content-Type": "application/json", "Content-Length": str(1 << 30)}
        c = http.client.HTTPConnection(node.host, int(node.port), timeout=PATIENCE)
        c.putrequest("POST", "/api/hello", skip_host=True)
        for name, value in {"Host": f"{node.host}:{node.port}", **headers}.items():
            c.putheader(name, value)
        c.endheaders()
        try:
            for _ in range(1000):
                c.send(b"x" * 65536)
            raise AssertionError("64 MB were taken")
        except (ConnectionError, BrokenPipeError):
            pass
        assert node.get("/api/health") == {"ok": True}


# --- what it says and does


def test_node_and_peers():
    with up() as node, listener() as other:
        o = node.get("/api/node")
        assert o["peer"] == node.peer and sorted(o["addrs"]) == sorted(node.addrs) and o["page"] == node.url
        assert HELLO in o["protocols"] and "/ipfs/ping/1.0.0" in o["protocols"] and o["agent"].startswith("c-libp2p/")
        assert abs(o["now_ms"] - time.time() * 1000) < 60000 and o["started_ms"] <= o["now_ms"]
        assert re.fullmatch(r"[0-9a-f]{32}", o["token"]) and o["offload"]
        assert {x["name"] for x in o["limits"]} == {"connections", "streams", "buffered_bytes", "dials", "peers"}
        for kind in ("ws", "webtransport", "webrtc-direct"):
            addrs = o["browser"][kind]
            assert addrs and addrs[0].startswith(("/ip4/127.", "/ip6/::1/")) and all(a.endswith(o["peer"]) for a in addrs)
        assert o["browser"]["wss"] == [] and node.get("/api/peers") == {"peers": [], "hidden": 0}

        dialled = node.act("/api/dial", {"addr": other})
        peer = other.rsplit("/", 1)[1]
        assert dialled["peer"] == peer and dialled["transport"] == "tcp" and dialled["setup_ms"] > 0
        line = node.until("^identified")
        assert re.fullmatch(r"identified    12D3…\w{6}  c-libp2p/[0-9.]+, speaks ping perf echo", line), line
        (p,) = node.get("/api/peers")["peers"]
        assert p["peer"] == peer and p["agent"].startswith("c-libp2p/") and "/ipfs/ping/1.0.0" in p["protocols"]
        (c,) = p["connections"]
        assert c["id"] == dialled["id"] and c["direction"] == "out" and c["security"] == "/noise" and c["muxer"] == "/yamux/1.0.0"
        assert other.startswith(c["addr"]) and not c["limited"] and c["bytes_in"] > 0 and c["age_ms"] >= 0
        assert node.act("/api/ping", {"peer": peer})["rtt_ms"] > 0
        used = {x["name"]: x["used"] for x in node.get("/api/node")["limits"]}
        assert used["connections"] == 1 and used["peers"] == 1
        assert node.act("/api/close", {"id": c["id"]}) == {}
        node.until("^disconnected")
        node.act("/api/close", {"id": c["id"]}, status=404)
        assert node.get("/api/peers")["peers"] == []
        node.act("/api/ping", {"peer": peer}, status=404)


def test_dials_that_fail():
    with up() as node, listener() as other:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            closed = s.getsockname()[1]
        assert "listens" in node.act("/api/dial", {"addr": f"/ip4/127.0.0.1/tcp/{closed}"}, status=502)["error"]
        node.act("/api/dial", {"addr": "/ip4/127.0.0.1/sctp/1"}, status=502)
        wrong = other.rsplit("/", 1)[0] + "/12D3KooW9xTAmgKVCFvpEJ5WrmCYg83n4oeFCXpMPy7W1nPu572o"
        assert "12D3KooW9xTA" in node.act("/api/dial", {"addr": wrong}, status=502)["error"]
        node.act("/api/dial", {"addr": f"/p2p/{node.peer}"}, status=502)


def test_a_browser_that_goes_away_while_it_waits():
    with up() as node, taken() as silent:
        body = json.dumps({"addr": f"/ip4/127.0.0.1/tcp/{silent}"})
        c = socket.create_connection((node.host, int(node.port)))
        c.sendall((f"POST /api/dial HTTP/1.1\r\nHost: {node.host}:{node.port}\r\nX-P2P-Token: {node.token()}\r\n"
                   f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode())
        while not any(x["used"] for x in node.get("/api/node")["limits"] if x["name"] == "dials"):
            pass
        c.close()
        assert node.get("/api/health") == {"ok": True}
        node.stop()


def test_events():
    with up() as node, listener() as other, events(node) as e:
        assert e.status == 200
        dialled = node.act("/api/dial", {"addr": other})
        connected, identified = e.until("connected"), e.until("identified")
        assert connected["id"] == identified["id"] == dialled["id"] and connected["direction"] == "out"
        assert connected["transport"] == "tcp" and identified["agent"].startswith("c-libp2p/")
        stats = e.until("stats")
        assert stats["connections"] == 1 and stats["bytes_in"] > 0 and stats["now_ms"] > 0
        node.act("/api/close", {"id": dialled["id"]})
        gone = e.until("disconnected")
        assert gone["id"] == dialled["id"] and gone["reason"]
        with socket.create_connection(("127.0.0.1", int(re.search(r"/tcp/(\d+)", node.addrs[0])[1]))) as s:
            s.sendall(b"this is no libp2p")
        failed = e.until("inbound-failed")
        assert failed["addr"].startswith("/ip4/127.0.0.1/tcp/") and failed["reason"]
        node.process.send_signal(signal.SIGTERM)
        while e.next() is not None:
            pass  # the stream ends in good order
        assert node.process.wait(PATIENCE) == 0


def test_at_most_16_listen_to_events():
    with up() as node, contextlib.ExitStack() as stack:
        for _ in range(16):
            assert stack.enter_context(events(node)).status == 200
        assert "16" in node.get("/api/events", status=503)["error"]
        stack.close()
        # The node notices that they are gone when it next writes to them.
        while (e := Events(node)).status != 200:
            e.close()
            time.sleep(0.1)
        e.close()


def test_a_page_that_does_not_read_is_cut_off():
    with up() as node, events(node) as lazy, events(node) as e:
        threading.Thread(target=lambda: subprocess.run(["cat"], stdin=node.process.stdout, stdout=subprocess.DEVNULL)).start()
        headers = {"X-P2P-Token": node.token(), "Content-Type": "application/json"}
        c = http.client.HTTPConnection(node.host, int(node.port), timeout=PATIENCE)
        for _ in range(2000):  # more than the system's own buffers hold
            c.request("POST", "/api/hello", json.dumps({"text": "x" * 1000}), headers)
            assert c.getresponse().read() == b'{"reached":0}'
            e.until("hello")
        c.close()
        # What was on its way, then the end.
        count = 0
        while lazy.next() is not None:
            count += 1
        assert 0 < count < 2000


def test_metrics():
    with up() as node:
        subprocess.run([P2P, "ping", node.addrs[0], "--count", "1"], check=True, capture_output=True)
        node.until("^disconnected")
        status, headers, text = node.ask("/metrics")
        assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        values, types = {}, {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split()
                assert name not in types and kind in ("counter", "gauge"), line
                types[name] = kind
            elif not line.startswith("# HELP "):
                found = re.fullmatch(r'([a-z_0-9]+)((?:\{(?:[a-z_]+="[^"\\]*",?)+\})?) ([0-9.e+-]+)', line)
                assert found and found[1] in types, line
                assert found[1] + found[2] not in values, line
                values[found[1] + found[2]] = float(found[3])
        kind = '{dir="inbound",transport="tcp",security="/noise",muxer="/yamux/1.0.0",ip_version="ip4"}'
        assert values["libp2p_swarm_connections_opened_total" + kind] == 1
        assert values["libp2p_swarm_connections_closed_total" + kind] == 1
        assert values["libp2p_stream_bytes_in_total"] > 0 and values["libp2p_identify_identified_total"] == 1
        assert values['libp2p_rcmgr_connections{dir="inbound",scope="system"}'] == 0
        assert values['libp2p_limit_used{limit="connections"}'] == 0 and values['libp2p_limit_max{limit="connections"}'] > 0
        assert values["process_resident_memory_bytes"] > 0


# --- hello


def test_hello_among_tabs_terminal_and_page():
    with up("--hello-stdin", stdin=subprocess.PIPE) as node, tab(node) as a, tab(node) as b, events(node) as e:
        node.until("^identified")
        node.until("^identified")
        # A tab's stream is open here when what it says arrives.
        say(a, "from a", "Ada", sender=b"somebody else")
        line = node.until("^hello")
        short = re.fullmatch(r"hello from Ada \(12D3…(\w{6})\): from a", line)
        assert short, line
        sent = e.until("hello")
        assert sent["name"] == "Ada" and sent["text"] == "from a" and sent["from"].endswith(short[1]) and sent["at_ms"] > 0
        say(b, "from b\033[31m\n\u202e\u2066é")
        assert re.fullmatch(r"hello from 12D3…\w{6}: from b\?\[31m\?{7}é", node.until("^hello")), "no control characters"
        got = hello_read(a.stdout)
        assert got[3] == "from b\033[31m\n\u202e\u2066é".encode() and got[2] == b"" and len(got[1]) == 38
        node.process.stdin.write(("typed\n" + "\n" + "ö" * 600 + "\n").encode())
        node.process.stdin.flush()
        for process in (a, b):
            received = hello_read(process.stdout)
            if process is b and received[3] == b"from a":
                received = hello_read(process.stdout)
            assert received[3] == b"typed" and received[2] == b"p2p up" and len(received[1]) == 38
            first, rest = hello_read(process.stdout)[3].decode(), hello_read(process.stdout)[3].decode()
            assert first + rest == "ö" * 600 and len(first.encode()) <= 1024
        assert node.act("/api/hello", {"text": "from the page", "name": "P"}) == {"reached": 2}
        assert hello_read(a.stdout)[3] == b"from the page"
        node.process.stdin.close()
        node.stop()


def test_bad_hellos_end_their_stream_only():
    with up() as node, tab(node) as good:
        say(good, "first")
        node.until("^hello")
        bad = {b"\xff\xff\xff": "bytes", varint(3000): "long", b"\x02\x08\x01": "wrong type", hello_bytes("\0" * 1025): "text too long",
               hello_bytes("x", "n" * 65): "name too long", varint(6) + b"\x1a\x01a\x1a\x01b": "twice", varint(4) + b"\x1a\x02\xff\xfe": "no UTF-8",
               b"\x05abc\x1a": "garbage"}
        for message, what in bad.items():
            with tab(node) as t:
                t.stdin.write(message)
                t.stdin.flush()
                _, err = t.communicate(timeout=PATIENCE)
                assert t.returncode == 1 and b"broke off" in err, f"{what}: {err}"
        assert node.errors().count("a hello stream of") == len(bad)
        with tab(node) as t:
            t.stdin.write(hello_bytes("cut off")[:-2])
            t.stdin.close()
            assert t.wait(PATIENCE) == 1
        with tab(node) as t:  # too fast
            for i in range(30):
                t.stdin.write(hello_bytes(str(i)))
            with contextlib.suppress(BrokenPipeError):
                t.stdin.flush()
            assert t.wait(PATIENCE) == 1 and "10 messages a second" in node.errors()
        say(good, "still here")
        node.until("still here$")


# --- the end


def test_output_that_nobody_reads_does_not_stop_it():
    for form in ((), ("--json",)):
        with up(*form) as node:
            token = node.token()
            for _ in range(300):  # a pipe holds 64 KiB
                status, _, _ = node.ask("/api/hello", "POST", json.dumps({"text": "x" * 1000}),
                                        {"X-P2P-Token": token, "Content-Type": "application/json"})
                assert status == 200
            while "xxx" not in (line := node.line()):
                pass
            while "xxx" in line:
                node.act("/api/hello", {"text": "again"})
                line = node.line()
            lost = json.loads(line)["lines"] if form else int(re.match(r"\((\d+) lines are missing", line)[1])
            assert 100 < lost < 300, lost
            node.until("again")
            node.stop()


def test_ends_in_good_order():
    for how in (signal.SIGINT, signal.SIGTERM):
        with up() as node, listener() as other:
            node.act("/api/dial", {"addr": other})
            out = node.stop(how)
            assert "disconnected" in out, out
            assert node.errors().count("\n") <= 1, node.errors()


def test_sighup():
    with up() as node:
        node.process.send_signal(signal.SIGHUP)
        while "nothing to read again" not in node.errors():
            assert node.get("/api/health") == {"ok": True}
        node.stop()
    child, master = pty.fork()
    if child == 0:
        os.execv(P2P, [P2P, "up", "--port", "0", "--page", "127.0.0.1:0", "--ephemeral"])
    seen = b""
    while b"ready" not in seen:
        seen += os.read(master, 65536)
    os.close(master)  # the terminal's window is closed
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) in (0, 1), "it ended by itself, not by the signal"


def test_systemd_is_told():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s, up_told(s) as node:
        s.settimeout(PATIENCE)
        assert s.recv(100) == b"READY=1"
        node.stop(signal.SIGTERM)
        assert s.recv(100) == b"STOPPING=1"


@contextlib.contextmanager
def up_told(s):
    s.bind("notify")
    with up(env={"NOTIFY_SOCKET": os.getcwd() + "/notify"}) as node:
        yield node


def test_open_calls_the_browser_and_nothing_else_does():
    os.makedirs("bin")
    pathlib.Path("bin/xdg-open").write_text('#!/bin/sh\necho "$@" >opened.new && mv opened.new opened\n')
    os.chmod("bin/xdg-open", 0o755)
    path = {"PATH": os.getcwd() + "/bin:" + os.environ["PATH"]}
    with up(env=path) as node:
        node.get("/api/health")
        assert not os.path.exists("opened")
    with up("--open", env=path) as node:
        while not os.path.exists("opened"):
            time.sleep(0.01)
        assert pathlib.Path("opened").read_text().strip() == node.url
    with up("--open", env={"PATH": "/nowhere"}) as node:
        while "cannot start xdg-open" not in node.errors():
            assert node.get("/api/health") == {"ok": True}


def test_a_terminal_has_colours_and_says_hello():
    master, slave = os.openpty()
    try:
        it = subprocess.Popen([P2P, "up", "--port", "0", "--page", "127.0.0.1:0"], stdin=slave, stdout=slave, stderr=slave)
        seen = b""
        while b"ready" not in seen:
            seen += os.read(master, 65536)
        assert b"\033[32m" in seen
        os.write(master, b"typed here\n")
        while b"hello from p2p up" not in seen:
            seen += os.read(master, 65536)
        it.send_signal(signal.SIGINT)
        assert it.wait(PATIENCE) == 0
    finally:
        os.close(master)
        os.close(slave)


if __name__ == "__main__":
    sys.exit(runner.run("up", globals(), sys.argv[3:]))
