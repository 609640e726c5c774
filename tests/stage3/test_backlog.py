"""No manager runs for long: what agents tell waits, nothing is taken for lost, and one manager applies it all."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from common.clock import SystemClock
from common.contracts import Bus
from common.domain.status import Status
from common.lab.cluster import Cluster
from common.lab.stages import Sizes, stage
from common.lab.until import until
from common.registries.zookeeper import ZooKeeperRegistry
from common.store.leases import Leases
from common.transports.kafka_bus import KafkaBus, status_topic
from common.transports.kafka_client import KafkaLink
from tests.stage1.journal import Journal
from tests.stage2.test_whole import Client
from tests.stage3.backlog import AGENTS, BOOT, TYPE, Backlog, make_backlog
from tests.stage3.conftest import QUIET
from tests.stage3.test_trouble import SETTINGS, WITHIN

TASKS = 50_000
"""Of each a start and an end are told."""
TOGETHER = 10
"""Updates in one message."""
DRAINED_WITHIN = 90.0
GROWTH = 128 * 1_048_576
"""Bytes that a manager may need beside what it has at its start; it was seen to need 50 MB."""


@pytest.fixture
def client(binary_of: Callable[[str], Path], tmp_path: Path) -> Iterator[Client]:
    binary_of("real")
    sizes = Sizes(agents=2, schedulers=1, managers=1)
    with Cluster.owned(tmp_path / "home", stage("3"), "real", sizes=sizes, env=SETTINGS) as cluster:
        client = Client(cluster)
        yield client
        client.redis.close()


@pytest.fixture
def bus(client: Client) -> Iterator[KafkaBus]:
    with closing(KafkaBus(KafkaLink(client.cluster.environment["DTS_KAFKA"], "test"), "", 10.0)) as bus:
        yield bus


@pytest.mark.timeout(300)
def test_a_hundred_thousand_updates_that_waited_are_applied_once_each(
    client: Client, bus: KafkaBus, tmp_path: Path
) -> None:
    journal, store, cluster = Journal(tmp_path), client.store, client.cluster
    for name in ("scheduler-1", "manager-1"):
        cluster.fault("stop", name)
    with present(client):
        epoch = int(str(client.redis.get(store.keys.epoch) or 1))
        leases = Leases(client.redis, store.keys)
        made = make_backlog(store, leases, bus.status(), TASKS, together=TOGETHER, epoch=epoch, starts=True)
        assert waiting(bus) == made.messages >= 100_000 / TOGETHER
        with beating(bus, made):
            cluster.start("scheduler-1")
            cluster.start("manager-1")
            manager = psutil.Process(cluster.member("manager-1").pid)
            small = most = manager.memory_info().rss
            # As many as the two agents have slots: what is told of their ends stands behind all that waits.
            newer = client.submit(*[journal.task()] * 8)
            until(lambda: len(journal.starts()) == 8, WITHIN, what="newer tasks to run meanwhile")
            assert waiting(bus) > 0

            def drained() -> bool:
                nonlocal most
                most = max(most, manager.memory_info().rss)
                return store.counts()[Status.SUCCESS] == len(made.tasks) + len(newer)

            until(drained, DRAINED_WITHIN, what="the backlog to be applied")
            until(lambda: waiting(bus) == 0, WITHIN, what="no update to wait any more")
    assert most - small < GROWTH
    assert store.refused() == {}, "none came twice, and none was taken from its agent meanwhile"
    for at in range(0, len(made.tasks), 1000):
        assert {task.attempt for task in client.tasks(made.tasks[at : at + 1000])} == {1}
    for task_id in made.tasks[::500]:
        assert [entry["verb"] for entry in store.history(task_id) if entry["verb"] != "dispatched"] == [
            *("submit", "assign", "start", "report")
        ]


@contextmanager
def present(client: Client) -> Iterator[None]:
    """The ghosts are registered, for tasks that no other test makes."""
    clock = SystemClock()
    with closing(ZooKeeperRegistry(client.cluster.environment["DTS_ZOOKEEPER"], 10, clock)) as registry:
        for agent in AGENTS:
            registry.register("live-agents", agent, {"boot": BOOT, "slots": 1, "types": [TYPE]})
        until(lambda: registry.members("live-agents").keys() >= set(AGENTS), WITHIN)
        yield


@contextmanager
def beating(bus: Bus, made: Backlog) -> Iterator[None]:
    """The ghosts' hearts beat: they hold nothing any more, and have told of everything."""
    over = threading.Event()

    def beat() -> None:
        number = 0
        while not over.wait(1):
            number += 1
            for agent in AGENTS:
                bus.beat(replace(QUIET, agent=agent, boot=BOOT, number=number, told=made.told[agent]))

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def waiting(bus: Bus) -> int:
    """Messages of agents that wait for a manager."""
    return sum(one.waiting for one in bus.traffic() if one.name == status_topic("").name)
