"""What programs read of tasks and agents: one JSON document each, the same from the command line and the API."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from common.domain.result import Reason
from common.domain.status import Status
from common.domain.task import Task
from common.store.reading import TaskReader

NOTHING = "nothing is noted: no scheduler has decided on it yet"
BY_ITSELF = "its agent took it for itself: stage 1 has no scheduler"


def task_document(task: Task) -> dict[str, Any]:
    """The task as programs read it: the names of its hash, null where there is nothing yet."""
    result = task.result
    return {
        "taskId": task.task_id,
        "status": task.status,
        **task.spec.model_dump(by_alias=True),
        "attempt": task.attempt,
        "agent": task.agent or None,
        "boot": task.boot or None,
        "failures": task.failures,
        "lost": task.lost,
        "cancelRequested": task.cancel_requested,
        "requestId": task.request_id or None,
        "result": result.output if result else None,
        "exitCode": result.exit_code if result else None,
        "reason": result.reason if result else None,
        "error": result.error or None if result else None,
        "outputBytes": result.output_bytes if result else None,
        "createdAt": task.created_at,
        "updatedAt": task.updated_at,
        "dueAt": task.due_at or None,
        "expiresAt": task.expires_at or None,
        "startedAt": task.started_at or None,
        "finishedAt": task.finished_at or None,
    }


def decision_of(task: Task, history: Sequence[Mapping[str, Any]], waiting: str) -> dict[str, Any]:
    """The latest decision on the task; `waiting` is what TaskReader.waiting says of it."""
    if task.status is Status.PENDING:
        expires = {"expires": task.expires_at} if task.expires_at and not task.started_at else {}
        return (_parsed(waiting) or {"because": NOTHING}) | expires
    if task.result and task.result.reason is Reason.EXPIRED:
        word = _parsed(waiting)
        before = f"; before that, {word['because']}" if "because" in word else ""
        return word | {"because": task.result.error + before}
    assigned = next((entry for entry in reversed(history) if entry.get("verb") == "assign"), None)
    if assigned is None:
        return {"because": NOTHING}
    why = assigned.get("why")
    known = {"chosen": assigned.get("agent"), "by": assigned.get("by"), "at": assigned.get("at")}
    return known | (dict(why) if isinstance(why, Mapping) else {"because": BY_ITSELF})


def agent_documents(store: TaskReader) -> list[dict[str, Any]]:
    """All agents that ever were here, by their ids; `state` is live, drained, quarantined or gone."""
    names = store.agents()
    leases, shut = store.leases(names), store.shut()
    return [
        {
            "agent": name,
            "state": (shut.get(name) or "live") if leases[name] else "gone",
            "holds": held,
            "slots": int(leases[name]["slots"]) if leases[name].get("slots", "").isdecimal() else None,
            **{field: leases[name].get(field) for field in ("host", "pid", "boot")},
        }
        for name, held in zip(names, store.held(names), strict=True)
    ]


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
