#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The configuration file of p2p up.

    test_config.py PATH-OF-P2P
"""
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest
import urllib.request

P2P = os.path.abspath(sys.argv.pop(1))
TLS = pathlib.Path(__file__).resolve().parent / "tls"
DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
PATIENCE = 60  # seconds until a hang is one

# What stands in the file, and what is said about it behind its name.
WRONG = [
    ("port: 99999\n", 'line 1, column 7: port needs a number from 0 to 65535, not "99999"'),
    ("port: [1]\n", "line 1, column 7: port needs one value"),
    ("port:\n", "line 1, column 6: port needs one value"),
    ("prt: 1\n", 'line 1, column 1: there is no setting "prt"'),
    ("config: x\n", 'line 1, column 1: there is no setting "config"'),
    ("log: info\nlimits:\n  conns: 0\n", 'line 3, column 10: conns needs a number from 1 to 1000000, not "0"'),
    ("limits:\n  cons: 1\n", 'line 2, column 3: there is no limit "cons"'),
    ("limits: 7\n", "line 1, column 9: limits needs lines of the form"),
    ("timeouts: {idle: 1.5}\n", 'line 1, column 18: idle needs a number from 0 to 86400, not "1.5"'),
    ("timeouts: {sleep: 1}\n", 'line 1, column 12: there is no timeout "sleep"'),
    ("ephemeral: maybe\n", "line 1, column 12: ephemeral is true or false"),
    ("listen: [/ip4/1.2.3.4/tcp/1, /ip4/x]\n", 'line 1, column 30: "/ip4/x" is no address: '),
    ("listen:\n" + "- /ip4/127.0.0.1/tcp/0\n" * 17, "line 18, column 3: listen may be given 16 times at most"),
    ("security: [noise, none]\n", 'line 1, column 11: security does not know "none"'),
    ("log: loud\n", 'line 1, column 6: log does not know "loud"'),
    ("origins: [example.org]\n", "line 1, column 11: an origin is a scheme and a host"),
    ("port: 1\nport: 2\n", 'line 2, column 1: "port" stands here a second time'),
    ("- port\n", "line 1, column 1: the configuration needs lines of the form"),
    ("a: b: c\n", "line 1, column 5: this is not YAML: "),
    ("port: 1\n---\nport: 2\n", "line 3, column 1: a second document begins here"),
    ("port: 1\nlog: [\n", "this is not YAML: "),
    ("limits: &all {conns: 5, dials: *all}\n", "line 1, column 9: dials needs a number from 1 to 10000"),
]


class Config(unittest.TestCase):
    def setUp(self):
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = pathlib.Path(home.name)
        self.file = self.home / "c.yaml"
        self.env = {**os.environ, "HOME": home.name, "XDG_DATA_HOME": home.name, "XDG_CONFIG_HOME": str(self.home / "config")}

    def run_p2p(self, *args):
        return subprocess.run([P2P, *args], capture_output=True, text=True, timeout=PATIENCE, env=self.env)

    def check(self, text):
        self.file.write_text(text)
        return self.run_p2p("config", "check", str(self.file))

    def show(self, *args):
        run = self.run_p2p("config", "show", *args)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout.splitlines()

    def test_what_is_wrong_is_said_with_its_place(self):
        for text, said in WRONG:
            with self.subTest(text):
                run = self.check(text)
                self.assertEqual((run.returncode, run.stdout), (2, ""))
                self.assertTrue(run.stderr.startswith(f"p2p: {self.file}, line "), run.stderr)
                self.assertIn(said, run.stderr)
                self.assertEqual(run.stderr.count("\n"), 1, run.stderr)

    def test_files_that_cannot_be_read(self):
        self.file.write_bytes(b"#" * 70000)
        for path, said in [(self.file, "more than 64 KiB"), (self.home, "it is no file"), (self.home / "no", "No such file")]:
            run = self.run_p2p("config", "check", str(path))
            self.assertEqual(run.returncode, 2)
            self.assertIn(said, run.stderr)
        for data in [b"\xff\xfea", b"a: \x00\n", b"\x80\n"]:
            self.file.write_bytes(data)
            self.assertEqual(self.run_p2p("config", "check", str(self.file)).returncode, 2, data)
        self.assertEqual(self.run_p2p("config", "check").returncode, 2)
        self.assertEqual(self.run_p2p("config", "frob").returncode, 2)

    def test_good_ones(self):
        for text in ["", "# nothing\n", "port: 4002\n", "log: 'info'\nmuxer: yamux\n"]:
            run = self.check(text)
            self.assertEqual((run.returncode, run.stderr), (0, ""), text)

    def test_the_example_says_the_defaults_and_every_setting(self):
        example = DOCS / "p2p.yaml"
        self.assertEqual(self.run_p2p("config", "check", str(example)).returncode, 0)
        default, shown = self.show(), self.show(str(example))
        self.assertEqual(default[default.index("limits:"):], shown[shown.index("limits:"):])
        named = set(re.findall(r"^(?:# )?([a-z-]+):", example.read_text(), re.M))
        self.assertEqual(named, {line.removeprefix("# ").split(":")[0] for line in default if not line.startswith("  ")})

    def test_what_is_shown_can_be_read_again(self):
        self.file.write_text("port: 4002\nweb: 'a \"b\\c'\nsecurity: [tls]\norigins: ['https://a.example']\nlimits: {conns: 5}\n")
        shown = self.show(str(self.file))
        for line in ["port: 4002", 'web: "a \\"b\\\\c"', 'security: ["tls"]', 'origins: ["https://a.example"]', "  conns: 5"]:
            self.assertIn(line, shown)
        self.file.write_text("\n".join(shown) + "\n")
        self.assertEqual(self.show(str(self.file)), shown)

    def up(self, *args):
        process = subprocess.Popen([P2P, "up", "--json", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=self.env)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        return process, json.loads(process.stdout.readline())

    def test_a_node_lives_by_it_and_flags_come_first(self):
        folder = self.home / "config" / "p2p"
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text("listen: [/ip4/127.0.0.1/tcp/0]\nno-page: true\nephemeral: true\n")
        _, up = self.up()
        self.assertEqual(len(up["addrs"]), 1)
        self.assertFalse(up.get("page"))
        self.assertFalse((self.home / "p2p").exists())
        _, up = self.up("--listen", "/ip4/127.0.0.1/udp/0/quic-v1", "--page", "127.0.0.1:0")
        self.assertEqual(["quic-v1" in addr for addr in up["addrs"]], [True])
        self.assertTrue(up["page"])

    def told(self, process, what):
        """The next line for programs of that type; the node's end fails the test."""
        while (told := json.loads(process.stdout.readline()))["type"] != what:
            pass
        return told

    def hang_up(self, process, text):
        """The file says `text` now: the line about it for people, and the one for programs."""
        self.file.write_text(text)
        process.send_signal(signal.SIGHUP)
        said = process.stderr.readline()
        while "the page's files are not" in said or "the certificate in" in said:
            said = process.stderr.readline()
        if "was read again" not in said and "nothing has changed" not in said:
            return said, None
        told = self.told(process, "configuration")
        self.assertEqual(told["file"], str(self.file))
        return said, told

    def limits(self, up):
        with urllib.request.urlopen(up["page"] + "api/node", timeout=PATIENCE) as answer:
            return {limit["name"]: limit["max"] for limit in json.load(answer)["limits"]}

    def upgrade(self, up, origin):
        """The first line of the answer to a page from `origin` that asks for a WebSocket."""
        host, port = re.search(r"/ip4/([0-9.]+)/tcp/(\d+)/ws/", " ".join(up["addrs"])).groups()
        with socket.create_connection((host, int(port)), PATIENCE) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                      b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: " + origin.encode() + b"\r\n\r\n")
            with s.makefile("rb") as answer:
                return answer.readline().split()[1]

    def test_hang_up_reads_the_file_again(self):
        start = "ephemeral: true\npage: 127.0.0.1:0\nlisten: [/ip4/127.0.0.1/tcp/0/ws]\n"
        self.file.write_text(start)
        process, up = self.up("--config", str(self.file))
        before = self.limits(up)
        self.assertEqual(self.upgrade(up, "https://other.example"), b"101")

        said, told = self.hang_up(process, start + "limits: {conns: 77, streams: 5}\nlog: error\nstun-server: false\n"
                                  "timeouts: {idle: 60}\norigins: [https://our.example]\nmuxer: [mplex]\n")
        self.assertEqual(said, f"p2p: {self.file} was read again; in use now: log, stun-server, origins, limits.conns, limits.streams, "
                               "timeouts.idle; needs a restart: muxer\n")
        self.assertEqual(told["restart"], ["muxer"])
        self.assertEqual(len(told["applied"]), 6)
        self.assertEqual(self.limits(up), {**before, "connections": 77, "streams": 5})
        self.assertEqual(self.upgrade(up, "https://other.example"), b"403")
        self.assertEqual(self.upgrade(up, "https://our.example"), b"101")

        for bad, place in [("limits: {conns: 3, streams: 0}\n", "line 4, column 29: streams needs"), ("- x\n", "line 4, column 1: ")]:
            said, _ = self.hang_up(process, start + bad)
            self.assertIn(f"p2p: {self.file}, {place}", said)
            self.assertEqual(self.limits(up)["connections"], 77)
            self.assertEqual(self.upgrade(up, "https://other.example"), b"403")

        _, told = self.hang_up(process, start + "limits: {conns: 78}\nopen: true\nlog: error\n")
        self.assertEqual(told["applied"], ["stun-server", "origins", "limits.conns", "limits.streams", "timeouts.idle"])
        self.assertEqual(told["restart"], ["open"])
        self.assertEqual(self.limits(up), {**before, "connections": 78})
        self.assertEqual(self.upgrade(up, "https://other.example"), b"101")
        _, told = self.hang_up(process, start)
        self.assertEqual((told["applied"], told["restart"]), (["log", "limits.conns"], []))
        said, told = self.hang_up(process, start)
        self.assertEqual(said, f"p2p: nothing has changed in {self.file}\n")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_hang_up_takes_other_certificate_files(self):
        def text(name):
            return f"{without}tls-cert: {TLS}/{name}.crt\ntls-key: {TLS}/{name}.key\n"

        def shown():
            return ssl.get_server_certificate(("127.0.0.1", int(up["addrs"][0].split("/")[4])), timeout=PATIENCE)

        without = "ephemeral: true\nno-page: true\nlisten: [/ip4/127.0.0.1/tcp/0/tls/ws]\n"
        self.file.write_text(text("a"))
        process, up = self.up("--config", str(self.file))
        self.assertEqual(shown(), (TLS / "a.crt").read_text())
        for name in ("b", "a", "b"):
            _, told = self.hang_up(process, text(name))
            self.assertEqual((told["applied"], told["restart"]), (["tls-cert", "tls-key"], []))
            self.assertEqual(self.told(process, "certificate")["cert"], f"{TLS}/{name}.crt")
            self.assertEqual(shown(), (TLS / f"{name}.crt").read_text())
        for _ in range(2):
            _, told = self.hang_up(process, without)
            self.assertEqual((told["applied"], told["restart"]), ([], ["tls-cert", "tls-key"]))
            self.assertEqual(self.told(process, "certificate")["cert"], f"{TLS}/b.crt")
        self.assertEqual(shown(), (TLS / "b.crt").read_text())

    def test_hang_up_finds_a_new_file_and_misses_an_old_one(self):
        folder = self.home / "config" / "p2p"
        self.file = folder / "config.yaml"
        process, up = self.up("--ephemeral", "--page", "127.0.0.1:0", "--log", "error", "--listen", "/ip4/127.0.0.1/tcp/0")
        before = self.limits(up)
        folder.mkdir(parents=True)
        said, told = self.hang_up(process, "limits: {peers: 9}\nlog: trace\nport: 1\n")  # the flags say the log and the port
        self.assertEqual((told["applied"], told["restart"]), (["limits.peers"], []), said)
        self.assertEqual(self.limits(up), {**before, "peers": 9})
        self.file.unlink()
        process.send_signal(signal.SIGHUP)
        self.assertEqual(process.stderr.readline(), "p2p: there is no configuration file any more; in use now: limits.peers\n")
        self.assertEqual(self.limits(up), before)

    def test_a_bad_one_stops_the_start(self):
        self.file.write_text("prt: 1\n")
        run = self.run_p2p("up", "--config", str(self.file))
        self.assertEqual((run.returncode, run.stdout), (2, ""))
        self.assertIn("line 1, column 1", run.stderr)


if __name__ == "__main__":
    unittest.main()
