"""What stands in the store and what the model holds, in one form, so that they can be compared."""

import json
from typing import Any

from common.domain.status import Status
from common.store.keys import Keys
from tests.store.invariants import Snapshot, history_in, members_in, tasks_in
from tests.store.lives import millis
from tests.store.model import Kept, Model

TEXTS = ("boot", "agent", "reason", "exitCode", "error", "result", "waiting")


def is_set(due: float) -> bool:
    """Whether it is the test that said when it is."""
    return due < 10_000


def tasks_of(stored: Snapshot, keys: Keys) -> dict[str, dict[str, Any]]:
    """What stands there of each task, its times aside."""
    logs = {key: text for key, (text, _) in stored.items() if ":log:" in key}
    return {
        name: {field: fields.get(field, "") for field in TEXTS}
        | {field: int(fields.get(field) or 0) for field in ("attempt", "epoch", "failures", "lost", "reported")}
        | {
            "status": fields["status"],
            "cancelRequested": fields.get("cancelRequested") == "1",
            "started": bool(fields.get("startedAt")),
            "request": fields["requestId"],
            "history": [timeless(entry) for entry in history_in(stored, keys, name)],
            "logs": {n: logs[keys.log(name, n)] for n in range(100) if keys.log(name, n) in logs},
        }
        for name, fields in tasks_in(stored, keys).items()
    }


def told(task: Kept) -> dict[str, Any]:
    """The same of the model's task."""
    return {
        "boot": task.boot,
        "agent": task.agent,
        "reason": task.reason,
        "exitCode": task.exit_code,
        "error": task.error,
        "result": task.output,
        "waiting": task.waiting,
        "attempt": task.attempt,
        "epoch": task.epoch,
        "failures": task.failures,
        "lost": task.lost,
        "reported": task.reported,
        "status": task.status,
        "cancelRequested": task.cancel_requested,
        "started": task.started,
        "request": task.asked.request_id or "",
        "history": task.history,
        "logs": task.logs,
    }


def rest_of(stored: Snapshot, keys: Keys) -> dict[str, Any]:
    """All that stands there beside tasks; nothing is left over of tasks that went."""
    texts = {key: value for key, (value, _) in stored.items()}
    known = tasks_in(stored, keys).keys()
    return {
        "requests": {key[8:]: value.split()[0] for key, value in texts.items() if key.startswith("request:")},
        "leases": {
            key[6:]: value["boot"] for key, value in texts.items() if key.startswith("agent:") and stored[key][1]
        },
        "delayed": members_in(stored, keys.delayed),
        "aged": {
            name: score
            for status in Status
            for name, score in members_in(stored, keys.index(status)).items()
            if is_set(score)
        },
        "evicted": members_in(stored, keys.evicted).keys(),
        "drained": texts.get(keys.drained, set()),
        "quarantined": {name: not is_set(until) for name, until in members_in(stored, keys.quarantined).items()},
        "dead": [json.loads(note)["taskId"] for note in texts.get(keys.dead, [])],
        "bell": len(texts.get(keys.bell, [])),
        "epoch": int(texts.get(keys.epoch) or 0),
        "left over": {key for key in texts if key.startswith("task:") and key.split(":")[1] not in known},
    }


def rest(model: Model) -> dict[str, Any]:
    """The same of the model."""
    return {
        "requests": model.requests,
        "leases": model.leases,
        "delayed": model.delayed,
        "aged": {name: task.aged for name, task in model.tasks.items() if task.aged is not None},
        "evicted": model.evicted,
        "drained": model.drained,
        "quarantined": model.quarantined,
        "dead": model.dead,
        "bell": int(model.bell),
        "epoch": model.epoch,
        "left over": set(),
    }


def timeless(entry: dict[str, Any]) -> dict[str, Any]:
    """Instead of two instants the time between them."""
    at, retry_at = entry.pop("at"), entry.pop("retryAt", "")
    return entry | {"wait": millis(retry_at) - millis(at)} if retry_at else entry
