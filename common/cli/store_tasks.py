"""StoreTasks: what commands ask and do, straight at the store; the same that common.client.tasks does by the API."""

from collections.abc import Sequence

from common.domain.query import Query
from common.domain.task import Submission, Task
from common.store.reading import LogPage, Page
from common.store.submitting import Submitted
from common.store_desk import StoreDesk


class StoreTasks(StoreDesk):
    """Raises as TaskStore does."""

    def submit_all(self, submissions: Sequence[Submission], by: str) -> list[Submitted]:
        return self.submit(submissions, by)

    def get(self, task_id: str) -> Task | None:
        return self._store.get(task_id)

    def read_log(self, task_id: str, attempt: int, offset: int = 0) -> LogPage:
        return self._store.read_log(task_id, attempt, offset)

    def find(self, query: Query, limit: int, cursor: str = "") -> Page:
        return self._store.find(query, limit, cursor)
