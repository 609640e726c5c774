"""Equipment: what an agent has at every stage, whatever it gets its tasks from and whoever watches it."""

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import Any

from redis import Redis

from common.clock import SystemClock
from common.contracts import Info
from common.domain.ids import Ids
from common.domain.result import Reason
from common.executors.best import BestEnclosures
from common.executors.context import ExecutorContext
from common.executors.enclosure import TaskLimits
from common.executors.leftovers import kill_marked
from common.executors.lookup import load_executors
from common.settings import Settings
from common.store.keys import Keys
from common.store.tasks import TaskStore
from common.store.writing import Limits
from stage1_mvp.lease import Holder
from stage1_mvp.runs import Runs
from stage1_mvp.spool import Spool
from stage1_mvp.tether import Tether
from stage1_mvp.workplace import Workplace

DIED = 70
"""Exit code of an agent whose fence is gone."""


class Equipment:
    """That of one boot, by its settings. `client` makes a client of their Redis; it takes the options of `connect`.

    `lost` is set when the boot's lease can't be proved any more, and all that it ran has ended.
    """

    def __init__(self, settings: Settings, client: Callable[..., Redis], tether: Tether) -> None:
        self._client, self._tether = client, tether
        self.clock, self.keys = SystemClock(), Keys(settings.namespace)
        self.ids = Ids(self.clock)
        self.agent, self.boot = settings.agent, self.ids.new()
        self.clients = ExitStack()
        self._limits = Limits(pending=settings.pending_bound, lost=settings.max_lost, retention=settings.retention)
        self.workplace = Workplace((settings.work_dir or settings.home / "work") / self.agent, self.boot)
        self.spool = Spool(settings.home / "spool" / self.agent, self.boot)
        task_limits = TaskLimits(settings.task_memory, settings.task_processes)
        self.enclosures = BestEnclosures(self.boot, tether.fence, task_limits, groups=settings.cgroups == "auto")
        self.executors = load_executors(
            settings.executors,
            ExecutorContext(
                work_dir=self.workplace.path,
                passthrough=settings.env_passthrough,
                grace=settings.grace,
                python=settings.python or sys.executable,
                enclosures=self.enclosures,
            ),
        )
        self.runs, self.lost = Runs(), threading.Event()
        self._lease = settings.lease
        started = datetime.fromtimestamp(self.clock.time(), UTC).isoformat(timespec="milliseconds")
        about: dict[str, str | int] = {"host": socket.gethostname(), "pid": tether.pid, "slots": settings.slots}
        self.about: Info = {"boot": self.boot, **about, "types": list(self.executors), "startedAt": started}
        if settings.labels:
            self.about = {**self.about, "labels": settings.labels}
        if settings.weight != 1:
            self.about = {**self.about, "weight": settings.weight}
        """What this boot says of itself to those who watch."""
        info = {**about, "types": ",".join(self.executors)}
        if tether.ended:
            # Whoever takes back what that boot ran finds it here.
            info |= {"before": tether.ended.boot, "proof": json.dumps(tether.ended.proof.record())}
        self.holder = Holder(self.agent, self.boot, info, settings.lease)
        tether.name(self.boot)
        tether.when_cut(self._die)

    def connected(self, **options: Any) -> Redis:
        """A client of its own, closed when the boot has ended."""
        return self.clients.enter_context(closing(self._client(**options)))

    def store(self, redis: Redis) -> TaskStore:
        """The tasks, by that client."""
        return TaskStore(redis, self.keys, self._limits)

    def end_all(self) -> None:
        """End this boot's tasks: from here on another may start them."""
        # Nothing of them may go on, not even in a grace.
        self.runs.end_all(Reason.FENCED)
        self.lost.set()
        if self.runs.wait_idle(0):
            # Idle: there is nothing to fence, and to look through all processes takes its time on a busy machine.
            self._tether.nothing_runs()
        kill_marked({"DTS_BOOT": self.boot}, spare=os.getpid())
        if self.runs.wait_idle(self._lease):
            # Nor can anything start again: what is still granted is ended before it begins.
            self._tether.nothing_runs()

    def _die(self) -> None:
        # Nobody could end our tasks if we froze now. They end here; all else is as if we had been killed.
        self.runs.fall_silent()
        self.end_all()
        os._exit(DIED)
