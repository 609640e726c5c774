"""A backlog of updates: of agents that only tell, each of tasks that are its own."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from common.clock import SystemClock
from common.contracts import Queue
from common.domain.ids import Ids
from common.domain.messages import Started, StatusUpdate, Update
from common.domain.reports import Finished, Held, LogChunk
from common.domain.result import success
from common.domain.task import Submission
from common.store.leading import Assignment
from common.store.leases import Leases
from common.store.tasks import TaskStore

AGENTS = [f"ghost-{number}" for number in range(1, 8)]
"""So many that every partition has some of them."""
BOOT, TYPE = "b", "NOOP"
PORTION = 200
"""Tasks of one agent that are made at once."""


@dataclass
class Backlog:
    """What was made. `told` says for each agent the number of its last message."""

    tasks: list[str] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)

    @property
    def messages(self) -> int:
        return sum(self.told.values())


def make_backlog(
    store: TaskStore,
    leases: Leases,
    status: Queue[StatusUpdate],
    count: int,
    *,
    together: int,
    epoch: int,
    starts: bool,
) -> Backlog:
    """So many tasks (or a few more), given to the ghosts and told of as ended, some updates `together` in one message.

    Where `starts`, an update of its own tells that each has begun.
    """
    made, ids = Backlog(), Ids(SystemClock())
    for agent in AGENTS:
        assert leases.take(agent, BOOT, 3600, {})
    while len(made.tasks) < count:
        for agent in AGENTS:
            tasks = [one.task_id for one in store.submit(_bodies(), "test", ids)]
            store.assign([Assignment(task_id, agent, BOOT) for task_id in tasks], "leader", epoch)
            held = [Held(task_id, 1, agent, BOOT) for task_id in tasks]
            begun: Sequence[Update] = [Started(one, 0.01) for one in held] if starts else []
            ends = [Finished(one, success(), LogChunk(one, 0, ""), 0.01) for one in held]
            updates: list[Update] = [*begun, *ends]
            first = made.told[agent] + 1
            portions = [updates[at : at + together] for at in range(0, len(updates), together)]
            status.put([StatusUpdate(agent, BOOT, number, one) for number, one in enumerate(portions, first)])
            made.told[agent] += len(portions)
            made.tasks += tasks
    return made


def _bodies() -> list[Submission]:
    return [Submission.of(content="x", type=TYPE) for _ in range(PORTION)]
