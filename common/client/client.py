"""Client: what a program wants of dts, in its own words."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

from common.client.http import Http
from common.client.tasks import ApiTasks, path_of
from common.clock import Clock, SystemClock
from common.domain.errors import Rejected, Unavailable
from common.domain.ids import Ids
from common.domain.query import Query
from common.domain.status import Answer, Status
from common.domain.task import Submission, Task
from common.settings import Settings

LOOK = 30.0
"""Seconds that one question waits for a task's end."""
PATIENCE = 60.0
"""Seconds for which the API may be away before a wait gives up."""


class Client(ApiTasks):
    """Tasks behind the API at `url`, or behind several, "http://a:8080,http://b:8080". Also a context manager.

    Without arguments it takes DTS_API_URL and DTS_API_TOKEN. Nothing is asked yet. Raises BadSetting. Safe to use from
    many threads.
    """

    def __init__(self, url: str = "", token: str = "", *, clock: Clock | None = None) -> None:
        known = Settings.load(api_url=url or None, api_token=token or None)
        self._clock = clock or SystemClock()
        self._ids = Ids(self._clock)
        super().__init__(Http(known.api_url, known.api_token, self._clock))

    def submit(self, content: str | list[str], **fields: Any) -> Task:
        """Submit one task, and return it; fields are those of TaskSpec, like `retries=2`, and task_id, request_id.

        Without a request_id of yours it gets one, so that it is stored once however often it had to be sent. Raises
        InvalidTask; Rejected where the id has another body, or too many tasks wait.
        """
        if not fields.get("request_id"):
            fields["request_id"] = self._ids.new()
        (submitted,) = self.submit_all([Submission.of(content=content, **fields)])
        if submitted.answer is Answer.CONFLICT:
            raise Rejected(f"that id belongs to task {submitted.task_id}, which says something else")
        if submitted.answer is Answer.FULL:
            raise Rejected("too many tasks wait already; try again when some have run")
        return self.task(submitted.task_id)

    def task(self, task_id: str) -> Task:
        """As `get`; raises Rejected where there is none of that id."""
        found = self.get(task_id)
        if found is None:
            raise Rejected(f"there is no task {task_id}")
        return found

    def wait(
        self, task_id: str, timeout: float | None = None, progress: Callable[[Task], object] | None = None
    ) -> Task:
        """The task when it has ended, or as it is after `timeout` seconds; blocks so long.

        `progress` is told of it each time it was looked at. An API that is away is waited for, PATIENCE at most.
        """
        end = None if timeout is None else self._clock.monotonic() + timeout
        while True:
            left = float("inf") if end is None else max(0.0, end - self._clock.monotonic())
            task = self._looked(task_id, min(left, 2.0 if progress else LOOK))
            if progress:
                progress(task)
            if task.status.final or left <= 0:
                return task
            if left < 1:
                # Too little for the API to wait by itself.
                self._clock.wait(threading.Event(), left)

    def run(self, content: str | list[str], **fields: Any) -> Task:
        """Submit a task and wait for its end."""
        return self.wait(self.submit(content, **fields).task_id)

    def follow(self, task_id: str) -> Iterator[str]:
        """What the task prints as it prints it, through all its attempts, until it has ended.

        Where the connection breaks it goes on from there. Raises Rejected where there is no such task.
        """
        place, gone_since = "", None
        while True:
            try:
                with self._http.stream(f"{path_of(task_id)}/log/stream", _after(place)) as lines:
                    for event, event_id, data in _events(lines):
                        place, gone_since = event_id or place, None
                        if event == "end":
                            return
                        if event == "log":
                            yield json.loads(data)["text"]
            except Unavailable:
                now = self._clock.monotonic()
                gone_since = gone_since or now
                if now - gone_since > PATIENCE:
                    raise
            # Cut off, or an API that stops: another may go on.
            self._clock.wait(threading.Event(), 0.2)

    def tasks(self, *statuses: Status | str, query: Query | None = None) -> Iterator[Task]:
        """All tasks in one of these statuses, or that meet `query`, newest first; asks for more as you go on."""
        wanted, cursor = query or Query(tuple(map(Status, statuses))), ""
        while True:
            page = self.find(wanted, 500, cursor)
            yield from page.tasks
            cursor = page.next_cursor
            if not cursor:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _looked(self, task_id: str, wait: float) -> Task:
        begun = self._clock.monotonic()
        while True:
            try:
                found = self.get(task_id, wait)
            except Unavailable:
                if self._clock.monotonic() - begun > PATIENCE:
                    raise
                self._clock.wait(threading.Event(), 0.5)
            else:
                if found is None:
                    raise Rejected(f"there is no task {task_id}")
                return found


def _after(place: str) -> dict[str, str]:
    return {"Last-Event-ID": place} if place else {}


def _events(lines: Iterable[bytes]) -> Iterator[tuple[str, str, str]]:
    """(event, id, data) of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    event = event_id = data = ""
    for raw in lines:
        name, _, value = raw.decode(errors="replace").partition(":")
        value = value.removeprefix(" ")
        if not raw:
            if event:
                yield event, event_id, data
            event = data = ""
        elif name == "event":
            event = value
        elif name == "id":
            event_id = value
        elif name == "data":
            data += value
