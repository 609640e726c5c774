"""Agents for a test: in this process, on each Redis; and as processes, on a real server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.servers import FakeAt, RedisAt, ServerAt
from tests.stage1.desk import Desk
from tests.stage1.living import Living, settings_of
from tests.stage1.processes import AgentProcess

StartLiving = Callable[..., Living]
StartAgent = Callable[..., AgentProcess]


@pytest.fixture(scope="session", autouse=True)
def _quick_to_stop() -> Iterator[None]:
    """Agents in this process wait less at a time, so that the many of them are soon gone."""
    with pytest.MonkeyPatch.context() as patch:
        for wait in ("agent.TAKE_WITHIN", "intake.TAKE_WITHIN", "control.LISTEN"):
            patch.setattr(f"stage1_mvp.{wait}", 0.05)
        yield


@pytest.fixture(scope="module", params=["fake", "real"])
def served_desk(
    request: pytest.FixtureRequest,
    shared_servers: Callable[[str], ServerAt],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Desk]:
    """One agent in this process for all the tests of a file."""
    served: RedisAt = FakeAt() if request.param == "fake" else shared_servers(request.param)
    served.empty()
    agent = Living(settings_of(tmp_path_factory.mktemp("home")), served.client)
    agent.start()
    yield Desk(served.client())
    agent.stop()
    served.empty()


@pytest.fixture
def served(served_desk: Desk) -> Iterator[Desk]:
    """At the agent of the file, which must be alive and have nothing left to do after each test."""
    yield served_desk
    served_desk.works()
    served_desk.settled()
    served_desk.forget()


@pytest.fixture
def desk(redis_at: RedisAt) -> Desk:
    return Desk(redis_at.client())


@pytest.fixture
def living(redis_at: RedisAt, desk: Desk, tmp_path: Path) -> Iterator[StartLiving]:
    """Starts an agent in this process and waits until it holds its lease: `living(slots=…, client=…)`."""
    with ExitStack() as at_the_end:

        def start(*, client: Callable[..., Any] = redis_at.client, ready: bool = True, **settings: Any) -> Living:
            agent = Living(settings_of(tmp_path / "home", **settings), client)
            at_the_end.callback(agent.stop)
            agent.start()
            if ready:
                agent.ready(desk)
            return agent

        yield start


@pytest.fixture
def server(shared_servers: Callable[[str], ServerAt]) -> Iterator[ServerAt]:
    """The shared real server, empty, for tests that do it no harm."""
    server = shared_servers("real")
    server.empty()
    yield server
    server.empty()


@pytest.fixture
def person(server: ServerAt) -> Desk:
    """At the shared real server."""
    return Desk(server.client())


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[StartAgent]:
    """Starts agents as processes: `agents(url, slots=…)`; returns at once."""
    numbers = count(1)
    with ExitStack() as at_the_end:

        def start(url: str, **settings: object) -> AgentProcess:
            agent = AgentProcess(url, settings.pop("home", tmp_path), next(numbers), **settings)  # type: ignore[arg-type]
            at_the_end.callback(agent.close)
            return agent

        yield start


@pytest.fixture
def bare_agents(agents: StartAgent) -> StartAgent:
    """The same without a fence: what the agent does for itself, and what becomes of its tasks when it can't."""
    return partial(agents, fenced=False)
