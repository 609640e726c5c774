"""One task: submit it, look at it, cancel it, give it another try; and lists of them."""

import re
from typing import Any

from common.domain.errors import InvalidTask, Unanswered
from common.domain.status import Answer, Status
from common.domain.task import MAX_CONTENT, Submission
from common.tokens import Role
from stage4_api.api import models, questions
from stage4_api.api.desk import Desk, surely
from stage4_api.api.problems import (
    ALREADY_FINAL,
    BAD_QUERY,
    CORRUPT_TASK,
    ID_TAKEN,
    INVALID_TASK,
    NOT_FINAL,
    NOT_FOUND,
    QUEUE_FULL,
    REFUSED,
    SUCCEEDED,
    UNANSWERED,
    Problem,
    no_task,
)
from stage4_api.api.routes import Answered, Asked, Body, Reply, Route
from stage4_api.api.trail import note
from stage4_api.api.wire import encoded, has_already
from stage4_api.task_service import Document, Standing

LONGEST_WAIT = 60
"""Seconds that a request may ask to wait."""
LOCATION = {"Location": "where the task is found"}


def submit_task(desk: Desk, asked: Asked) -> Reply:
    """Submit a task. It is stored when this is answered, and will run. To repeat it safely after a lost answer give a
    requestId or a taskId of your own: then the same task is answered again, with 200.
    """
    submission = identified(asked.body, desk)
    task_id = str(submission.task_id)
    try:
        (submitted,) = surely(lambda: desk.service.submit([submission], asked.by))
    except Unanswered as error:
        detail = f"{error}. The task may exist all the same: look for {task_id}, or submit it again with that taskId"
        raise Problem(UNANSWERED, detail, taskId=task_id) from error
    note("submitted", asked, [(submitted.answer, submitted.task_id)])
    if submitted.answer not in (Answer.OK, Answer.SAME):
        raise REFUSED["submit", submitted.answer].problem(taskId=submitted.task_id)
    new = submitted.answer is Answer.OK or (submitted.task_id == task_id and asked.body.task_id is None)
    status = Status.PENDING if new else _standing(desk, submitted.task_id).status
    location = {"Location": f"/api/v1/tasks/{submitted.task_id}"}
    return Reply({"taskId": submitted.task_id, "status": status}, 201 if new else 200, location)


def get_task(desk: Desk, asked: Asked) -> Reply:
    """Look at a task: what was asked, how it stands, its result. With `Prefer: wait=N` the answer waits up to N
    seconds for the task to differ from If-None-Match, or where that is not given, to have ended.
    """
    task = _task(desk, asked)
    waited = preferred_wait(asked)
    if not waited:
        return Reply(task)
    deadline = desk.clock.monotonic() + waited
    while not _is_news(asked, task):
        left = deadline - desk.clock.monotonic()
        if left <= 0 or desk.stopping.is_set():
            break
        with desk.resting() as rests:
            if not rests:
                break
            standing = Standing(Status(task["status"]), task["updatedAt"], task["attempt"])
            desk.follower.wait(task["taskId"], standing, left)
        task = _task(desk, asked)
    return Reply(task, headers={"Preference-Applied": f"wait={waited}"})


def cancel_task(desk: Desk, asked: Asked) -> Reply:
    """Cancel a task: at once where it has not begun (200); where it runs, its agent is told to end it (202)."""
    task_id = asked.path["taskId"]
    (answer,) = surely(lambda: desk.service.cancel([task_id], asked.by))
    note("cancelled", asked, [(answer, task_id)])
    status, document = cancelled(desk, task_id, answer)
    return Reply(document, status)


def retry_task(desk: Desk, asked: Asked) -> Reply:
    """Give a task that FAILED or was CANCELLED another life: it waits to run again, with all of its retries."""
    task_id = asked.path["taskId"]
    (answer,) = desk.service.retry([task_id], asked.by)
    note("retried", asked, [(answer, task_id)])
    return Reply(retried(task_id, answer))


def list_tasks(desk: Desk, asked: Asked) -> Reply:
    """List tasks. `cursor` is the nextCursor of the page before; tasks that come meanwhile hide no others."""
    listing: questions.Listing = asked.query
    try:
        listed = desk.service.find(listing.query(), listing.limit, listing.cursor)
    except InvalidTask as error:
        raise Problem(BAD_QUERY, str(error), parameter="cursor") from error
    return Reply({"tasks": list(listed.tasks), "nextCursor": listed.next_cursor or None})


def identified(submission: Submission, desk: Desk) -> Submission:
    """With an id: only then can it be repeated where its answer is lost."""
    return submission if submission.task_id else submission.model_copy(update={"task_id": desk.ids.new()})


