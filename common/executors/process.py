"""Runs one process, with all that it starts, to its end."""

import logging
import math
import os
import select
import time
from collections.abc import Callable
from dataclasses import replace

from common.contracts import Cancellation, Output
from common.domain.result import Proof, Reason, Result
from common.executors.enclosure import Enclosure, Enclosures, LimitNotKept, Spawned
from common.executors.endings import ended, stopped
from common.executors.proving import Proving
from common.executors.spawn import Command, limit_failure, spawn, spawn_failure

log = logging.getLogger("dts.executors")

_CHUNK = 65536
_LONGEST_WAIT = 3600.0
"""Seconds; poll takes no more than 24 days."""
_LOOK_EVERY = 0.02
"""Seconds between two looks at a process, where the machine can't wake us when it ends."""
_INSIST_AFTER = 1.0
"""Seconds from one KILL to the next; doubled each time, up to a minute."""


def run_process(command: Command, cancelled: Cancellation, output: Output, enclosures: Enclosures) -> Result:
    """Run it until it, all that it started and its output have ended. Blocks; whatever it does is a Result.

    At the time limit, or when cancelled, all its processes get TERM, and KILL after `grace`, at once where the agent
    is fenced. What it leaves in the background may go on printing for `linger`, then it is killed; what prints
    nothing is killed at once. The result carries the proof that nothing is left. A main process that even KILL can't
    end is waited for: to let go of it would let another attempt start beside it.
    """
    if cancelled.is_set():
        return stopped(Reason(cancelled.reason), None, command.timeout)
    try:
        cancelled_fd = cancelled.fileno()
        enclosure = enclosures.enclose(command.mark, command.limits)
    except LimitNotKept as error:
        return limit_failure(error)
    except OSError as error:
        return spawn_failure(command, error)
    try:
        reading, process = _started(command, enclosure)
    except (OSError, ValueError) as error:
        enclosure.release()
        return spawn_failure(command, error)
    return _Run(command, process, reading, enclosure, cancelled=cancelled, output=output).to_its_end(cancelled_fd)


def _started(command: Command, enclosure: Enclosure) -> tuple[int, Spawned]:
    """The reading end of its output, and the process."""
    reading, writing = os.pipe()
    try:
        return reading, enclosure.start(lambda: spawn(command, writing))
    except (OSError, ValueError):
        os.close(reading)
        raise
    finally:
        os.close(writing)


class _Run:
    """A process that was started. What happens next is an event on a descriptor, or what is due at the deadline."""

    def __init__(
        self,
        command: Command,
        process: Spawned,
        reading: int,
        enclosure: Enclosure,
        *,
        cancelled: Cancellation,
        output: Output,
    ) -> None:
        self._command = command
        self._process = process
        self._reading = reading
        self._cancelled = cancelled
        self._output = output
        self._enclosure, self._proving = enclosure, Proving(enclosure)
        self._exited = False
        self._output_open = True
        self._stopped_for: Reason | None = None
        self._insist_after = _INSIST_AFTER
        self._poll = select.poll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._exit_fd = _exit_fd(process.pid)
        self._deadline = 0.0
        self._when_due: Callable[[], None] = self._time_is_up

    def to_its_end(self, cancelled_fd: int) -> Result:
        self._next(self._command.timeout, self._time_is_up)
        # In this order: an end that came before a cancellation counts.
        if self._exit_fd is not None:
            self._listen(self._exit_fd, self._on_exit)
        self._listen(self._reading, self._on_output)
        self._listen(cancelled_fd, lambda: self._on_cancel(cancelled_fd))
        try:
            while self._output_open or not self._exited:
                self._step()
        finally:
            code, overrun, proof = self._clear()
        if self._stopped_for is None:
            return replace(ended(code, overrun), proof=proof)
        return replace(stopped(self._stopped_for, code, self._command.timeout), proof=proof)

    def _step(self) -> None:
        wait = min(self._deadline - time.monotonic(), _LONGEST_WAIT if self._exit_fd is not None else _LOOK_EVERY)
        ready = self._poll.poll(max(0, math.ceil(wait * 1000)))
        if self._exit_fd is None and not self._exited and _has_exited(self._process):
            self._on_exit()
        for fd, _ in ready:
            self._handlers[fd]()
        if time.monotonic() >= self._deadline:
            self._when_due()

    def _on_exit(self) -> None:
        self._exited = True
        if self._exit_fd is not None:
            self._poll.unregister(self._exit_fd)
        if not self._proving.killed:
            self._next(self._command.linger, self._kill)

    def _on_output(self) -> None:
        data = os.read(self._reading, _CHUNK)
        if data:
            self._output.write(data)
        else:
            self._stop_reading()

    def _on_cancel(self, cancelled_fd: int) -> None:
        self._poll.unregister(cancelled_fd)
        reason = Reason(self._cancelled.reason)
        if not self._exited:
            self._stop(reason)
        # Without a lease there is no time for grace: another may start the task. And once it has ended by
        # itself, that end counts, but what it left behind need not linger.
        if (self._exited or reason is Reason.FENCED) and not self._proving.killed:
            self._kill()

    def _time_is_up(self) -> None:
        self._stop(Reason.TIMEOUT)

    def _stop(self, reason: Reason) -> None:
        if self._stopped_for is None:
            self._stopped_for = reason
            self._proving.terminate()
            self._next(self._command.grace, self._kill)

    def _kill(self) -> None:
        self._proving.kill()
        self._next(self._insist_after, self._insist)

    def _insist(self) -> None:
        if self._exited:
            self._warn("a process that left its task unseen still holds its output")
            self._stop_reading()
            return
        self._warn(f"pid {self._process.pid} is still there after SIGKILL")
        self._insist_after = min(2 * self._insist_after, 60.0)
        self._kill()

    def _clear(self) -> tuple[int | None, str, Proof]:
        """End what is left, reap the main process, give everything back; returns exit code, limits met and proof."""
        if not self._exited:
            # An output that raised: nobody waits for it any more.
            self._proving.kill()
        left = self._proving.clear()
        if left:
            self._warn(f"{left} processes are still there after SIGKILL")
        ended_at = time.monotonic()
        # Only now reaped: until then no other process can get its number, and the group's.
        code = _reap(self._process)
        os.close(self._reading)
        if self._exit_fd is not None:
            os.close(self._exit_fd)
        overrun = self._enclosure.overrun()
        certain = self._enclosure.release() and not left
        return code, overrun, self._proving.proof(ended_at=ended_at, certain=certain)

    def _listen(self, fd: int, handler: Callable[[], None]) -> None:
        self._handlers[fd] = handler
        self._poll.register(fd, select.POLLIN)

    def _stop_reading(self) -> None:
        self._poll.unregister(self._reading)
        self._output_open = False

    def _next(self, seconds: float, act: Callable[[], None]) -> None:
        self._deadline = time.monotonic() + seconds
        self._when_due = act

    def _warn(self, text: str) -> None:
        mark = self._command.mark
        log.warning(text, extra={"task_id": mark["TASK_ID"], "attempt": mark["TASK_ATTEMPT"]})


def _exit_fd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None where there is no such thing, or none left."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _has_exited(process: Spawned) -> bool:
    if not hasattr(os, "waitid"):
        return process.poll() is not None
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _reap(process: Spawned) -> int | None:
    """Its exit code, negative for a signal; None where somebody else took it, which Popen.wait would call 0."""
    if process.returncode is None:
        try:
            _, status = os.waitpid(process.pid, 0)
        except ChildProcessError:
            process.returncode = 0
            return None
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode
