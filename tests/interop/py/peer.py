#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The py-libp2p peer of the interoperability tests. It follows ../CONTRACT.md."""

import argparse
import json
import os
import statistics
import sys
import time

import trio
from libp2p import new_host
from libp2p.crypto import ed25519, rsa, secp256k1
from libp2p.crypto.x25519 import create_new_key_pair as new_noise_key
from libp2p.host.ping import PingService
from libp2p.identity.identify.identify import parse_identify_response
from libp2p.network.stream.exceptions import StreamClosed, StreamEOF, StreamError, StreamReset
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.security.noise.transport import Transport as NoiseTransport
from libp2p.security.tls.transport import TLSTransport
from libp2p.stream_muxer.exceptions import MuxedStreamEOF
from libp2p.stream_muxer.mplex.mplex import Mplex
from libp2p.stream_muxer.yamux.yamux import Yamux
from libp2p.transport.quic.exceptions import QUICStreamClosedError
from libp2p.transport.quic.stream import QUICStream
from multiaddr import Multiaddr

IDENTIFY = "/ipfs/id/1.0.0"
PERF = "/perf/1.0.0"
ECHO = "/echo/1.0.0"
RESET = "/interop/reset/1.0.0"
OPEN = "/interop/open/1.0.0"

NOISE, TLS, YAMUX, MPLEX = "/noise", "/tls/1.0.0", "/yamux/1.0.0", "/mplex/6.7.0"
MUXERS = {"yamux": (YAMUX, Yamux), "mplex": (MPLEX, Mplex)}
KEY_TYPES = {
    "ed25519": ed25519.create_new_key_pair,
    "secp256k1": secp256k1.create_new_key_pair,
    "rsa": rsa.create_new_key_pair,
}  # its ECDSA keys cannot sign: NotImplementedError

TEST_SECONDS = 60
ECHO_SIZE = 100_000  # halfclose, if it does not say
SMALL_ECHO = 1_000  # streams and open
BLOCK = 64 * 1024


class Failure(Exception):
    """A test that did not pass, in one sentence."""


# ---- the host ----


def make_host(options, addresses):
    key_pair = KEY_TYPES[options.key_type]()
    makers = {
        "noise": lambda: (NOISE, NoiseTransport(key_pair, noise_privkey=new_noise_key().private_key)),
        "tls": lambda: (TLS, TLSTransport(key_pair)),
    }
    return new_host(
        key_pair=key_pair,
        sec_opt=dict(makers[name]() for name in options.security),
        muxer_opt=dict(MUXERS[name] for name in options.muxer),
        listen_addrs=addresses,  # py-libp2p makes the transports that these need
    )


# ---- what both sides serve, and what only the listener does ----


async def serve_echo(stream):
    async for data in chunks(stream):
        await stream.write(data)
    await stream.close_write()


async def serve_perf(stream):
    received = bytearray()
    async for data in chunks(stream):
        if len(received) < 8:
            received += data[:8]
    await write_zeros(stream, int.from_bytes(received[:8], "big"))
    await stream.close_write()


async def serve_reset(stream):
    await stream.read(1)
    await stream.reset()  # py-libp2p cannot say an error code


def serve_open(host):
    async def serve(stream):
        await stream.read(1)
        answer = "ok"
        try:
            with trio.fail_after(TEST_SECONDS):
                await echo(host, stream.muxed_conn.peer_id, SMALL_ECHO)
        except Exception as error:
            answer = describe(error)
        await stream.write(answer.encode())
        await stream.close_write()

    return serve


def handler(serve):
    """A handler whose failure resets its stream and not the host."""

    async def handle(stream):
        try:
            await serve(stream)
        except Exception as error:
            print(f"py-peer: {serve.__name__}: {describe(error)}", file=sys.stderr)
            await stream.reset()

    return handle


async def listen(options):
    addresses = [Multiaddr(text) for text in options.listen or ["/ip4/127.0.0.1/tcp/0"]]
    host = make_host(options, addresses)
    host.set_stream_handler(ECHO, handler(serve_echo))
    host.set_stream_handler(PERF, handler(serve_perf))
    host.set_stream_handler(RESET, handler(serve_reset))
    host.set_stream_handler(OPEN, handler(serve_open(host)))
    async with host.run(listen_addrs=addresses):
        for address in host.get_addrs():
            print(address)
        print("ready", flush=True)
        await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)
        os._exit(0)  # closing the host can take seconds


