"""Agent: takes tasks while it has free slots and runs each to its end (F-AGT-04)."""

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from common.contracts import Executor, Inbox
from common.domain.result import Reason, Result, failure
from common.domain.task import Task
from common.service import Service
from stage1_mvp.runs import Run, Runs

log = logging.getLogger("dts.agent")

TAKE_WITHIN = 0.5
"""Seconds that one step waits for work, so that a stop is seen soon."""


class Agent(Service):
    """Runs what its inbox grants, each task in a slot of its own; never more than `slots` at once.

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
        hurry: threading.Event,
    ) -> None:
        self._inbox, self._runs, self._executors = inbox, runs, executors
        self._slots, self._drain, self._hurry = slots, drain, hurry
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="slot")

    def step(self) -> float:
        room = self._runs.wait_for_room(self._slots, TAKE_WITHIN)
        if not room:
            return 0
        for task in self._inbox.take(room, TAKE_WITHIN):
            log.info("started", extra={"task_id": task.task_id, "attempt": task.attempt})
            self._pool.submit(self._run, self._runs.add(task))
        return 0

    def close(self) -> None:
        if not self._drained():
            log.warning("ending %d running tasks; they are handed back", self._runs.executing())
            self._runs.end_all(Reason.AGENT_STOPPED)
        self._pool.shutdown(wait=True)

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
        result = self._execute(run)
        self._runs.ended(run, result)
        log.info(
            "ended %s%s",
            result.status,
            f" ({result.reason}: {result.error})" if result.reason else "",
            extra={"task_id": run.task.task_id, "attempt": run.task.attempt},
        )

    def _execute(self, run: Run) -> Result:
        task = run.task
        executor = self._executors.get(task.spec.type)
        if executor is None:
            return _unknown_type(task, self._executors)
        try:
            return executor.run(task, run.cancelled, run.output)
        except Exception as error:
            # An executor promises a Result for whatever its task does; a third party's may not keep it.
            log.exception("executor failed", extra={"task_id": task.task_id, "attempt": task.attempt})
            return failure(Reason.EXECUTOR_ERROR, f"executor {task.spec.type} raised {error!r}")


def _unknown_type(task: Task, known: Mapping[str, Executor]) -> Result:
    return failure(
        Reason.UNKNOWN_TYPE,
        f"this agent runs no tasks of type {task.spec.type}; it knows {', '.join(sorted(known))}",
    )
