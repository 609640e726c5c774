"""The form with which a task is submitted."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, request

from common.domain.errors import InvalidTask
from common.domain.status import Answer
from common.domain.task import Submission
from common.tokens import Role
from stage4_api.api.desk import surely
from stage4_api.api.problems import REFUSED
from stage5_ops.console.visit import Page, Said, Visit


def _pairs(text: str) -> dict[str, str]:
    """`key:value` or `key=value`, with blanks or ends of lines between them."""
    found = {}
    for word in text.split():
        name, sign, value = word.partition("=" if "=" in word and ":" not in word.partition("=")[0] else ":")
        if not sign:
            raise InvalidTask(f"{word!r} is not key:value")
        found[name] = value
    return found


def _lines(text: str) -> dict[str, str]:
    """`NAME=value`, one a line; a value may hold blanks."""
    found = {}
    for line in filter(str.strip, text.splitlines()):
        name, sign, value = line.partition("=")
        if not sign:
            raise InvalidTask(f"{line[:100]!r} is not NAME=value")
        found[name.strip()] = value
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidTask(f"{text[:100]!r} is no number") from None


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidTask(f"{text[:100]!r} is no whole number")
    return int(text)


FIELDS: Mapping[str, Callable[[str], Any]] = {
    "name": str,
    "type": str,
    "content": lambda text: text.replace("\r\n", "\n"),
    "timeout": _number,
    "retries": _count,
    "priority": _count,
    "delay": _number,
    "startWithin": _number,
    "tags": _pairs,
    "labels": _pairs,
    "env": _lines,
    "requestId": str,
}
"""What the form has, and how each field is read; one left empty says nothing."""
NAMES = {"startWithin": "start_within", "requestId": "request_id"}


def form(visit: Visit) -> Response:
    """The empty form. It has a requestId already: sent twice, it is one task all the same."""
    given = {name: request.args.get(name, "") for name in FIELDS if name != "requestId"}
    return visit.page(
        "submit.html", live=False, wrong="", given=given | {"requestId": f"console-{visit.desk.ids.new()}"}
    )


def submit(visit: Visit) -> Response:
    """Submit it, or show the form again with what is wrong."""
    given = {name: request.form.get(name, "") for name in FIELDS}
    try:
        submission = _submission(given)
    except InvalidTask as error:
        return visit.page("submit.html", 422, live=False, wrong=str(error), given=given)
    (submitted,) = surely(lambda: visit.desk.service.submit([submission], visit.by))
    if submitted.answer not in (Answer.OK, Answer.SAME):
        wrong = REFUSED["submit", submitted.answer]
        return visit.page("submit.html", wrong.kind.status, live=False, wrong=wrong.detail, given=given)
    return visit.then(f"/tasks/{submitted.task_id}", Said(f"submit.{submitted.answer}"))


def _submission(given: Mapping[str, str]) -> Submission:
    values: dict[str, Any] = {}
    for name, read in FIELDS.items():
        if given[name].strip():
            try:
                values[NAMES.get(name, name)] = read(given[name] if name in ("content", "env") else given[name].strip())
            except InvalidTask as error:
                raise InvalidTask(f"{name}: {error}") from None
    if "content" not in values:
        raise InvalidTask("content: say what is to be run")
    return Submission.of(**values)


PAGES = [
    Page("GET", "/tasks/new", Role.OPERATOR, form),
    Page("POST", "/tasks/new", Role.OPERATOR, submit, tall=True),
]
