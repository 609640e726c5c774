"""Registries of both kinds that serve, on real servers, and processes that hold something there."""

from collections.abc import Callable, Iterator

import pytest

from common.lab.cluster import Cluster
from tests.registries.holders import StartHolder, holders
from tests.registries.served import Served, of_zookeeper, served
from tests.servers import ServerAt


@pytest.fixture
def in_zookeeper(zookeeper: Cluster) -> Iterator[Served]:
    with of_zookeeper(zookeeper.environment["DTS_ZOOKEEPER"]) as found:
        yield found


@pytest.fixture
def in_redis(redis_of: Callable[[str], ServerAt]) -> Iterator[Served]:
    with served(redis_url=redis_of("real").url) as found:
        yield found


@pytest.fixture(params=["in_zookeeper", "in_redis"])
def place(request: pytest.FixtureRequest) -> Served:
    found: Served = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def start(place: Served) -> Iterator[StartHolder]:
    with holders(place.settings) as starting:
        yield starting