# ---- the dialler ----


class Session:
    """One connection to a listener, on which the tests run."""

    def __init__(self, host, target):
        self.host = host
        self.info = info_from_p2p_addr(target)
        self.peer = self.info.peer_id

    async def connect(self):
        await self.host.connect(self.info)
        muxed = self.host.get_network().connections[self.peer][0].muxed_conn
        names = {Yamux: YAMUX, Mplex: MPLEX}
        muxer = next((name for kind, name in names.items() if isinstance(muxed, kind)), "")
        return {"peer": str(self.peer), "security": security_of(muxed) if muxer else "", "muxer": muxer}

    async def ping(self, count=1):
        times = await PingService(self.host).ping(self.peer, ping_amt=count)
        return {"count": len(times), "rtt_ms": statistics.median(times)}

    async def identify(self):
        stream = await self.host.new_stream(self.peer, [IDENTIFY])
        message = parse_identify_response(await read_all(stream))
        return {
            "agent": message.agent_version,
            "protocols": list(message.protocols),
            "observed": str(Multiaddr(message.observed_addr)) if message.observed_addr else "",
            "listen": [str(Multiaddr(address)) for address in message.listen_addrs],
        }

    async def perf(self, up=1 << 20, down=1 << 20):
        start = time.perf_counter()
        stream = await self.host.new_stream(self.peer, [PERF])
        await stream.write(down.to_bytes(8, "big"))
        await write_zeros(stream, up)
        await stream.close_write()
        received, uploaded = 0, None
        async for data in chunks(stream):
            uploaded = uploaded or time.perf_counter()
            received += len(data)
        end = time.perf_counter()
        uploaded = uploaded or end
        if received != down:
            raise Failure(f"{received} bytes came instead of {down}")
        return {"up_mbit": megabits(up, uploaded - start), "down_mbit": megabits(down, end - uploaded)}

    async def halfclose(self, size=ECHO_SIZE):
        await echo(self.host, self.peer, size)
        return {}

    async def reset(self):
        stream = await self.host.new_stream(self.peer, [RESET])
        await stream.write(b"\0")
        try:
            if await stream.read(1):
                raise Failure("expected a reset, got data")
        except StreamReset as error:
            return {"seen": describe(error)}
        except StreamEOF:
            pass
        for _ in range(20):  # QUIC streams show a reset as an end after which nothing can be sent
            try:
                await stream.write(b"\0")
            except (StreamReset, StreamClosed, StreamError) as error:
                return {"seen": describe(error)}
            await trio.sleep(0.05)
        raise Failure("expected a reset, got the end of the stream")

    async def streams(self, count=1):
        """All streams are open, each with one byte echoed, before any of them sends its payload."""
        streams = []
        for i in range(count):
            stream = await self.host.new_stream(self.peer, [ECHO])
            await stream.write(bytes([i % 256]))
            await stream.read(1)
            streams.append(stream)
        async with trio.open_nursery() as nursery:
            for stream in streams:
                nursery.start_soon(echo_on, stream, SMALL_ECHO)
        return {"count": count}

    async def open(self):
        stream = await self.host.new_stream(self.peer, [OPEN])
        await stream.write(b"\0")
        answer = await read_all(stream)
        await stream.close_write()
        if answer != b"ok":
            raise Failure(f"the listener answered {answer!r}")
        return {}

    async def idle(self, seconds=1):
        await trio.sleep(seconds)
        if not self.host.get_network().connections.get(self.peer):
            raise Failure("the connection was closed while idle")
        return await self.ping()


TESTS = ("ping", "identify", "perf", "halfclose", "reset", "streams", "open", "idle")


async def run(name, perform, *numbers):
    """Performs a test, prints its JSON line and tells whether it passed."""
    start = time.perf_counter()
    seconds = TEST_SECONDS + (numbers[0] if name == "idle" and numbers else 0)
    try:
        with trio.fail_after(seconds):
            line = {"ok": True, **await perform(*numbers)}
    except Exception as error:
        line = {"ok": False, "error": describe(error)}
    ms = (time.perf_counter() - start) * 1000
    print(json.dumps({"test": name, "ms": round(ms, 3), **line}), flush=True)
    return line["ok"]


