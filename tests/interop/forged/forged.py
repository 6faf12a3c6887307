#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A QUIC endpoint on aioquic whose certificate has one thing wrong; runs in the py peer's environment.

    forged.py listen KIND        prints its multiaddr, and goes on until stdin ends
    forged.py dial KIND PORT     prints "accepted", or "refused" and the code of the close

KIND is "good", a certificate as libp2p wants it, or one of those in run.py.
"""

import asyncio
import datetime
import ssl
import sys

from aioquic.asyncio import connect, serve
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.53594.1.1")
OTHER_EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.53594.1.999")
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def public_key(identity):
    """libp2p's protocol buffer of an Ed25519 key."""
    raw = identity.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return b"\x08\x01\x12\x20" + raw


def peer_id(identity):
    number = int.from_bytes(b"\x00\x24" + public_key(identity), "big")
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" + text  # the leading zero


def der(tag, content):
    return bytes([tag, len(content)] if len(content) < 128 else [tag, 0x81, len(content)]) + content


def certificate(kind, identity):
    key, stranger = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    signer = ed25519.Ed25519PrivateKey.generate() if kind == "other-identity" else identity
    prefix = b"libp2p-tls-handshake:"
    signature = signer.sign(prefix + spki(stranger if kind == "other-statement" else key))
    value = der(0x30, der(0x04, public_key(identity)) + der(0x04, signature))
    now, day = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
    begin, end = {"expired": (now - 2 * day, now - day), "not-yet": (now + day, now + 2 * day)}.get(kind, (now - day, now + day))
    name = x509.Name([])
    builder = (x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(x509.random_serial_number())
               .public_key(key.public_key()).not_valid_before(begin).not_valid_after(end))
    if kind != "no-extension":
        builder = builder.add_extension(x509.UnrecognizedExtension(EXTENSION, value[:-1] if kind == "cut" else value), critical=False)
    if kind == "critical":
        builder = builder.add_extension(x509.UnrecognizedExtension(OTHER_EXTENSION, b"\x05\x00"), critical=True)
    return builder.sign(stranger if kind == "other-signer" else key, hashes.SHA256()), key


def configuration(kind, identity, client):
    config = QuicConfiguration(is_client=client, alpn_protocols=["libp2p"], verify_mode=ssl.CERT_NONE)
    config.certificate, config.private_key = certificate(kind, identity)
    return config


async def listen(kind):
    identity = ed25519.Ed25519PrivateKey.generate()
    server = await serve("127.0.0.1", 0, configuration=configuration(kind, identity, client=False))
    port = server._transport.get_extra_info("sockname")[1]
    print(f"/ip4/127.0.0.1/udp/{port}/quic-v1/p2p/{peer_id(identity)}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


class Protocol(QuicConnectionProtocol):
    code = None

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            self.code = event.error_code
        super().quic_event_received(event)


async def dial(kind, port):
    """The client's handshake is over before the server has judged its certificate: a ping shows what it thinks."""
    config = configuration(kind, ed25519.Ed25519PrivateKey.generate(), client=True)
    async with connect("127.0.0.1", port, configuration=config, create_protocol=Protocol) as protocol:
        try:
            for _ in range(3):
                await asyncio.wait_for(protocol.ping(), 30)
                await asyncio.sleep(0.2)
        except ConnectionError:
            pass
        print("accepted" if protocol.code is None else f"refused {protocol.code:#x}", flush=True)


if __name__ == "__main__":
    command, kind, *port = sys.argv[1:]
    asyncio.run(listen(kind) if command == "listen" else dial(kind, int(port[0])))
