"""How a task is shown: as a row of a list, as details, as a timeline."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from common.cli.console import Cell, status_cell
from common.cli.times import ago, between, span
from common.documents import task_document
from common.domain.task import Task

ROW = ("task id", "status", "name", "type", "attempt", "agent", "created", "took")
TIMELINE = ("when", "act", "from", "to", "attempt", "by", "more")


def task_row(task: Task, now: float) -> Sequence[Cell | str]:
    """The task as one row under `ROW`."""
    return (
        task.task_id,
        status_cell(task.status),
        task.spec.name,
        task.spec.type,
        str(task.attempt),
        task.agent,
        _time(task.created_at, now, exact=False),
        took(task, now),
    )


def task_details(task: Task, now: float) -> Iterator[tuple[str, Cell | str]]:
    """The task's names and values for a person; what is empty is left out."""
    for name, value in task_document(task).items():
        if value is not False and value not in (None, "", [], {}):
            yield name, _detail(name, value, now)


def took(task: Task, now: float) -> Cell | str:
    """How long the latest attempt ran, or has run so far."""
    seconds = between(task.started_at, task.finished_at)
    if seconds is None and task.status == "RUNNING":
        begun = between("1970-01-01T00:00:00Z", task.started_at)
        seconds = None if begun is None else now - begun
    return "" if seconds is None else Cell(span(seconds), plain=f"{seconds:.3f}")


def history_rows(history: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Cell | str]]:
    """The task's changes as rows under `TIMELINE`, for people with the time since the first."""
    known = {"at", "verb", "from", "to", "attempt", "by"}
    first = str(history[0].get("at", "")) if history else ""
    for entry in history:
        at = str(entry.get("at", ""))
        since = between(first, at)
        more = " ".join(_member(name, value) for name, value in entry.items() if name not in known)
        yield (
            Cell(at if since is None else f"+{since:.3f} s", plain=at),
            str(entry.get("verb", "")),
            status_cell(str(entry.get("from", ""))),
            status_cell(str(entry.get("to", ""))),
            str(entry.get("attempt", "")),
            str(entry.get("by", "")),
            more,
        )


def _detail(name: str, value: Any, now: float) -> Cell | str:
    if name == "status":
        return status_cell(value)
    if name.endswith("At"):
        return _time(value, now, exact=True)
    return _text(value)


def _member(name: str, value: Any) -> str:
    return f"({_proof(value)})" if name == "proof" and isinstance(value, dict) else f"{name}={_text(value)}"


def _proof(record: Mapping[str, Any]) -> str:
    """How the processes of an attempt came to their end, in words; what others wrote there is shown as it is."""
    said = ["its processes are gone" if record.get("certain", True) else "NOT PROVED that its processes are gone"]
    signals = record.get("signals")
    if isinstance(signals, list):
        said += [" to ".join(map(_text, sent)) for sent in signals if isinstance(sent, list)]
    if "seconds" in record:
        said.append(f"all over after {_text(record['seconds'])} s")
    if "afterKill" in record:
        said.append(f"{_text(record['afterKill'])} s after KILL")
    return f"{', '.join(said)}; by {_text(record.get('by', ''))}"


def _time(stamp: str, now: float, *, exact: bool) -> Cell:
    relative = ago(stamp, now)
    return Cell(f"{stamp}  ({relative})" if exact else relative, plain=stamp)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
