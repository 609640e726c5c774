"""From the API's documents to what this library returns."""

from collections.abc import Mapping
from typing import Any

from pydantic.alias_generators import to_camel

from common.domain.errors import Unanswered
from common.domain.result import Reason, Result
from common.domain.status import Status
from common.domain.task import Task, TaskSpec

_ASKED = {to_camel(name): name for name in TaskSpec.model_fields}


def task_of(document: Mapping[str, Any]) -> Task:
    """The task that common.documents.task_document wrote down; fields of a newer dts are left out.

    Raises Unanswered where that is none: whatever was asked may have been done.
    """
    try:
        status = Status(document["status"])
        return Task(
            task_id=document["taskId"],
            spec=TaskSpec(**{name: document[alias] for alias, name in _ASKED.items() if alias in document}),
            status=status,
            attempt=document["attempt"],
            agent=document["agent"] or "",
            boot=document["boot"] or "",
            failures=document["failures"],
            lost=document["lost"],
            cancel_requested=document["cancelRequested"],
            request_id=document["requestId"] or "",
            result=_result(document, status),
            created_at=document["createdAt"],
            updated_at=document["updatedAt"],
            due_at=document.get("dueAt") or "",
            expires_at=document.get("expiresAt") or "",
            started_at=document["startedAt"] or "",
            finished_at=document["finishedAt"] or "",
        )
    except (KeyError, ValueError, TypeError) as error:
        raise Unanswered(f"the API answers with what is no task: {error!r}") from error


def _result(document: Mapping[str, Any], status: Status) -> Result | None:
    if document["outputBytes"] is None:
        return None
    return Result(
        # A task that waits for its next attempt shows how the last one ended.
        status=status if status.final else Status.FAILED,
        reason=Reason(document["reason"]) if document["reason"] else None,
        exit_code=document["exitCode"],
        error=document["error"] or "",
        output=document["result"] or "",
        output_bytes=document["outputBytes"],
    )
