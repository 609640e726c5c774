"""What an examination takes for a breach and what not, what it leaves alone, and how it goes through much."""

from collections.abc import Callable
from itertools import count

import pytest
from redis import Redis

from common.doctor import rules, tasks
from common.doctor.facts import Facts, Looker
from common.doctor.standing import GRACE
from common.domain.status import Status
from common.store.keys import Keys
from common.store.leases import Leases
from common.store.tasks import TaskStore
from tests.doctor.conftest import Surgery
from tests.store.invariants import contradictions, difference, snapshot
from tests.store.lives import AGENT, BOOT, Life

Looking = Callable[[Looker, list[str]], list[Facts]]


def after_look(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], object]) -> None:
    """Do something between that look at tasks and the next."""
    look: Looking = Looker.look
    looks = count(1)

    def looking(self: Looker, task_ids: list[str]) -> list[Facts]:
        facts = look(self, task_ids)
        if next(looks) == number:
            act()
        return facts

    monkeypatch.setattr(Looker, "look", looking)


def test_what_is_right_at_the_second_look_is_no_breach(
    redis: Redis, surgery: Surgery, monkeypatch: pytest.MonkeyPatch
) -> None:
    ms = redis.zscore("queue:pending", "pending")
    redis.zrem("queue:pending", "pending")
    redis.delete("request:r 1")
    after_look(monkeypatch, 1, lambda: redis.zadd("queue:pending", {"pending": ms or 0}))
    assert list(surgery.found()) == [("requests", "asked")]


def test_what_only_one_look_saw_is_no_breach(redis: Redis, surgery: Surgery, monkeypatch: pytest.MonkeyPatch) -> None:
    redis.zrem("tasks:all", "pending")
    after_look(monkeypatch, 2, lambda: redis.expire("task:pending", 1000))
    assert list(surgery.found()) == [("indexes", "pending")]


