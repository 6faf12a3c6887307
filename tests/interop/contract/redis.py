# SPDX-License-Identifier: MIT OR Apache-2.0
"""A redis server of one's own, and the few commands that the contract needs."""

import contextlib
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

START_SECONDS = 60


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def server():
    """A redis-server on a free port of the loopback interface, in memory alone; gives HOST:PORT."""
    if shutil.which("redis-server") is None:
        raise RuntimeError("there is no redis-server; install the package redis-server")
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log"
        for _ in range(3):  # somebody else may take the port between the two
            address = f"127.0.0.1:{free_port()}"
            process = subprocess.Popen(
                ["redis-server", "--bind", "127.0.0.1", "--port", address.rpartition(":")[2], "--save", "",
                 "--appendonly", "no", "--dir", folder, "--logfile", str(log)],
                stdin=subprocess.DEVNULL,
            )
            if answers(process, address):
                break
        else:
            raise RuntimeError(f"redis-server does not start: {log.read_text()[-500:]}")
        try:
            yield address
        finally:
            process.terminate()
            process.wait(60)


def answers(process, address):
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return command(address, "PING") == "PONG"
        except OSError:
            time.sleep(0.02)
    return False


def command(address, *words, timeout=60):
    """One command on a connection of its own, and its answer: text, number, list or None."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=timeout) as s, s.makefile("rwb") as file:
        file.write(b"*%d\r\n" % len(words))
        for word in words:
            data = str(word).encode()
            file.write(b"$%d\r\n%s\r\n" % (len(data), data))
        file.flush()
        return read_answer(file)


def read_answer(file):
    line = file.readline().decode().rstrip("\r\n")
    if not line:
        raise OSError("redis closed the connection")
    kind, rest = line[0], line[1:]
    if kind == "+":
        return rest
    if kind == ":":
        return int(rest)
    if kind == "$":
        return None if rest == "-1" else file.read(int(rest) + 2)[:-2].decode()
    if kind == "*":
        return None if rest == "-1" else [read_answer(file) for _ in range(int(rest))]
    raise OSError(f"redis said {line}")
