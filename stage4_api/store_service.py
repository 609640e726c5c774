"""StoreService: what a task-manager answers, straight from its store."""

from collections.abc import Sequence

from common.documents import task_document
from common.domain.query import Query
from common.store.reading import LogPage
from common.store_desk import StoreDesk
from stage4_api.task_service import Document, Listed, Standing


class StoreService(StoreDesk):
    """TaskService on a TaskStore. Safe to share between threads, as the store is."""

    def tasks(self, task_ids: Sequence[str]) -> list[Document | None]:
        return [task_document(task) if task else None for task in self._store.get_many(task_ids)]

    def standings(self, task_ids: Sequence[str]) -> list[Standing | None]:
        return [Standing(*found) if found else None for found in self._store.standings(task_ids)]

    def log(self, task_id: str, attempt: int, offset: int, limit: int) -> LogPage:
        return self._store.read_log(task_id, attempt, offset, limit)

    def find(self, query: Query, limit: int, cursor: str) -> Listed:
        page = self._store.find(query, limit, cursor)
        return Listed([task_document(task) for task in page.tasks], page.next_cursor)
