#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The same as bridge.js, on PyPI's websockets."""

import asyncio
import json
import random
import sys

from websockets.asyncio.client import connect as dial
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed

SIZES = [0, 1, 2, 125, 126, 127, 1000, 65535, 65536]
HELLO = b"\x13/multistream/1.0.0\n"
OPTIONS = {"max_size": None, "ping_interval": None}
seen = {"connections": 0, "messages": 0, "largest": 0, "text": 0, "fragments": 0, "pings": 0, "pongs": 0, "closes": []}


def fragments(data):
    at = 0
    while True:
        size = min(random.choice(SIZES), len(data) - at)
        yield data[at:at + size]
        at += size
        if at == len(data):
            return


async def ping(socket):
    payload = bytes([7]) * random.randrange(126)
    try:
        # websockets forgets a payload when it is answered, and refuses the same one twice at a time.
        answered = await socket.ping(payload + random.randbytes(8)[: 125 - len(payload)])
    except (ConnectionClosed, RuntimeError):
        return
    seen["pings"] += 1
    try:
        await answered
        seen["pongs"] += 1
    except ConnectionClosed:
        pass  # it was under way when the connection ended


async def to_websocket(reader, socket, tasks):
    while data := await reader.read(65536):
        pieces = list(fragments(data))
        seen["fragments"] += len(pieces)
        await socket.send(pieces)
        tasks.append(asyncio.create_task(ping(socket)))
    await socket.close(1000, "the end")


async def carry(socket, reader, writer):
    seen["connections"] += 1
    tasks = []
    tasks.append(asyncio.create_task(to_websocket(reader, socket, tasks)))
    try:
        async for message in socket:
            seen["messages"] += 1
            seen["text"] += isinstance(message, str)
            seen["largest"] = max(seen["largest"], len(message))
            writer.write(message)
            await writer.drain()
    except (ConnectionClosed, OSError):
        pass
    seen["closes"].append(socket.close_code)
    writer.close()
    await asyncio.gather(*tasks, return_exceptions=True)


async def serve(port):
    async def handle(socket):
        await carry(socket, *await asyncio.open_connection("127.0.0.1", port))

    server = await listen(handle, "127.0.0.1", 0, **OPTIONS)
    return server.sockets[0].getsockname()[1]


async def connect(port):
    async def handle(reader, writer):
        async with dial(f"ws://127.0.0.1:{port}", **OPTIONS) as socket:
            await carry(socket, reader, writer)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return server.sockets[0].getsockname()[1]


async def probe(port):
    url = f"ws://127.0.0.1:{port}"
    result = {"extensions": "", "hello": False, "pongs": [], "closes": {}}
    async with dial(url, **OPTIONS) as socket:  # offers permessage-deflate
        result["extensions"] = ", ".join(extension.name for extension in socket.protocol.extensions)
        for size in (0, 1, 125):
            await asyncio.wait_for(await socket.ping(bytes([size]) * size), 60)
            result["pongs"].append(True)  # the library compares
        await socket.send([bytes([byte]) for byte in HELLO])
        answer = await asyncio.wait_for(socket.recv(), 60)
        result["hello"] = answer[:len(HELLO)] == HELLO
    for code in (1000, 1001, 1008, 3000, 4999):
        async with dial(url, **OPTIONS) as socket:
            await socket.close(code, "because")
            # Both halves must have been exchanged, and ours came back.
            result["closes"][str(code)] = socket.protocol.close_rcvd.code if socket.protocol.close_rcvd else 1006
    print(json.dumps(result))


async def main():
    command, port = sys.argv[1], int(sys.argv[2])
    if command == "probe":
        await probe(port)
        return
    print(await {"serve": serve, "connect": connect}[command](port), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for _ in range(100):  # what is closing may finish first
        if len(seen["closes"]) == seen["connections"]:
            break
        await asyncio.sleep(0.1)
    print(json.dumps(seen))


asyncio.run(main())
