"""A stage 5 that a real Prometheus and a real Alertmanager watch, with the rules as they are, only more hurried."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from redis import Redis

from common.domain.task import Submission
from common.lab.cluster import Cluster
from common.lab.stages import stage
from common.lab.until import until
from common.store.tasks import TaskStore
from common.transports.redis_client import connect
from stage5_ops.monitoring.command import QUICK
from stage5_ops.monitoring.servers import Watch, watching
from tests.stage4.clients import Doors

SETTINGS = {"DTS_LEASE": "5", "DTS_SESSION": "5", "DTS_GRACE": "0.5", "DTS_HEARTBEAT": "0.5"}
PROCESSES = {"agent": 2, "scheduler": 2, "manager": 2, "api": 1}
WITHIN = 120.0


class Watched:
    """A cluster, who watches it, and what they have told."""

    def __init__(self, cluster: Cluster, watch: Watch, told: Sequence[str]) -> None:
        self.cluster, self.watch, self.told = cluster, watch, told
        self.doors = Doors(cluster)
        self.redis: Redis = connect(cluster.redis_url)
        self.store = TaskStore(self.redis)

    def query(self, expr: str) -> list[dict[str, Any]]:
        """What Prometheus answers now; fails with its own words where it can't."""
        asked = f"{self.watch.prometheus}/api/v1/query?{urlencode({'query': expr})}"
        try:
            with urlopen(asked, timeout=30) as answer:
                found = json.load(answer)
        except HTTPError as error:
            raise AssertionError(f"{expr}: {error.read().decode()}") from None
        assert found["status"] == "success"
        return list(found["data"]["result"])

    def all_seen(self) -> bool:
        """Whether all processes answer Prometheus, and it has worked its rules out."""
        seen = {one["metric"]["role"]: int(one["value"][1]) for one in self.query("dts:members:up")}
        return seen == PROCESSES and bool(self.query("dts:agents:live == 2"))

    def heard(self, state: str, alert: str, since: int = 0) -> bool:
        """Whether the webhook was told so, after the first `since` lines."""
        return any(f" {state} " in line and f" {alert}: " in line for line in self.told[since:])

    def plays(self, alert: str, break_: Callable[[], None], mend: Callable[[], None]) -> None:
        """It is broken, and the webhook hears of it; it is mended, and the webhook hears that it is over."""
        since = len(self.told)
        break_()
        until(
            lambda: self.heard("firing", alert, since), WITHIN, every=0.2, what=f"{alert} to fire; heard: {self.told}"
        )
        mend()
        until(lambda: self.heard("resolved", alert, since), WITHIN, every=0.2, what=f"{alert} to clear: {self.told}")

    def fault(self, kind: str, *names: str) -> Callable[[], None]:
        """To be done later."""

        def do() -> None:
            for name in names:
                self.cluster.fault(kind, name)

        return do


@contextmanager
def watched() -> Iterator[Watched]:
    """A private one, which all is well with; nothing of it is left afterwards."""
    told: list[str] = []
    with Cluster.temporary(stage("5"), env=SETTINGS, agents=2, schedulers=2, managers=2, apis=1) as cluster:
        known = cluster.environment
        with watching(known["DTS_API_URL"], known["DTS_API_TOKEN"], told.append, QUICK) as watch:
            seen = Watched(cluster, watch, told)
            try:
                until(seen.all_seen, WITHIN, every=0.5, what="Prometheus to see all of it")
                yield seen
            finally:
                seen.redis.close()
                seen.doors.redis.close()


@contextmanager
def busy(seen: Watched) -> Iterator[None]:
    """Tasks flow for the block, by the API; some of them fail."""
    over = threading.Event()

    def flow() -> None:
        contents = ["echo hello", "true", "exit 3"]
        while not over.wait(0.1):
            for content in contents:
                seen.doors.submit(content, timeout=30)

    thread = threading.Thread(target=flow, name="flow", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def unreadable(seen: Watched) -> None:
    """Push what nobody can read."""
    seen.redis.lpush("queue:tasks", "this is no task {")


def all_dropped(seen: Watched) -> None:
    seen.redis.delete("queue:tasks:dead")


def many_failing(seen: Watched) -> None:
    """Not all at once: what a counter has when it is first seen is no increase."""
    from common.clock import SystemClock
    from common.domain.ids import Ids

    seen.store.submit([Submission.of(content="sleep 1; exit 3", name="fails")] * 120, "test", Ids(SystemClock()))
