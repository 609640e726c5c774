"""What is done to the agent, and what is seen of it: when all that it ran was dead, when that ran again."""

import os
import random
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from common.doctor.history.records import Line
from common.lab.cluster import Cluster
from common.lab.until import until
from tests.stage1.desk import Desk
from tests.stage1.journal import ENDLESS_AT_FIRST, Journal, uptime
from tests.stage1.processes import gone

AGENT = "agent-1"
HELD = 3
"""Tasks that certainly run when the agent is hurt, beside those of the load."""
WITHIN = 30.0
"""Seconds after which what should happen counts as not happening."""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Seen:
    """One blow and what came of it. Times are seconds."""

    kind: str
    dead_after: float
    """From the blow until the last process of a task was gone."""
    lease_left: float
    """What was left of the agent's lease then; below zero where it was over."""
    back_after: float
    """From the blow until the process started that took the agent's place."""
    again_after: float
    """From that start until all that had been running ran again."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where it happens."""

    cluster: Cluster
    desk: Desk
    journal: Journal
    rng: random.Random

    @property
    def lease_left(self) -> float:
        """Seconds; below zero where there is none."""
        return float(str(self.desk.redis.pttl(self.desk.keys.agent(AGENT)))) / 1000

    @property
    def boot(self) -> str:
        return str(self.desk.redis.hget(self.desk.keys.agent(AGENT), "boot") or "")

    def noted(self, what: str, task_ids: Sequence[str], attempt: int) -> list[Line]:
        """The lines of these tasks, as soon as each has one of that attempt."""

        def there() -> list[Line]:
            lines = [line for line in self.journal.lines() if line.what == what and line.attempt == attempt]
            found = [line for line in lines if line.task_id in task_ids]
            return found if len(found) >= len(task_ids) else []

        return until(there, WITHIN, what=f"{what} of attempt {attempt} of {', '.join(task_ids)}")


BLOWS: dict[str, Callable[[Cluster], None]] = {
    # Its fence lives, ends what it ran, and starts it again.
    "agent killed": lambda cluster: cluster.member(AGENT).body.send(signal.SIGKILL),
    # The agent dies of that, with all that it ran; whoever started them starts both again.
    "fence killed": lambda cluster: cluster.fault("kill", AGENT),
    # It can't end its tasks; its fence does, before the lease is over, and starts it again.
    "agent frozen": lambda cluster: cluster.member(AGENT).body.send(signal.SIGSTOP),
}


def strike(scene: Scene, kind: str) -> tuple[Seen, list[str], list[str]]:
    """Deal one blow. Returns what was seen, the ids of the tasks it was seen by, and what should not have been.

    Raises NotYet where the agent or its tasks don't come back.
    """
    desk, journal = scene.desk, scene.journal
    ids = desk.push_many([journal.task(ENDLESS_AT_FIRST, meanwhile=journal.daemon)] * HELD)
    pids = [line.pid for what in ("start", "daemon") for line in scene.noted(what, ids, 1)]
    _somewhen(scene)

    boot, at = scene.boot, uptime()
    BLOWS[kind](scene.cluster)
    dead_at, lease_left, wrong = _watched(scene, boot, pids)

    if scene.cluster.member(AGENT).state == "dead":
        scene.cluster.start(AGENT)
    until(lambda: scene.boot not in ("", boot), WITHIN, what="a new boot")
    back_at = scene.cluster.member(AGENT).body.started / TICKS
    again_at = max(line.at for line in scene.noted("start", ids, 2))
    seen = Seen(kind, dead_at - at, lease_left, back_at - at, again_at - back_at)
    return seen, ids, [f"{kind}: {sentence}" for sentence in wrong]


def _somewhen(scene: Scene) -> None:
    """A moment that nobody can foresee."""
    moment = uptime() + scene.rng.random() * 0.3
    until(lambda: uptime() >= moment, every=0.001)


def _watched(scene: Scene, boot: str, pids: Sequence[int]) -> tuple[float, float, list[str]]:
    """When the last of these processes was gone, what was left of the lease then, and which outlived it."""
    outlived: set[int] = set()

    def dead() -> bool:
        # The lease first: what is alive after that was alive when others might have started its task.
        over = scene.boot != boot
        alive = [pid for pid in pids if not gone(pid)]
        outlived.update(alive if over else ())
        return not alive

    until(dead, WITHIN, every=0.001, what="the end of all processes")
    dead_at, left = uptime(), scene.lease_left if scene.boot == boot else -1.0
    return dead_at, left, [f"{len(outlived)} processes outlived the lease"] if outlived else []