def test_a_task_that_leaves_while_it_is_looked_at_is_no_breach(
    redis: Redis, surgery: Surgery, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [str(name) for name in redis.scan_iter(match="task:success*")]

    def purge() -> None:
        redis.delete(*names)
        redis.zrem("tasks:SUCCESS", "success")
        redis.zrem("tasks:all", "success")

    after_look(monkeypatch, 1, purge)
    assert surgery.found() == {}


def test_a_task_that_moves_on_before_it_is_mended_is_left_alone(
    redis: Redis, life: Life, surgery: Surgery, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis.zrem("queue:pending", "pending")
    mend = Looker.mend

    def late(self: Looker, facts: list[Facts]) -> list[str]:
        assert life.store.cancel(["pending"], "tester")
        return mend(self, facts)

    monkeypatch.setattr(Looker, "mend", late)
    assert surgery.repaired() == {}
    assert contradictions(redis, surgery.keys) == []


def test_a_ghost_that_comes_to_life_before_it_is_mended_is_left_alone(
    redis: Redis, life: Life, surgery: Surgery, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis.zadd("queue:pending", {"ghost": 1})
    mend = Looker.mend

    def late(self: Looker, facts: list[Facts]) -> list[str]:
        life.submit(task_id="ghost")
        return mend(self, facts)

    monkeypatch.setattr(Looker, "mend", late)
    assert surgery.repaired() == {}
    assert contradictions(redis, surgery.keys) == []


def test_every_task_under_way_is_read_as_a_whole_whatever_the_sample(
    redis: Redis, surgery: Surgery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.doctor.examination.SAMPLE", 0.1)
    for task_id in ("scheduled", "dispatched", "running", "success"):
        redis.hdel(f"task:{task_id}", "name")
    read = {subject for _, subject in surgery.found(everything=False)}
    assert read == {"scheduled", "dispatched", "running"}


def test_a_status_that_somebody_wrote_by_hand_starts_nothing(redis: Redis, surgery: Surgery) -> None:
    redis.hset("task:running", "status", "PENDING")
    before = snapshot(redis)
    found = surgery.found(repair=True)
    assert {rule for rule, _ in found} == {"histories", "indexes", "queues", "holdings"}
    assert found["queues", "running"] == f"PENDING, and in no queue; {tasks.DOUBTFUL}"
    assert difference(before, snapshot(redis)) == set()


def test_a_hash_that_is_no_task_is_not_queued(redis: Redis, surgery: Surgery) -> None:
    redis.hset("task:mine", mapping={"taskId": "mine", "status": "PENDING", "attempt": "0"})
    before = snapshot(redis)
    assert {rule for rule, _ in surgery.found(repair=True)} == {"hashes", "indexes", "queues"}
    assert difference(before, snapshot(redis)) == set()


def test_a_lost_index_is_rebuilt_with_the_times_it_had(redis: Redis, surgery: Surgery) -> None:
    before = {status: redis.zrange(f"tasks:{status}", 0, -1, withscores=True) for status in [*Status, "all"]}
    redis.delete("tasks:all", *(f"tasks:{status}" for status in Status))
    assert len(surgery.repaired()) == 10
    assert {key: redis.zrange(f"tasks:{key}", 0, -1, withscores=True) for key in before} == before


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DISPATCHED, Status.RUNNING])
def test_a_task_under_way_without_a_lease_is_a_breach_after_a_grace(
    status: Status, life: Life, surgery: Surgery
) -> None:
    life.leases.release(AGENT, BOOT)
    found = surgery.found(repair=True)
    assert found["leases", status.lower()] == f"agent 'agent-1' holds no lease: {status}, attempt 1, boot 'boot-1'"
    assert found["agents", "agent:*"] == "nobody holds a lease"
    assert surgery.clock.waited == GRACE
    assert life.task(status.lower()).status is status


def test_an_agent_that_lives_as_another_boot_has_not_taken_its_task_back(life: Life, surgery: Surgery) -> None:
    life.leases.release(AGENT, BOOT)
    life.leases.take(AGENT, "boot-2", 60, {"slots": 1})
    assert "lives as another boot, boot-2" in surgery.found()["leases", "running"]


def test_what_an_agent_takes_back_within_the_grace_is_no_breach(life: Life, surgery: Surgery) -> None:
    life.leases.release(AGENT, BOOT)
    surgery.clock.meanwhile = lambda: life.leases.take(AGENT, BOOT, 60, {"slots": 4})
    assert list(surgery.found()) == [("agents", "agent:*")]


def test_messages_that_are_settled_within_the_grace_are_no_breach(redis: Redis, surgery: Surgery) -> None:
    redis.hset("queue:tasks:held:agent-2", "m", "{}")
    surgery.clock.meanwhile = lambda: redis.delete("queue:tasks:held:agent-2")
    assert surgery.found() == {}
    assert surgery.clock.waited == GRACE


def test_messages_held_by_an_agent_that_lives_are_no_breach(redis: Redis, surgery: Surgery) -> None:
    redis.hset(f"queue:tasks:held:{AGENT}", "m", "{}")
    assert surgery.found() == {}


def test_without_indexes_it_says_so_and_stops(redis: Redis, surgery: Surgery) -> None:
    redis.delete("tasks:FAILED")
    redis.set("tasks:FAILED", "somebody's")
    examination = surgery.examine(repair=True)
    assert [group.rule for group in examination.tally.groups.values() if group.count] == [rules.KINDS]
    assert not examination.finished


def test_only_keys_under_its_namespace_are_looked_at(redis: Redis) -> None:
    keys = Keys("{s[1*}:")
    Life(TaskStore(redis, keys), Leases(redis, keys)).submit(task_id="t")
    redis.set("task:other", "somebody's")
    redis.set("{s[12}:task:other", "somebody's")
    redis.zrem(keys.pending, "t")
    assert Surgery(redis, keys).found() == {("queues", "t"): "PENDING, and in no queue"}


def test_many_tasks_are_looked_at_in_parts_and_some_read_as_a_whole(
    redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.doctor.examination.SAMPLE", 50)
    surgery = Surgery(redis, keys)
    life = Life(TaskStore(redis, surgery.keys), Leases(redis, surgery.keys))
    for number in range(3 * tasks.BATCH):
        life.submit(task_id=f"t{number}")
    assert life.store.claim(AGENT, BOOT, 5)
    examination = surgery.examine(everything=False)
    assert examination.looked == 300
    assert 50 <= examination.read <= 55
    assert surgery.examine(everything=True).read == 300
    assert any("300" in told for told in surgery.told)


def test_of_many_findings_some_are_kept_and_all_are_counted_and_repaired(
    redis: Redis, surgery: Surgery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.doctor.rules.KEPT", 10)
    ghosts = {f"ghost-{number}": 1 for number in range(250)}
    redis.zadd("queue:pending", ghosts)
    group = surgery.examine().tally.groups["ghosts"]
    assert (len(group.findings), group.count, group.repaired) == (10, 250, 0)
    group = surgery.examine(repair=True).tally.groups["ghosts"]
    assert (len(group.findings), group.count, group.repaired) == (10, 250, 250)
    assert surgery.found() == {}
