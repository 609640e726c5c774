"""TaskService: what task-api asks is answered the same by a store beside it and by a manager that is called."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from redis import Redis

from common.clock import SystemClock
from common.contracts import Bus
from common.domain.errors import CorruptTask, InvalidTask
from common.domain.ids import Ids
from common.domain.messages import Beat
from common.domain.query import Query
from common.domain.reports import Finished, Held, LogChunk
from common.domain.result import success
from common.domain.status import Answer, Status
from common.domain.task import Submission
from common.lab.until import until
from common.registries.choose import registry_of
from common.rpc.caller import Caller
from common.rpc.line import Line
from common.rpc.providers import offer
from common.rpc.server import RpcServer
from common.service import Host
from common.settings import Settings
from common.store.granting import Attempt
from common.store.keys import Keys
from common.store.leading import Assignment
from common.store.leases import Leases
from common.store.tasks import TaskStore
from common.store.writing import Limits
from common.transports.dead_letters import RedisDeadLetters
from common.transports.redis_bus import RedisBus
from stage4_api.manager_service import RemoteGate, RemoteService, methods
from stage4_api.store_service import StoreService
from stage4_api.surroundings import Places, Surroundings
from stage4_api.task_service import TaskService

BOOT = "b"


class Rig:
    """A store, and the service on it."""

    def __init__(self, redis: Redis, at_the_end: ExitStack, *, remote: bool) -> None:
        self.redis = redis
        self.store = TaskStore(redis, Keys(), Limits(pending=5))
        clock = SystemClock()
        ids = Ids(clock)
        self.registry = at_the_end.enter_context(closing(registry_of(Settings.load({}), lambda **_: redis, clock)))
        bus = at_the_end.enter_context(closing(RedisBus(lambda **_: redis, Keys(), ids, 10)))
        self.bus: Bus = bus
        letters = [RedisDeadLetters(redis, Keys())]
        around = Surroundings(Places(self.registry, bus, lambda: letters, Settings.load({})), clock)
        lookouts = Host(around.lookouts, clock)
        lookouts.start()
        at_the_end.callback(lookouts.stop)
        local = StoreService(self.store, ids, around, "manager-1")
        server = RpcServer("127.0.0.1:0", "secret", "tests", methods(local, self.store), clock)
        host = Host([server], clock)
        host.start()
        at_the_end.callback(host.stop)
        caller = Caller(lambda: [server.address], lambda address: Line(address, "secret", "tests", 5), 5, clock)
        at_the_end.enter_context(closing(caller))
        self.gate = RemoteGate(caller)
        self.service: TaskService = RemoteService(caller) if remote else local

    def submit(self, task_id: str, content: str = "echo hi", **more: object) -> None:
        (made,) = self.service.submit([Submission.of(task_id=task_id, content=content, **more)], "api/somebody")
        assert made.answer is Answer.OK

    def given(self, task_id: str) -> Attempt:
        """It waits at the gate for agent-1."""
        assert Leases(self.redis, Keys()).take("agent-1", BOOT, 600, {"slots": 4, "host": "here", "pid": 7})
        ((answer, attempt),) = self.store.assign([Assignment(task_id, "agent-1", BOOT)], "leader", 1)
        assert answer is Answer.OK
        return Attempt(task_id, attempt)

    def running(self, task_id: str) -> Held:
        attempt = self.given(task_id)
        self.store.start([attempt], "agent-1", BOOT)
        return Held(task_id, attempt.attempt, "agent-1", BOOT)

    def ended(self, held: Held, output: str = "hi\n") -> None:
        self.store.report([Finished(held, success(output, len(output)), LogChunk(held, 0, output))], "manager-1")


@pytest.fixture(params=["store", "remote"])
def rig(request: pytest.FixtureRequest, redis: Redis) -> Iterator[Rig]:
    with ExitStack() as at_the_end:
        yield Rig(redis, at_the_end, remote=request.param == "remote")


def test_what_is_submitted_is_there_as_it_was_meant(rig: Rig) -> None:
    wish = Submission.of(
        task_id="t", name="ü", content=["printf", "a b"], args=["c"], env={"A": "1"}, timeout=1.5, labels={"gpu": "yes"}
    )
    assert [(one.task_id, one.answer) for one in rig.service.submit([wish], "api/me")] == [("t", Answer.OK)]
    (found,) = rig.service.tasks(["t"])
    assert found
    assert {**wish.model_dump(by_alias=True), "status": "PENDING"}.items() <= {**found, "requestId": None}.items()
    assert [entry["by"] for entry in rig.service.history("t")] == ["api/me"]


def test_a_repeat_is_the_same_and_another_body_a_conflict_and_too_many_are_refused(rig: Rig) -> None:
    wishes = [Submission.of(request_id="r", content="true"), Submission.of(request_id="r", content="false")]
    first, other = rig.service.submit(wishes, "me")
    (again,) = rig.service.submit(wishes[:1], "me")
    assert (first.answer, other.answer, again.answer) == (Answer.OK, Answer.CONFLICT, Answer.SAME)
    assert first.task_id == other.task_id == again.task_id
    many = rig.service.submit([Submission.of(content="true") for _ in range(5)], "me")
    assert [one.answer for one in many] == [Answer.OK] * 4 + [Answer.FULL]


def test_what_there_is_not_is_told_so(rig: Rig) -> None:
    service = rig.service
    assert service.tasks(["none"]) == [None]
    assert service.standings(["none"]) == [None]
    assert service.history("none") == []
    assert service.explain("none") is None
    assert service.log("none", 1, 0, 100).text == ""
    assert service.cancel(["none"], "me") == service.retry(["none"], "me") == [Answer.NOT_FOUND]
    assert service.drain("nobody", "me") is service.resume("nobody", "me") is Answer.NOT_FOUND
    assert service.find(Query(), 10, "").tasks == service.agents() == []


def test_what_somebody_else_spoilt_is_told_as_such(rig: Rig) -> None:
    rig.submit("t")
    rig.redis.hset("task:t", "attempt", "many")
    with pytest.raises(CorruptTask, match="attempt is 'many'"):
        rig.service.tasks(["t"])


def test_a_task_is_told_from_its_begin_to_its_end(rig: Rig) -> None:
    rig.submit("t")
    assert rig.service.explain("t")
    held = rig.running("t")
    (standing,) = rig.service.standings(["t"])
    assert standing
    assert (standing.status, standing.attempt) == (Status.RUNNING, 1)
    rig.ended(held, "hällo\n")
    (found,) = rig.service.tasks(["t"])
    assert found
    assert (found["status"], found["result"], found["exitCode"]) == ("SUCCESS", "hällo\n", 0)
    page = rig.service.log("t", 1, 0, 100)
    assert (page.text, page.offset, page.next_offset) == ("hällo\n", 0, 7)
    explained = rig.service.explain("t")
    assert explained
    assert explained["chosen"] == "agent-1"
    assert rig.service.counts()[Status.SUCCESS] == 1
    ((agent),) = rig.service.agents()
    assert (agent["agent"], agent["state"], agent["holds"]) == ("agent-1", "live", 0)


def test_cancel_and_retry_answer_as_the_store_does(rig: Rig) -> None:
    rig.submit("waits")
    rig.submit("runs")
    rig.running("runs")
    assert rig.service.cancel(["waits", "runs"], "me") == [Answer.OK, Answer.REQUESTED]
    assert rig.service.retry(["waits", "runs"], "me") == [Answer.OK, Answer.STALE_STATE]


def test_the_whole_is_seen_at_a_glance(rig: Rig) -> None:
    rig.submit("waits")
    rig.submit("runs")
    rig.running("runs")
    rig.registry.register("live-schedulers", "scheduler-1", {"boot": "s", "host": "here", "pid": 9, "secret": "x"})
    offer(rig.registry, "task-manager", "127.0.0.1:7001", {"boot": "m", "manager": "manager-1"})
    rig.registry.register("live-managers", "manager-1", {"boot": "m"})
    beat = Beat("agent-1", BOOT, 1, 0, 1, 3, 0.5, 0.25, 0.125, 0.0, False, frozenset(), frozenset({("runs", 1)}))
    rig.bus.beat(beat)
    rig.redis.lpush("queue:tasks:dead", json.dumps({"id": "1", "at": "", "reason": "no JSON", "body": "x" * 5000}))

    def seen() -> dict[str, Any]:
        found = rig.service.overview()
        assert found["schedulers"]
        assert found["managers"][0]["address"]
        assert found["agents"][0]["load"]
        assert found["letters"]
        return found

    found = until(seen, 30)
    assert (found["counts"]["PENDING"], found["counts"]["RUNNING"], found["manager"]) == (1, 1, "manager-1")
    assert 0 < found["waits"] < 60
    assert found["schedulers"] == [{"name": "scheduler-1", "boot": "s", "host": "here", "pid": 9, "url": None}]
    assert found["managers"][0]["address"] == "127.0.0.1:7001"
    assert (found["leader"], found["apis"]) == (None, [])
    (agent,) = found["agents"]
    assert (agent["agent"], agent["holds"], agent["load"]["cpu"], agent["load"]["running"]) == ("agent-1", 1, 0.5, 1)
    assert {one["name"] for one in found["traffic"]} == {"queue:status", "queue:logs"}
    assert [(one["queue"], one["reason"], len(one["body"])) for one in found["letters"]] == [
        ("queue:tasks", "no JSON", 2001)
    ]
    health = [(one["name"], one["kind"], one["ok"]) for one in found["health"]]
    assert health == [("store", "Redis", True), ("registry", "Redis", True), ("bus", "Redis", True)]


def test_an_agent_is_drained_and_resumed(rig: Rig) -> None:
    rig.submit("t")
    rig.running("t")
    assert rig.service.drain("agent-1", "me") is Answer.OK
    assert [one["state"] for one in rig.service.agents()] == ["drained"]
    assert rig.service.drain("agent-1", "me") is Answer.SAME
    assert rig.service.resume("agent-1", "me") is Answer.OK


def test_tasks_are_found_page_by_page_by_what_they_are(rig: Rig) -> None:
    for number in range(4):
        rig.submit(f"t{number}", name=f"night-{number}" if number % 2 else "day")
    first = rig.service.find(Query(), 3, "")
    rest = rig.service.find(Query(), 3, first.next_cursor)
    assert [task["taskId"] for task in [*first.tasks, *rest.tasks]] == ["t3", "t2", "t1", "t0"]
    assert rest.next_cursor == ""
    night = rig.service.find(Query(name="night"), 10, "")
    assert [task["taskId"] for task in night.tasks] == ["t3", "t1"]
    oldest = rig.service.find(Query(statuses=(Status.PENDING,), oldest_first=True), 2, "")
    assert [task["taskId"] for task in oldest.tasks] == ["t0", "t1"]
    with pytest.raises(InvalidTask, match="not a cursor"):
        rig.service.find(Query(), 3, "rubbish")


def test_the_gate_grants_once_the_same_to_the_same_and_nothing_to_others(rig: Rig) -> None:
    rig.submit("t", content="echo granted")
    attempt = rig.given("t")
    ((answer, fields),) = rig.gate.start([attempt], "agent-1", BOOT)
    assert (answer, fields["content"], fields["status"]) == (Answer.OK, "echo granted", "RUNNING")
    asked = [
        rig.gate.start([attempt], "agent-1", BOOT),
        rig.gate.start([attempt], "agent-1", "an earlier boot"),
        rig.gate.start([attempt], "agent-2", BOOT),
        rig.gate.start([Attempt("t", 2)], "agent-1", BOOT),
        rig.gate.start([Attempt("none", 1)], "agent-1", BOOT),
    ]
    answers = [answer for ((answer, _),) in asked]
    assert answers == [Answer.SAME, Answer.FENCED, Answer.FENCED, Answer.STALE_ATTEMPT, Answer.NOT_FOUND]
    assert [bool(fields) for ((_, fields),) in asked] == [True, False, False, False, False]
