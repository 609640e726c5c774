"""ApiServer: serves the API's application from threads of this process, by gunicorn's threaded worker.

The worker runs without gunicorn's arbiter: a process of ours is one worker, started and stopped as all roles are, and
several of them are several processes (docs/adr/0016). What is different here from a worker under an arbiter stands in
`_Worker` and `_Connection`.
"""

import contextlib
import errno
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from gunicorn import util
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from common.domain.errors import BadSetting
from common.service import Service
from common.settings import Settings
from stage4_api.api.access import address_of
from stage4_api.api.app import STREAMS_FOR_THREAD, Api
from stage4_api.api.problems import BY_STATUS, CONTENT_TYPE, INTERNAL, Problem, document
from stage4_api.api.wire import encoded

log = logging.getLogger("dts.api")

RECEIVE_WITHIN = 30.0
"""Seconds for a whole request to arrive, from its first byte on: a thread waits for it."""
SEND_WITHIN = 10.0
"""Seconds for each piece of an answer to be taken."""
STOP_WITHIN = 5.0
"""Seconds for requests in hand when it is stopped; who waits for something is answered at once."""
REST_WHEN_FULL = 0.1
"""Seconds between two tries where no more connections can be opened."""
CONNECTIONS = 2000
BACKLOG = 1024


class ApiServer(Service):
    """Listens from the moment it is made, and serves from its first step on. Raises BadSetting where it can't listen.

    Who connects between the two waits for that step.
    """

    name = "api"

    def __init__(self, app: Api, settings: Settings) -> None:
        self._app = app
        self._threads = settings.api_threads * (1 + STREAMS_FOR_THREAD)
        self._listener = _listen(settings)
        self.host, self.port = self._listener.getsockname()[:2]
        self._worker: _Worker | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it is found on this machine."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def step(self) -> float:
        """See that it is being served."""
        if self._thread is None or not self._thread.is_alive():
            if self._thread:
                log.error("the worker ended by itself; another takes its place")
            self._worker = _Worker(self._app, self._listener, self._threads)
            self._thread = threading.Thread(target=self._worker.init_process, name="api-worker", daemon=True)
            self._thread.start()
        return 1.0

    def close(self) -> None:
        """Take no more connections, end what waits, finish what is in hand; STOP_WITHIN at most."""
        self._app.stop()
        if self._worker and self._thread:
            self._worker.stop()
            self._thread.join(STOP_WITHIN + 3)
        self._listener.cut()
        self._listener.close()


def _listen(settings: Settings) -> "_Listener":
    host, port = address_of(settings)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = _Listener(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise BadSetting(f"DTS_API_LISTEN: can't listen at {settings.api_listen}: {error.strerror}") from error
    return listener


class _Listener(socket.socket):
    def __init__(self, family: int, kind: int) -> None:
        super().__init__(family, kind)
        self._open: WeakSet[_Connection] = WeakSet()

    def accept(self) -> tuple[socket.socket, Any]:
        given, address = super().accept()
        given.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(given.family, given.type, given.proto, given.detach())
        self._open.add(connection)
        return connection, address

    def cut(self) -> None:
        """End what is left: a process can't exit while a thread of the pool waits for a client."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Connection(socket.socket):
    """A connection whose other end may be slow, but not for ever: else a few clients could hold all threads."""

    _until = float("inf")

    def setblocking(self, flag: bool, /) -> None:
        # The worker says this at the beginning of each request.
        super().setblocking(flag)
        self._until = time.monotonic() + RECEIVE_WITHIN if flag else float("inf")

    def settimeout(self, value: float | None, /) -> None:
        # Whoever says this has a limit of his own.
        super().settimeout(value)
        self._until = float("inf")

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        if self._until == float("inf"):
            return super().recv(bufsize, flags)
        super().settimeout(max(0.001, self._until - time.monotonic()))
        try:
            return super().recv(bufsize, flags)
        except TimeoutError:
            raise _cut() from None

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        super().settimeout(SEND_WITHIN)
        try:
            super().sendall(data, flags)
        except TimeoutError:
            raise _cut() from None


def _cut() -> OSError:
    """To the worker it is as if the client had gone."""
    return ConnectionResetError(errno.ECONNRESET, "the client is too slow")


class _Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, app: Api, listener: socket.socket, threads: int) -> None:
        config = Config()
        config.set("threads", threads)
        config.set("worker_connections", max(CONNECTIONS, 2 * threads))
        config.set("keepalive", 15)
        config.set("graceful_timeout", int(STOP_WITHIN))
        super().__init__(0, os.getppid(), [listener], _Wsgi(app), 0, config, _Logger(config))
        self._refused, self._ended = threading.Event(), threading.Event()

    def run(self) -> None:
        try:
            super().run()
        finally:
            self.method_queue = _NoLoop()
            self._ended.set()
            for left in (*self.pending_conns, *self.keepalived_conns):
                left.close()
            self.tmp.close()

    def stop(self) -> None:
        """Take nothing new; the thread in which it runs ends when nothing is left in hand. From any thread."""
        self.method_queue.defer(lambda: setattr(self, "alive", False))

    def init_signals(self) -> None:
        """Signals are the process's own, and this is not its main thread."""

    def notify(self) -> None:
        """There is no arbiter that wants to know."""

    def is_parent_alive(self) -> bool:
        return True

    def accept(self, listener: Any) -> None:
        try:
            super().accept(listener)
            self._refused.clear()
        except OSError as error:
            # Out of file handles, most likely: those who wait are served when some are given back.
            if not self._refused.is_set():
                log.warning("no connections can be taken for now: %s", error.strerror)
            self._refused.set()
            self._ended.wait(REST_WHEN_FULL)

    def handle(self, conn: Any) -> Any:
        kept = super().handle(conn)
        if kept is not _DEFER and not kept:
            # Here, and not in the loop that all connections share: the client may take its time to close its end.
            util.close_graceful(conn.sock)
        return kept

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """What gunicorn itself finds wrong with a request is told as all other errors are."""
        status = _status_of(exc)
        kind = BY_STATUS.get(status, INTERNAL)
        if kind is INTERNAL:
            log.error("a request ended with an error that dts did not expect", exc_info=exc)
        text = encoded(document(Problem(kind, kind.title if kind is INTERNAL else str(exc)), ""))
        head = f"HTTP/1.1 {kind.status} {kind.code}\r\nConnection: close\r\nContent-Type: {CONTENT_TYPE}\r\n"
        try:
            client.sendall(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)
        except OSError as error:
            log.debug("the client has gone: %s", error)


def _status_of(error: Exception) -> int:
    known = {LimitRequestLine: 414, LimitRequestHeaders: 431}
    return known.get(type(error), 400) if isinstance(error, ParseException) else 500


class _NoLoop:
    """Where threads of the pool leave a connection whose request they have ended after the loop did."""

    def defer(self, _callback: Any, *args: Any) -> None:
        for connection in args[:1]:
            connection.close()


class _Wsgi:
    def __init__(self, app: Api) -> None:
        self._app = app

    def wsgi(self) -> Callable[..., Any]:
        return self._serve

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input"] = _Body(environ["wsgi.input"])
        return self._app(environ, start_response)


class _Body:
    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, size: int = -1) -> bytes:
        try:
            return bytes(self._body.read(size))
        except ParseException as error:
            # What frameworks take for a body that did not arrive.
            raise ValueError(str(error)) from error


class _Logger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's words go where ours go; requests are told of by the application."""

    def setup(self, cfg: Config) -> None:
        self.error_log = logging.getLogger("dts.api.gunicorn")

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None: ...
