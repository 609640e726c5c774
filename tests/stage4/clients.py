"""Clients of a whole stage 4, who speak HTTP and keep account of what they were told."""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from common.domain.status import Status
from common.domain.task import Task
from common.lab.cluster import Cluster
from common.lab.until import until
from common.store.tasks import TaskStore
from common.transports.redis_client import connect
from tests.stage1.journal import Journal
from tests.stage2.test_trouble import passed

WITHIN = 60.0


@dataclass(frozen=True)
class Told:
    """What came back; 0 where nothing did."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class Doors:
    """The APIs of a cluster, and its store to look into."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.redis = connect(cluster.redis_url)
        self.store = TaskStore(self.redis)
        self._token = cluster.environment["DTS_API_TOKEN"]

    def ask(self, method: str, path: str, body: Any = None, *, api: str = "api-1", within: float = 30.0) -> Told:
        port = self.cluster.member(api).port
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=within)) as there:
            try:
                headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
                there.request(method, path, None if body is None else json.dumps(body), headers)
                answer = there.getresponse()
                return Told(answer.status, json.loads(answer.read() or b"{}"), dict(answer.headers))
            except (OSError, http.client.HTTPException):
                return Told(0)

    def submit(self, content: str = "true", **more: Any) -> Told:
        api = more.pop("api", "api-1")
        return self.ask("POST", "/api/v1/tasks", {"content": content, **more}, api=api)

    def ended(self, task_ids: list[str], within: float = WITHIN) -> list[Task]:
        """All of them ended well."""

        def all_there() -> list[Task]:
            tasks = [task for task in self.store.get_many(task_ids) if task]
            left = [(t.task_id, t.status, t.attempt, t.agent) for t in tasks if t.status is not Status.SUCCESS]
            assert (len(tasks), left) == (len(task_ids), [])
            return tasks

        return until(all_there, within)

    def heal(self) -> None:
        """Bring back who is gone."""
        for member in self.cluster.members():
            if member.state == "frozen":
                self.cluster.fault("thaw", member.name)
            elif member.state in ("dead", "stopped"):
                self.cluster.start(member.name)


class Load:
    """Tasks submitted by HTTP, some twenty a second; a client that is told nothing good asks again, as it should."""

    def __init__(self, doors: Doors, journal: Journal, api: str) -> None:
        self._doors, self._journal, self._api = doors, journal, api
        self.first: list[Told] = []
        """What was told at the first try of each."""
        self.made: dict[str, str] = {}
        """Task ids by the requestId that was answered with them."""
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._submit, args=(name,)) for name in ("a", "b")]

    def _submit(self, name: str) -> None:
        number = 0
        while not self._over.wait(0.1):
            number += 1
            request = f"{name}-{number}"
            told = self._ask(request)
            self.first.append(told)
            while told.status not in (200, 201):
                self._over.wait(0.2)
                told = self._ask(request)
            self.made[request] = told.body["taskId"]

    def _ask(self, request: str) -> Told:
        return self._doors.submit(self._journal.task(0.05), requestId=request, api=self._api)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(WITHIN)
            assert not thread.is_alive()


@contextmanager
def load(doors: Doors, journal: Journal, api: str = "api-1") -> Iterator[Load]:
    """It goes on for as long as the block lasts."""
    loaded = Load(doors, journal, api)
    loaded.start()
    try:
        passed(1)
        yield loaded
    finally:
        loaded.stop()


def sound(doors: Doors, journal: Journal, loaded: Load) -> list[Task]:
    """Each request made one task, all of them ended well, and no two runs of one were at the same time."""
    assert len(set(loaded.made.values())) == len(loaded.made) > 5
    tasks = doors.ended(list(loaded.made.values()))
    journal.check()
    assert {line.task_id for line in journal.lines() if line.what == "end"} == set(loaded.made.values())
    return tasks
