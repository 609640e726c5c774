"""Fixtures that all tests share: a Redis, fake and real, empty for each test.

A server that is missing skips its tests on a laptop. Where CI or DTS_REQUIRE_SERVERS is set, it fails them.
"""

import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from redis import Redis

from common.lab.cluster import Cluster
from common.lab.errors import MissingServer
from common.lab.infra import servers
from common.lab.profile import Profile
from common.lab.servers.redis import redis_binary
from common.store.keys import Keys
from tests.servers import FakeAt, RedisAt, ServerAt

BinaryOf = Callable[[str], Path]
OwnRedis = Callable[..., ServerAt]
OwnServers = Callable[..., Cluster]


def give_up(missing: MissingServer) -> NoReturn:
    """The one place where a missing server skips or fails a test."""
    if os.environ.get("CI") or os.environ.get("DTS_REQUIRE_SERVERS"):
        pytest.fail(str(missing))
    pytest.skip(str(missing))  # noqa: TID251


@pytest.fixture(autouse=True)
def _signals_reach_children() -> Iterator[None]:
    """Children inherit which signals are ignored, as SIGINT is where the tests run in the background of a script."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGHUP, signal.SIGTERM)}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def binary_of() -> BinaryOf:
    """Gives the Redis server's binary of a profile."""

    def find(profile: str) -> Path:
        try:
            return redis_binary(Profile(profile))
        except MissingServer as error:
            give_up(error)

    return find


@pytest.fixture(scope="session")
def shared_servers(
    binary_of: BinaryOf, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], ServerAt]]:
    """One server per profile for the whole session, started when the first test asks for it."""
    running: dict[str, ServerAt] = {}
    with ExitStack() as at_the_end:

        def serve(profile: str) -> ServerAt:
            if profile not in running:
                server = ServerAt(profile, binary_of(profile), tmp_path_factory.mktemp(profile))
                server.start()
                at_the_end.callback(server.kill)
                running[profile] = server
            return running[profile]

        yield serve


@pytest.fixture
def redis_of(shared_servers: Callable[[str], ServerAt]) -> Callable[[str], RedisAt]:
    """Gives the empty Redis of a profile: fake, embedded or real."""

    def serve(profile: str) -> RedisAt:
        served: RedisAt = FakeAt() if profile == "fake" else shared_servers(profile)
        served.empty()
        return served

    return serve


@pytest.fixture(params=["fake", "real"])
def redis_at(request: pytest.FixtureRequest, redis_of: Callable[[str], RedisAt]) -> Iterator[RedisAt]:
    """An empty Redis: tests that use it run on the fake one and on a redis-server."""
    served = redis_of(request.param)
    yield served
    served.empty()


@pytest.fixture
def redis(redis_at: RedisAt) -> Redis:
    """An ordinary client of that Redis."""
    return redis_at.client()


@pytest.fixture
def own_redis(binary_of: BinaryOf, tmp_path: Path) -> Iterator[OwnRedis]:
    """Starts a redis-server of the test's own, with further options, that it may stop, freeze and lose."""
    with ExitStack() as at_the_end:

        def serve(*options: str) -> ServerAt:
            server = ServerAt("real", binary_of("real"), tmp_path, *options)
            server.start()
            at_the_end.callback(server.kill)
            return server

        yield serve


@pytest.fixture(scope="session")
def zookeeper() -> Iterator[Cluster]:
    """A ZooKeeper of one node, for the whole session; what a test leaves in it is its own to remove."""
    yield from _servers("zookeeper")


@pytest.fixture(scope="session")
def ensemble() -> Iterator[Cluster]:
    """A ZooKeeper of three nodes, for the whole session; whoever hurts a node brings it back."""
    yield from _servers("zookeeper", zookeepers=3)


@pytest.fixture(scope="session")
def kafka() -> Iterator[Cluster]:
    """A Kafka, for the whole session."""
    yield from _servers("kafka")


@pytest.fixture
def own_servers() -> Iterator[OwnServers]:
    """Starts servers of the test's own, as `own_servers("redis", "zookeeper", zookeepers=3)`."""
    with ExitStack() as at_the_end:
        yield lambda *only, zookeepers=1: at_the_end.enter_context(_started(only, zookeepers))


def _servers(role: str, zookeepers: int = 1) -> Iterator[Cluster]:
    with _started((role,), zookeepers) as cluster:
        yield cluster


@contextmanager
def _started(only: Sequence[str], zookeepers: int) -> Iterator[Cluster]:
    with ExitStack() as at_the_end:
        try:
            cluster = at_the_end.enter_context(Cluster.temporary(servers(only, zookeepers), Profile.REAL))
        except MissingServer as error:
            give_up(error)
        yield cluster


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test logs may hold bytes that are no text; a report crosses from one process to another as text."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report
