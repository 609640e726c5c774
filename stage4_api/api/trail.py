"""What the log of a task-api says of tasks: who asked what of them, and what was answered."""

import logging
from collections.abc import Iterable

from common.domain.status import Answer
from common.logs import steps
from stage4_api.api.routes import Asked

log = logging.getLogger("dts.api.tasks")


def note(what: str, asked: Asked, answers: Iterable[tuple[Answer, str]]) -> None:
    """`answers` are (answer, task id)."""
    steps(log, f"{what} by {asked.by}", [(answer, task_id, 0) for answer, task_id in answers])
