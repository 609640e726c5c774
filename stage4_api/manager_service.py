"""What a task-manager answers by RPC: the TaskService for task-api, and the start gate for agents, in JSON's words.

Both sides of each call stand here, one beside the other: `methods` is the manager's, RemoteService and RemoteGate are
those of who asks.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from common.domain.errors import Rejected
from common.domain.query import Query
from common.domain.status import Answer, Status
from common.domain.task import Submission
from common.failpoints import failpoint
from common.logs import steps
from common.rpc.caller import Caller
from common.rpc.server import Methods
from common.store.granting import Attempt
from common.store.reading import LogPage
from common.store.submitting import Submitted
from common.store.tasks import TaskStore
from stage4_api.task_service import Document, Listed, Standing, TaskService

log = logging.getLogger("dts.manager")

Said = Mapping[str, Any]
"""The arguments of a call."""


class Gate(Protocol):
    """Asked by agents before they start anything. Safe to use from many threads."""

    def start(self, attempts: Sequence[Attempt], agent: str, boot: str) -> list[tuple[Answer, dict[str, str]]]:
        """SCHEDULED or DISPATCHED -> RUNNING; with OK and SAME the task's fields, as they stand in its hash.

        The same asker gets the same answer again. Raises Unavailable, Unanswered; blocks for some seconds at most.
        """
        ...


def methods(service: TaskService, store: TaskStore) -> Methods:
    """What a manager lets others call."""
    asked: Methods = {
        "tasks": lambda said: service.tasks(_ids(said)),
        "standings": lambda said: [
            one and [one.status, one.updated_at, one.attempt] for one in service.standings(_ids(said))
        ],
        "history": lambda said: service.history(said["task"]),
        "explain": lambda said: service.explain(said["task"]),
        "log": lambda said: _page(service.log(said["task"], said["attempt"], said["offset"], said["limit"])),
        "find": lambda said: _listed(service.find(_query(said["query"]), said["limit"], said["cursor"])),
        "counts": lambda _: dict(service.counts()),
        "agents": lambda _: service.agents(),
        "overview": lambda _: service.overview(),
    }
    done: Methods = {
        "submit": lambda said: [
            [one.task_id, one.answer]
            for one in _noted_new(said, service.submit([_submission(one) for one in said["tasks"]], said["by"]))
        ],
        "cancel": lambda said: _noted("cancelled", said, service.cancel(_ids(said), said["by"])),
        "retry": lambda said: _noted("retried", said, service.retry(_ids(said), said["by"])),
        "drain": lambda said: service.drain(said["agent"], said["by"]),
        "resume": lambda said: service.resume(said["agent"], said["by"]),
        "start": lambda said: _noted_grants(
            said,
            store.grants(
                [Attempt(task_id, attempt) for task_id, attempt in said["attempts"]], said["agent"], said["boot"]
            ),
        ),
    }
    return {**asked, **{name: _unanswered(call) for name, call in done.items()}}


def _noted_new(said: Said, submitted: list[Submitted]) -> list[Submitted]:
    steps(log, f"submitted by {said['by']}", [(one.answer, one.task_id, 0) for one in submitted])
    return submitted


def _noted(what: str, said: Said, answers: list[Answer]) -> list[Answer]:
    taken = zip(_ids(said), answers, strict=True)
    steps(log, f"{what} by {said['by']}", [(answer, task_id, 0) for task_id, answer in taken])
    return answers


def _noted_grants(said: Said, answers: list[Any]) -> list[Any]:
    taken = zip(said["attempts"], answers, strict=True)
    outcomes = [(answer[0], task_id, attempt) for (task_id, attempt), answer in taken]
    steps(log, "asked to start", outcomes, agent=said["agent"], boot=said["boot"])
    return answers


def _unanswered(call: Callable[[Said], Any]) -> Callable[[Said], Any]:
    def called(said: Said) -> Any:
        value = call(said)
        failpoint("C3")
        return value

    return called


class RemoteService:
    """TaskService of whichever manager answers."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def submit(self, submissions: Sequence[Submission], by: str) -> list[Submitted]:
        tasks = [one.model_dump(by_alias=True, exclude_defaults=True) for one in submissions]
        # A repeat is known by its task_id or request_id; without either, it would make another task.
        again = all(one.task_id or one.request_id for one in submissions)
        told = self._caller.call("submit", {"tasks": tasks, "by": by}, again=again)
        return [Submitted(task_id, Answer(answer)) for task_id, answer in told]

    def tasks(self, task_ids: Sequence[str]) -> list[Document | None]:
        found: list[Document | None] = self._ask("tasks", tasks=list(task_ids))
        return found

    def standings(self, task_ids: Sequence[str]) -> list[Standing | None]:
        told = self._ask("standings", tasks=list(task_ids))
        return [one and Standing(Status(one[0]), one[1], one[2]) for one in told]

    def history(self, task_id: str) -> list[Document]:
        found: list[Document] = self._ask("history", task=task_id)
        return found

    def explain(self, task_id: str) -> Document | None:
        found: Document | None = self._ask("explain", task=task_id)
        return found

    def log(self, task_id: str, attempt: int, offset: int, limit: int) -> LogPage:
        return LogPage(*self._ask("log", task=task_id, attempt=attempt, offset=offset, limit=limit))

    def find(self, query: Query, limit: int, cursor: str) -> Listed:
        told = self._ask("find", query=_asked(query), limit=limit, cursor=cursor)
        return Listed(told["tasks"], told["next"])

    def cancel(self, task_ids: Sequence[str], by: str) -> list[Answer]:
        return [Answer(answer) for answer in self._ask("cancel", tasks=list(task_ids), by=by)]

    def retry(self, task_ids: Sequence[str], by: str) -> list[Answer]:
        # Not twice: what was retried may have failed again meanwhile, and would run once more.
        told = self._caller.call("retry", {"tasks": list(task_ids), "by": by}, again=False)
        return [Answer(answer) for answer in told]

    def counts(self) -> Mapping[Status, int]:
        return {Status(status): count for status, count in self._ask("counts").items()}

    def agents(self) -> list[Document]:
        found: list[Document] = self._ask("agents")
        return found

    def overview(self) -> Document:
        found: Document = self._ask("overview")
        return found

    def drain(self, agent: str, by: str) -> Answer:
        return Answer(self._ask("drain", agent=agent, by=by))

    def resume(self, agent: str, by: str) -> Answer:
        return Answer(self._ask("resume", agent=agent, by=by))

    def _ask(self, method: str, **arguments: Any) -> Any:
        return self._caller.call(method, arguments, again=True)