def cancelled(desk: Desk, task_id: str, answer: Answer) -> tuple[int, Document]:
    """What a cancel is answered with. Raises Problem."""
    if answer is Answer.NOT_FOUND:
        raise no_task(task_id)
    if answer is Answer.TERMINAL:
        raise REFUSED["cancel", answer].problem(taskId=task_id)
    status = {Answer.OK: Status.CANCELLED, Answer.REQUESTED: Status.RUNNING}.get(answer)
    status = status or _standing(desk, task_id).status
    done = status is Status.CANCELLED
    return 200 if done else 202, {"taskId": task_id, "status": status, "cancelRequested": not done}


def retried(task_id: str, answer: Answer) -> Document:
    """What a retry is answered with. Raises Problem."""
    if answer is Answer.NOT_FOUND:
        raise no_task(task_id)
    if not answer.done:
        raise REFUSED["retry", answer].problem(taskId=task_id)
    return {"taskId": task_id, "status": Status.PENDING}


def preferred_wait(asked: Asked) -> int:
    """Seconds that the client would like to wait (RFC 7240); 0 where it does not say, or nonsense."""
    if "Prefer" not in asked.headers:
        return 0
    found = re.search(r'(?:^|[,;]\s*)wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])', ",".join(asked.headers.getlist("Prefer")))
    return min(int(found[1]), LONGEST_WAIT) if found else 0


def _is_news(asked: Asked, task: Document) -> bool:
    """Whether it is what a client that waits has waited for."""
    if "If-None-Match" in asked.headers:
        return not has_already(asked.headers, encoded(task))
    return Status(task["status"]).final


def _task(desk: Desk, asked: Asked) -> Document:
    """The task's document, with where its output is found. Raises Problem."""
    task_id = asked.path["taskId"]
    (task,) = desk.service.tasks([task_id])
    if task is None:
        raise no_task(task_id)
    href = f"/api/v1/tasks/{task_id}/log"
    logs: dict[str, Any] = {"href": href, "stream": f"{href}/stream", "attempt": task["attempt"]}
    logs |= dict.fromkeys(("text", "offset", "nextOffset"))
    if asked.query.logs and task["attempt"]:
        page = desk.service.log(task_id, task["attempt"], -asked.query.logs, asked.query.logs)
        logs |= {"text": page.text, "offset": page.offset, "nextOffset": page.next_offset}
    return {**task, "logs": logs}


def _standing(desk: Desk, task_id: str) -> Standing:
    (standing,) = desk.service.standings([task_id])
    if standing is None:
        # It was there a moment ago: its retention is over.
        raise no_task(task_id)
    return standing


ROUTES = [
    Route(
        method="POST",
        path="/api/v1/tasks",
        role=Role.OPERATOR,
        handler=submit_task,
        body=Body(Submission, Submission.parse, 2 * MAX_CONTENT),
        answers={
            201: Answered("It is stored, and will run.", models.Submitted, headers=LOCATION),
            200: Answered("It was submitted before, with the same body.", models.Submitted, headers=LOCATION),
        },
        problems=(INVALID_TASK, ID_TAKEN, QUEUE_FULL, NOT_FOUND),
    ),
    Route(
        method="GET",
        path="/api/v1/tasks",
        role=Role.VIEWER,
        handler=list_tasks,
        query=questions.Listing,
        answers={200: Answered("A page of them.", models.Page)},
        problems=(CORRUPT_TASK,),
    ),
    Route(
        method="GET",
        path="/api/v1/tasks/{taskId}",
        role=Role.VIEWER,
        handler=get_task,
        query=questions.ReadTask,
        headers={"Prefer": "wait=N: wait up to N seconds, 60 at most, for something new"},
        answers={200: Answered("The task.", models.Task)},
        problems=(NOT_FOUND, CORRUPT_TASK),
    ),
    Route(
        method="DELETE",
        path="/api/v1/tasks/{taskId}",
        role=Role.OPERATOR,
        handler=cancel_task,
        answers={
            200: Answered("It is cancelled.", models.Cancelled),
            202: Answered("It runs; its agent ends it.", models.Cancelled),
        },
        problems=(NOT_FOUND, ALREADY_FINAL),
    ),
    Route(
        method="POST",
        path="/api/v1/tasks/{taskId}/retry",
        role=Role.OPERATOR,
        handler=retry_task,
        answers={200: Answered("It waits to run again.", models.Submitted)},
        problems=(NOT_FOUND, NOT_FINAL, SUCCEEDED),
    ),
]
