"""What may be swapped, on one page: Queue, Executor, Output, Cancellation, Inbox, Report.

Every implementation runs the same contract tests (tests/contracts/). All calls are synchronous,
every wait is bounded, and what is said here is not said again at the implementations.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from common.domain.result import Result
from common.domain.task import Task

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Message(Generic[T]):
    """One message as taken: its decoded body, and an id that stays the same when it is delivered again."""

    id: str
    body: T


class Queue(Protocol[T]):
    """A line of messages with many producers and, per handle, one consumer.

    At least once: what was taken and not acknowledged comes again to the next handle of the same
    consumer, before anything new. `put` may be called from many threads; `take`, `ack` and `reject`
    from one at a time. A handle that raised Unavailable may simply be used again.
    """

    def put(self, bodies: Iterable[T]) -> None:
        """Append; returns when they are safe. Raises Unanswered where they may be there already."""
        ...

    def take(self, limit: int, timeout: float) -> Sequence[Message[T]]:
        """Up to `limit` messages, oldest first; waits up to about `timeout` seconds for the first, never for more.

        A message that can't be decoded goes to the dead-letter list with its reason and is not returned.
        """
        ...

    def ack(self) -> None:
        """Settle everything that this handle has taken so far. Repeating it is harmless."""
        ...

    def reject(self, message: Message[T], reason: str) -> None:
        """Move one taken message to the dead-letter list, with the reason a person will read there."""
        ...

    def close(self) -> None:
        """Let go of the handle's connections; what it has not settled comes again to the next handle."""
        ...


class Cancellation(Protocol):
    """Tells a running executor to stop. Set at most once; safe to read from any thread."""

    @property
    def reason(self) -> str:
        """A `Reason` by name once it is set, empty before."""
        ...

    def is_set(self) -> bool: ...

    def fileno(self) -> int:
        """A file descriptor that becomes readable when it is set, to be waited on beside others."""
        ...


class Output(Protocol):
    """Where an executor puts what its task prints. Called from the executor's thread only; never blocks."""

    def write(self, data: bytes) -> None: ...


class Executor(Protocol):
    """Runs tasks of one type; called from many threads at once."""

    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Result:
        """Run it to its end and say how it ended; whatever the task does is a Result, never an exception.

        Returns soon after `cancelled` is set, with everything that the task started gone.
        The result's output fields are filled in by the caller, from `output`.
        """
        ...


class Inbox(Protocol):
    """Where an agent gets its work: each task returned was granted to this agent's boot and is RUNNING in the store."""

    def take(self, limit: int, timeout: float) -> Sequence[Task]:
        """Up to `limit` tasks to run now; waits up to about `timeout` seconds for the first.

        Raises Unavailable; what may have been granted unseen is returned by the next call.
        """
        ...


class Granted(Protocol):
    """Whose attempt something is about; a Task is one."""

    @property
    def task_id(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def agent(self) -> str: ...
    @property
    def boot(self) -> str: ...


@dataclass(frozen=True, slots=True)
class LogChunk:
    """A piece of an attempt's log: `text` begins at byte `offset` of the log as kept so far."""

    task: Granted
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an attempt, with the rest of its log (`log.offset` onwards)."""

    task: Granted
    result: Result
    log: LogChunk


class Report(Protocol):
    """How an agent tells what became of its tasks. A report repeated is harmless."""

    def logs(self, chunks: Sequence[LogChunk]) -> None:
        """Publish output of tasks that still run. Raises Unavailable."""
        ...

    def finished(self, ends: Sequence[Finished]) -> None:
        """Publish ends of attempts; returns when they are safe. Raises Unavailable."""
        ...
