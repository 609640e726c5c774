"""What is counted is what happened: the figures of each role beside the real thing that it does."""

import logging
from collections.abc import Callable
from functools import partial

import pytest
from prometheus_client import CollectorRegistry
from redis import Redis

from common.clock import SystemClock
from common.contracts import Candidate
from common.domain.errors import Unavailable
from common.domain.ids import Ids
from common.domain.reports import Finished, Held, LogChunk
from common.domain.result import Reason, failure, success
from common.domain.status import Answer, Status
from common.domain.task import Task
from common.lab.until import until
from common.service import Host
from common.settings import Settings
from common.store.granting import Attempt
from common.store.keys import Keys
from common.store.leases import Leases
from common.store.tasks import TaskStore
from common.transports.redis_bus import RedisBus
from stage1_mvp.runs import Runs
from stage2_zk.tenure import Tenure
from stage2_zk.told import Told
from stage5_ops.metrics.agent import AgentFigures, MeteredReport
from stage5_ops.metrics.figures import LogFigures, figures
from stage5_ops.metrics.manager import CallFigures, Survey
from stage5_ops.metrics.scheduler import LeaderFigures
from stage5_ops.metrics.store import StoreFigures, TaskTimes
from tests.store.lives import AGENT, BOOT, Life

SETTINGS = Settings.load({}, slots=7, lease=5)


@pytest.fixture
def own() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def witnessed(redis: Redis, own: CollectorRegistry) -> Life:
    """Tasks of a store whose answers are witnessed."""
    store = TaskStore(redis, Keys(), witness=TaskTimes(own, StoreFigures(own)))
    return Life(store, Leases(redis, store.keys))


def test_each_answer_of_the_store_is_counted_by_its_verb(witnessed: Life, own: CollectorRegistry) -> None:
    task_id = witnessed.reported(success())
    assert witnessed.store.start([Attempt(task_id, 1), Attempt("nobody", 1)], AGENT, BOOT)[0][0] is Answer.TERMINAL
    seen = {
        (verb, answer): own.get_sample_value("dts_store_answers_total", {"verb": verb, "answer": answer})
        for verb, answer in [("submit", "OK"), ("assign", "OK"), ("start", "OK"), ("start", "TERMINAL")]
    }
    assert set(seen.values()) == {1.0}
    assert own.get_sample_value("dts_store_answers_total", {"verb": "start", "answer": "NOT_FOUND"}) == 1


def test_a_task_has_waited_until_its_first_attempt_was_granted_and_only_then(
    witnessed: Life, own: CollectorRegistry
) -> None:
    witnessed.dispatched()
    assert own.get_sample_value("dts_task_wait_seconds_count") == 0
    task_id = witnessed.running()
    assert own.get_sample_value("dts_task_wait_seconds_count") == 1
    assert witnessed.store.start([Attempt(task_id, 1)], AGENT, BOOT)[0][0] is Answer.SAME
    assert own.get_sample_value("dts_task_wait_seconds_count") == 1
    assert 0 <= (own.get_sample_value("dts_task_wait_seconds_sum") or 0) < 30


def test_an_attempt_that_comes_again_is_no_end_of_its_task(witnessed: Life, own: CollectorRegistry) -> None:
    witnessed.reported(failure(Reason.EXIT_CODE, "no", exit_code=1), retries=1, retry_delay=0)
    ended = partial(own.get_sample_value, "dts_task_end_to_end_seconds_count")
    assert (ended({"status": "PENDING"}), ended({"status": "FAILED"})) == (None, None)
    witnessed.reported(success())
    assert ended({"status": "SUCCESS"}) == 1


def test_the_survey_tells_how_tasks_stand_and_how_long_the_next_one_has_been_ready(
    redis: Redis, own: CollectorRegistry
) -> None:
    store = TaskStore(redis, Keys())
    life = Life(store, Leases(redis, store.keys))
    life.submit(priority=9)
    redis.zincrby(store.keys.pending, -60_000, str(redis.zrange(store.keys.pending, 0, 0)[0]))
    life.running()
    bus = RedisBus(lambda **_: redis, store.keys, Ids(SystemClock()), 10.0)
    Survey(own, store, bus, SystemClock()).step()
    assert own.get_sample_value("dts_tasks", {"status": "PENDING"}) == 1
    assert own.get_sample_value("dts_tasks", {"status": "RUNNING"}) == 1
    assert own.get_sample_value("dts_tasks", {"status": "FAILED"}) == 0
    assert 60 <= (own.get_sample_value("dts_next_waits_seconds") or 0) < 90
    assert own.get_sample_value("dts_bus_waiting", {"destination": "queue:status"}) == 0


