"""One attempt from its start to a result that can be stored, whatever its executor does."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from reprlib import Repr
from typing import Any

from common.contracts import Cancellation, Executor, Output
from common.domain.result import Proof, Reason, Result, failure
from common.domain.status import Status
from common.domain.task import Task
from common.executors.endings import stopped

log = logging.getLogger("dts.agent")

LONGEST_ERROR = 4096
"""Characters of an error that are kept; what a task has to say belongs into its output."""

_shown = Repr()
"""A repr that is bounded and never raises."""
_shown.maxother = LONGEST_ERROR


def execute(task: Task, executors: Mapping[str, Executor], cancelled: Cancellation, output: Output) -> Result:
    """Run it by the executor of its type. Never raises: third parties' executors may break every promise."""
    executor = executors.get(task.spec.type)
    if executor is None:
        known = ", ".join(sorted(executors))
        return failure(Reason.UNKNOWN_TYPE, f"this agent runs no tasks of type {task.spec.type}; it knows {known}")
    if cancelled.is_set():
        # Not left to the executor: when all was ended because the lease is over, nothing fences what starts after it.
        return stopped(Reason(cancelled.reason), None, task.spec.timeout)
    try:
        returned = executor.run(task, cancelled, output)
    # SystemExit too: it would end this thread, and nobody would ever hear of the task again.
    except BaseException as error:
        log.exception("executor failed", extra={"task_id": task.task_id, "attempt": task.attempt})
        result = failure(Reason.EXECUTOR_ERROR, _text(f"executor {task.spec.type} raised {_shown.repr(error)}"))
    else:
        result = _checked(returned, task)
        proof = getattr(returned, "proof", None)
        if isinstance(proof, Proof):
            return replace(_attributed(result, task, cancelled), proof=proof)
    return _attributed(result, task, cancelled)


def _checked(returned: Any, task: Task) -> Result:
    """The result, every field of its promised type; a failure where what was returned is none."""
    try:
        status = Status(returned.status)
        reason = Reason(returned.reason) if returned.reason else None
        exit_code = None if returned.exit_code is None else int(returned.exit_code)
        error = _text(returned.error) if returned.error else ""
    except (AttributeError, TypeError, ValueError):
        status = Status.RUNNING
    if not status.final:
        what = _shown.repr(returned)
        return failure(Reason.EXECUTOR_ERROR, _text(f"executor {task.spec.type} returned {what}, which is no result"))
    if status is Status.SUCCESS:
        return Result(status, None, exit_code)
    return Result(status, reason or Reason.EXECUTOR_ERROR, exit_code, error)


def _attributed(result: Result, task: Task, cancelled: Cancellation) -> Result:
    """The result, put down to what stopped the attempt, if anything did.

    It is CANCELLED only where somebody asked for that, and handed back only where it was taken away.
    """
    asked = Reason(cancelled.reason) if cancelled.is_set() else None
    if result.status is Status.SUCCESS or result.reason is asked:
        return result
    broke_off = result.status is Status.CANCELLED or result.reason in {Reason.EXECUTOR_ERROR, Reason.SIGNAL}
    if asked and broke_off:
        return stopped(asked, result.exit_code, task.spec.timeout)
    if result.status is Status.CANCELLED or result.reason in {Reason.CANCELLED, Reason.AGENT_STOPPED, Reason.FENCED}:
        error = f"executor {task.spec.type} says {result.reason}, but nobody asked it to stop"
        return failure(Reason.EXECUTOR_ERROR, error, exit_code=result.exit_code)
    return result


def _text(value: object) -> str:
    """As text that can be stored: bounded, and without lone surrogates."""
    return str(value)[:LONGEST_ERROR].encode(errors="replace").decode()
