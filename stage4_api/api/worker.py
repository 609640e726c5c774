"""gunicorn's threaded worker as a part of this process: without its arbiter, signals and access log."""

import contextlib
import logging
import os
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn import util
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from stage4_api.api.problems import BY_STATUS, CONTENT_TYPE, INTERNAL, Problem, document
from stage4_api.api.wire import encoded

log = logging.getLogger("dts.api")

CONNECTIONS = 2000
KEPT = 15
"""Seconds for which a connection without requests is kept."""
REST_WHEN_FULL = 0.1
"""Seconds between two tries where no more connections can be opened."""


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """One worker on that listener; `init_process` runs it in the calling thread, until `stop`."""

    def __init__(self, app: Flask, listener: socket.socket, threads: int, stop_within: float) -> None:
        config = Config()
        config.set("threads", threads)
        config.set("worker_connections", max(CONNECTIONS, 2 * threads))
        config.set("keepalive", KEPT)
        config.set("graceful_timeout", int(stop_within))
        super().__init__(0, os.getppid(), [listener], _Served(app), 0, config, _Logger(config))
        self._refused, self._ended = threading.Event(), threading.Event()

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._ended.set()
            self._close_what_is_left()

    def _close_what_is_left(self) -> None:
        ended: Any = self.method_queue
        self.method_queue: Any = _NoLoop()
        with contextlib.suppress(queue.Empty):
            while True:
                # A request that ended meanwhile: there is no loop to put its connection back into, so it is closed.
                ended._queue.get_nowait()()  # noqa: SLF001  there is no other way
        for left in (*self.pending_conns, *self.keepalived_conns):
            left.close()
        self.tmp.close()

    def stop(self) -> None:
        """Take nothing new; the thread in which it runs ends when nothing is left in hand. From any thread."""
        self.alive = False
        if self.booted:
            # It may be waiting for something to happen.
            self.method_queue.defer(lambda: None)

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


class _Served:
    def __init__(self, app: Flask) -> None:
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
