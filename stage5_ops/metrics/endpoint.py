"""Endpoint: where one process tells its figures by HTTP, and by what Prometheus finds it."""

import logging
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from common.clock import Clock
from common.contracts import Registration, Registry
from common.domain.errors import BadSetting
from common.rpc.providers import offer
from common.service import Service
from common.settings import Settings

SERVICE = "metrics"
"""Under which the registry lists the endpoints of all processes, as it does those who answer calls."""
FRESH = 0.2
"""Seconds for which an answer is given again: many who ask at once cost no more than one."""
MOST = 16
"""Requests that are answered at once; more are closed unheard."""
PATIENCE = 5.0
"""Seconds that one who asks may take for it."""

log = logging.getLogger("dts.metrics")


class Endpoint(Service):
    """Serves GET /metrics and /healthz from when it is made, and is found in the registry from its first step on.

    Raises BadSetting where it can't listen.
    """

    name = "metrics"

    def __init__(
        self, own: CollectorRegistry, settings: Settings, registry: Registry, clock: Clock, who: tuple[str, str, str]
    ) -> None:
        """`who` says whose figures these are: role, member and boot."""
        self._settings, self._registry = settings, registry
        role, member, boot = who
        self._info = {"boot": boot, "role": role, "member": member, "host": socket.gethostname(), "pid": os.getpid()}
        self._offer: Registration | None = None
        self._server = _listening(settings.metrics_listen, _Rendered(own, clock))
        host, port = self._server.server_address[:2]
        self.address = f"{host!s}:{port}"

    def step(self) -> float:
        if self._offer is None:
            address = self._settings.metrics_advertise or self.address
            self._offer = offer(self._registry, SERVICE, address, self._info)
            log.info("figures at http://%s/metrics", address)
        self._server.handle_request()
        return 0

    def close(self) -> None:
        if self._offer:
            self._offer.close()
        self._server.server_close()


class _Rendered:
    """The figures as text; asked again at once it gives the same."""

    def __init__(self, own: CollectorRegistry, clock: Clock) -> None:
        self._own, self._clock = own, clock
        self._lock = threading.Lock()
        self._texts: dict[str, tuple[float, bytes]] = {}

    def __call__(self, accept: str) -> tuple[str, bytes]:
        encode, content_type = choose_encoder(accept)
        with self._lock:
            until, text = self._texts.get(content_type, (0.0, b""))
            if self._clock.monotonic() >= until:
                text = encode(self._own)
                self._texts[content_type] = (self._clock.monotonic() + FRESH, text)
        return content_type, text


def _listening(listen: str, rendered: _Rendered) -> "_Server":
    host, _, port = listen.rpartition(":")
    try:
        return _Server((host.strip("[]") or "127.0.0.1", int(port)), rendered)
    except (OSError, ValueError, OverflowError) as error:
        raise BadSetting(f"DTS_METRICS_LISTEN: can't listen at {listen!r}: {error}") from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    timeout = 0.3
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], rendered: _Rendered) -> None:
        self.rendered = rendered
        self._free = threading.BoundedSemaphore(MOST)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's own: that asks for the host's full name, which may take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        # Whoever asked went away, or sent what is no HTTP.
        log.debug("a request for figures was not answered")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE
    server_version, sys_version = "dts", ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, *self.server.rendered(self.headers.get("Accept", "")))
        elif path == "/healthz":
            self._answer(200, "text/plain; charset=utf-8", b"ok\n")
        else:
            self._answer(404, "text/plain; charset=utf-8", b"there is /metrics and /healthz here\n")

    def _answer(self, status: int, content_type: str, text: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server calls it
        """Requests for figures are no events."""
