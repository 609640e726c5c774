"""A connection over which only values go: one kind of request, a method's name and bytes in, bytes out.

rpyc can hand out references to live objects, look up attributes, unpickle, and rebuild exceptions. None of it is here:
whatever asks for that is refused, whoever asks. https://rpyc.readthedocs.io/en/latest/docs/security.html
"""

import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, TypeVar

import rpyc
from rpyc.core import consts
from rpyc.core.channel import Channel
from rpyc.core.stream import SocketStream

CALL = 64
"""The one request; rpyc's own have lower numbers."""
MAX_FRAME = 128 * 1_048_576
"""Bytes of one message: a thousand submissions of the usual size are a thousandth of it."""

T = TypeVar("T")
Handler = Callable[[str, bytes], bytes]


class Refused(Exception):
    """The other side asked for, or sent, what is no value; the connection is no good any more."""


class ValueConnection(rpyc.Connection):  # type: ignore[misc]  # rpyc has no types
    """One side of such a connection. Used by one thread at a time; its root answers calls, or is None."""

    def ask(self, method: str, body: bytes, within: float) -> bytes:
        """Call the other side's `method`.

        Raises EOFError where the connection broke, TimeoutError after `within` seconds, Refused. Whether it happened
        can't be told then, and the connection has to be closed.
        """
        answer = self.async_request(CALL, method, body, timeout=within).value
        if not isinstance(answer, bytes):
            raise Refused("the answer is no bytes")
        return answer

    def close(self) -> None:
        """At once: whoever does not answer any more is not told of it either."""
        if not self.closed:
            self._cleanup()

    @classmethod
    def _request_handlers(cls) -> dict[int, Callable[..., Any]]:
        return {CALL: cls._answer}

    def _answer(self, method: Any, body: Any) -> bytes:
        if not (isinstance(method, str) and isinstance(body, bytes) and self._local_root):
            raise Refused("a call has a method and bytes")
        answer: bytes = self._local_root.answer(method, body)
        return answer

    def _box(self, obj: Any) -> Any:
        return consts.LABEL_VALUE, obj

    def _unbox(self, package: Any) -> Any:
        label, value = package
        if label != consts.LABEL_VALUE:
            raise Refused("only values are taken")
        return value

    def _box_exc(self, typ: Any, val: Any, tb: Any) -> Any:
        return "refused"

    def _unbox_exc(self, raw: Any) -> Any:
        return Refused("the other side takes no such request")


class Answering:
    """What answers calls at the other end: a root for ValueConnection."""

    def __init__(self, answer: Handler) -> None:
        self.answer = answer

    def on_disconnect(self, _: Any) -> None:
        """Nothing is kept of a connection."""


def connection(sock: socket.socket, patience: float, answer: Handler | None = None) -> ValueConnection:
    """Make one of a connected socket. Whoever stops in the middle of a message for `patience` seconds is cut off."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    root = Answering(answer or _refuse)
    return ValueConnection(root, _BoundedChannel(_PatientStream(sock, patience)), {"logger": None})


def _refuse(_: str, __: bytes) -> bytes:
    raise Refused("nothing can be called here")


_WANTS: dict[type[Exception], int] = {ssl.SSLWantReadError: select.POLLIN, ssl.SSLWantWriteError: select.POLLOUT}
"""What TLS waits for, whatever it is asked to do."""


class _PatientStream(SocketStream):  # type: ignore[misc]  # rpyc has no types
    """One that does not wait for ever for the rest of a message.

    Each turn at the socket lets another thread compute, and ours wait for it: so all that is there is taken in one, and
    Python is kept from asking before each whether the socket is ready.
    """

    def __init__(self, sock: socket.socket, patience: float) -> None:
        super().__init__(sock)
        sock.setblocking(False)
        self._patience = patience
        self._ahead = b""
        """What came with the message before."""

    def poll(self, timeout: float) -> bool:
        # By TLS more may have come than was asked for: the socket itself has nothing then.
        here = self._ahead or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending())
        return bool(here) or bool(super().poll(timeout))

    def read(self, count: int) -> bytes:
        until, parts, got = time.monotonic() + self._patience, [self._ahead], len(self._ahead)
        while got < count:
            more = self._turn(lambda: self.sock.recv(self.MAX_IO_CHUNK), select.POLLIN, until)
            if not more:
                self.close()
                raise EOFError("the other side has closed the connection")
            parts.append(more)
            got += len(more)
        data = b"".join(parts)
        self._ahead = data[count:]
        return data[:count]

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            piece, until = rest[: self.MAX_IO_CHUNK], time.monotonic() + self._patience
            rest = rest[self._turn(lambda piece=piece: self.sock.send(piece), select.POLLOUT, until) :]  # type: ignore[misc]

    def _turn(self, act: Callable[[], T], ready: int, until: float) -> T:
        """Do it as soon as the socket lets us, which is when it is `ready`. Raises EOFError where that is never."""
        while True:
            try:
                return act()
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
                there = select.poll()
                there.register(self.sock, _WANTS.get(type(error), ready))
                if there.poll(max(0.0, until - time.monotonic()) * 1000):
                    continue
                reason = "the rest of a message did not come, or was not taken"
            except OSError as error:
                reason = str(error)
            self.close()
            raise EOFError(reason)


class _BoundedChannel(Channel):  # type: ignore[misc]  # rpyc has no types
    """One that takes no message of any size, and does not unpack what is packed."""

    def __init__(self, stream: SocketStream) -> None:
        super().__init__(stream, compress=False)

    def recv(self) -> bytes:
        length, packed = self.FRAME_HEADER.unpack(self.stream.read(self.FRAME_HEADER.size))
        if packed or length > MAX_FRAME:
            self.close()
            raise EOFError(f"a message of {length} bytes{', packed' if packed else ''}")
        data: bytes = self.stream.read(length + len(self.FLUSHER))
        return data[: -len(self.FLUSHER)]
