"""Assigner: gives ready tasks to agents. Mark first, then tell: SCHEDULED in the store is what can't be lost."""

import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from common.clock import Clock
from common.contracts import Dispatches
from common.domain.messages import Dispatch
from common.failpoints import failpoint
from common.logs import about
from common.service import Service
from common.store.granting import Attempt
from common.store.leading import Waiting
from common.store.tasks import TaskStore
from stage2_zk.choices import Choices
from stage2_zk.tenure import Tenure

log = logging.getLogger("dts.assigner")

LIMIT = 200
"""Tasks that one step gives out at most."""
LISTEN = 0.25
"""Seconds that one step waits for the bell, so that the end of a term is seen soon."""
FEW = 20
"""Tasks that are read at least."""
READ_EVERY = 0.5
"""Seconds between two looks at who waits, while all agents are full."""
LOOK_AGAIN = 0.02
"""Seconds until the next look for room, while all agents are full."""


class Given(NamedTuple):
    """An attempt, and whose it is."""

    agent: str
    boot: str
    task_id: str
    attempt: int


class Assigner(Service):
    """Assign, publish, mark as dispatched; each a batch. `bell` waits until something became ready.

    What was assigned and could not be published is published before anything else is assigned. If that is
    never done, because this leader dies, the scan for what is stuck does it.
    """

    name = "assigner"

    def __init__(
        self,
        store: TaskStore,
        dispatches: Dispatches,
        tenure: Tenure,
        *,
        choices: Choices,
        bell: Callable[[float], bool],
        clock: Clock,
    ) -> None:
        self._store, self._dispatches, self._tenure = store, dispatches, tenure
        self._choices, self._bell, self._clock = choices, bell, clock
        self._read_at = 0.0
        self._untold: list[Given] = []
        self._said: dict[str, str] = {}

    def step(self) -> float:
        if self._untold:
            self._tell()
        self._choices.look()
        now, room = self._clock.monotonic(), self._choices.room
        if not room and now < self._read_at:
            # Nothing could be given; only now and then it is read whose turn it is, to tell them why they wait.
            return LOOK_AGAIN
        self._read_at = now + READ_EVERY
        # No more than can be given: what is read for nothing is most of the work when tasks are short.
        ready = self._store.ready(min(LIMIT, max(room, FEW)))
        if not ready:
            self._bell(LISTEN)
            return 0
        chosen, waiting = self._choices.choose(ready)
        self._say_why(waiting)
        if not chosen:
            return LOOK_AGAIN
        failpoint("C4")
        answers = self._store.assign(chosen, self._tenure.by, self._tenure.epoch)
        failpoint("C5")
        self._tenure.heed(answer for answer, _ in answers)
        self._untold = [
            Given(one.agent, one.boot, one.task_id, attempt)
            for one, (answer, attempt) in zip(chosen, answers, strict=True)
            if answer.done
        ]
        self._say(logging.DEBUG, "assigned", self._untold)
        self._tell()
        return 0

    def _say_why(self, waiting: Sequence[Waiting]) -> None:
        """Why tasks wait, where that is another thing than they were told last."""
        words = {one.task_id: one.why for one in waiting}
        new = [one for one in waiting if one.aside or self._said.get(one.task_id) != one.why]
        self._said = words
        if new:
            self._tenure.heed([self._store.defer(new, self._tenure.by, self._tenure.epoch)])

    def _tell(self) -> None:
        if not self._untold:
            return
        given = sorted(self._untold)
        self._dispatches.publish(
            [
                Dispatch(agent, boot, [(one.task_id, one.attempt) for one in attempts])
                for (agent, boot), attempts in groupby(given, key=lambda one: (one.agent, one.boot))
            ]
        )
        failpoint("C6")
        for agent, theirs in groupby(given, key=lambda one: one.agent):
            self._say(logging.INFO, "dispatched", theirs, agent=agent)
        self._untold = []
        failpoint("C7")
        attempts = [Attempt(one.task_id, one.attempt) for one in given]
        self._tenure.heed(self._store.dispatched(attempts, self._tenure.by, self._tenure.epoch))

    def _say(self, level: int, what: str, given: Iterable[Given], **more: str) -> None:
        if log.isEnabledFor(level):
            told = ((one.task_id, one.attempt) for one in given)
            log.log(level, what, extra=about(told, epoch=self._tenure.epoch, **more))
