"""The console in this process: on a Redis that is only pretended, asked without a socket or by a real browser."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from common.clock import Clock, SystemClock
from common.domain.errors import Unavailable
from common.domain.ids import Ids
from common.domain.reports import Finished, Held, LogChunk
from common.domain.result import Result, success
from common.domain.status import Answer
from common.domain.task import Submission
from common.service import Host
from common.settings import Settings
from common.store.granting import Attempt
from common.store.keys import Keys
from common.store.leading import Assignment
from common.store.leases import Leases
from common.store.tasks import TaskStore
from common.tokens import Role, append_token, new_token
from stage4_api.api.app import Api, create_app
from stage4_api.api.server import ApiServer
from stage4_api.store_service import StoreService
from stage4_api.task_service import TaskService
from stage5_ops.console.blueprint import add_to
from tests.servers import FakeAt

BOOT = "b"
ORIGIN = "http://localhost"


@dataclass(frozen=True)
class Shown:
    """What a browser would get."""

    status: int
    headers: Mapping[str, str]
    text: str


class Browser:
    """One browser without scripts: it keeps cookies, follows nothing by itself, and says where a post comes from."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **headers: str) -> Shown:
        return _shown(self.client.get(path, headers=headers))

    def post(self, path: str, key: str | None = None, headers: Any = None, **form: Any) -> Shown:
        """As a form of this session, or with another key; `headers` stand before its own."""
        sent = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"} | dict(headers or {})
        data = {"form_key": self.form_key() if key is None else key} | form
        return _shown(self.client.post(path, data=data, headers={k: v for k, v in sent.items() if v}))

    def form_key(self) -> str:
        """Of a form on some page."""
        found = re.search(r'name="form_key" value="([^"]+)"', self.get("/tasks/new").text + self.get("/login").text)
        return found[1] if found else ""

    def log_in(self, secret: str, back: str = "/") -> Shown:
        return self.post("/login", token=secret, back=back)

    def followed(self, shown: Shown) -> Shown:
        """Where that leads."""
        assert shown.status == 303, shown
        return self.get(shown.headers["Location"])


def _shown(response: Any) -> Shown:
    return Shown(response.status_code, dict(response.headers), response.get_data(as_text=True))


class Door:
    """One API with the console."""

    def __init__(self, service: TaskService, settings: Settings, clock: Clock | None = None) -> None:
        clock = clock or SystemClock()
        self.settings = settings
        self.app: Api = create_app(service, settings, clock, Ids(clock), ready=str)
        self.console = add_to(self.app, settings)
        self._host: Host | None = None

    def browser(self) -> Browser:
        return Browser(self.app.test_client())

    def serve(self) -> str:
        """At a real port; returns its address."""
        server = ApiServer(self.app, self.settings)
        self._host = Host([server], SystemClock())
        self._host.start()
        return server.url

    def close(self) -> None:
        self.app.stop()
        if self._host:
            self._host.stop()


class Seen(StoreService):
    """A service whose surroundings are as the test says."""

    def __init__(self, store: TaskStore, ids: Ids) -> None:
        super().__init__(store, ids)
        self.away, self.around = "", dict[str, Any]()

    def overview(self) -> dict[str, Any]:
        if self.away:
            raise Unavailable(self.away)
        return {**super().overview(), **self.around}


class Yard:
    """A store with an agent, and what the API makes of it."""

    def __init__(self, redis: Redis) -> None:
        self.redis, self.keys = redis, Keys()
        self.store = TaskStore(self.redis, self.keys)
        self.service = Seen(self.store, Ids(SystemClock()))

    def submit(self, task_id: str, content: str = "true", **more: Any) -> str:
        (made,) = self.service.submit([Submission.of(task_id=task_id, content=content, **more)], "api-1")
        assert made.answer is Answer.OK
        return task_id

    def agent(self, name: str = "agent-1") -> None:
        assert Leases(self.redis, self.keys).take(name, BOOT, 600, {"slots": 4, "host": "here", "pid": 7})

    def run(self, task_id: str, agent: str = "agent-1", why: str = "") -> Held:
        """It runs now; `why` is the leader's decision, as JSON."""
        self.agent(agent)
        ((_, attempt),) = self.store.assign([Assignment(task_id, agent, BOOT, why=why)], "leader", 1)
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

        def open_(service: TaskService | None = None, **settings: Any) -> Door:
            known = Settings.load({}, api="api-1", api_listen="127.0.0.1:0", **settings)
            door = Door(service or yard.service, known)
            at_the_end.callback(door.close)
            return door

        yield open_


@pytest.fixture
def browser(opens: Opens) -> Browser:
    """Where there are no tokens."""
    return opens().browser()


@dataclass(frozen=True)
class Tokens:
    """A file with a token of each role, and what proves them."""

    path: Any
    viewer: str
    operator: str
    admin: str


@pytest.fixture
def tokens(tmp_path: Any) -> Tokens:
    path, secrets = tmp_path / "tokens", {}
    for role in Role:
        secret, token = new_token(f"the-{role}", role)
        append_token(path, token)
        secrets[role.value] = secret
    return Tokens(path, **secrets)


@pytest.fixture
def guarded(opens: Opens, tokens: Tokens) -> Door:
    """Where there are tokens."""
    return opens(api_tokens=tokens.path, rpc_secret="shared")
