"""One task: how it stands, its attempts on a line of time, why it is where it is, and what it prints, live."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from common.domain.status import Answer
from common.tokens import Role
from stage4_api.api import output, questions
from stage4_api.api.desk import surely
from stage4_api.api.problems import NOT_FOUND, Problem, no_task
from stage4_api.api.routes import Asked, path_of, query_of
from stage4_api.api.story import attempts_of
from stage5_ops.console.charts import bars
from stage5_ops.console.visit import Page, Said, Visit

TAIL = 65_536
"""Bytes of the end of its output that the page has from the beginning."""
LOST_RACE = {
    ("cancel", Answer.TERMINAL): "cancel.TERMINAL",
    ("cancel", Answer.SAME): "cancel.SAME",
    ("retry", Answer.SAME): "retry.SAME",
    ("retry", Answer.STALE_STATE): "retry.STALE_STATE",
    ("retry", Answer.TERMINAL): "retry.TERMINAL",
}
"""What is told where somebody else was quicker, or it is too late."""


def show(visit: Visit) -> Response:
    """All that is known of it."""
    task_id = _id(visit)
    service = visit.desk.service
    (task,) = service.tasks([task_id])
    if task is None:
        raise no_task(task_id)
    history = service.history(task_id)
    attempts = attempts_of(history)
    attempt = _attempt(task)
    page = service.log(task_id, attempt, -TAIL, TAIL) if attempt else None
    return visit.page(
        "task.html",
        live=True,
        task=task,
        final=task["status"] in ("SUCCESS", "FAILED", "CANCELLED"),
        history=history,
        attempts=attempts,
        rows=bars(task, attempts, visit.desk.clock.time()),
        why=service.explain(task_id) or {},
        attempt=attempt,
        page=page,
        plain={name: task[name] for name in PLAIN if task[name] not in (None, "", {}, [])},
    )


def cancel(visit: Visit) -> Response:
    """Cancel it. Who comes second is told so: it is no error."""
    task_id = _id(visit)
    (answer,) = surely(lambda: visit.desk.service.cancel([task_id], visit.by))
    return _done(visit, "cancel", task_id, answer)


def retry(visit: Visit) -> Response:
    """Give it another life."""
    task_id = _id(visit)
    (answer,) = visit.desk.service.retry([task_id], visit.by)
    return _done(visit, "retry", task_id, answer)


def stream(visit: Visit) -> Response:
    """What it prints, as the API streams it."""
    query = query_of(questions.StreamLog, request.args)
    return output.stream_log(visit.desk, Asked({"taskId": _id(visit)}, query, None, request.headers, visit.by))


def whole_log(visit: Visit) -> Response:
    """All that an attempt printed, as a text."""
    task_id = _id(visit)
    (standing,) = visit.desk.service.standings([task_id])
    if standing is None:
        raise no_task(task_id)
    attempt = query_of(questions.ReadLog, request.args).attempt or standing.attempt

    def pieces() -> Any:
        offset = 0
        while (page := visit.desk.service.log(task_id, attempt, offset, TAIL)).next_offset > offset:
            yield page.text.encode(errors="replace")
            offset = page.next_offset

    response = Response(pieces(), content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{task_id}.{attempt}.txt"'
    return response


def _done(visit: Visit, verb: str, task_id: str, answer: Answer) -> Response:
    if answer is Answer.NOT_FOUND:
        raise no_task(task_id)
    (standing,) = visit.desk.service.standings([task_id])
    known = {"status": visit.words(f"status.{standing.status}")} if standing else {"status": ""}
    text_id = LOST_RACE.get((verb, answer), f"{verb}.{answer}")
    kind = "note" if (verb, answer) in LOST_RACE else "good"
    return visit.then(f"/tasks/{task_id}", Said(text_id, kind, known))


def _id(visit: Visit) -> str:
    return path_of({"taskId": visit.path["task_id"]})["taskId"]


def _attempt(task: Mapping[str, Any]) -> int:
    """Whose output is shown."""
    wanted = request.args.get("attempt", "")
    if not wanted:
        return int(task["attempt"])
    if not (wanted.isdecimal() and len(wanted) < 7 and 0 < int(wanted) <= task["attempt"]):
        raise Problem(NOT_FOUND, f"it has had {task['attempt']} attempts so far")
    return int(wanted)


PLAIN = (
    *("type", "priority", "timeout", "retries", "retryDelay", "maxRetryDelay", "backoff", "onAgentLost", "strategy"),
    *("memory", "processes", "outputLimit", "requestId", "startAt", "delay", "startBy", "startWithin"),
)
"""What was asked for, and is shown as it is."""

PAGES = [
    Page("GET", "/tasks/<task_id>", Role.VIEWER, show),
    Page("POST", "/tasks/<task_id>/cancel", Role.OPERATOR, cancel),
    Page("POST", "/tasks/<task_id>/retry", Role.OPERATOR, retry),
    Page("GET", "/tasks/<task_id>/log/stream", Role.VIEWER, stream),
    Page("GET", "/tasks/<task_id>/log", Role.VIEWER, whole_log),
]
