"""StoreService: what a task-manager answers, straight from its store."""

from collections.abc import Callable, Mapping, Sequence

from common.documents import agent_documents, decision_of, task_document
from common.domain.ids import Ids
from common.domain.query import Query
from common.domain.status import Answer, Status
from common.domain.task import Submission
from common.store.reading import LogPage
from common.store.tasks import Submitted, TaskStore
from stage4_api.task_service import Document, Listed, Standing


class StoreService:
    """TaskService on a TaskStore. Safe to share between threads, as the store is."""

    def __init__(self, store: TaskStore, ids: Ids) -> None:
        self._store, self._ids = store, ids

    def submit(self, submissions: Sequence[Submission], by: str) -> list[Submitted]:
        return self._store.submit(submissions, by, self._ids)

    def tasks(self, task_ids: Sequence[str]) -> list[Document | None]:
        return [task_document(task) if task else None for task in self._store.get_many(task_ids)]

    def standings(self, task_ids: Sequence[str]) -> list[Standing | None]:
        found = self._store.get_many(task_ids)
        return [Standing(task.status, task.updated_at, task.attempt) if task else None for task in found]

    def history(self, task_id: str) -> list[Document]:
        return self._store.history(task_id)

    def explain(self, task_id: str) -> Document | None:
        task = self._store.get(task_id)
        if task is None:
            return None
        return decision_of(task, self._store.history(task_id), self._store.waiting(task_id))

    def log(self, task_id: str, attempt: int, offset: int, limit: int) -> LogPage:
        return self._store.read_log(task_id, attempt, offset, limit)

    def find(self, query: Query, limit: int, cursor: str) -> Listed:
        page = self._store.find(query, limit, cursor)
        return Listed([task_document(task) for task in page.tasks], page.next_cursor)

    def cancel(self, task_ids: Sequence[str], by: str) -> list[Answer]:
        return self._store.cancel(task_ids, by)

    def retry(self, task_ids: Sequence[str], by: str) -> list[Answer]:
        return self._store.retry(task_ids, by)

    def counts(self) -> Mapping[Status, int]:
        return self._store.counts()

    def agents(self) -> list[Document]:
        return agent_documents(self._store)

    def drain(self, agent: str, by: str) -> Answer:
        return self._shut(self._store.drain, agent, by)

    def resume(self, agent: str, by: str) -> Answer:
        return self._shut(self._store.resume, agent, by)

    def _shut(self, act: Callable[[str, str], Answer], agent: str, by: str) -> Answer:
        return act(agent, by) if agent in self._store.agents() else Answer.NOT_FOUND
