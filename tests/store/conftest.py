"""A store on each Redis, and the few things that tests of it need."""

from collections.abc import Iterator

import pytest
from redis import Redis

from common.store.keys import Keys
from common.store.leases import Leases
from common.store.tasks import TaskStore
from tests.store.invariants import assert_consistent
from tests.store.lives import Life


@pytest.fixture
def store(redis: Redis, keys: Keys) -> TaskStore:
    return TaskStore(redis, keys)


@pytest.fixture
def life(redis: Redis, store: TaskStore) -> Iterator[Life]:
    """Brings tasks anywhere; what the test leaves behind must be consistent."""
    yield Life(store, Leases(redis, store.keys))
    assert_consistent(redis, store.keys)
