"""ApiTasks: every question and every act of the REST API, one request each, batches where the API takes them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from common.client.documents import task_of
from common.client.http import Document, Http, Refused
from common.domain.errors import InvalidTask, Unanswered
from common.domain.query import Query
from common.domain.status import Answer
from common.domain.task import Submission, Task
from common.store.reading import LogPage, Page
from common.store.submitting import Submitted

BATCH = 1000
"""Tasks in one request."""
LARGEST = 4 * 1_048_576
"""Bytes of several tasks in one request; an API that takes less is sent less when it says so."""
LISTED = 1000
"""Of a list."""
_CANCELLED = {200: Answer.OK, 202: Answer.REQUESTED, 404: Answer.NOT_FOUND, 409: Answer.TERMINAL}
_REFUSED = {
    "NOT_FINAL": Answer.STALE_STATE,
    "SUCCEEDED": Answer.TERMINAL,
    "NOT_FOUND": Answer.NOT_FOUND,
    "ID_TAKEN": Answer.CONFLICT,
    "QUEUE_FULL": Answer.FULL,
}


class ApiTasks:
    """Tasks behind an API. Safe to use from many threads. Every call blocks until it is answered.

    Raises Unavailable where nothing was done, Unanswered where it may have been, Refused where the API says no: wrong
    token, wrong role. What is safe to ask again is asked again before that.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    def submit_all(self, submissions: Sequence[Submission], by: str = "") -> list[Submitted]:
        """Make tasks: OK, SAME, CONFLICT or FULL for each. To be repeated safely each needs a task_id or request_id.

        `by` is what a store would note; an API notes whose token it is.
        """
        again = all(one.task_id or one.request_id for one in submissions)
        tasks = [_encoded(one.model_dump(by_alias=True, exclude_defaults=True)) for one in submissions]
        return [one for part in _portions(tasks) for one in self._submitted(part, again=again)]

    def get(self, task_id: str, wait: float = 0.0) -> Task | None:
        """The task, None where there is none; waits up to `wait` seconds, 60 at most, for its end."""
        headers = {"Prefer": f"wait={int(min(wait, 60))}"} if wait >= 1 else {}
        try:
            return task_of(self._http.ask("GET", path_of(task_id), headers=headers))
        except Refused as refused:
            _only_unknown(refused)
            return None

    def history(self, task_id: str) -> list[Document]:
        """Every change of the task, oldest first; empty where there is none of that id."""
        try:
            return list(self._http.ask("GET", f"{path_of(task_id)}/history")["history"])
        except Refused as refused:
            _only_unknown(refused)
            return []

    def explain(self, task_id: str) -> Document | None:
        """Why it is with its agent, or with none yet; None where there is no such task."""
        try:
            return self._http.ask("GET", f"{path_of(task_id)}/explain")
        except Refused as refused:
            _only_unknown(refused)
            return None

    def read_log(self, task_id: str, attempt: int, offset: int = 0, limit: int = 65_536) -> LogPage:
        """Up to about `limit` bytes of what that attempt printed, from byte `offset` on; nothing where it is none."""
        query = [("attempt", str(attempt)), ("offset", str(offset)), ("limit", str(limit))]
        if not attempt:
            return LogPage("", offset, offset)
        try:
            said = self._http.ask("GET", f"{path_of(task_id)}/log", query=query)
        except Refused as refused:
            _only_unknown(refused)
            return LogPage("", offset, offset)
        return LogPage(said["text"], said["offset"], said["nextOffset"])

    def find(self, query: Query, limit: int = 50, cursor: str = "") -> Page:
        """A page of tasks; it may be short, or empty, and still have a next one. Raises InvalidTask: no such cursor."""
        asked = [
            *(("status", str(status)) for status in query.statuses),
            *(("type", kind) for kind in query.types),
            *(("agent", agent) for agent in query.agents),
            *(("tag", f"{name}:{value}") for name, value in query.tags.items()),
            ("name", query.name),
            ("order", "oldest" if query.oldest_first else "newest"),
            ("limit", str(min(limit, LISTED))),
            ("cursor", cursor),
        ]
        try:
            said = self._http.ask("GET", "/api/v1/tasks", query=[(name, value) for name, value in asked if value])
        except Refused as refused:
            raise (InvalidTask(str(refused)) if refused.status == 400 else refused) from refused
        return Page([task_of(task) for task in said["tasks"]], said["nextCursor"] or "")

    def cancel(self, task_ids: Sequence[str], by: str = "") -> list[Answer]:
        """OK, REQUESTED where it runs and its agent ends it, TERMINAL, NOT_FOUND."""
        return [_CANCELLED[result["status"]] for result in self._each("cancel", task_ids, again=True)]

    def retry(self, task_ids: Sequence[str], by: str = "") -> list[Answer]:
        """OK; STALE_STATE where it has not ended, TERMINAL where it succeeded, NOT_FOUND. Never sent twice."""
        return [
            Answer.OK if result["status"] == 200 else _REFUSED[result["problem"]["code"]]
            for result in self._each("retry", task_ids, again=False)
        ]

    def agents(self) -> list[Document]:
        """All agents that ever were here, by their ids."""
        return list(self._http.ask("GET", "/api/v1/agents")["agents"])

    def drain(self, agent: str, by: str = "") -> Answer:
        """The agent gets nothing new. NOT_FOUND where it never was here."""
        return self._shut(agent, "drain")

    def resume(self, agent: str, by: str = "") -> Answer:
        """The agent gets tasks again. NOT_FOUND where it never was here."""
        return self._shut(agent, "resume")

    def close(self) -> None:
        """Let go of all connections."""
        self._http.close()

    def _submitted(self, tasks: Sequence[bytes], *, again: bool) -> list[Submitted]:
        body = b'{"tasks":[' + b",".join(tasks) + b"]}"
        try:
            results = self._http.ask("POST", "/api/v1/tasks:batch", body, again=again)["results"]
        except Refused as refused:
            if refused.status != 413 or len(tasks) == 1:
                raise
            half = len(tasks) // 2
            return self._submitted(tasks[:half], again=again) + self._submitted(tasks[half:], again=again)
        return [_submitted(result) for result in results]

    def _shut(self, agent: str, how: str) -> Answer:
        try:
            self._http.ask("POST", f"/api/v1/agents/{quote(agent, safe='')}/{how}")
        except Refused as refused:
            _only_unknown(refused)
            return Answer.NOT_FOUND
        return Answer.OK

    def _each(self, how: str, task_ids: Sequence[str], *, again: bool) -> Iterator[Mapping[str, Any]]:
        for part in _parts(task_ids, BATCH):
            yield from self._http.ask("POST", f"/api/v1/tasks:{how}", {"taskIds": list(part)}, again=again)["results"]


def path_of(task_id: str) -> str:
    """Where the API has the task, whatever stands in its id."""
    return f"/api/v1/tasks/{quote(task_id, safe='')}"


def _only_unknown(refused: Refused) -> None:
    """Raise it again, unless it says that there is no such thing."""
    if refused.status != 404:
        raise refused


def _submitted(result: Mapping[str, Any]) -> Submitted:
    if result["status"] in (200, 201):
        return Submitted(result["taskId"], Answer.OK if result["status"] == 201 else Answer.SAME)
    problem = result["problem"]
    if problem["code"] in _REFUSED:
        return Submitted(result["taskId"], _REFUSED[problem["code"]])
    if problem["code"] == "INVALID_TASK":
        raise InvalidTask(problem["detail"])
    raise Unanswered(problem["detail"])


def _encoded(document: Document) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _portions(tasks: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Each of BATCH tasks and LARGEST bytes at most, or of one task."""
    portion: list[bytes] = []
    size = 0
    for task in tasks:
        if portion and (len(portion) == BATCH or size + len(task) > LARGEST):
            yield portion
            portion, size = [], 0
        portion.append(task)
        size += len(task) + 1
    if portion:
        yield portion


def _parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for at in range(0, len(items), size):
        yield items[at : at + size]
