"""Agent: takes tasks while it has free slots and runs each to its end (F-AGT-04)."""

import logging
import threading
from collections.abc import Mapping

from common.contracts import Executor, Inbox
from common.domain.result import Reason, Result, failure
from common.failpoints import failpoint
from common.service import Service
from stage1_mvp.execution import execute
from stage1_mvp.runs import Run, Runs
from stage1_mvp.slots import Slots

log = logging.getLogger("dts.agent")

TAKE_WITHIN = 0.3
"""Seconds that one step waits for work, so that a stop is seen soon."""


class Agent(Service):
    """Runs what its inbox grants, each task in a slot of its own; never more than `slots` at once, none after `stop`.

    `close` drains: it waits up to `drain` seconds for the running tasks, or until `hurry` is set, then ends
    what is left; that goes back to PENDING at no cost to its retries.
    """

    name = "agent"

    def __init__(
        self,
        inbox: Inbox,
        runs: Runs,
        executors: Mapping[str, Executor],
        *,
        slots: int,
        drain: float,
        stop: threading.Event,
        hurry: threading.Event,
    ) -> None:
        self._inbox, self._runs, self._executors = inbox, runs, executors
        self._limit, self._drain, self._stop, self._hurry = slots, drain, stop, hurry
        self._slots = Slots(self._run, self._no_thread)

    def step(self) -> float:
        room = self._runs.wait_for_room(self._limit, TAKE_WITHIN)
        if self._stop.is_set():
            # Others may be closed before us, and that takes its time.
            return TAKE_WITHIN
        if not room:
            return 0
        runs = self._runs.add(self._inbox.take(room, TAKE_WITHIN))
        if runs:
            failpoint("C9")
        self._slots.run(runs)
        return 0

    def close(self) -> None:
        if not self._drained():
            log.warning("ending %d running tasks; they are handed back", self._runs.executing())
            self._runs.end_all(Reason.AGENT_STOPPED)
        self._runs.wait_idle()
        self._slots.close()

    def _drained(self) -> bool:
        """Wait for the running tasks as long as we may; short waits, so that a second signal is seen."""
        if self._runs.executing():
            log.info("draining: %d tasks still run", self._runs.executing())
        waited = 0.0
        while waited < self._drain and not self._hurry.is_set():
            if self._runs.wait_idle(0.1):
                return True
            waited += 0.1
        return self._runs.wait_idle(0)

    def _run(self, run: Run) -> None:
        failpoint("C11")
        log.info("started", extra={"task_id": run.task.task_id, "attempt": run.task.attempt})
        self._end(run, execute(run.task, self._executors, run.cancelled, run.output))

    def _no_thread(self, run: Run, error: RuntimeError) -> None:
        self._end(run, failure(Reason.AGENT_ERROR, f"the agent's machine can't run it now: {error}"))

    def _end(self, run: Run, result: Result) -> None:
        # Its error may hold words of the task, and those are nobody's business here.
        log.info(
            "ended %s%s",
            result.status,
            f" ({result.reason})" if result.reason else "",
            extra={"task_id": run.task.task_id, "attempt": run.task.attempt},
        )
        self._runs.ended(run, result)
