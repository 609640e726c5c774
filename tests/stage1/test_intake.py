"""Intake: what is pushed becomes a task at once, in order, whoever's keys stand around it and however many wait."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from common.domain.status import Status
from common.lab.until import until
from common.store.keys import Keys
from tests.servers import RedisAt
from tests.stage1.conftest import StartLiving
from tests.stage1.desk import Desk
from tests.stage1.living import Living, settings_of


def test_where_as_many_wait_as_may_the_rest_stays_pushed_until_there_is_room(
    desk: Desk, living: StartLiving, caplog: pytest.LogCaptureFixture
) -> None:
    ids = desk.push_many(["sleep 0.02"] * 9)
    living(slots=1, pending_bound=3)
    until(lambda: "pushed tasks wait: as many are pending as may be" in caplog.text)
    assert desk.store.counts()[Status.PENDING] <= 3
    assert [task.attempt for task in desk.succeeded(*ids)] == [1] * 9
    until(lambda: "room for pushed tasks again" in caplog.text)
    assert caplog.text.count("pushed tasks wait") == 1
    desk.settled()


def test_what_waited_for_room_is_not_lost_when_the_agent_stops(desk: Desk, living: StartLiving) -> None:
    ids = desk.push_many(["sleep 0.02"] * 5)
    agent = living(slots=1, pending_bound=1)
    desk.ended(ids[0])
    agent.tell()
    agent.gone()
    living()
    desk.succeeded(*ids)
    desk.settled()


def test_a_platform_with_a_namespace_leaves_everything_else_alone(
    redis_at: RedisAt, desk: Desk, living: StartLiving
) -> None:
    ours = Desk(redis_at.client(), Keys("{s1}:"))
    foreign = desk.push("true")
    desk.redis.set("somebody", "else")
    living(namespace="{s1}:", ready=False)
    task = ours.ran(content="echo hi")
    assert task.status is Status.SUCCESS
    ours.push_raw("bad")
    ours.buried()
    assert desk.redis.lrange("queue:tasks", 0, -1) == [json.dumps({"taskId": foreign, "content": "true"})]
    others = {str(key) for key in desk.redis.scan_iter() if not str(key).startswith("{s1}:")}
    assert others == {"queue:tasks", "somebody"}


def test_on_the_embedded_server_it_works_as_well(redis_of: Callable[[str], RedisAt], tmp_path: Path) -> None:
    embedded = redis_of("embedded")
    desk, agent = Desk(embedded.client()), Living(settings_of(tmp_path), embedded.client)
    agent.start()
    desk.succeeded(*desk.push_many(["echo hi"] * 10))
    cancelled = desk.push("sleep 60")
    desk.running(cancelled)
    desk.cancel(cancelled)
    assert desk.ended(cancelled).status is Status.CANCELLED
    desk.settled()
    agent.stop()
