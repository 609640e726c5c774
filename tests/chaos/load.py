"""The load: clients that submit, and cancel some, without a pause, and keep account of all that they were told."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from common.client.client import Client
from common.clock import SystemClock
from common.doctor.history.client_log import ClientLog, record
from common.doctor.history.records import Call
from common.domain.errors import Rejected, Unavailable
from common.domain.ids import Ids
from common.domain.status import Answer
from common.domain.task import Submission
from common.lab.cluster import Cluster
from common.store.submitting import Submitted
from common.store.tasks import TaskStore
from tests.stage1.journal import Journal

THREADS = 10
AGAIN = 0.3
"""Seconds before a client that was told nothing good asks again, with the same requestId."""
CANCELLED, FAILING, LONG = 0.04, 0.08, 0.04
"""Parts of the tasks: somebody cancels it, its first attempt fails, it takes some seconds."""


class Tasks(Protocol):
    """What a client asks: by the API, or where there is none, of the store."""

    def submit_all(self, submissions: Sequence[Submission], by: str = "") -> list[Submitted]: ...
    def cancel(self, task_ids: Sequence[str], by: str = "") -> list[Answer]: ...


class _AtTheStore:
    def __init__(self, store: TaskStore) -> None:
        self._store, self._ids = store, Ids(SystemClock())

    def submit_all(self, submissions: Sequence[Submission], by: str = "") -> list[Submitted]:
        return self._store.submit(submissions, by or "client", self._ids)

    def cancel(self, task_ids: Sequence[str], by: str = "") -> list[Answer]:
        return self._store.cancel(list(task_ids), by or "client")


def tasks_of(cluster: Cluster, store: TaskStore) -> Tasks:
    """By all its APIs, if it has any."""
    doors = [f"http://127.0.0.1:{member.port}" for member in cluster.members() if member.role == "api"]
    return Client(",".join(doors), cluster.environment["DTS_API_TOKEN"]) if doors else _AtTheStore(store)


class Load:
    """Submits `rate` tasks a second from THREADS threads, from `start` until `stop`. What it was told is at `path`."""

    def __init__(self, tasks: Tasks, journal: Journal, path: Path, rate: float, seed: int) -> None:
        self._tasks, self._journal, self._every = tasks, journal, THREADS / rate
        self._log, self._lock = path.open("w", buffering=1), threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._submit, args=(number, random.Random(f"{seed}-{number}")))
            for number in range(THREADS)
        ]
        self.calls: list[Call] = []
        self.broken: list[BaseException] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> ClientLog:
        """Returns when every request has its answer."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._log.close()
        if self.broken:
            raise self.broken[0]
        return ClientLog(self.calls)

    def _submit(self, number: int, rng: random.Random) -> None:
        try:
            due, count = time.monotonic() + rng.random() * self._every, 0
            while not self._stop.wait(max(0.0, due - time.monotonic())):
                # What could not be sent in time is not made up for: a client that waits has no more to ask.
                due, count = max(due + self._every, time.monotonic() - 1), count + 1
                self._one(f"{number}-{count}", rng)
        except BaseException as error:  # noqa: BLE001
            self.broken.append(error)

    def _one(self, request: str, rng: random.Random) -> None:
        chance, seconds = rng.random(), rng.choice((0, 0, 0.05, 0.2))
        fields: dict[str, Any] = {"request_id": request, "retry_delay": 0.1}
        cancelled = chance < CANCELLED
        if cancelled:
            content = self._journal.task(30)
        elif chance < CANCELLED + FAILING:
            content, fields["retries"] = self._journal.task(0) + "; test $TASK_ATTEMPT -gt 1", 50
        else:
            content = self._journal.task(rng.uniform(1, 4) if chance < CANCELLED + FAILING + LONG else seconds)
        body = Submission.of(content=content, **fields)

        def submit() -> tuple[Answer, str]:
            (submitted,) = self._tasks.submit_all([body])
            return submitted.answer, submitted.task_id

        task_id = self._told("submit", "", request, submit)
        if cancelled:
            self._stop.wait(rng.random())
            self._told("cancel", task_id, "", lambda: (self._tasks.cancel([task_id])[0], task_id))

    def _told(self, op: str, task_id: str, request: str, ask: Callable[[], tuple[Answer, str]]) -> str:
        """Ask until it is known what became of it, as long as it takes; returns the task's id."""
        while True:
            outcome, answer, found, at = "ok", "", task_id, time.time()
            try:
                answer, found = ask()
            except (Unavailable, Rejected) as error:
                outcome = "unknown" if error.may_have_happened else "fail"
            if answer is Answer.FULL:
                outcome = "fail"
            self._note(Call(op, outcome, found, request, str(answer), at, time.time()))
            if outcome == "ok":
                return found
            threading.Event().wait(AGAIN)

    def _note(self, call: Call) -> None:
        with self._lock:
            self.calls.append(call)
            self._log.write(f"{record(call)}\n")
