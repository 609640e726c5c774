"""Reporter: tells the store what the agent's tasks print and how they end."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from common.clock import Clock
from common.contracts import Report
from common.domain.errors import Unavailable
from common.domain.reports import Finished, Granted, LogChunk
from common.domain.result import Result
from common.domain.status import Answer, Status
from common.failpoints import failpoint
from common.logs import steps
from common.service import Service
from common.store.tasks import TaskStore
from stage1_mvp.runs import Run, Runs
from stage1_mvp.spool import Spool

log = logging.getLogger("dts.reporter")

LIVE_EVERY = 0.1
"""Seconds between two looks at what running tasks have printed."""
IDLE = 0.3
"""Seconds that one step waits while nothing is held, so that a stop is seen soon."""
PORTION = 4_194_304
"""Characters of output after which a batch is sent: who stores it serves nobody else meanwhile, the lease neither."""
PATIENCE, HURRIED = 5.0, 1.0
"""Seconds that a stopping agent tries to tell its last ends to a store that is away."""

T = TypeVar("T")


class Reporter(Service):
    """Sends output while tasks run, and ends as soon as they come, in batches.

    While the store is away it holds on to both and tries again, the ends on disk too; `close` sends the rest, and
    gives up after about PATIENCE seconds, or HURRIED where `hurry` is set.
    """

    name = "reporter"

    def __init__(self, runs: Runs, report: Report, spool: Spool, clock: Clock, hurry: threading.Event) -> None:
        self._runs, self._report, self._spool = runs, report, spool
        self._clock, self._hurry = clock, hurry
        self._unsent: list[LogChunk] = []
        self._ended: dict[Run, Finished] = {}
        self._look_at = 0.0

    def step(self) -> float:
        new = {run: self._finished(run, result) for run, result in self._runs.take_ended(LIVE_EVERY, IDLE)}
        if new:
            failpoint("C14")
            # On disk before anything is sent: whatever happens until the store has it, it is known.
            self._spool.keep(list(new.values()))
            self._ended |= new
        if self._clock.monotonic() >= self._look_at:
            running = self._runs.running()
            self._tell_started([run for run in running if not run.told])
            self._send_logs(running)
            self._look_at = self._clock.monotonic() + LIVE_EVERY
        self._send_ends()
        if not new:
            self._spool.tidy()
        return 0

    def close(self) -> None:
        self._send_the_rest()
        self._spool.close()

    def _send_the_rest(self) -> None:
        began = self._clock.monotonic()
        while self._runs.held():
            try:
                self.step()
            except Unavailable as error:
                if self._clock.monotonic() > began + (HURRIED if self._hurry.is_set() else PATIENCE):
                    self._forsake(error)
                    return
                self._clock.wait(threading.Event(), 0.2)

    def _forsake(self, error: Unavailable) -> None:
        log.error("%d ends are not reported yet; the next boot here does it: %s", len(self._runs.held()), error)

    def _finished(self, run: Run, result: Result) -> Finished:
        """Its end, with all of its output that is not stored yet."""
        offset, text = run.output.finish()
        own = [chunk for chunk in self._unsent if chunk.task is run.task]
        if own:
            self._unsent = [chunk for chunk in self._unsent if chunk.task is not run.task]
            offset, text = own[0].offset, "".join(chunk.text for chunk in own) + text
        if run.output.total:
            result = replace(result, output=run.output.excerpt(), output_bytes=run.output.total)
        return Finished(run.task, result, LogChunk(run.task, offset, text), run.seconds)

    def _send_ends(self) -> None:
        for portion in list(_portions(self._ended.items(), lambda end: len(end[1].log.text))):
            failpoint("C15")
            self._report.finished([finished for _, finished in portion])
            failpoint("C16")
            for run, _ in portion:
                del self._ended[run]
            self._runs.drop(run for run, _ in portion)
            if not self._ended:
                self._spool.settle()

    def _tell_started(self, runs: Sequence[Run]) -> None:
        """One that ends sooner is told of with its end."""
        if runs:
            self._report.started([(run.task, run.seconds) for run in runs])
            for run in runs:
                run.told = True

    def _send_logs(self, running: Sequence[Run]) -> None:
        for run in running:
            offset, text = run.output.drain()
            if text:
                self._unsent.append(LogChunk(run.task, offset, text))
        if self._unsent:
            failpoint("C12")
        # Kept until they are safe: a piece sent twice is written once.
        for portion in list(_portions(self._unsent, lambda chunk: len(chunk.text))):
            self._report.logs(portion)
            self._unsent = self._unsent[len(portion) :]


class StoreReport:
    """Report straight into the store (stages 1 and 2)."""

    def __init__(self, store: TaskStore, agent: str) -> None:
        self._store, self._agent = store, agent

    def started(self, attempts: Sequence[tuple[Granted, float]]) -> None:
        """The gate knows it already."""

    def returned(self, attempts: Sequence[Granted]) -> None:
        for task, answer, after in self._store.hand_back(attempts, self._agent):
            if answer is Answer.OK:
                log.info("handed back: now %s", after, extra={"task_id": task.task_id, "attempt": task.attempt})

    def logs(self, chunks: Sequence[LogChunk]) -> None:
        self._store.log(chunks, self._agent)

    def finished(self, ends: Sequence[Finished]) -> None:
        answers = self._store.report(ends, self._agent)
        steps(log, "reported", stored(ends, answers))
        for end, (answer, status) in zip(ends, answers, strict=True):
            if answer not in (Answer.OK, Answer.SAME):
                # The task went on without us, and what we saw of it no longer counts.
                log.warning(
                    "report refused: %s, the task is %s",
                    answer,
                    status,
                    extra={"task_id": end.task.task_id, "attempt": end.task.attempt},
                )


def stored(ends: Iterable[Finished], answers: Iterable[tuple[Answer, Status | None]]) -> list[tuple[str, str, int]]:
    """What became of the ends that the store took, for logs.steps: as they were told, or to be run again."""
    return [
        (end.result.status if status == end.result.status else f"{end.result.status}, now {status}", *_of(end))
        for end, (answer, status) in zip(ends, answers, strict=True)
        if answer is Answer.OK
    ]


def _of(end: Finished) -> tuple[str, int]:
    return end.task.task_id, end.task.attempt


def _portions(items: Iterable[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    portion: list[T] = []
    total = 0
    for item in items:
        portion.append(item)
        total += size(item)
        if total >= PORTION:
            yield portion
            portion, total = [], 0
    if portion:
        yield portion
