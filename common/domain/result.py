"""How an attempt ended: a status, a typed reason, and what a person wants to see of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from common.domain.status import Status


class Reason(StrEnum):
    """Why an attempt did not succeed."""

    EXIT_CODE = "EXIT_CODE"
    SIGNAL = "SIGNAL"
    TIMEOUT = "TIMEOUT"
    SPAWN_ERROR = "SPAWN_ERROR"
    """The command can't be started: not found, not executable, too long."""
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    UNREADABLE = "UNREADABLE"
    """Something other than dts wrote over the task's hash, and nobody can run what stands there."""
    EXECUTOR_ERROR = "EXECUTOR_ERROR"
    CANCELLED = "CANCELLED"
    AGENT_ERROR = "AGENT_ERROR"
    """The agent's machine could not run it (no memory, no disk, no way to keep its limits …): not the task's fault."""
    AGENT_STOPPED = "AGENT_STOPPED"
    """The agent was stopped at once and handed the task back."""
    FENCED = "FENCED"
    """The agent could not prove its lease any more and ended the task."""
    AGENT_LOST = "AGENT_LOST"
    EXPIRED = "EXPIRED"
    """It had not started by the time that it was to have started by."""


CHARGED = frozenset({Reason.EXIT_CODE, Reason.SIGNAL, Reason.TIMEOUT, Reason.SPAWN_ERROR, Reason.EXECUTOR_ERROR})
"""Reasons that use up one of the task's `retries`."""

HANDED_BACK = frozenset({Reason.AGENT_ERROR, Reason.AGENT_STOPPED, Reason.FENCED})
"""Reasons that send the task back to PENDING at no cost to its retries."""


@dataclass(frozen=True, slots=True)
class Proof:
    """How the processes of an attempt came to their end, and whether it is certain that none is left."""

    means: str
    """By what they were held together: cgroup, subreaper, or group and mark, which is never certain."""
    certain: bool
    signals: tuple[tuple[str, int], ...] = ()
    """TERM, KILL in the order in which they were sent, each with how many processes got it."""
    seconds: float | None = None
    """From the first signal until none was left."""
    after_kill: float | None = None
    """From the first KILL until none was left."""

    def record(self) -> dict[str, Any]:
        """As the task's history has it; what goes without saying is left out."""
        said: dict[str, Any] = {"by": self.means}
        if not self.certain:
            said["certain"] = False
        if self.signals:
            said |= {"signals": [list(sent) for sent in self.signals], "seconds": _rounded(self.seconds)}
        if self.after_kill is not None:
            said["afterKill"] = _rounded(self.after_kill)
        return said


@dataclass(frozen=True, slots=True)
class Result:
    """The end of one attempt, as an executor returns it and the store keeps it.

    `output` is an excerpt fit for the task's hash (head and tail, the cut marked);
    the whole kept output is the attempt's log. `output_bytes` counts all that was written.
    `proof` tells how its processes ended, where it had any; it is kept in the task's history.
    """

    status: Status
    reason: Reason | None = None
    exit_code: int | None = None
    error: str = ""
    output: str = ""
    output_bytes: int = 0
    proof: Proof | None = None

    @property
    def charged(self) -> bool:
        return self.reason in CHARGED

    @property
    def handed_back(self) -> bool:
        return self.reason in HANDED_BACK


def success(output: str = "", output_bytes: int = 0, exit_code: int | None = 0) -> Result:
    """An attempt that did what it should."""
    return Result(Status.SUCCESS, None, exit_code, "", output, output_bytes)


def failure(reason: Reason, error: str, *, exit_code: int | None = None) -> Result:
    """An attempt that failed before or without any output; `error` says what to do about it."""
    return Result(Status.FAILED, reason, exit_code, error)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
