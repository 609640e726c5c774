"""The list of tasks: filters, pages by cursor, and what can be done to many at once."""

from collections import Counter
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from flask import Response, request
from werkzeug.datastructures import MultiDict

from common.domain.errors import InvalidTask
from common.domain.status import Answer, Status
from common.tokens import Role
from stage4_api.api import questions
from stage4_api.api.desk import surely
from stage4_api.api.problems import Problem
from stage4_api.api.routes import query_of
from stage4_api.task_service import Listed
from stage5_ops.console.guard import way_back
from stage5_ops.console.visit import Page, Said, Visit

AT_ONCE = 50
FIELDS = ("status", "name", "type", "agent", "tag", "order", "limit", "cursor")


def list_tasks(visit: Visit) -> Response:
    """A page of those that meet the filter; where that can't be read, what is wrong with it."""
    asked = _asked(request.args)
    wrong, found = "", Listed([], "")
    try:
        listing = query_of(questions.Listing, asked)
        limit = listing.limit if "limit" in asked else AT_ONCE
        found = visit.desk.service.find(listing.query(), limit, listing.cursor)
    except (InvalidTask, Problem) as error:
        wrong = str(error)
    return visit.page(
        "tasks.html",
        400 if wrong else 200,
        live=not asked.get("cursor"),
        asked=asked,
        wrong=wrong,
        tasks=found.tasks,
        counts=visit.console.glance.now()["counts"],
        statuses=list(Status),
        following=f"/tasks?{_query(asked, cursor=found.next_cursor)}" if found.next_cursor else "",
        first=f"/tasks?{_query(asked)}" if asked.get("cursor") else "",
        filtered=any(name in asked for name in FIELDS[:5]),
    )


def cancel_tasks(visit: Visit) -> Response:
    """Cancel those that are ticked."""
    return _each(visit, lambda ids: surely(lambda: visit.desk.service.cancel(ids, visit.by)), "cancel")


def retry_tasks(visit: Visit) -> Response:
    """Give those that are ticked another life."""
    return _each(visit, lambda ids: visit.desk.service.retry(ids, visit.by), "retry")


def _each(visit: Visit, act: Callable[[Sequence[str]], Sequence[Answer]], verb: str) -> Response:
    ids = list(dict.fromkeys(request.form.getlist("task")))[: questions.LARGEST_BULK]
    back = way_back(request.form.get("back", "/tasks"))
    if not ids:
        return visit.then(back, Said("tasks.none-ticked", "note"))
    answers = Counter(act(ids))
    return visit.then(back, *said_of(verb, answers))


def said_of(verb: str, answers: Counter[Answer]) -> Sequence[Said]:
    """What became of many, one sentence for each kind of answer."""
    good = (Answer.OK, Answer.REQUESTED)
    return [
        Said(f"{verb}.many.{answer}", "good" if answer in good else "note", {"n": count})
        for answer, count in sorted(answers.items(), key=lambda one: one[0] not in good)
    ]


def _asked(given: MultiDict[str, str]) -> MultiDict[str, str]:
    """What is filled in of the form; tags stand in one field, with blanks between."""
    asked: MultiDict[str, str] = MultiDict()
    for name, text in given.items(multi=True):
        words = text.replace("=", ":").split() if name == "tag" else [text.strip()]
        for word in words:
            if name in FIELDS and word:
                asked.add(name, word)
    return asked


def _query(asked: MultiDict[str, str], **more: str) -> str:
    """The filter as an address has it, on another page of it."""
    pairs = [(name, text) for name, text in asked.items(multi=True) if name != "cursor"]
    return urlencode([*pairs, *more.items()])


PAGES = [
    Page("GET", "/tasks", Role.VIEWER, list_tasks),
    Page("POST", "/tasks/cancel", Role.OPERATOR, cancel_tasks),
    Page("POST", "/tasks/retry", Role.OPERATOR, retry_tasks),
]
