"""StoreService: what a task-manager answers, straight from its store."""

from collections.abc import Sequence

from common.documents import agent_documents, task_document
from common.domain.ids import Ids
from common.domain.query import Query
from common.store.reading import LogPage
from common.store.tasks import TaskStore
from common.store_desk import StoreDesk
from stage4_api.surroundings import Surroundings
from stage4_api.task_service import Document, Listed, Standing


class StoreService(StoreDesk):
    """TaskService on a TaskStore. Safe to share between threads, as the store is.

    Where it is told nothing of its surroundings, its overview is what the store knows.
    """

    def __init__(self, store: TaskStore, ids: Ids, around: Surroundings | None = None, manager: str = "") -> None:
        super().__init__(store, ids)
        self._around, self._manager = around, manager

    def tasks(self, task_ids: Sequence[str]) -> list[Document | None]:
        return [task_document(task) if task else None for task in self._store.get_many(task_ids)]

    def standings(self, task_ids: Sequence[str]) -> list[Standing | None]:
        return [Standing(*found) if found else None for found in self._store.standings(task_ids)]

    def log(self, task_id: str, attempt: int, offset: int, limit: int) -> LogPage:
        return self._store.read_log(task_id, attempt, offset, limit)

    def find(self, query: Query, limit: int, cursor: str) -> Listed:
        page = self._store.find(query, limit, cursor)
        return Listed([task_document(task) for task in page.tasks], page.next_cursor)

    def overview(self) -> Document:
        """`counts` by status; `waits`, for how many seconds the next task has been ready; `refused` by answer; `agents`
        with their `load` by their heartbeats; `leader`, `schedulers`, `managers`, `apis`; `traffic` of the bus; dead
        `letters`; `health` of store, registry and bus; and the `manager` that answers.
        """
        counts, server = self._store.counts(), self._store.server()
        around = self._around.look() if self._around else dict.fromkeys(_AROUND)
        loads = around.pop("loads", None) or {}
        store = {"name": "store", "kind": "Redis", "ok": True, "why": "", "age": 0.0, **server}
        return {
            "manager": self._manager,
            "counts": counts,
            "waits": self._store.next_waits(),
            "refused": self._store.refused(),
            "agents": [{**agent, "load": loads.get(agent["agent"])} for agent in agent_documents(self._store)],
            **around,
            "health": [store, *(around["health"] or ())],
        }


_AROUND = ("leader", "schedulers", "managers", "apis", "traffic", "letters", "health")
"""What is not in the store."""