def test_dead_letters_are_told_for_as_long_as_they_are_there(redis: Redis, own: CollectorRegistry) -> None:
    keys = Keys()
    bus = RedisBus(lambda **_: redis, keys, Ids(SystemClock()), 10.0)
    survey = Survey(own, TaskStore(redis, keys), bus, SystemClock())
    pushed, told = {"destination": "queue:tasks:dead"}, {"destination": "queue:status:dead"}
    survey.step()
    assert own.get_sample_value("dts_dead_letters", pushed) == 0
    assert own.get_sample_value("dts_dead_letters", told) is None
    for destination in (pushed, told):
        redis.lpush(destination["destination"], "?")
    survey.step()
    assert own.get_sample_value("dts_dead_letters", pushed) == 1
    assert own.get_sample_value("dts_dead_letters", told) == 1
    assert own.get_sample_value("dts_bus_waiting", told) is None
    redis.delete(pushed["destination"], told["destination"])
    survey.step()
    assert own.get_sample_value("dts_dead_letters", pushed) == 0
    assert own.get_sample_value("dts_dead_letters", told) is None


def test_agents_that_get_nothing_are_told_by_why(redis: Redis, own: CollectorRegistry) -> None:
    store = TaskStore(redis, Keys())
    bus = RedisBus(lambda **_: redis, store.keys, Ids(SystemClock()), 10.0)
    redis.sadd(store.keys.drained, "agent-1", "agent-2")
    Survey(own, store, bus, SystemClock()).step()
    assert own.get_sample_value("dts_shut_agents", {"why": "drained"}) == 2
    assert own.get_sample_value("dts_shut_agents", {"why": "quarantined"}) == 0


class _Sent:
    """A Report that keeps what it was told, where it is not away."""

    def __init__(self) -> None:
        self.ends: list[Finished] = []
        self.away = False

    def started(self, attempts: object) -> None: ...
    def logs(self, chunks: object) -> None: ...
    def returned(self, attempts: object) -> None: ...

    def finished(self, ends: list[Finished]) -> None:  # type: ignore[explicit-override, unused-ignore]
        if self.away:
            raise Unavailable("gone")
        self.ends += ends


def test_an_end_is_counted_when_it_was_told_and_not_when_that_failed(own: CollectorRegistry) -> None:
    sent, seen = _Sent(), AgentFigures(own, SystemClock(), Runs(), Told(), SETTINGS)
    report = MeteredReport(sent, seen)  # type: ignore[arg-type]
    held = Held("t", 1, AGENT, BOOT)
    end = Finished(held, failure(Reason.TIMEOUT, "late"), LogChunk(held, 0, ""), 3.0)
    labels = {"type": "", "status": "FAILED", "reason": "TIMEOUT"}
    sent.away = True
    with pytest.raises(Unavailable):
        report.finished([end])
    assert own.get_sample_value("dts_agent_attempts_total", labels) is None
    sent.away = False
    report.finished([end])
    assert own.get_sample_value("dts_agent_attempts_total", labels) == 1
    assert own.get_sample_value("dts_agent_run_seconds_sum", {"status": "FAILED"}) == 3
    assert len(sent.ends) == 1


def test_an_end_has_its_task_s_type_where_the_agent_knows_it(own: CollectorRegistry, witnessed: Life) -> None:
    report = MeteredReport(_Sent(), AgentFigures(own, SystemClock(), Runs(), Told(), SETTINGS))  # type: ignore[arg-type]
    for kind, reason in (("SHELL", Reason.EXIT_CODE), ("MADE_UP", Reason.UNKNOWN_TYPE)):
        task = witnessed.store.get(witnessed.submit(type=kind))
        assert isinstance(task, Task)
        report.finished([Finished(task, failure(reason, "no"), LogChunk(task, 0, ""))])
    types = {sample.labels["type"] for one in own.collect() for sample in one.samples if "type" in sample.labels}
    assert types == {"SHELL", ""}


