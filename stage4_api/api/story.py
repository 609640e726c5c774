"""How a task came to be as it is: its history, its attempts, and the last decision on it."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.tokens import Role
from stage4_api.api import models
from stage4_api.api.desk import Desk
from stage4_api.api.problems import CORRUPT_TASK, NOT_FOUND, no_task
from stage4_api.api.routes import Answered, Asked, Reply, Route
from stage4_api.task_service import Document

ENDS = ("report", "requeue", "cancel")
"""The verbs that end an attempt, where they change the status."""


def task_history(desk: Desk, asked: Asked) -> Reply:
    """Every change of the task, oldest first: when, by which verb, from which status to which, by whom."""
    return Reply({"taskId": asked.path["taskId"], "history": _history(desk, asked)})


def task_attempts(desk: Desk, asked: Asked) -> Reply:
    """Every attempt of the task: which agent had it, when it was given, when it began, and how it ended."""
    return Reply({"taskId": asked.path["taskId"], "attempts": attempts_of(_history(desk, asked))})


def explain_task(desk: Desk, asked: Asked) -> Reply:
    """Why the task is with its agent, or with none yet, as its scheduler knew it when it last decided."""
    decision = desk.service.explain(asked.path["taskId"])
    if decision is None:
        raise no_task(asked.path["taskId"])
    return Reply(decision)


def attempts_of(history: Sequence[Mapping[str, Any]]) -> list[Document]:
    """The attempts that a history tells of, the first one first."""
    attempts: dict[int, Document] = {}
    for entry in history:
        number = entry.get("attempt")
        if not isinstance(number, int) or number < 1:
            continue
        told = attempts.setdefault(number, {"attempt": number} | dict.fromkeys(_MEMBERS))
        verb, at = entry.get("verb"), entry.get("at")
        if verb == "assign":
            told |= {"agent": entry.get("agent"), "boot": entry.get("boot"), "assignedAt": at}
        elif verb == "start":
            told["startedAt"] = at
        elif verb in ENDS and entry.get("from") != entry.get("to") and not told["endedAt"]:
            told |= {"endedAt": at, "ended": dict(entry)}
    return [attempts[number] for number in sorted(attempts)]


_MEMBERS = ("agent", "boot", "assignedAt", "startedAt", "endedAt", "ended")


def _history(desk: Desk, asked: Asked) -> list[Document]:
    history = desk.service.history(asked.path["taskId"])
    if not history:
        raise no_task(asked.path["taskId"])
    return history


def _route(what: str, handler: Any, answered: Answered) -> Route:
    return Route(
        method="GET",
        path=f"/api/v1/tasks/{{taskId}}/{what}",
        role=Role.VIEWER,
        handler=handler,
        answers={200: answered},
        problems=(NOT_FOUND, CORRUPT_TASK),
    )


ROUTES = [
    _route("history", task_history, Answered("Its history.", models.History)),
    _route("attempts", task_attempts, Answered("Its attempts.", models.Attempts)),
    _route("explain", explain_task, Answered("The decision.", models.Decision)),
]
