"""GatedInbox: an agent's work as it was told, for which it asks a task-manager before anything runs."""

import logging
from collections.abc import Sequence

from common.contracts import Report
from common.domain.errors import CorruptTask
from common.domain.reports import Finished, Held, unreadable
from common.domain.task import Task
from common.failpoints import failpoint
from common.store.codec import task_of
from common.store.granting import Attempt
from stage2_zk.told import Told
from stage4_api.manager_service import Gate

log = logging.getLogger("dts.inbox")


class GatedInbox:
    """Runs what the gate grants to this boot, and what it is to run comes with the grant: a message is not believed.

    One call asks for as many as there is room for. Where no manager answers nothing starts, and it is asked again.
    `take` is called from one thread.
    """

    def __init__(self, told: Told, gate: Gate, report: Report, agent: str, boot: str) -> None:
        self._told, self._gate, self._report = told, gate, report
        self._agent, self._boot = agent, boot

    def take(self, limit: int, timeout: float) -> Sequence[Task]:
        asked = self._told.take(limit, timeout)
        if not asked:
            return []
        try:
            answers = self._gate.start([Attempt(*attempt) for attempt in asked], self._agent, self._boot)
            failpoint("C10")
        except Exception:
            # The gate answers the same asker the same.
            self._told.again()
            raise
        granted: list[Task] = []
        spoilt: list[Finished] = []
        for (task_id, attempt), (answer, fields) in zip(asked, answers, strict=True):
            if not answer.done:
                log.info("not started: %s", answer, extra={"task_id": task_id, "attempt": attempt})
                continue
            try:
                granted.append(task_of(fields))
            except CorruptTask as error:
                spoilt.append(_given_up(Held(task_id, attempt, self._agent, self._boot), error))
        # Also what was refused: it is dealt with, and its copies need not be asked for.
        self._told.settle(asked)
        if spoilt:
            self._report.finished(spoilt)
        return granted


def _given_up(own: Held, error: CorruptTask) -> Finished:
    log.warning("given up: %s", error, extra={"task_id": own.task_id, "attempt": own.attempt})
    return unreadable(own, error)
