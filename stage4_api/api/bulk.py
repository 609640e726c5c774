"""Many tasks with one request: submitted, cancelled or retried. Each is answered by itself; one that is wrong harms no
other.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from common.domain.errors import InvalidTask, Unanswered
from common.domain.status import Answer
from common.domain.task import Submission
from common.tokens import Role
from stage4_api.api import models, questions
from stage4_api.api.desk import Desk, surely
from stage4_api.api.problems import (
    INVALID_BODY,
    INVALID_TASK,
    REFUSED,
    UNANSWERED,
    Problem,
    document,
    no_task,
    problem_of,
)
from stage4_api.api.routes import Answered, Asked, Reply, Route, json_body
from stage4_api.api.tasks import identified, retried
from stage4_api.api.trail import note
from stage4_api.task_service import Document


def submit_batch(desk: Desk, asked: Asked) -> Reply:
    """Submit up to 1,000 tasks. `results` has one entry for each, with the status that it would have got alone."""
    read = [_read(item, desk) for item in asked.body.tasks]
    good = [one for one in read if isinstance(one, Submission)]
    try:
        submitted = surely(lambda: desk.service.submit(good, asked.by)) if good else []
    except Unanswered as error:
        ids = [one.task_id for one in good]
        detail = f"{error}. The tasks may exist all the same: submit them again with these taskIds"
        raise Problem(UNANSWERED, detail, taskIds=ids) from error
    note("submitted", asked, [(one.answer, one.task_id) for one in submitted])
    answers = iter(submitted)
    results = []
    for one in read:
        if isinstance(one, Problem):
            results.append(_failed(one, None))
            continue
        answered = next(answers)
        if answered.answer is Answer.OK:
            results.append(_done(201, answered.task_id))
        elif answered.answer is Answer.SAME:
            results.append(_done(200, answered.task_id))
        else:
            results.append(_failed(REFUSED["submit", answered.answer].problem(), answered.task_id))
    return Reply({"results": results, "nextCursor": None})


def cancel_tasks(desk: Desk, asked: Asked) -> Reply:
    """Cancel many tasks, by their ids or by a filter. 200: cancelled; 202: its agent ends it; 409: it had ended."""

    def cancel(ids: Sequence[str]) -> Sequence[Answer]:
        answers = surely(lambda: desk.service.cancel(ids, asked.by))
        note("cancelled", asked, zip(answers, ids, strict=True))
        before = [task_id for task_id, answer in zip(ids, answers, strict=True) if answer is Answer.SAME]
        standings = dict(zip(before, desk.service.standings(before), strict=True)) if before else {}
        running = {task_id for task_id, standing in standings.items() if standing and not standing.status.final}
        # Asked before, and its agent has not ended it yet: as it was answered then.
        return [
            Answer.REQUESTED if task_id in running else answer for task_id, answer in zip(ids, answers, strict=True)
        ]

    return _each(desk, asked, cancel, _cancelled)


def retry_tasks(desk: Desk, asked: Asked) -> Reply:
    """Give many tasks another life, by their ids or by a filter. 200: it waits to run again; 409: it can't."""

    def retry(ids: Sequence[str]) -> Sequence[Answer]:
        answers = desk.service.retry(ids, asked.by)
        note("retried", asked, zip(answers, ids, strict=True))
        return answers

    return _each(desk, asked, retry, _retried)


def _each(
    desk: Desk,
    asked: Asked,
    act: Callable[[Sequence[str]], Sequence[Answer]],
    told: Callable[[str, Answer], Document],
) -> Reply:
    ids, cursor = _chosen(desk, asked.body)
    answers = act(ids) if ids else []
    return Reply({"results": [told(*one) for one in zip(ids, answers, strict=True)], "nextCursor": cursor or None})


def _chosen(desk: Desk, chosen: questions.Chosen) -> tuple[Sequence[str], str]:
    """The ids that are meant, and where to go on."""
    given = chosen.model_fields_set & {"task_ids", "filter"}
    if len(given) != 1:
        raise Problem(INVALID_BODY, "give either taskIds or filter")
    if "task_ids" in given:
        return chosen.task_ids, ""
    query = chosen.filter.query()
    if query == questions.Filter().query():
        raise Problem(INVALID_BODY, "filter: must say something; an empty one would mean every task there is")
    try:
        listed = desk.service.find(query, chosen.limit, chosen.cursor)
    except InvalidTask as error:
        raise Problem(INVALID_BODY, str(error)) from error
    return [task["taskId"] for task in listed.tasks], listed.next_cursor


def _read(item: Any, desk: Desk) -> Submission | Problem:
    try:
        return identified(Submission.parse(json.dumps(item)), desk)
    except InvalidTask as error:
        return problem_of(error)


def _cancelled(task_id: str, answer: Answer) -> Document:
    if answer is Answer.NOT_FOUND:
        return _failed(no_task(task_id), task_id)
    if answer is Answer.TERMINAL:
        return _failed(REFUSED["cancel", answer].problem(), task_id)
    return _done(202 if answer is Answer.REQUESTED else 200, task_id)


def _retried(task_id: str, answer: Answer) -> Document:
    try:
        retried(task_id, answer)
    except Problem as problem:
        return _failed(problem, task_id)
    return _done(200, task_id)


def _done(status: int, task_id: str) -> Document:
    return {"status": status, "taskId": task_id, "problem": None}


def _failed(problem: Problem, task_id: str | None) -> Document:
    return {"status": problem.kind.status, "taskId": task_id, "problem": document(problem, "")}


def _route(path: str, handler: Any, model: Any, about: str) -> Route:
    return Route(
        method="POST",
        path=f"/api/v1/{path}",
        role=Role.OPERATOR,
        handler=handler,
        body=json_body(model),
        answers={200: Answered(about, models.Results)},
        problems=(INVALID_BODY, INVALID_TASK),
    )


ROUTES = [
    _route("tasks:batch", submit_batch, questions.Batch, "What became of each of them."),
    _route("tasks:cancel", cancel_tasks, questions.Chosen, "What became of each of them."),
    _route("tasks:retry", retry_tasks, questions.Chosen, "What became of each of them."),
]
