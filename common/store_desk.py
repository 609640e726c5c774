"""StoreDesk: what people and programs ask of tasks and do to them, straight at the store."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common.documents import agent_documents, decision_of
from common.domain.ids import Ids
from common.domain.status import Answer, Status
from common.domain.task import Submission
from common.store.submitting import Submitted
from common.store.tasks import TaskStore


class StoreDesk:
    """Safe to share between threads, as the store is; raises as TaskStore does."""

    def __init__(self, store: TaskStore, ids: Ids) -> None:
        self._store, self._ids = store, ids

    def submit(self, submissions: Sequence[Submission], by: str) -> list[Submitted]:
        """As TaskStore.submit."""
        return self._store.submit(submissions, by, self._ids)

    def history(self, task_id: str) -> list[dict[str, Any]]:
        """Every change of the task, oldest first."""
        return self._store.history(task_id)

    def explain(self, task_id: str) -> dict[str, Any] | None:
        """Why the task is with its agent, or with none yet; None where there is no such task."""
        task = self._store.get(task_id)
        if task is None:
            return None
        return decision_of(task, self._store.history(task_id), self._store.waiting(task_id))

    def cancel(self, task_ids: Sequence[str], by: str) -> list[Answer]:
        """As TaskStore.cancel."""
        return self._store.cancel(task_ids, by)

    def retry(self, task_ids: Sequence[str], by: str) -> list[Answer]:
        """As TaskStore.retry."""
        return self._store.retry(task_ids, by)

    def counts(self) -> Mapping[Status, int]:
        """How many tasks each status has."""
        return self._store.counts()

    def agents(self) -> list[dict[str, Any]]:
        """All agents that ever were here, by their ids."""
        return agent_documents(self._store)

    def drain(self, agent: str, by: str) -> Answer:
        """As TaskStore.drain; NOT_FOUND where no such agent was ever here."""
        return self._shut(self._store.drain, agent, by)

    def resume(self, agent: str, by: str) -> Answer:
        """As TaskStore.resume; NOT_FOUND likewise."""
        return self._shut(self._store.resume, agent, by)

    def _shut(self, act: Callable[[str, str], Answer], agent: str, by: str) -> Answer:
        return act(agent, by) if agent in self._store.agents() else Answer.NOT_FOUND
