"""What is done to a stage 2 under load, and what is seen of it: how soon others lead, how soon tasks run elsewhere."""

import random
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from common.doctor.history.records import Line
from common.lab.cluster import Cluster
from common.lab.stages import CABLE
from common.lab.until import until
from tests.stage1.desk import Desk
from tests.stage1.journal import ENDLESS_AT_FIRST, Journal, uptime
from tests.stage1.processes import gone

HELD = 6
"""Tasks that certainly run when an agent is hurt, beside those of the load; each agent has some of them."""
PROBES = 12
"""Tasks by which it is seen that all works: some for each agent."""
AGENT_CUT_OFF = "agent cut off"
WITHIN = 30.0
"""Seconds after which what should happen counts as not happening."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One blow and what came of it. Times are seconds from the blow."""

    kind: str
    after: float
    """Until the next task was given out, or until the first of its tasks ran elsewhere."""
    all_after: float
    """Until that was so of all."""
    dead_after: float = 0.0
    """Until the last process of an agent's tasks was gone."""
    task_ids: Sequence[str] = ()
    wrong: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where it happens."""

    cluster: Cluster
    desk: Desk
    journal: Journal
    rng: random.Random

    @property
    def far(self) -> str:
        """The agent that can be cut off."""
        return next(member.name for member in self.cluster.members() if member.through)

    def boot(self, agent: str) -> str:
        """Whose lease the agent's is; '' where nobody has it."""
        return str(self.desk.redis.hget(self.desk.keys.agent(agent), "boot") or "")

    def started(self, task_ids: Sequence[str], attempt: int, *, all_of_them: bool = True) -> list[Line]:
        """The start lines of these tasks' attempts, as soon as each has one, or any."""

        def there() -> list[Line]:
            lines = [line for line in self.journal.lines() if (line.what, line.attempt) == ("start", attempt)]
            found = [line for line in lines if line.task_id in task_ids]
            return found if len(found) >= (len(task_ids) if all_of_them else 1) else []

        return until(there, WITHIN, every=0.01, what=f"attempt {attempt} of {', '.join(task_ids)}")


def leader_goes(scene: Scene, kind: str) -> Seen:
    """Hurt the leader, and see when the next task is given out, by another."""
    cluster, desk = scene.cluster, scene.desk
    leader = cluster.meant("leader")
    _somewhen(scene)
    at = desk.redis.time()
    verb = {"leader killed": "kill", "leader frozen": "freeze", "leader stopped": "stop"}[kind]
    if verb == "kill":
        # At once: to see that it shows takes its time.
        cluster.member(leader).process.send(signal.SIGKILL)
    elif verb == "freeze":
        cluster.member(leader).process.send(signal.SIGSTOP)
    else:
        cluster.member(leader).process.send(signal.SIGTERM)
    task_ids: list[str] = []
    given = _given(scene, task_ids, leader)
    if verb == "freeze":
        cluster.fault("thaw", leader)
    else:
        until(lambda: cluster.member(leader).state != "running", WITHIN)
        cluster.start(leader)
    after = given - (at[0] + at[1] / 1e6)
    return Seen(kind, after, after, task_ids=task_ids)


def _given(scene: Scene, task_ids: list[str], former: str) -> float:
    """When another than the former leader first gave a task out, as histories say; notes the tasks it was tried by."""

    def there() -> float:
        # Again and again, for a leader that is asked to stop may give some out before it does.
        task_ids.extend(scene.desk.push_many([scene.journal.task()]))
        histories = [scene.desk.store.history(task_id) for task_id in task_ids]
        given = [entry for history in histories for entry in history if entry["verb"] == "assign"]
        moments = [datetime.fromisoformat(entry["at"]).timestamp() for entry in given if entry["by"] != former]
        return min(moments, default=0.0)

    return until(there, WITHIN, every=0.05, what=f"a task to be given out by another than {former}")


