"""The API in this process: on a Redis that is only pretended, asked without a socket or through a real one."""

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import pytest
from redis import Redis

from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.reports import Finished, Held, LogChunk
from common.domain.result import Result, success
from common.service import Host
from common.settings import Settings
from common.store.granting import Attempt
from common.store.keys import Keys
from common.store.leading import Assignment
from common.store.leases import Leases
from common.store.tasks import TaskStore
from stage4_api.api.app import Api, create_app
from stage4_api.api.server import ApiServer
from stage4_api.store_service import StoreService
from stage4_api.task_service import TaskService
from tests.servers import FakeAt

BOOT = "b"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Of the problem that it is."""
        assert self.headers["Content-Type"] == "application/problem+json"
        assert self.json["status"] == self.status
        return str(self.json["code"])


class Door:
    """Asks one API: `door("GET", "/healthz")`."""

    def __init__(self, service: TaskService, settings: Settings, ready: Callable[[], str]) -> None:
        clock = SystemClock()
        self.settings = settings
        self.app: Api = create_app(service, settings, clock, Ids(clock), ready=ready)
        self._server: ApiServer | None = None
        self._host: Host | None = None
        self.headers: dict[str, str] = {}
        self.opened = ExitStack()
        """What clients have left open."""

    def __call__(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Without a socket; a body that is no bytes goes as JSON."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = self.headers | ({"Content-Type": "application/json"} if raw is not None else {}) | dict(headers or {})
        found = self.app.test_client().open(path, method=method, data=raw, headers=sent)
        return Answer(found.status_code, dict(found.headers), found.get_data())

    def submit(self, content: str = "true", **fields: Any) -> str:
        answer = self("POST", "/api/v1/tasks", {"content": content, **fields})
        assert answer.status == 201, answer
        return str(answer.json["taskId"])

    @property
    def server(self) -> ApiServer:
        """Served at a real port, from the first call on."""
        if self._server is None:
            self._server = ApiServer(self.app, self.settings)
            self._host = Host([self._server], SystemClock())
            self._host.start()
        return self._server

    def connect(self, timeout: float = 10.0) -> http.client.HTTPConnection:
        """A connection to it."""
        return self.opened.enter_context(
            closing(http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=timeout))
        )

    def close(self) -> None:
        """Stop it as its process does."""
        self.opened.close()
        if self._host:
            self._host.stop()
        else:
            self.app.stop()
        self._host = None


class Yard:
    """A store with an agent, and what the API makes of it."""

    def __init__(self, redis: Redis) -> None:
        self.redis, self.keys = redis, Keys()
        self.store = TaskStore(redis, self.keys)
        self.service = StoreService(self.store, Ids(SystemClock()))

    def agent(self, name: str = "agent-1") -> None:
        assert Leases(self.redis, self.keys).take(name, BOOT, 600, {"slots": 4, "host": "here", "pid": 7})

    def run(self, task_id: str, agent: str = "agent-1") -> Held:
        """It runs now."""
        self.agent(agent)
        ((_, attempt),) = self.store.assign([Assignment(task_id, agent, BOOT)], "leader", 1)
        self.store.start([Attempt(task_id, attempt)], agent, BOOT)
        return Held(task_id, attempt, agent, BOOT)

    def prints(self, held: Held, text: str, offset: int = 0) -> None:
        self.store.log([LogChunk(held, offset, text)], held.agent)

    def ends(self, held: Held, result: Result | None = None, text: str = "", offset: int = 0) -> None:
        self.store.report([Finished(held, result or success(), LogChunk(held, offset, text))], held.agent)


Opens = Callable[..., Door]


@pytest.fixture
def yard() -> Yard:
    return Yard(FakeAt().client())


@pytest.fixture
def opens(yard: Yard) -> Iterator[Opens]:
    """Opens an API with settings of the test's own."""
    with ExitStack() as at_the_end:

        def open_(service: TaskService | None = None, ready: Callable[[], str] = str, **settings: Any) -> Door:
            known = Settings.load({}, api="api-1", api_listen="127.0.0.1:0", **settings)
            door = Door(service or yard.service, known, ready)
            at_the_end.callback(door.close)
            return door

        yield open_


@pytest.fixture
def door(opens: Opens) -> Door:
    return opens()