def test_the_margin_of_a_lease_is_what_was_promised_less_what_has_passed(own: CollectorRegistry) -> None:
    promised: list[float] = []
    clock = SystemClock()
    seen = AgentFigures(own, clock, Runs(), Told(), SETTINGS)
    seen.promising(promised.append)(clock.monotonic() + 100)
    assert len(promised) == 1, "who ends the tasks is told as before"
    assert 70 < (own.get_sample_value("dts_agent_lease_margin_seconds") or 0) <= 100


def test_an_agent_tells_what_waits_with_it(own: CollectorRegistry) -> None:
    told = Told()
    AgentFigures(own, SystemClock(), Runs(), told, SETTINGS)
    told.note([("a", 1), ("b", 1)])
    assert own.get_sample_value("dts_agent_waiting") == 2
    assert own.get_sample_value("dts_agent_slots") == 7
    assert own.get_sample_value("dts_agent_lease_seconds") == 5
    assert own.get_sample_value("dts_agent_running") == 0


def test_a_scheduler_leads_in_its_figures_for_as_long_as_its_term_lasts(own: CollectorRegistry) -> None:
    seen = LeaderFigures(own)
    assert own.get_sample_value("dts_scheduler_leading") == 0
    host = Host(
        [seen.reign(Tenure("scheduler-1", 42), lambda: [Candidate("a", "b", 3), Candidate("c", "d", 4)])], SystemClock()
    )
    host.start()
    until(lambda: own.get_sample_value("dts_scheduler_slots") == 7, 30)
    assert own.get_sample_value("dts_scheduler_leading") == 1
    assert own.get_sample_value("dts_scheduler_epoch") == 42
    host.abandon()
    host.stop()
    assert own.get_sample_value("dts_scheduler_leading") == 0
    assert own.get_sample_value("dts_scheduler_epoch") == 42
    assert own.get_sample_value("dts_scheduler_agents") == 0


def test_a_call_is_counted_by_how_it_was_answered(own: CollectorRegistry) -> None:
    def refuse(_: object) -> None:
        raise Unavailable("the store is away")

    def break_(_: object) -> None:
        raise ValueError("a bug")

    answered: dict[str, Callable[..., object]] = dict(
        CallFigures(own).measured({"counts": lambda _: 7, "tasks": refuse, "find": break_})
    )
    assert answered["counts"]({}) == 7
    with pytest.raises(Unavailable):
        answered["tasks"]({})
    with pytest.raises(ValueError, match="a bug"):
        answered["find"]({})
    outcomes = [("counts", "ok"), ("tasks", "refused"), ("find", "error")]
    assert [
        own.get_sample_value("dts_rpc_calls_total", {"method": method, "outcome": outcome})
        for method, outcome in outcomes
    ] == [1, 1, 1]
    assert own.get_sample_value("dts_rpc_call_seconds_count", {"method": "find"}) == 1


def test_warnings_and_errors_are_counted_and_nothing_else() -> None:
    own = figures("agent", "agent-1")
    counting = LogFigures(own)
    counting.step()
    counting.step()
    log = logging.getLogger("dts.some")
    log.info("all is well")
    log.warning("hm")
    log.error("oh")
    counting.close()
    log.error("nobody listens any more")
    assert own.get_sample_value("dts_log_messages_total", {"level": "warning"}) == 1
    assert own.get_sample_value("dts_log_messages_total", {"level": "error"}) == 1


def test_who_tells_says_who_he_is() -> None:
    own = figures("manager", "manager-2")
    (info,) = [family for family in own.collect() if family.name == "dts"]
    assert {"role": "manager", "member": "manager-2"}.items() <= dict(info.samples[0].labels).items()
    assert (own.get_sample_value("process_resident_memory_bytes") or 0) > 1_000_000


def test_a_status_is_the_only_thing_of_a_task_that_becomes_a_label(witnessed: Life, own: CollectorRegistry) -> None:
    for name in ("one", "two", "three"):
        witnessed.submit(name=name, tags={"who": name})
    labels = {value for family in own.collect() for sample in family.samples for value in sample.labels.values()}
    assert not labels & {"one", "two", "three", "tester"}
    assert Status.PENDING not in labels
