"""`dts` run in this process on a fake Redis, with a clock whose every wait lets the next thing happen."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fakeredis import FakeRedis, FakeServer

from common.cli.root import root
from common.cli.where import Backend, Place
from common.client import Client
from common.clock import SystemClock
from common.domain.ids import Ids
from common.service import Host
from common.settings import Settings
from common.store.keys import Keys
from common.store.tasks import TaskStore
from common.transports.redis_client import CLIENT_OPTIONS
from stage4_api.api.app import create_app
from stage4_api.api.server import ApiServer
from stage4_api.store_service import StoreService
from tests.cli.pretend import PretendAgent


@dataclass
class SteppedClock:
    """Waits for nothing: each wait moves its own time on and does the next of `acts`."""

    acts: deque[Callable[[], object]] = field(default_factory=deque)
    now: float = 0.0

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return self.now

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.now += seconds
        assert self.acts or self.now < 600, "the command waits for something that nobody does"
        if self.acts:
            self.acts.popleft()()
        return event.is_set()


@dataclass
class Dts:
    """`dts("get", "t1")` runs a command line and gives its result."""

    place: Backend
    clock: SteppedClock
    server: FakeServer
    asked: Place | None = None
    """Where the commands find their tasks, if not at the store."""

    def __call__(self, *args: str, stdin: str | bytes = "") -> Result:
        return CliRunner().invoke(root, args, obj=self.asked or self.place, input=stdin, prog_name="dts")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "DTS_REDIS_URL",
        "DTS_API_URL",
        "DTS_API_TOKEN",
        "DTS_NAMESPACE",
        "NO_COLOR",
        "FORCE_COLOR",
        "COLUMNS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DTS_HOME", str(tmp_path / "home"))


@pytest.fixture(params=["store", "api"])
def dts(request: pytest.FixtureRequest) -> Iterator[Dts]:
    server, clock = FakeServer(), SteppedClock()
    redis = FakeRedis(server=server, **CLIENT_OPTIONS)
    place = Backend(TaskStore(redis, Keys()), redis, clock)
    with ExitStack() as at_the_end:
        asked = _by_api(place, at_the_end) if request.param == "api" else None
        yield Dts(place, clock, server, asked)


def _by_api(place: Backend, at_the_end: ExitStack) -> Place:
    """Through an API at a real port, which has the same store."""
    settings, real = Settings.load({}, api_listen="127.0.0.1:0", api="api-1"), SystemClock()
    app = create_app(StoreService(place.store, Ids(real)), settings, real, Ids(real), ready=lambda: "")
    server = ApiServer(app, settings)
    host = Host([server], real)
    host.start()
    at_the_end.callback(host.stop)
    return Place(at_the_end.enter_context(Client(server.url)), place.clock)


@pytest.fixture
def agent(dts: Dts) -> PretendAgent:
    return PretendAgent(dts.place.store, dts.place.redis)
