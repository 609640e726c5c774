"""What a person sees while a command waits for a task or follows it, and when the task has ended."""

from collections.abc import Iterator
from contextlib import contextmanager

from common.cli.console import Cell, note, status_cell, waiting
from common.cli.exits import Exit
from common.cli.output import TaskOutput
from common.cli.times import between, span
from common.cli.watching import Watcher, follow
from common.clock import Clock
from common.domain.result import Reason
from common.domain.status import Status
from common.domain.task import Task


def wait_for_end(watcher: Watcher, clock: Clock) -> Task:
    """Block until the task is final; meanwhile a person sees its status and the time."""
    begun = clock.monotonic()
    with waiting() as show:
        for task in watcher.until_final():
            where = f"on {task.agent}, attempt {task.attempt}," if task.agent else "for"
            show(status_cell(task.status), where, span(clock.monotonic() - begun))
        return task


def follow_output(watcher: Watcher, attempt: int, *, raw: bool = False) -> Task:
    """Print the log of `attempt` and of all later ones as it grows; returns the task when it is final."""
    output = TaskOutput(raw=raw)

    def begins(number: int) -> None:
        output.end()
        note(f"attempt {number}")

    task = follow(watcher, attempt, output.write, begins)
    output.end()
    return task


def print_output(watcher: Watcher, attempt: int, *, raw: bool = False) -> None:
    """Print what the attempt has printed so far."""
    output = TaskOutput(raw=raw)
    for text, _ in watcher.log(attempt):
        output.write(text)
    output.end()


@contextmanager
def task_goes_on(task_id: str) -> Iterator[None]:
    """Say, where the person stops waiting, that the task does not stop with that."""
    try:
        yield
    except KeyboardInterrupt:
        note(f"The task goes on: `dts get {task_id}` shows it, `dts cancel {task_id}` ends it.")
        raise


def tell_end(task: Task) -> Exit:
    """One line on stderr on how the task ended; returns the exit code that stands for it."""
    result, seconds = task.result, between(task.started_at, task.finished_at)
    parts: list[Cell | str] = [task.task_id, status_cell(task.status)]
    if result and result.reason and result.reason is not Reason.CANCELLED:
        parts.append(result.reason if result.exit_code is None else f"{result.reason} {result.exit_code}")
    if seconds is not None:
        parts.append(f"after {span(seconds)}")
    if task.agent:
        parts.append(f"on {task.agent}, attempt {task.attempt}")
    if result and result.error:
        parts.append(f"– {result.error}")
    note(*parts)
    return Exit.OK if task.status is Status.SUCCESS else Exit.FAILED