async def dial(options):
    target = Multiaddr(options.target)
    host = make_host(options, [dialling_address(target)])
    host.set_stream_handler(ECHO, handler(serve_echo))
    session = Session(host, target)
    async with host.run(listen_addrs=[]):
        passed = await run("connect", session.connect)
        for name, numbers in options.tests if passed else []:
            passed &= await run(name, getattr(session, name), *numbers)
        os._exit(0 if passed else 1)  # closing the host can take seconds


def dialling_address(target):
    """What py-libp2p needs to see to make the transport that dials the target."""
    kinds = {protocol.name for protocol in target.protocols()}
    for tail in ("quic-v1/webtransport", "quic-v1", "webrtc-direct"):
        if kinds.issuperset(tail.split("/")):
            return Multiaddr(f"/ip4/127.0.0.1/udp/0/{tail}")
    return Multiaddr("/ip4/127.0.0.1/tcp/0" + ("/ws" if "ws" in kinds else ""))


def security_of(muxed):
    """The name of the security that secures a muxed connection."""
    return TLS if "tls" in type(muxed.secured_conn.conn).__module__ else NOISE


# ---- streams ----


async def chunks(stream):
    """What comes until the remote end has closed its side. A QUIC stream of py-libp2p that both
    sides have finished says that it was closed instead of EOF; a real reset is another error."""
    try:
        while data := await stream.read(BLOCK):
            yield data
    except StreamEOF:
        pass
    except StreamReset as error:
        if not isinstance(error.__cause__, QUICStreamClosedError):
            raise
    if isinstance(stream.muxed_stream, QUICStream) and (data := await behind_the_end(stream.muxed_stream)):
        yield data


async def behind_the_end(stream):
    """What a QUIC stream still holds when it has told its end: its read() finds no bytes, waits for a
    lock, and then believes an end that came together with the last bytes meanwhile. Asked again it
    gives them."""
    try:
        return await stream.read()
    except (MuxedStreamEOF, QUICStreamClosedError):
        return b""


async def read_all(stream):
    return b"".join([data async for data in chunks(stream)])


async def echo(host, peer, size):
    """Sends a payload on a new stream, half closes it and checks that all of it comes back."""
    await echo_on(await host.new_stream(peer, [ECHO]), size)


async def echo_on(stream, size):
    payload = os.urandom(size)

    async def send():
        await stream.write(payload)
        await stream.close_write()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        received = await read_all(stream)
    if received != payload:
        raise Failure(f"the echo of {size} bytes has {len(received)} bytes or differs")


async def write_zeros(stream, count):
    while count > 0:
        await stream.write(bytes(min(count, BLOCK)))
        count -= BLOCK


# ---- small things ----


def describe(error):
    """An error and what caused it, in one line."""
    causes = [f"{type(error).__name__}: {error}".rstrip(": ")]
    if isinstance(error, BaseExceptionGroup):
        causes += [describe(inner) for inner in error.exceptions]
    elif error.__cause__ is not None:
        causes.append(describe(error.__cause__))
    return "; ".join(causes)


def megabits(byte_count, seconds):
    return byte_count * 8 / 1e6 / max(seconds, 1e-9)


def names(known):
    def parse(text):
        chosen = text.split(",")
        if unknown := [name for name in chosen if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown name {unknown[0]}")
        return chosen

    return parse


def parse_test(parser, word):
    name, *numbers = word.split(":")
    if name not in TESTS:
        parser.error(f"unknown test {word}")
    return name, [int(number) for number in numbers]


def parse_arguments():
    parser = argparse.ArgumentParser(prog="py-peer")
    parser.add_argument("command", choices=("listen", "dial"))
    parser.add_argument("words", nargs="*", help="of dial: a multiaddr, then tests")
    parser.add_argument("--listen", action="append")
    parser.add_argument("--security", type=names(("noise", "tls")), default=["noise", "tls"])
    parser.add_argument("--muxer", type=names(MUXERS), default=["yamux", "mplex"])
    parser.add_argument("--key-type", choices=KEY_TYPES, default="ed25519")
    options = parser.parse_intermixed_args()
    if options.command == "dial":
        if not options.words:
            parser.error("dial needs a multiaddr")
        options.target, *tests = options.words
        options.tests = [parse_test(parser, word) for word in tests]
    return options


if __name__ == "__main__":
    arguments = parse_arguments()
    trio.run(listen if arguments.command == "listen" else dial, arguments)
