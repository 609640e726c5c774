"""A store with a task in each status, and examinations of it that wait for nothing."""

import threading
import time
from collections.abc import Callable

import pytest
from redis import Redis

from common.doctor.examination import Care, Examination
from common.domain.result import Reason, failure
from common.domain.status import Status
from common.store.keys import Keys
from common.store.leases import Leases
from common.store.tasks import TaskStore
from tests.store.lives import Life

RETENTION = 86_400.0
FAILED = failure(Reason.EXIT_CODE, "no", exit_code=1)


class ImpatientClock:
    """Waits for nothing; `meanwhile` is done instead."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.meanwhile = meanwhile
        self.waited = 0.0

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waited += seconds
        self.meanwhile()
        return event.is_set()


class Surgery:
    """Examines one store, and says what was found: (rule, subject) -> the breach in words."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.redis, self.keys = redis, keys
        self.clock = ImpatientClock()
        self.told: list[str] = []

    def examine(self, *, repair: bool = False, everything: bool = True) -> Examination:
        care = Care(RETENTION, repair=repair, everything=everything)
        examination = Examination(TaskStore(self.redis, self.keys), self.redis, self.clock, care, self.told.append)
        examination.run()
        return examination

    def found(self, **care: bool) -> dict[tuple[str, str], str]:
        """What is wrong, and stays so."""
        return self._findings(self.examine(**care), repaired=False)

    def repaired(self) -> dict[tuple[str, str], str]:
        """What is repaired, and how."""
        return self._findings(self.examine(repair=True), repaired=True)

    @staticmethod
    def _findings(examination: Examination, *, repaired: bool) -> dict[tuple[str, str], str]:
        groups = examination.tally.groups.values()
        findings = [finding for group in groups for finding in group.findings if bool(finding.done) is repaired]
        assert sum(group.count - group.repaired for group in groups) == len(findings) or repaired
        return {finding.place: finding.done or finding.seen for finding in findings}


@pytest.fixture
def life(redis: Redis, keys: Keys) -> Life:
    """A task in each status, called by it; `delayed` waits for a retry, `bound` for its time; `asked` has a request."""
    life = Life(TaskStore(redis, keys), Leases(redis, keys))
    for status in Status:
        life.reach(status, task_id=status.lower())
    life.running(task_id="delayed", retries=1, retry_delay=3600)
    life.report("delayed", FAILED)
    life.submit(task_id="asked", request_id="r 1")
    life.submit(task_id="bound", start_at="2100-01-01T00:00:00Z", start_by="2100-01-02T00:00:00Z")
    return life


@pytest.fixture
def surgery(redis: Redis, keys: Keys, life: Life) -> Surgery:
    """It examines the tasks of `life`, all of which are sound."""
    assert life.store.keys.namespace == keys.namespace
    return Surgery(redis, keys)
