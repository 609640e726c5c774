"""How a process's end becomes a result, in words that say what to do."""

import signal

from common.domain.result import Reason, Result, failure, success
from common.domain.status import Status

_STOPPED = {
    Reason.CANCELLED: "cancelled while it ran",
    Reason.AGENT_STOPPED: "the agent was stopped while it ran",
    Reason.FENCED: "its agent could not prove its lease any more",
}


def ended(code: int | None, overrun: str = "") -> Result:
    """The result of a process that ended by itself; `code` is negative for a signal, None where it is unknown.

    `overrun` names the limits that it met, in words, if any.
    """
    if code is None:
        return failure(Reason.EXECUTOR_ERROR, "how it ended is not known: something else in the agent reaped it")
    if code == 0:
        return success()
    met = f"; its processes met {overrun}" if overrun else ""
    if code > 0:
        return failure(Reason.EXIT_CODE, f"exit code {code}{met}", exit_code=code)
    hint = "; if nobody sent it, the machine was out of memory" if -code == signal.SIGKILL and not met else met
    return failure(Reason.SIGNAL, f"ended by {signal_name(-code)}{hint}", exit_code=_as_shell(code))


def stopped(reason: Reason, code: int | None, timeout: float) -> Result:
    """The result of a process that was told to end, whatever it then returned; `timeout` is in seconds."""
    status = Status.CANCELLED if reason is Reason.CANCELLED else Status.FAILED
    if reason is Reason.TIMEOUT:
        error = f"stopped at its time limit of {timeout:g} s"
    else:
        error = _STOPPED.get(reason, f"stopped by the agent: {reason}")
    return Result(status, reason, None if code is None else _as_shell(code), error)


def signal_name(number: int) -> str:
    """SIGSEGV for 11, and so on; the real-time signals have only numbers."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _as_shell(code: int) -> int:
    """128 + n for signal n, as every shell shows it."""
    return code if code >= 0 else 128 - code