def agent_goes(scene: Scene, kind: str) -> Seen:
    """Hurt an agent that runs something, and see when that runs elsewhere."""
    cluster, desk = scene.cluster, scene.desk
    _all_are_given_work(scene)
    ids = desk.push_many([scene.journal.task(ENDLESS_AT_FIRST)] * HELD)
    lines = scene.started(ids, 1)
    held = {desk.task(task_id).agent for task_id in ids}
    agent = scene.far if kind == AGENT_CUT_OFF else scene.rng.choice(sorted(held))
    hit = [task_id for task_id in ids if desk.task(task_id).agent == agent]
    pids = [line.pid for line in lines if line.task_id in hit]
    _somewhen(scene)

    boot, at = scene.boot(agent), uptime()
    if kind == "agent killed":
        # With its fence: that machine is gone.
        cluster.fault("kill", agent)
    elif kind == AGENT_CUT_OFF:
        cluster.fault("freeze", CABLE.name)
    else:
        cluster.member(agent).body.send(signal.SIGSTOP)
    dead_at, outlived = _watched(scene, agent, boot, pids)
    first = min(line.at for line in scene.started(hit, 2, all_of_them=False))
    last = max(line.at for line in scene.started(hit, 2))
    if kind == AGENT_CUT_OFF:
        cluster.fault("thaw", CABLE.name)
    if cluster.member(agent).state == "dead":
        cluster.start(agent)
    until(lambda: scene.boot(agent) not in ("", boot), WITHIN, what=f"a new boot of {agent}")
    for task_id in set(ids) - set(hit):
        desk.store.cancel([task_id], "chaos")
    until(lambda: not any(desk.task(task_id).status == "RUNNING" for task_id in ids), WITHIN)
    return Seen(kind, first - at, last - at, dead_at - at, hit, [f"{kind}: {sentence}" for sentence in outlived])


def _all_are_given_work(scene: Scene) -> None:
    """Agents that were hurt often get nothing for a minute, as they should; somebody has looked at them by now. And one
    that has just come back is none yet for a leader that has not heard of it.
    """
    desk = scene.desk
    agents = {member.name for member in scene.cluster.members() if member.role == "agent"}
    given: set[str] = set()

    def all_of_them() -> bool:
        for agent in desk.store.shut():
            desk.store.resume(agent, "chaos")
        ids = desk.push_many([scene.journal.task()] * PROBES)
        scene.started(ids, 1)
        given.update(desk.task(task_id).agent for task_id in ids)
        return given >= agents

    until(all_of_them, WITHIN, what="every agent to be given work")


def _watched(scene: Scene, agent: str, boot: str, pids: Sequence[int]) -> tuple[float, list[str]]:
    """When the last of these processes was gone, and which outlived the lease."""
    outlived: set[int] = set()

    def dead() -> bool:
        # The lease first: what is alive after that was alive when others might have started its task.
        over = scene.boot(agent) != boot
        alive = [pid for pid in pids if not gone(pid)]
        outlived.update(alive if over else ())
        return not alive

    until(dead, WITHIN, every=0.002, what="the end of all processes")
    return uptime(), [f"{len(outlived)} processes outlived the lease"] if outlived else []


def manager_goes(scene: Scene, kind: str) -> Seen:
    """Kill a manager, and see when what agents tell is written down again, of all of them."""
    managers = [member.name for member in scene.cluster.members() if member.role == "manager"]
    manager = scene.rng.choice(managers)
    _somewhen(scene)
    at = scene.desk.redis.time()
    scene.cluster.member(manager).process.send(signal.SIGKILL)
    seen = _written(scene, kind, at)
    until(lambda: scene.cluster.member(manager).state == "dead", WITHIN)
    scene.cluster.start(manager)
    return seen


def broker_goes(scene: Scene, kind: str) -> Seen:
    """Kill the broker, start it again, and see when all is as it was."""
    _somewhen(scene)
    scene.cluster.fault("kill", "kafka")
    _somewhen(scene)
    scene.cluster.start("kafka")
    return _written(scene, kind, scene.desk.redis.time())


def _written(scene: Scene, kind: str, at: tuple[int, int]) -> Seen:
    """When some tasks that are pushed now are known to have ended: the first of them, and the last."""
    ids = scene.desk.push_many([scene.journal.task()] * PROBES)
    ends = [datetime.fromisoformat(task.finished_at).timestamp() for task in scene.desk.succeeded(*ids, within=WITHIN)]
    since = at[0] + at[1] / 1e6
    return Seen(kind, min(ends) - since, max(ends) - since, task_ids=ids)


def _somewhen(scene: Scene) -> None:
    """A moment that nobody can foresee."""
    moment = uptime() + scene.rng.random() * 0.5
    until(lambda: uptime() >= moment, every=0.001)


ON_THE_BUS: Mapping[str, Callable[[Scene, str], Seen]] = {"manager killed": manager_goes, "broker killed": broker_goes}
"""What can be done beside in a stage that has a bus."""
BLOWS: Mapping[str, Callable[[Scene, str], Seen]] = {
    "leader killed": leader_goes,
    "leader frozen": leader_goes,
    "leader stopped": leader_goes,
    "agent killed": agent_goes,
    "agent frozen": agent_goes,
}
BEHIND_A_CABLE: Mapping[str, Callable[[Scene, str], Seen]] = {AGENT_CUT_OFF: agent_goes}
"""What can be done beside where an agent can be cut off from the servers."""
