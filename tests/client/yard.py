"""Yard: an API over a store, without any of the roles behind it."""

from contextlib import ExitStack
from typing import Any

from fakeredis import FakeRedis, FakeServer

from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.reports import Finished, Held, LogChunk
from common.domain.result import success
from common.service import Host
from common.settings import Settings
from common.store.granting import Attempt
from common.store.keys import Keys
from common.store.leading import Assignment
from common.store.leases import Leases
from common.store.tasks import TaskStore
from common.transports.redis_client import CLIENT_OPTIONS
from stage4_api.api.app import create_app
from stage4_api.api.server import ApiServer
from stage4_api.store_service import StoreService


class Yard:
    """A store, an agent that does what a test says, and an API before it."""

    def __init__(self, at_the_end: ExitStack, **settings: Any) -> None:
        self.server = FakeServer()
        self.redis = FakeRedis(server=self.server, **CLIENT_OPTIONS)
        self.store, clock = TaskStore(self.redis, Keys()), SystemClock()
        known = Settings.load({}, api_listen="127.0.0.1:0", **settings)
        app = create_app(StoreService(self.store, Ids(clock)), known, clock, Ids(clock), ready=lambda: "")
        api = ApiServer(app, known)
        host = Host([api], clock)
        host.start()
        at_the_end.callback(host.stop)
        self.url = api.url

    def running(self, task_id: str) -> Held:
        Leases(self.redis, Keys()).take("agent-1", "b", 600, {"slots": 4})
        ((_, attempt),) = self.store.assign([Assignment(task_id, "agent-1", "b")], "leader", 1)
        self.store.start([Attempt(task_id, attempt)], "agent-1", "b")
        return Held(task_id, attempt, "agent-1", "b")

    def prints(self, held: Held, text: str, offset: int) -> None:
        self.store.log([LogChunk(held, offset, text)], "agent-1")

    def ended(self, held: Held, text: str = "", offset: int = 0) -> None:
        self.store.report([Finished(held, success(text, len(text)), LogChunk(held, offset, text))], "manager-1")
