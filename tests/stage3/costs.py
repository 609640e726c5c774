"""What stage 3 costs on a real broker: a backlog of updates, a new agent's first task, many tasks without a fault.

python -m tests.stage3.costs --rounds 3
"""

import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime

import click
from kafka import TopicPartition
from redis import Redis

from common.cli.console import table
from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.status import Status
from common.domain.task import Submission
from common.lab.cluster import Cluster
from common.lab.infra import servers
from common.lab.profile import Profile
from common.lab.stages import stage
from common.lab.until import until
from common.store.leases import Leases
from common.store.tasks import TaskStore
from common.transports.kafka_bus import KafkaBus, status_topic
from common.transports.kafka_client import KafkaLink
from common.transports.redis_client import connect
from stage3_kafka.manager import Manager
from tests.stage3.backlog import TYPE, make_backlog

EPOCH = 7


@contextmanager
def place() -> Iterator[tuple[Cluster, Redis]]:
    with (
        Cluster.temporary(servers(("redis", "kafka")), Profile.REAL) as cluster,
        closing(connect(cluster.redis_url)) as redis,
    ):
        yield cluster, redis


def backlog(count: int, together: int) -> tuple[float, float]:
    """Updates a second: applied by one manager, and only taken over by a bare poll of the same topic."""
    with place() as (cluster, redis):
        store, clock = TaskStore(redis), SystemClock()
        link = KafkaLink(cluster.environment["DTS_KAFKA"], "costs")
        bus = KafkaBus(link, "", 10.0)
        leases = Leases(redis, store.keys)
        made = make_backlog(store, leases, bus.status(), count, together=together, epoch=EPOCH, starts=False)
        count = len(made.tasks)
        bare = _bare(link, made.messages)
        queue = bus.status("manager-1")
        manager = Manager(queue, store, "manager-1", clock)
        # From the first ones on: to join a group takes its time, and is no work.
        while not (done := store.counts()[Status.SUCCESS]):
            manager.step()
        begun = time.perf_counter()
        while store.counts()[Status.SUCCESS] < count:
            manager.step()
        seconds = time.perf_counter() - begun
        manager.close()
        bus.close()
        return (count - done) / seconds, count / bare


def _bare(link: KafkaLink, messages: int) -> float:
    """Seconds in which a loop of polls has seen so many messages."""
    topic = status_topic("")
    with closing(link.consumer()) as consumer:
        places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        seen = 0
        begun = time.perf_counter()
        while seen < messages:
            seen += sum(map(len, consumer.poll(1000).values()))
        return time.perf_counter() - begun


def newcomer() -> float:
    """Seconds from when a new agent is registered until its first task begins."""
    with Cluster.temporary(stage("3"), "real", agents=1, env={"DTS_SESSION": "2", "DTS_LEASE": "2"}) as cluster:
        registry = cluster.registry()
        assert registry
        with closing(connect(cluster.redis_url)) as redis, closing(registry):
            store, ids = TaskStore(redis), Ids(SystemClock())
            cluster.fault("stop", "agent-1")
            (one,) = store.submit([Submission.of(content="true")], "costs", ids)
            until(lambda: not registry.members("live-agents"), within=20)
            seen: list[float] = []

            def registered() -> bool:
                if registry.members("live-agents"):
                    seen.append(time.time())
                return bool(seen)

            starting = threading.Thread(target=cluster.start, args=("agent-1",))
            starting.start()
            until(registered, within=20, every=0.002)
            task = until(lambda: (store.get(one.task_id) or None) if _begun(store, one.task_id) else None, within=20)
            starting.join()
            assert task
            return datetime.fromisoformat(task.started_at).timestamp() - seen[0]


def _begun(store: TaskStore, task_id: str) -> bool:
    task = store.get(task_id)
    return bool(task and task.started_at)


def extra(count: int) -> int:
    """How many executions more than tasks, where nothing goes wrong."""
    env = {"DTS_EXECUTORS": json.dumps({TYPE: "common.bench.noop:NoOp"}), "DTS_SLOTS": "64"}
    with (
        Cluster.temporary(stage("3"), "real", env=env) as cluster,
        closing(connect(cluster.redis_url)) as redis,
    ):
        store, ids = TaskStore(redis), Ids(SystemClock())
        tasks: list[str] = []
        for first in range(0, count, 1000):
            bodies = [Submission.of(content="x", type=TYPE) for _ in range(min(1000, count - first))]
            tasks += [one.task_id for one in store.submit(bodies, "costs", ids)]
        until(lambda: store.counts()[Status.SUCCESS] >= count, within=600, every=0.2)
        attempts = 0
        for at in range(0, count, 1000):
            attempts += sum(task.attempt for task in store.get_many(tasks[at : at + 1000]) if task)
        return attempts - count


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Each is measured so often.")
@click.option("--updates", type=click.IntRange(1000), default=100_000, show_default=True, help="In the backlog.")
@click.option("--together", type=click.IntRange(1, 500), default=20, show_default=True, help="Updates in one message.")
@click.option("--tasks", type=click.IntRange(0), default=0, help="So many without a fault, once; extra runs are told.")
def costs(*, rounds: int, updates: int, together: int, tasks: int) -> None:
    """Measure on private real servers; medians.

    Exit codes: 0 measured.
    """
    applied, polled, first = [], [], []
    for number in range(rounds):
        click.echo(f"round {number + 1} of {rounds}: a backlog of {updates:,} updates", err=True)
        rate, bare = backlog(updates, together)
        applied.append(rate)
        polled.append(bare)
        click.echo(f"round {number + 1} of {rounds}: a new agent", err=True)
        first.append(newcomer())
    rows = [
        ("updates applied by one manager", f"{statistics.median(applied):,.0f}/s", ""),
        ("updates by a bare poll", f"{statistics.median(polled):,.0f}/s", ""),
        ("one beside the other", "", f"{statistics.median(a / b for a, b in zip(applied, polled, strict=True)):.1%}"),
        ("registered to first task begun", f"{statistics.median(first):.3f} s", f"worst {max(first):.3f} s"),
    ]
    if tasks:
        click.echo(f"{tasks:,} tasks without a fault", err=True)
        rows.append((f"extra executions of {tasks:,} tasks", str(extra(tasks)), ""))
    table(("what", "figure", "beside"), rows)


if __name__ == "__main__":
    costs(prog_name="python -m tests.stage3.costs")
