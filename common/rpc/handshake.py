"""Both sides prove that they know the secret, without telling it, before a byte of anything else is read.

    server → client    "DTSRPC", the version, 32 random bytes s
    client → server    "DTSRPC", the version, 32 random bytes c, HMAC(secret, "client", service, s, c)
    server → client    HMAC(secret, "server", service, c, s); nothing, and the end, where it refuses

Each proof covers both sides' random bytes, so none can be replayed. What is said afterwards is encrypted only where all
of it goes by TLS, which is spoken before that.
"""

import hmac
import secrets
import socket
import ssl

from common.domain.errors import Unavailable

MAGIC = b"DTSRPC"
VERSION = 1
NONCE = 32
PROOF = 32
WITHIN = 3.0
"""Seconds for each part of it."""


class NotProved(Exception):
    """The other side does not know the secret, speaks another version, or is none of ours."""


def as_server(sock: socket.socket, secret: str, service: str) -> None:
    """Raises NotProved, and OSError where the connection breaks."""
    own = secrets.token_bytes(NONCE)
    sock.settimeout(WITHIN)
    sock.sendall(_greeting(own))
    theirs = _read_greeting(sock)
    proof = _read(sock, PROOF)
    if not hmac.compare_digest(proof, _proof(secret, b"client", service, own, theirs)):
        raise NotProved("it does not know the secret (DTS_RPC_SECRET)")
    sock.sendall(_proof(secret, b"server", service, theirs, own))


def as_client(sock: socket.socket, secret: str, service: str) -> None:
    """Raises NotProved, and OSError where the connection breaks; nothing was asked yet in either case."""
    sock.settimeout(WITHIN)
    theirs = _read_greeting(sock)
    own = secrets.token_bytes(NONCE)
    sock.sendall(_greeting(own) + _proof(secret, b"client", service, theirs, own))
    if not hmac.compare_digest(_read(sock, PROOF), _proof(secret, b"server", service, own, theirs)):
        raise NotProved("it does not know the secret (DTS_RPC_SECRET)")


def dial(address: str, secret: str, service: str, tls: ssl.SSLContext | None = None) -> socket.socket:
    """Connect to "host:port" and go through it; raises Unavailable, for nothing was asked yet.

    With `tls` the other side must also have a certificate for that host.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        sock = socket.create_connection((host, int(port)), WITHIN)
    except (OSError, ValueError) as error:
        raise Unavailable(f"can't reach {address}: {error}") from error
    try:
        if tls:
            sock = tls.wrap_socket(sock, server_hostname=host)
        as_client(sock, secret, service)
    except (OSError, NotProved) as error:
        sock.close()
        raise Unavailable(f"{address} can't be trusted: {error}") from error
    except BaseException:
        sock.close()
        raise
    return sock


def _greeting(nonce: bytes) -> bytes:
    return MAGIC + VERSION.to_bytes(2, "big") + nonce


def _read_greeting(sock: socket.socket) -> bytes:
    magic = _read(sock, len(MAGIC))
    if magic != MAGIC:
        raise NotProved("it does not speak dts' RPC")
    version = int.from_bytes(_read(sock, 2), "big")
    if version != VERSION:
        raise NotProved(f"it speaks version {version} of dts' RPC; this dts speaks {VERSION}")
    return _read(sock, NONCE)


def _read(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise NotProved("it closed the connection: another secret (DTS_RPC_SECRET), or another version")
        data += part
    return data


def _proof(secret: str, side: bytes, service: str, first: bytes, second: bytes) -> bytes:
    return hmac.digest(secret.encode(), b"\0".join([side, service.encode(), first, second]), "sha256")
