"""A client's log: one JSON object a line for each call, with what the client knows of it: ok, fail, or unknown.

    {"op": "submit", "requestId": "r-1", "outcome": "ok", "answer": "OK", "taskId": "…", "at": 1732800000.1, "until": …}

`fail` means that nothing was done, `unknown` that it may have been; a client then asks again with the same requestId.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from common.doctor.history.records import Call
from common.domain.errors import BadMessage

OUTCOMES = ("ok", "fail", "unknown")


class ClientLog:
    """Calls, found by the task or the requestId that they are about."""

    def __init__(self, calls: Iterable[Call]) -> None:
        self.calls = list(calls)
        self._by_task: dict[str, list[Call]] = defaultdict(list)
        self._by_request: dict[str, list[Call]] = defaultdict(list)
        for call in self.calls:
            self._by_task[call.task_id].append(call)
            self._by_request[call.request_id].append(call)

    @classmethod
    def read(cls, path: Path) -> "ClientLog":
        """Raises BadMessage, which names the bad line; OSError."""
        with path.open(errors="replace") as file:
            return cls(_call(path, number, text) for number, text in enumerate(file, 1) if text.strip())

    def of(self, task_id: str, request_id: str = "") -> list[Call]:
        """What was asked about this task, in the order in which it was answered."""
        by_task, by_request = self._by_task.get(task_id, []), self._by_request.get(request_id, [])
        found = [*by_task, *(call for call in by_request if request_id and call.task_id != task_id)]
        return sorted(found, key=lambda call: call.until)

    @property
    def stored(self) -> Sequence[str]:
        """The ids of all tasks of which a client was told that they are stored."""
        found = {call.task_id for call in self.calls if (call.op, call.outcome) == ("submit", "ok")}
        return sorted(found)


def record(call: Call) -> str:
    """A call as its line, without the end."""
    said = {
        "op": call.op,
        "requestId": call.request_id,
        "outcome": call.outcome,
        "answer": call.answer,
        "taskId": call.task_id,
        "at": round(call.at, 4),
        "until": round(call.until, 4),
    }
    return json.dumps({name: value for name, value in said.items() if value})


def _call(path: Path, number: int, text: str) -> Call:
    try:
        said: dict[str, Any] = json.loads(text)
        if said["outcome"] not in OUTCOMES:
            raise ValueError(f"its outcome is {said['outcome']!r}, none of {', '.join(OUTCOMES)}")
        task_id, request_id, answer = (str(said.get(name) or "") for name in ("taskId", "requestId", "answer"))
        at, until = (float(said.get(name) or 0) for name in ("at", "until"))
        return Call(str(said["op"]), said["outcome"], task_id, request_id, answer, at, until)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadMessage(f"{path}, line {number} is no call of a client: {error}") from None
