#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs the examples as their heads say.

    test_examples.py EXAMPLES_DIR P2P_TOOL
"""
import json
import pathlib
import subprocess
import sys
import unittest

EXAMPLES = pathlib.Path(sys.argv.pop(1))
P2P = sys.argv.pop(1)
PATIENCE = 60  # seconds until a hang is one


class Examples(unittest.TestCase):
    def start(self, *command):
        process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, process)
        return process

    def stop(self, process):
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()

    def serve(self, name):
        return self.start(EXAMPLES / f"example_{name}").stdout.readline().strip()

    def run_to_end(self, *command, said=""):
        return subprocess.run([str(part) for part in command], input=said, capture_output=True, text=True, timeout=PATIENCE)

    def test_echo(self):
        addr = self.serve("echo")
        run = self.run_to_end(P2P, "dial", addr, "--protocol", "/echo/1.0.0", said="hello\n")
        self.assertEqual((run.returncode, run.stdout), (0, "hello\n"), run.stderr)

    def test_protocol(self):
        addr = self.serve("protocol")
        for text in ["Hello, you!", "", "x" * 1000]:
            run = self.run_to_end(EXAMPLES / "example_protocol", addr, text)
            self.assertEqual((run.returncode, run.stdout), (0, text.upper() + "\n"), run.stderr)
        for sent in [b"\xff\xff", b"\0\x05abc", b"\0"]:
            dial = subprocess.run([P2P, "dial", addr, "--protocol", "/example/upper/1.0.0"], input=sent, capture_output=True,
                                  timeout=PATIENCE)
            self.assertEqual((dial.returncode, dial.stdout), (1, b""), sent)
        self.assertEqual(self.run_to_end(EXAMPLES / "example_protocol", addr, "x" * 1001).returncode, 2)

    def test_protocol_without_an_answer(self):
        run = self.run_to_end(EXAMPLES / "example_protocol", self.serve("echo"), "text")
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("no answer", run.stderr)

    def test_chat(self):
        up = self.start(P2P, "up", "--json", "--ephemeral", "--port", "0", "--no-page", "--hello-stdin")
        addrs = json.loads(up.stdout.readline())["addrs"]
        addr = next(a for a in addrs if a.startswith("/ip4/127.0.0.1/tcp/") and "/ws" not in a)
        chats = []
        for name, text in (("ann", "good morning"), ("bob", "y" * 1000)):
            chats.append(self.start(EXAMPLES / "example_chat", addr, name))
            self.say(chats[-1], text)
            self.until(up, lambda e: e["type"] == "hello" and (e["name"], e["text"]) == (name, text))
        self.assertEqual(chats[0].stdout.readline(), f"bob: {'y' * 1000}\n")
        self.say(up, "to both")
        for chat in chats:
            self.assertEqual(chat.stdout.readline(), "p2p up: to both\n")
        for chat in chats:
            chat.stdin.close()
            chat.stdin = open("/dev/null")
            self.assertEqual(chat.wait(PATIENCE), 0)

    def say(self, process, text):
        process.stdin.write(text + "\n")
        process.stdin.flush()

    def until(self, process, wanted):
        for line in process.stdout:
            if wanted(json.loads(line)):
                return
        self.fail("it ended before")

    def test_chat_with_nobody(self):
        run = self.run_to_end(EXAMPLES / "example_chat", "/ip4/127.0.0.1/tcp/1")
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertNotEqual(run.stderr, "")
        self.assertEqual(self.run_to_end(EXAMPLES / "example_chat", "nowhere").returncode, 2)


if __name__ == "__main__":
    unittest.main()
