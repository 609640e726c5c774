"""RpcServer: a provider's end. Each connection has a thread of its own; calls on it are answered one by one."""

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any

from rpyc.utils.authenticators import AuthenticationError
from rpyc.utils.server import ThreadedServer

from common.clock import Clock
from common.domain.errors import BadSetting, DtsError
from common.logs import answering
from common.rpc.envelope import REQUEST, answer, arguments_of, leaving, trouble
from common.rpc.handshake import WITHIN, NotProved, as_server
from common.rpc.wire import Answering, ValueConnection, connection
from common.service import Service

PATIENCE = 30.0
"""Seconds for which a client may stop in the middle of a message."""
MOST = 2_000
"""Connections at once; more are closed unheard."""
LEAVE_WITHIN = 5.0
"""Seconds for which a stop waits for the calls that are answered just then."""
LINGER = 0.2
"""Seconds for which new calls are still told that we leave: who is told so asks another at once, and knows why."""

log = logging.getLogger("dts.rpc")
_quiet = logging.getLogger("dts.rpc.connections")
# rpyc tells of each connection that comes and goes.
_quiet.setLevel(logging.CRITICAL)

Methods = Mapping[str, Callable[[Mapping[str, Any]], Any]]
"""By their names; each gets the arguments of a call and returns what JSON can say."""


class RpcServer(Service):
    """Answers calls of `service` at `listen`, like "127.0.0.1:0", from when it is made. Raises BadSetting.

    Only who knows `secret` is heard, and with `tls` only by that. `address` is where it really listens.
    """

    name = "rpc"

    def __init__(
        self,
        listen: str,
        secret: str,
        service: str,
        methods: Methods,
        clock: Clock,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if not secret:
            raise BadSetting(
                "DTS_RPC_SECRET: is not set; managers, task-apis and agents prove to each other that they know it. "
                "Make one: export DTS_RPC_SECRET=$(openssl rand -hex 32)"
            )
        self._secret, self._service, self._methods, self._clock = secret, service, methods, clock
        self._tls = tls
        self._leaving = threading.Event()
        self._calls = _Calls()
        host, _, port = listen.rpartition(":")
        try:
            self._server = _Server(self, host.strip("[]") or "127.0.0.1", int(port))
        except (OSError, ValueError) as error:
            raise BadSetting(f"DTS_RPC_LISTEN: can't listen at {listen!r}: {error}") from error
        self.address = f"{self._server.host}:{self._server.port}"
        self._server.open()

    def step(self) -> float:
        self._server.accept()
        return 0

    def close(self) -> None:
        self._leaving.set()
        self._clock.wait(threading.Event(), LINGER)
        if not self._calls.none_within(LEAVE_WITHIN):
            log.warning("calls were still answered when we had to go; who made them can't tell what they did")
        self._server.close()

    def admit(self, sock: socket.socket) -> socket.socket:
        """The connection to be used from now on; `sock` is of no use any more where that is another.

        Raises AuthenticationError where the other side does not know the secret.
        """
        try:
            if self._tls:
                sock.settimeout(WITHIN)
                sock = self._tls.wrap_socket(sock, server_side=True)
            as_server(sock, self._secret, self._service)
        except (NotProved, OSError) as error:
            sock.close()
            log.warning("a connection was refused: %s", error)
            raise AuthenticationError(str(error)) from error
        return sock

    def answer(self, method: str, body: bytes) -> bytes:
        """The answer to one call, whatever becomes of it."""
        if self._leaving.is_set():
            return leaving()
        with self._calls:
            try:
                told = self._called(method, body)
            except DtsError as error:
                told = trouble(error)
            except Exception as error:
                # The outermost: a bug met by one call must not end the connection, nor be told to others in full.
                log.exception("%s failed", method)
                told = trouble(error)
        return told

    def _called(self, method: str, body: bytes) -> bytes:
        call = self._methods.get(method)
        if call is None:
            raise BadSetting(f"there is no {method!r} here; the other side is of another version")
        said = arguments_of(body)
        with answering(str(said.pop(REQUEST, ""))):
            return answer(call(said))


class _Calls:
    """How many calls are being answered."""

    def __init__(self) -> None:
        self._count, self._changed = 0, threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def none_within(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, seconds)


class _Server(ThreadedServer):  # type: ignore[misc]  # rpyc has no types
    """rpyc's server, with our connections instead of its own."""

    def __init__(self, owner: RpcServer, host: str, port: int) -> None:
        self._owner = owner
        super().__init__(
            Answering(owner.answer), host, ipv6=":" in host, port=port, auto_register=False, logger=_quiet,
            authenticator=self._admitted,
        )  # fmt: skip

    def open(self) -> None:
        """Connections are taken from now on."""
        self._listen()

    def accept(self) -> None:
        """Take one connection; waits half a second for it."""
        try:
            sock, _ = self.listener.accept()
        except TimeoutError:
            return
        if len(self.clients) >= MOST:
            log.warning("%d connections are open; one more was closed unheard", MOST)
            sock.close()
            return
        self.clients.add(sock)
        self._accept_method(sock)

    def _authenticate_and_serve_client(self, sock: socket.socket) -> None:
        try:
            super()._authenticate_and_serve_client(sock)
        except Exception as error:  # noqa: BLE001
            # A thread of its own: whatever the other side sent, it ends here.
            log.warning("a connection was closed: %r", error)
        finally:
            sock.close()

    def _admitted(self, sock: socket.socket) -> tuple[socket.socket, None]:
        return self._owner.admit(sock), None

    def _serve_client(self, sock: socket.socket, _: None) -> None:
        # By TLS it is another than the one that was taken, and the one to be closed when we stop.
        self.clients.add(sock)
        try:
            served: ValueConnection = connection(sock, PATIENCE, self._owner.answer)
            served.serve_all()
        finally:
            self.clients.discard(sock)
            sock.close()
