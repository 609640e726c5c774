"""Versions one apart share a store: what the newer one adds is passed over by the older one, and kept."""

from redis import Redis

from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.reports import Finished, LogChunk
from common.domain.result import success
from common.domain.status import Answer, Status
from common.domain.task import Submission
from common.store.leases import Leases
from common.store.tasks import TaskStore


def test_a_field_that_a_newer_version_wrote_is_passed_over_and_stays(redis: Redis) -> None:
    store, task = TaskStore(redis), Submission(type="SHELL", content="true", task_id="shared")
    store.submit([task], "test", Ids(SystemClock()))
    redis.hset(store.keys.task("shared"), "inventedLater", "kept")
    Leases(redis, store.keys).take("agent-1", "boot-1", 60, {"slots": 1, "inventedLater": "too"})
    granted = store.claim("agent-1", "boot-1", 1)
    assert granted
    answers = store.report([Finished(granted[0], success("", 0), LogChunk(granted[0], 0, ""))], "agent-1")
    assert [answer for answer, *_ in answers] == [Answer.OK]
    found = store.get("shared")
    assert found
    assert found.status is Status.SUCCESS
    assert redis.hget(store.keys.task("shared"), "inventedLater") == "kept"


def test_a_script_of_another_version_beside_ours_changes_nothing_of_ours(redis: Redis) -> None:
    store, ids = TaskStore(redis), Ids(SystemClock())
    store.submit([Submission(type="SHELL", content="true")], "test", ids)
    redis.script_load("-- submit, as another version has it\nreturn {}")
    assert store.submit([Submission(type="SHELL", content="true")], "test", ids)[0].answer is Answer.OK
    redis.script_flush()
    assert store.submit([Submission(type="SHELL", content="true")], "test", ids)[0].answer is Answer.OK