class RemoteGate:
    """Gate of whichever manager answers."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def start(self, attempts: Sequence[Attempt], agent: str, boot: str) -> list[tuple[Answer, dict[str, str]]]:
        asked = [(one.task_id, one.attempt) for one in attempts]
        told = self._caller.call("start", {"attempts": asked, "agent": agent, "boot": boot}, again=True)
        return [(Answer(answer), fields) for answer, fields in told]


def _submission(said: Said) -> Submission:
    """Checked again: what a manager stores, it has looked at itself."""
    return Submission.of(**said) if isinstance(said, dict) else _none(said)


def _none(said: object) -> Submission:
    raise Rejected(f"a submission is an object, not {type(said).__name__}")


def _ids(said: Said) -> Sequence[str]:
    ids: Sequence[str] = said["tasks"]
    return ids


def _page(page: LogPage) -> tuple[str, int, int]:
    return page.text, page.offset, page.next_offset


def _listed(listed: Listed) -> Document:
    return {"tasks": listed.tasks, "next": listed.next_cursor}


def _asked(query: Query) -> Document:
    return {
        "statuses": query.statuses,
        "types": query.types,
        "name": query.name,
        "agents": query.agents,
        "tags": dict(query.tags),
        "oldestFirst": query.oldest_first,
    }


def _query(said: Said) -> Query:
    return Query(
        statuses=tuple(map(Status, said["statuses"])),
        types=tuple(said["types"]),
        name=said["name"],
        agents=tuple(said["agents"]),
        tags=said["tags"],
        oldest_first=said["oldestFirst"],
    )
