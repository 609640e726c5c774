"""Why a task is with its agent, or with none yet, as its scheduler noted it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from common.domain.status import Status
from common.domain.task import Task

NOTHING = "nothing is noted: no scheduler has decided on it yet"
BY_ITSELF = "its agent took it for itself: stage 1 has no scheduler"


def decision_of(task: Task, history: Sequence[Mapping[str, Any]], waiting: str) -> dict[str, Any]:
    """The latest decision on the task; `waiting` is the leader's word on why it waits, if it gave one."""
    if task.status is Status.PENDING:
        return _parsed(waiting) or {"because": NOTHING}
    assigned = next((entry for entry in reversed(history) if entry.get("verb") == "assign"), None)
    if assigned is None:
        return {"because": NOTHING}
    why = assigned.get("why")
    known = {"chosen": assigned.get("agent"), "by": assigned.get("by"), "at": assigned.get("at")}
    return known | (dict(why) if isinstance(why, Mapping) else {"because": BY_ITSELF})


def decision_details(decision: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and values for a person."""
    for name in ("chosen", "by", "at", "strategy", "because"):
        if decision.get(name):
            yield name, str(decision[name])
    candidates = decision.get("candidates")
    for agent, standing in candidates.items() if isinstance(candidates, Mapping) else ():
        yield f"  {agent}", str(standing)
    if decision.get("others"):
        yield "  others", str(decision["others"])


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
