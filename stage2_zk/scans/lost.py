"""Lost: what was with an agent that is gone goes to another one."""

import logging
from collections.abc import Callable, Mapping, Sequence

from common.contracts import Candidate, Info, Registry
from common.domain.result import Reason
from common.domain.status import Answer
from common.domain.task import Task
from common.logs import about
from common.service import Service
from common.store.tasks import TaskStore
from common.store.writing import BATCH
from stage2_zk.live import GROUP
from stage2_zk.tenure import Tenure

log = logging.getLogger("dts.scans")

EVERY = 0.25
"""Seconds between two looks."""


class Lost(Service):
    """Takes back what is with a boot that is neither registered nor leased: each of them alone proves that it lives.

    Costs nothing for agents that live, however much they hold; at most BATCH tasks are taken back at once.
    """

    name = "lost"

    def __init__(
        self, store: TaskStore, registry: Registry, tenure: Tenure, *, agents: Callable[[], Sequence[Candidate]]
    ) -> None:
        self._store, self._registry, self._tenure = store, registry, tenure
        self._agents = agents
        self._sound: dict[str, str] = {}
        """Live agents whose tasks were all seen to be with the boot that lives: they can get none for another one."""

    def step(self) -> float:
        live = {one.agent: one.boot for one in self._agents()}
        known = self._store.agents()
        holding = [agent for agent, held in zip(known, self._store.held(known), strict=True) if held]
        # Tasks first, who lives second: what was assigned in between is then not counted as lost.
        suspects: list[Task] = []
        for agent in holding:
            if agent in live and self._sound.get(agent) == live[agent]:
                continue
            others = [task for task in self._store.with_agent(agent) if task.boot != live.get(agent)]
            suspects += others
            if not others and agent in live:
                self._sound[agent] = live[agent]
            if len(suspects) >= BATCH:
                break
        if suspects:
            self._take_back(self._gone(suspects[:BATCH]))
        return EVERY

    def _gone(self, suspects: Sequence[Task]) -> list[Task]:
        leases = self._store.leases(task.agent for task in suspects)
        unleased = [task for task in suspects if task.boot != leases[task.agent].get("boot")]
        # Asked afresh, and only where that can make a difference: with many members it is no small question.
        registered = self._registry.members(GROUP) if unleased else {}
        return [task for task in unleased if task.boot != _boot(registered, task.agent)]

    def _take_back(self, tasks: Sequence[Task]) -> None:
        answers = self._store.requeue(tasks, Reason.AGENT_LOST, self._tenure.by, self._tenure.epoch)
        self._tenure.heed(answer for answer, _ in answers)
        for task, (answer, after) in zip(tasks, answers, strict=True):
            if answer is Answer.OK:
                log.warning(
                    "taken back, its agent %s is lost: now %s",
                    task.agent,
                    after,
                    extra=about([(task.task_id, task.attempt)], epoch=self._tenure.epoch),
                )


def _boot(registered: Mapping[str, Info], agent: str) -> str:
    return str(registered.get(agent, {}).get("boot", ""))
