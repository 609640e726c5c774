"""What one assignment costs a leader, and what a task costs several agents: ratios of one run.

python -m tests.stage2.costs
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import click
from redis import Redis

from common.bench.noop import TYPE
from common.cli.console import table
from common.clock import SystemClock
from common.contracts import Candidate
from common.domain.ids import Ids
from common.domain.messages import Order
from common.domain.status import Status
from common.domain.task import Submission
from common.lab.cluster import Cluster
from common.lab.stages import SERVERS_ONLY, Sizes, stage
from common.lab.until import until
from common.store.leases import Leases
from common.store.tasks import TaskStore
from common.strategies.lookup import load_strategies
from common.transports.redis_client import connect
from stage2_zk.assigner import Assigner
from stage2_zk.choices import Choices
from stage2_zk.tenure import Tenure

ASSIGNED = 4000
"""Tasks that are given out in one measurement of assignments."""
DRAINED = 8000
"""Tasks that are run in one measurement of a drain."""
EPOCH = 5


class Deaf:
    """Agents that are told, and do nothing: only what the leader does is measured."""

    def publish(self, orders: Sequence[Order]) -> None: ...


def assignment(redis: Redis, agents: int, queued: int) -> float:
    """Seconds for one assignment where so many agents are registered and so many tasks wait."""
    redis.flushall()
    store, leases, clock = TaskStore(redis), Leases(redis, TaskStore(redis).keys), SystemClock()
    candidates = [Candidate(f"agent-{number:04}", "b", ASSIGNED, types=frozenset({TYPE})) for number in range(agents)]
    for one in candidates:
        assert leases.take(one.agent, one.boot, 600, {"slots": one.slots})
    ids = Ids(clock)
    for first in range(0, max(queued, ASSIGNED), 1000):
        count = min(1000, max(queued, ASSIGNED) - first)
        store.submit([Submission.of(content="x", type=TYPE) for _ in range(count)], "bench", ids)
    choices = Choices(store, lambda: candidates, load_strategies({}, installed=[]), "least-load", clock)
    assigner = Assigner(store, Deaf(), Tenure("leader", EPOCH), choices=choices, bell=lambda _: False, clock=clock)
    assigner.step()
    before = store.counts()[Status.DISPATCHED]
    begun = time.perf_counter()
    while store.counts()[Status.DISPATCHED] < ASSIGNED:
        assigner.step()
    return (time.perf_counter() - begun) / (ASSIGNED - before)


def drain(agents: int) -> float:
    """Seconds for one task that does nothing, where so many agents share them; the whole system on this machine."""
    executors = {"DTS_EXECUTORS": json.dumps({TYPE: "common.bench.noop:NoOp"})}
    with (
        tempfile.TemporaryDirectory(prefix="dts-costs-") as folder,
        Cluster.owned(
            Path(folder) / "home", stage("2"), sizes=Sizes(agents=agents, schedulers=1), env=executors
        ) as cluster,
        closing(connect(cluster.redis_url)) as redis,
    ):
        store, ids = TaskStore(redis), Ids(SystemClock())

        def run(count: int) -> float:
            for first in range(0, count, 1000):
                bodies = [Submission.of(content="x", type=TYPE) for _ in range(min(1000, count - first))]
                store.submit(bodies, "bench", ids)
            begun, done = time.perf_counter(), store.counts()[Status.SUCCESS]
            until(lambda: store.counts()[Status.SUCCESS] >= done + _left(store), within=120, every=0.02)
            return (time.perf_counter() - begun) / max(1, store.counts()[Status.SUCCESS] - done)

        run(500)
        return run(DRAINED)


def _left(store: TaskStore) -> int:
    counts = store.counts()
    return sum(counts[status] for status in Status if not status.final)


@contextmanager
def _redis() -> Iterator[Redis]:
    with Cluster.temporary(SERVERS_ONLY) as cluster, closing(connect(cluster.redis_url)) as redis:
        yield redis


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Each is measured so often.")
@click.option("--drains/--no-drains", default=True, show_default=True, help="Whether to run 1 and 16 agents.")
def costs(*, rounds: int, drains: bool) -> None:
    """Measure what a leader's assignment costs, and a task of a whole stage 2, as ratios of one run; medians.

    Exit codes: 0 measured.
    """
    cases: dict[str, Callable[[], float]] = {}
    with _redis() as redis:
        cases["assign, 10 agents, 4,000 queued"] = lambda: assignment(redis, 10, ASSIGNED)
        cases["assign, 1,000 agents, 4,000 queued"] = lambda: assignment(redis, 1000, ASSIGNED)
        cases["assign, 10 agents, 100,000 queued"] = lambda: assignment(redis, 10, 100_000)
        if drains:
            cases["drain, 1 agent"] = lambda: drain(1)
            cases["drain, 16 agents"] = lambda: drain(16)
        seen: dict[str, list[float]] = {name: [] for name in cases}
        for number in range(rounds):
            for name, measure in cases.items():
                click.echo(f"round {number + 1} of {rounds}: {name}", err=True)
                seen[name].append(measure())
    medians = {name: statistics.median(values) for name, values in seen.items()}
    base = {"assign": medians["assign, 10 agents, 4,000 queued"], "drain": medians.get("drain, 1 agent", 1.0)}
    table(
        ("what", "microseconds each", "ratio"),
        (
            (name, f"{1e6 * value:.0f}", f"{value / base[name.partition(',')[0]]:.2f}")
            for name, value in medians.items()
        ),
    )


if __name__ == "__main__":
    costs(prog_name="python -m tests.stage2.costs")
