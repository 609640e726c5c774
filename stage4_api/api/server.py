"""ApiServer: serves the API's application from threads of this process, by gunicorn's threaded worker.

A process of ours is one worker, started and stopped as all roles are; several workers are several processes
(docs/adr/0016-one-process-one-worker.md).
"""

import logging
import threading

from common.service import Service
from common.settings import Settings
from stage4_api.api.app import STREAMS_FOR_THREAD, Api
from stage4_api.api.connections import listen
from stage4_api.api.worker import Worker

log = logging.getLogger("dts.api")

STOP_WITHIN = 5.0
"""Seconds for requests in hand when it is stopped; who waits for something is answered at once."""


class ApiServer(Service):
    """Listens from the moment it is made, and serves from its first step on. Raises BadSetting where it can't listen.

    Who connects between the two waits for that step.
    """

    name = "api"

    def __init__(self, app: Api, settings: Settings) -> None:
        self._app = app
        self._threads = settings.api_threads * (1 + STREAMS_FOR_THREAD)
        self._listener = listen(settings)
        self.host, self.port = self._listener.getsockname()[:2]
        self._worker: Worker | None = None
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
            self._worker = Worker(self._app, self._listener, self._threads, STOP_WITHIN)
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
