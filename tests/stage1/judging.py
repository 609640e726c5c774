"""Judging a task by three records that know nothing of each other: its hash, its history, and its own journal."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from common.domain.status import FINAL, Status
from common.domain.task import Task
from tests.stage1.journal import Line

Entry = dict[str, Any]


def breaches(task: Task, history: Sequence[Entry], lines: Sequence[Line], *, max_lost: int) -> list[str]:
    """Each invariant of RELIABILITY.md that was broken, as a sentence. `lines` are those of this task, in order."""
    return [
        *_final_is_final(history),
        *_attempts_rise(history),
        *_runs(history, lines),
        *_result(task, history, lines),
        *_budgets(task, history, max_lost),
    ]


def run_again(history: Sequence[Entry], attempt: int) -> list[str]:
    """What is wrong with the end of an attempt whose result was on its agent's disk: it is stored, not run again."""
    verbs = [entry["verb"] for entry in history if entry["attempt"] == attempt]
    return [
        *(f"attempt {attempt} was taken back although its end was known" for verb in verbs if verb == "requeue"),
        *([] if "report" in verbs else [f"the end of attempt {attempt} was known, and was never stored"]),
    ]


def _final_is_final(history: Sequence[Entry]) -> list[str]:
    return [f"I4: {after['verb']} after {before['to']}" for before, after in pairwise(history) if _left(before, after)]


def _left(before: Entry, after: Entry) -> bool:
    return Status(before["to"]) in FINAL and after["verb"] != "retry"


def _attempts_rise(history: Sequence[Entry]) -> list[str]:
    given = [entry["attempt"] for entry in history if entry["verb"] == "assign"]
    return [] if given == sorted(set(given)) else [f"I5: assigned as {given}"]


def _runs(history: Sequence[Entry], lines: Sequence[Line]) -> list[str]:
    granted = {entry["attempt"] for entry in history if entry["verb"] == "start"}
    begun = Counter(line.attempt for line in lines if line.what == "start")
    order = list(dict.fromkeys(line.attempt for line in lines))
    return [
        *(f"I6: attempt {attempt} was started {times} times" for attempt, times in begun.items() if times > 1),
        *(f"I7: attempt {line.attempt} overlaps another" for line in lines if line.what == "overlap"),
        *([f"I7: attempts ran as {order}"] if order != sorted(order) else []),
        *(f"I8: attempt {attempt} was started without a grant" for attempt in sorted(begun.keys() - granted)),
    ]


def _result(task: Task, history: Sequence[Entry], lines: Sequence[Line]) -> list[str]:
    if task.status is not Status.SUCCESS:
        return []
    told = [entry["attempt"] for entry in history if entry["to"] == Status.SUCCESS]
    ended = {line.attempt for line in lines if line.what == "end"}
    wrong = [] if told[-1:] == [task.attempt] else [f"I9: it is at attempt {task.attempt}, successes are of {told}"]
    return wrong + ([] if task.attempt in ended else [f"I9: attempt {task.attempt} never came to its end"])


def _budgets(task: Task, history: Sequence[Entry], max_lost: int) -> list[str]:
    lives = "".join("|" if entry["verb"] == "retry" else _cost(entry) for entry in history).split("|")
    return [
        *(f"I10: {life.count('f')} failures" for life in lives if life.count("f") > task.spec.retries),
        *(f"I10: {life.count('l')} losses" for life in lives if life.count("l") >= max_lost),
    ]


def _cost(entry: Entry) -> str:
    """f: a failure that was tried again; l: a loss that was."""
    if entry["to"] != Status.PENDING:
        return ""
    if entry["verb"] == "requeue":
        return "l" if entry.get("reason") == "AGENT_LOST" and entry["from"] == Status.RUNNING else ""
    return "f" if entry["verb"] == "report" and entry.get("reason") == "EXIT_CODE" else ""
