"""Choices: which agent each ready task goes to, and why; or why none yet."""

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, islice

from common.clock import Clock
from common.contracts import Candidate, Strategy
from common.domain.task import Task
from common.store.leading import Assignment, Waiting
from common.store.reading import TaskReader
from common.strategies.pool import Pool
from stage2_zk.credits import Credits
from stage2_zk.decision import chosen, none_yet

log = logging.getLogger("dts.assigner")

COUNTED_AT_ONCE = 128
"""Agents whose tasks are counted in the store with each look, the full ones first; of further ones in turn."""
SHUT_EVERY = 0.5
"""Seconds between two looks at who is drained."""
ASIDE, ASIDE_AT_MOST = 1.0, 15.0
"""Seconds for which a task that no agent fits steps aside, longer each time."""
TOLD = 20
"""Tasks that are told, with each look, that no agent has room or none is there: those that are next."""


class Choices:
    """Keeps the pool of agents, and chooses. Called from one thread."""

    def __init__(
        self,
        store: TaskReader,
        agents: Callable[[], Sequence[Candidate]],
        strategies: Mapping[str, Strategy],
        usual: str,
        clock: Clock,
        *,
        busy: Callable[[Candidate], float] = lambda _: 0.0,
    ) -> None:
        """`busy` says how busy an agent's machine is, where somebody knows."""
        self._store, self._agents, self._clock, self._busy = store, agents, clock, busy
        self._strategies, self._usual = strategies, usual
        self._pool, self._credits = Pool(), Credits()
        self._live: Sequence[Candidate] = ()
        self._turn = 0
        self._look_at_shut = 0.0
        self._aside: dict[str, float] = {}

    def look(self) -> None:
        """Take in who lives, who is drained, and what they hold."""
        live = self._agents()
        if live is not self._live:
            self._live = live
            self._pool.update(live)
        now = self._clock.monotonic()
        if now >= self._look_at_shut:
            shut = self._store.shut()
            for one in self._pool:
                self._pool.shut(one.agent, shut.get(one.agent, ""))
            self._look_at_shut = now + SHUT_EVERY
        counted = self._to_count()
        for one, held in zip(counted, self._store.held([one.agent for one in counted]), strict=True):
            self._pool.note(one.agent, held, self._credits.window(one, held, now), self._busy(one))

    def choose(self, tasks: Sequence[Task]) -> tuple[list[Assignment], list[Waiting]]:
        """As many assignments as there is room for; and a word on those that wait."""
        given: list[Assignment] = []
        full: list[Task] = []
        waiting: list[Waiting] = []
        for task in tasks:
            view = self._pool.candidates(task)
            if len(view):
                given.append(self._give(task))
            elif not len(self._pool) or any(not one.shut for one in view.members):
                full.append(task)
            else:
                waiting.append(Waiting(task.task_id, none_yet(task, self._pool), self._next_aside(task)))
        return given, waiting + ([] if given else self._no_room(full[:TOLD]))

    @property
    def room(self) -> int:
        """How many tasks may be given, and are worth it: an agent whose window is half full is not in need yet."""
        return sum(one.room for one in self._pool if one.room > one.window // 2)

    def _no_room(self, tasks: Sequence[Task]) -> list[Waiting]:
        """A word on these, the same for all that ask the same of an agent: each is made by looking at all agents."""
        words: dict[str, str] = {}
        waiting = []
        for task in tasks:
            asked = f"{task.spec.type} {task.spec.labels}"
            words[asked] = words.get(asked) or none_yet(task, self._pool)
            waiting.append(Waiting(task.task_id, words[asked]))
        return waiting

    def _give(self, task: Task) -> Assignment:
        view = self._pool.candidates(task)
        name = task.spec.strategy if task.spec.strategy in self._strategies else self._usual
        strategy = self._strategies[name]
        candidate = strategy(task, view)
        because = getattr(strategy, "because", "")
        if task.spec.strategy and name != task.spec.strategy:
            because = f"there is no strategy {task.spec.strategy}; {because}"
        why = chosen(name, because, candidate, view.members)
        self._pool.chose(candidate)
        self._credits.gave(candidate)
        self._aside.pop(task.task_id, None)
        return Assignment(task.task_id, candidate.agent, candidate.boot, candidate.slots + candidate.window, why)

    def _next_aside(self, task: Task) -> float:
        seconds = min(ASIDE_AT_MOST, 1.5 * self._aside.get(task.task_id, ASIDE / 1.5))
        if len(self._aside) > 100_000:
            self._aside.clear()
        self._aside[task.task_id] = seconds
        return seconds

    def _to_count(self) -> list[Candidate]:
        everyone = list(self._pool)
        if len(everyone) <= COUNTED_AT_ONCE:
            return everyone
        # With a thousand agents it must cost no more than with a hundred.
        self._turn = (self._turn + COUNTED_AT_ONCE) % len(everyone)
        return list(islice(chain(everyone[self._turn :], everyone), COUNTED_AT_ONCE))
