"""TaskService: what task-api asks of a task-manager, as both see it. Values are what JSON can say, errors are dts' own.

The manager answers from its store (manager_service.py); the API's side asks one of the managers (remote.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from common.domain.query import Query
from common.domain.status import Answer, Status
from common.domain.task import Submission
from common.store.reading import LogPage
from common.store.submitting import Submitted

Document = dict[str, Any]
"""A JSON object; of a task as common.documents.task_document makes it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of tasks; '' after the last."""

    tasks: Sequence[Document]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class Standing:
    """All that decides whether something new can be told of a task."""

    status: Status
    updated_at: str
    attempt: int


class TaskService(Protocol):
    """Safe to use from many threads. Every call blocks for a few seconds at most.

    Raises Unavailable where nothing was done and Unanswered where it may have been. Every call but `retry` may simply
    be made again: so those that create give each submission its task_id. `by` names the asker in histories.
    """

    def submit(self, submissions: Sequence[Submission], by: str) -> list[Submitted]:
        """Make tasks; answers per submission as TaskStore.submit: OK, SAME, CONFLICT, FULL."""
        ...

    def tasks(self, task_ids: Sequence[str]) -> list[Document | None]:
        """The tasks in the order asked for, None where there is none. Raises CorruptTask."""
        ...

    def standings(self, task_ids: Sequence[str]) -> list[Standing | None]:
        """How they stand, cheaply, for who waits for a change."""
        ...

    def history(self, task_id: str) -> list[Document]:
        """Every change of the task, oldest first; empty where there is none of that id."""
        ...

    def explain(self, task_id: str) -> Document | None:
        """Why the task is with its agent, or with none yet; None where there is no such task."""
        ...

    def log(self, task_id: str, attempt: int, offset: int, limit: int) -> LogPage:
        """Up to `limit` bytes of what that attempt printed, from byte `offset` on; one below 0 counts from the end."""
        ...

    def find(self, query: Query, limit: int, cursor: str) -> Listed:
        """Tasks that meet the query. A page may hold less than `limit`, or none, and still have a next one: then more
        were looked at than a request may cost. Raises InvalidTask where the cursor is none of ours.
        """
        ...

    def cancel(self, task_ids: Sequence[str], by: str) -> list[Answer]:
        """As TaskStore.cancel."""
        ...

    def retry(self, task_ids: Sequence[str], by: str) -> list[Answer]:
        """As TaskStore.retry."""
        ...

    def counts(self) -> Mapping[Status, int]:
        """How many tasks each status has."""
        ...

    def agents(self) -> list[Document]:
        """As common.documents.agent_documents."""
        ...

    def overview(self) -> Document:
        """The whole system at a glance, for people (stage4_api.store_service says what is in it). What can't be
        seen now is null, and `health` says why.
        """
        ...

    def drain(self, agent: str, by: str) -> Answer:
        """OK, SAME; NOT_FOUND where no such agent was ever here."""
        ...

    def resume(self, agent: str, by: str) -> Answer:
        """The same."""
        ...
