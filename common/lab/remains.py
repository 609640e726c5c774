"""What is left of a system when nothing is under way any more, as far as one sees it from here."""

from collections.abc import Iterator
from pathlib import Path

from redis import Redis

from common.clock import Clock
from common.contracts import Registry
from common.doctor.examination import Care, Examination
from common.doctor.history.rest import Remains
from common.doctor.rules import CANCELS, DEADLINES, EXPIRY, GHOSTS, HOLDINGS, INDEXES, LEFTOVERS, QUEUES, REQUESTS
from common.domain.errors import Unavailable
from common.domain.status import UNDER_WAY
from common.lab.task_processes import task_processes
from common.lab.worlds import World
from common.store.reading import TaskReader
from common.store.tasks import TaskStore
from common.transports.redis_client import redis_errors

PLACES = frozenset({INDEXES, QUEUES, HOLDINGS, CANCELS, DEADLINES, GHOSTS, EXPIRY, LEFTOVERS, REQUESTS})
"""Rules of the doctor that speak of places beside the tasks' hashes."""
DEAD_LETTERS = (":dead", ".dlq")
"""How lists and topics of dead letters end: what lies there waits for a person, and is told elsewhere."""


def busy(redis: Redis, reader: TaskReader) -> int:
    """How many tasks are under way, or ready to be; 0: the system is at rest. Raises Unavailable."""
    counts = reader.counts()
    with redis_errors():
        ready = int(redis.zcard(reader.keys.pending))
    return ready + sum(counts[status] for status in UNDER_WAY)


def remains_of(redis: Redis, store: TaskStore, world: World | None, clock: Clock, retention: float) -> Remains:
    """All of it, of a system at rest; without a world only what stands in the store. Raises Unavailable."""
    examination = Examination(store, redis, clock, Care(retention))
    examination.run()
    groups = examination.tally.groups.values()
    found = [finding for group in groups if group.rule in PLACES for finding in group.findings]
    places = [f"{finding.subject}: {finding.seen}" for finding in found]
    if world is None:
        return Remains(places=places)
    home = world.home
    traffic, _ = world.tap.look() if world.tap else ((), {})
    return Remains(
        [f"pid {one.pid}: {one.task_id}, attempt {one.attempt}" for one in task_processes(home)] if home else [],
        places,
        {one.name: one.waiting for one in traffic if not one.name.endswith(DEAD_LETTERS)},
        list(strays(world.registry, store)) if world.registry else [],
        spooled(home) if home else 0,
    )


def strays(registry: Registry, reader: TaskReader) -> Iterator[str]:
    """Agents that are registered, though that boot of them holds no lease. Raises Unavailable."""
    try:
        registered = registry.members("live-agents")
    except Unavailable:
        return
    leases = reader.leases(registered)
    for agent, info in sorted(registered.items()):
        if info.get("boot") != leases[agent].get("boot"):
            yield f"live-agents/{agent}: boot {info.get('boot')}, and the lease is that of {leases[agent].get('boot')}"


def spooled(home: Path) -> int:
    """Bytes that agents of this home keep of ends which are not stored yet."""
    return sum(path.stat().st_size for path in home.glob("cluster.data/*/spool/**/*") if path.is_file())
