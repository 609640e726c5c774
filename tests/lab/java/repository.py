"""A Maven repository on the loopback address that can break off, lie and refuse, as real ones do."""

import contextlib
import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from common.lab.java.jars import Jar

CONTENT = bytes(range(256)) * 2_000


def jar_of(content: bytes = CONTENT, artifact: str = "thing") -> Jar:
    return Jar("org.example", artifact, "1.0", len(content), hashlib.sha256(content).hexdigest())


@dataclass
class RemoteRepository:
    """Serves `files` by their path; what else it does is set in the fields, and may be changed while it serves."""

    files: dict[str, bytes] = field(default_factory=dict)
    breaks_after: dict[str, list[int]] = field(default_factory=dict)
    """Per path, after how many bytes each next answer breaks off; then none does."""
    status: list[int] = field(default_factory=list)
    """What the next requests are answered instead."""
    ranges: bool = True
    login: str = ""
    """The Authorization header that it wants."""
    asked: Counter[str] = field(default_factory=Counter)
    headers: list[dict[str, str]] = field(default_factory=list)
    at_request: Callable[[], object] = lambda: None
    redirect: str = ""
    """Where requests are sent on to."""

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/maven2"

    def offer(self, jar: Jar, content: bytes = CONTENT) -> None:
        self.files[f"/maven2/{jar.path}"] = content

    def refusal(self, path: str, authorization: str | None) -> int:
        """The status with which a request is refused; 0 where it is not."""
        if self.status:
            return self.status.pop(0)
        if self.login and authorization != self.login:
            return 401
        return 0 if path in self.files else 404

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        class Handler(_Handler):
            repository = self

        return Handler


class _Handler(BaseHTTPRequestHandler):
    repository: RemoteRepository

    def do_GET(self) -> None:
        remote = self.repository
        remote.at_request()
        # A proxy is asked for whole addresses.
        path = self.path[self.path.index("/maven2") :]
        remote.asked[path] += 1
        remote.headers.append(dict(self.headers))
        if remote.redirect:
            self.send_response(302)
            self.send_header("Location", remote.redirect + path.removeprefix("/maven2"))
            self.end_headers()
        elif refused := remote.refusal(path, self.headers["Authorization"]):
            self.send_error(refused)
        else:
            with contextlib.suppress(ConnectionError):  # who asked may have been killed
                self._send(path, remote.files[path])

    def _send(self, path: str, content: bytes) -> None:
        begin = int(self.headers["Range"][6:-1]) if self.repository.ranges and "Range" in self.headers else 0
        if begin and begin >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        breaks = self.repository.breaks_after.get(path)
        self.wfile.write(content[begin : begin + breaks.pop(0)] if breaks else content[begin:])

    def log_message(self, *_: object) -> None:
        pass
