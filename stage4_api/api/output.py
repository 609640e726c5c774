"""What a task printed: piece by piece, or as a stream of server-sent events that ends with the task."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Response

from common.domain.errors import DtsError, Unavailable
from common.tokens import Role
from stage4_api.api import models, questions
from stage4_api.api.desk import Desk
from stage4_api.api.problems import BAD_HEADER, CORRUPT_TASK, NOT_FOUND, TOO_MANY_STREAMS, Problem, no_task
from stage4_api.api.routes import Answered, Asked, Reply, Route
from stage4_api.api.wire import encoded
from stage4_api.task_service import Standing

log = logging.getLogger("dts.api")

PIECE = 65_536
FIRST_REST, LONGEST_REST = 0.1, 1.0
"""Seconds between two looks at an output that does not grow, rising."""
SIGN_OF_LIFE = 10.0
"""Seconds of silence after which a comment is sent: so it is found out that a client has gone."""


def read_log(desk: Desk, asked: Asked) -> Reply:
    """A piece of what an attempt printed. Go on at nextOffset; while the task runs there may be more to come."""
    task_id, wanted = asked.path["taskId"], asked.query
    attempt = _attempt(_standing(desk, task_id), wanted.attempt)
    page = desk.service.log(task_id, attempt, wanted.offset, wanted.limit)
    piece = {"text": page.text, "offset": page.offset, "nextOffset": page.next_offset}
    return Reply({"taskId": task_id, "attempt": attempt, **piece})


def stream_log(desk: Desk, asked: Asked) -> Response:
    """What the task prints as it prints it, through all further attempts, as server-sent events: `log` with
    `{"attempt", "offset", "text"}`, and when the task has ended `end` with `{"taskId", "status", "attempt"}`. An
    event's id says where to go on: a client that was cut off sends it as Last-Event-ID.
    """
    task_id = asked.path["taskId"]
    standing = _standing(desk, task_id)
    place = _place(asked, standing)
    if not desk.streams.acquire(blocking=False):
        raise Problem(TOO_MANY_STREAMS, "ask for pieces of the log, or again when some have ended")
    stream = _Stream(desk, task_id, place)
    response = Response(stream.events(), content_type="text/event-stream")
    response.headers.update({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    response.call_on_close(desk.streams.release)
    return response


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a task's output somebody is."""

    attempt: int
    offset: int

    def __str__(self) -> str:
        return f"{self.attempt}:{self.offset}"


class _Stream:
    def __init__(self, desk: Desk, task_id: str, place: Place) -> None:
        self._desk, self._task_id, self._place = desk, task_id, place
        self._rest, self._silent = FIRST_REST, 0.0

    def events(self) -> Iterator[bytes]:
        yield b": what follows is the output\n\n"
        while not self._desk.stopping.is_set():
            try:
                # The task first: of an attempt that is over, the log read afterwards is complete.
                standing = _standing(self._desk, self._task_id)
                news = False
                for event in self._pieces():
                    news = True
                    yield event
            except Unavailable as error:
                # The client goes on waiting; it can do nothing better.
                log.debug("a stream waits: %s", error)
                yield from self._wait(None, news=False)
                continue
            except (Problem, DtsError) as error:
                log.debug("a stream ends: %s", error)
                return
            if standing.attempt > self._place.attempt:
                self._place = Place(standing.attempt, 0)
            elif standing.status.final:
                yield _event("end", self._place, {"taskId": self._task_id, **_told(standing)})
                return
            else:
                yield from self._wait(standing, news=news)

    def _pieces(self) -> Iterator[bytes]:
        while self._place.attempt and not self._desk.stopping.is_set():
            at = self._place
            page = self._desk.service.log(self._task_id, at.attempt, at.offset, PIECE)
            if page.next_offset <= at.offset:
                return
            self._place = Place(at.attempt, page.next_offset)
            yield _event("log", self._place, {"attempt": at.attempt, "offset": at.offset, "text": page.text})

    def _wait(self, standing: Standing | None, *, news: bool) -> Iterator[bytes]:
        self._rest = FIRST_REST if news else min(1.5 * self._rest, LONGEST_REST)
        self._silent = 0.0 if news else self._silent + self._rest
        if self._silent >= SIGN_OF_LIFE:
            self._silent = 0.0
            yield b": still here\n\n"
        if standing is None:
            self._desk.clock.wait(self._desk.stopping, self._rest)
        else:
            self._desk.follower.wait(self._task_id, standing, self._rest)


def _event(name: str, place: Place, data: dict[str, object]) -> bytes:
    return f"event: {name}\nid: {place}\ndata: ".encode() + encoded(data) + b"\n\n"


def _told(standing: Standing) -> dict[str, object]:
    return {"status": standing.status, "attempt": standing.attempt}


def _place(asked: Asked, standing: Standing) -> Place:
    """Where the stream is to begin: behind the last event that the client had, if it had one."""
    last = asked.headers.get("Last-Event-ID", "")
    if not last:
        attempt = _attempt(standing, asked.query.attempt)
        return Place(attempt, asked.query.offset)
    found = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,12})", last, re.ASCII)
    if not found:
        raise Problem(BAD_HEADER, f"Last-Event-ID: {last[:50]!r} is no id of this stream", header="Last-Event-ID")
    return Place(_attempt(standing, int(found[1])), int(found[2]))


def _attempt(standing: Standing, wanted: int) -> int:
    if wanted > standing.attempt:
        raise Problem(NOT_FOUND, f"it has had {standing.attempt} attempts so far, so there is no attempt {wanted}")
    return wanted or standing.attempt


def _standing(desk: Desk, task_id: str) -> Standing:
    (standing,) = desk.service.standings([task_id])
    if standing is None:
        raise no_task(task_id)
    return standing


ROUTES = [
    Route(
        method="GET",
        path="/api/v1/tasks/{taskId}/log",
        role=Role.VIEWER,
        handler=read_log,
        query=questions.ReadLog,
        answers={200: Answered("The piece.", models.LogPart)},
        problems=(NOT_FOUND, CORRUPT_TASK),
    ),
    Route(
        method="GET",
        path="/api/v1/tasks/{taskId}/log/stream",
        role=Role.VIEWER,
        handler=stream_log,
        query=questions.StreamLog,
        headers={"Last-Event-ID": "the id of the last event that came; goes before attempt and offset"},
        answers={200: Answered("The stream.", content_type="text/event-stream")},
        problems=(NOT_FOUND, CORRUPT_TASK, TOO_MANY_STREAMS),
    ),
]
