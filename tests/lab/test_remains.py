"""What is left of a system at rest is seen: members of whom nothing lives, ends not stored, places that lie."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis

from common.doctor.history.rest import remains
from common.domain.status import Status
from common.lab.remains import busy, remains_of, spooled, strays
from common.registries.memory import MemoryBroker, MemoryRegistry
from common.store.keys import Keys
from common.store.leases import Leases
from common.store.tasks import TaskStore
from tests.doctor.conftest import ImpatientClock
from tests.store.lives import Life


@pytest.fixture
def registry() -> Iterator[MemoryRegistry]:
    with closing(MemoryRegistry(MemoryBroker())) as registry:
        yield registry


@pytest.fixture
def life(redis: Redis, keys: Keys) -> Life:
    return Life(TaskStore(redis, keys), Leases(redis, keys))


def test_an_agent_that_is_registered_and_holds_no_lease_is_a_stray(
    redis: Redis, keys: Keys, registry: MemoryRegistry
) -> None:
    store, leases = TaskStore(redis, keys), Leases(redis, keys)
    assert leases.take("sound", "b1", 60, {"slots": 1})
    assert leases.take("replaced", "new", 60, {"slots": 1})
    for agent, boot in (("sound", "b1"), ("replaced", "old"), ("gone", "b1")):
        registry.register("live-agents", agent, {"boot": boot})
    assert [text.partition(":")[0] for text in strays(registry, store)] == ["live-agents/gone", "live-agents/replaced"]


def test_ends_on_an_agents_disk_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "cluster.data" / "agent-1" / "spool" / "agent-1"
    folder.mkdir(parents=True)
    assert spooled(tmp_path) == 0
    (folder / "boot").write_text("12345")
    (tmp_path / "cluster.data" / "agent-1" / "notes").write_text("none of it")
    assert spooled(tmp_path) == 5


def test_a_system_is_busy_while_a_task_is_ready_or_under_way(redis: Redis, life: Life) -> None:
    life.reach(Status.SUCCESS, task_id="done")
    assert busy(redis, life.store) == 0
    life.submit(task_id="ready")
    life.running(task_id="running")
    assert busy(redis, life.store) == 2


def test_all_of_it_is_told_of_a_world(redis: Redis, keys: Keys, life: Life, tmp_path: Path) -> None:
    life.reach(Status.SUCCESS, task_id="done")
    traffic = [SimpleNamespace(name="queue:status", waiting=3), SimpleNamespace(name="queue:status:dead", waiting=7)]
    tap = SimpleNamespace(look=lambda: (traffic, {}))
    world: Any = SimpleNamespace(home=tmp_path, registry=None, tap=tap)
    told = [str(one) for one in remains(remains_of(redis, life.store, world, ImpatientClock(), 86_400.0))]
    assert told == ["I15: on 1 topics something waits\n    queue:status: 3"]
    redis.zadd(keys.index(Status.FAILED), {"done": 1})
    lies = [str(one) for one in remains(remains_of(redis, life.store, None, ImpatientClock(), 86_400.0))]
    assert lies == ["I15: 1 places lie\n    done: SUCCESS, and in tasks:FAILED"]
