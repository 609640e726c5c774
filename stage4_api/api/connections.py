"""Connections whose other end may be slow, but not for ever: else a few clients could hold all threads."""

import contextlib
import errno
import select
import socket
import time
from typing import Any
from weakref import WeakSet

from common.domain.errors import BadSetting
from common.settings import Settings
from stage4_api.api.access import address_of

RECEIVE_WITHIN = 30.0
"""Seconds for a whole request to arrive, from its first byte on: a thread waits for it."""
SEND_WITHIN = 10.0
"""Seconds for each piece of an answer to be taken."""
BACKLOG = 1024


def listen(settings: Settings) -> "Listener":
    """Listen where the settings say. Raises BadSetting."""
    host, port = address_of(settings)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = Listener(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise BadSetting(f"DTS_API_LISTEN: can't listen at {settings.api_listen}: {error.strerror}") from error
    return listener


class Listener(socket.socket):
    """Gives connections, and knows which of them are open."""

    def __init__(self, family: int, kind: int) -> None:
        super().__init__(family, kind)
        self._open: WeakSet[Connection] = WeakSet()

    def accept(self) -> tuple[socket.socket, Any]:
        given, address = super().accept()
        given.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(given.family, given.type, given.proto, given.detach())
        socket.socket.setblocking(connection, False)
        self._open.add(connection)
        return connection, address

    def cut(self) -> None:
        """End what is left: a process can't exit while a thread of the pool waits for a client."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Connection(socket.socket):
    """One of them; to whoever reads from one that is too slow it is as if the client had gone.

    What is said of blocking is only noted, and Python never asks whether the socket is ready before it is used: each
    such turn would let another thread compute, and ours wait for it. It blocks where there is nothing to be had.
    """

    _limit: float | None = 0.0
    """Seconds for which a read waits, as a socket's timeout."""
    _until = float("inf")
    """When the request that is read now has to be here."""

    def setblocking(self, flag: bool, /) -> None:
        # The worker says this at the beginning of each request.
        self._limit = None if flag else 0.0
        self._until = time.monotonic() + RECEIVE_WITHIN if flag else float("inf")

    def settimeout(self, value: float | None, /) -> None:
        # Whoever says this has a limit of his own.
        self._limit, self._until = value, float("inf")

    def gettimeout(self) -> float | None:
        return self._limit

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        while True:
            try:
                return super().recv(bufsize, flags)
            except BlockingIOError:
                if self._limit == 0.0:
                    raise
            if self._limit is not None and not self._ready(select.POLLIN, self._limit):
                raise TimeoutError("timed out")
            if self._limit is None and not self._ready(select.POLLIN, self._until - time.monotonic()):
                raise _cut()

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[super().send(rest, flags) :]
            except BlockingIOError:
                if not self._ready(select.POLLOUT, SEND_WITHIN):
                    raise _cut() from None

    def _ready(self, what: int, seconds: float) -> bool:
        there = select.poll()
        there.register(self, what)
        return bool(there.poll(None if seconds == float("inf") else max(0.0, seconds) * 1000))


def _cut() -> OSError:
    return ConnectionResetError(errno.ECONNRESET, "the client is too slow")
