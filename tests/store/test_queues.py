"""The queues of ready and of waiting tasks: hints, rebuilt from the indexes when they are lost."""

from redis import Redis

from common.domain.result import Reason, failure
from common.domain.status import Answer, Status
from common.store.leading import Assignment
from common.store.tasks import TaskStore
from common.store.writing import BATCH
from tests.store.lives import AGENT, BOOT, EPOCH, Life


def claimed(store: TaskStore, limit: int) -> list[str]:
    return [task.task_id for task in store.claim(AGENT, BOOT, limit) or []]


def test_the_oldest_are_taken_first_and_no_more_than_asked_for(life: Life) -> None:
    names = [life.submit() for _ in range(5)]
    assert claimed(life.store, 2) == names[:2]
    assert claimed(life.store, 0) == []
    assert claimed(life.store, 10) == names[2:]


def test_never_more_than_a_batch_is_taken_at_once(life: Life) -> None:
    for _ in range(BATCH + 1):
        life.submit()
    assert len(claimed(life.store, 10_000)) == BATCH


def test_two_agents_never_get_the_same_task(life: Life) -> None:
    names = [life.submit() for _ in range(3)]
    assert life.leases.take("agent-2", "boot-7", 60, {})
    mine = claimed(life.store, 2)
    theirs = [task.task_id for task in life.store.claim("agent-2", "boot-7", 2) or []]
    assert sorted(mine + theirs) == names


def test_the_queue_is_rebuilt_from_what_is_pending(redis: Redis, life: Life) -> None:
    ready = [life.submit() for _ in range(3)]
    delayed = life.reported(failure(Reason.EXIT_CODE, "no"), retries=1, retry_delay=1000)
    redis.delete("queue:pending", "bell:pending")
    assert life.store.enqueue("scan") == (3, 4)
    assert life.store.enqueue("scan") == (0, 4)
    assert redis.llen("bell:pending") == 1
    assert redis.zscore("queue:delayed", delayed)
    assert sorted(claimed(life.store, 10)) == ready


def test_a_rebuild_looks_at_a_slice_at_a_time(redis: Redis, life: Life) -> None:
    for _ in range(5):
        life.submit()
    redis.delete("queue:pending")
    assert life.store.enqueue("scan", first=3, limit=10) == (2, 2)
    assert life.store.enqueue("scan", first=0, limit=2) == (2, 2)
    assert life.store.enqueue("scan", first=5) == (0, 0)
    assert life.store.enqueue("scan") == (1, 5)


def test_a_task_is_ready_when_its_wait_is_over_and_not_before(redis: Redis, life: Life) -> None:
    names = [life.reported(failure(Reason.EXIT_CODE, "no"), retries=1, retry_delay=1000) for _ in range(3)]
    assert life.store.promote("scan") == 0
    assert claimed(life.store, 10) == []
    redis.zadd("queue:delayed", dict.fromkeys(names[:2], 1))
    redis.delete("bell:pending")
    assert life.store.promote("scan", limit=1) == 1
    assert life.store.promote("scan") == 1
    assert redis.llen("bell:pending") == 1
    assert claimed(life.store, 10) == names[:2]
    assert redis.zrange("queue:delayed", 0, -1) == [names[2]]


def test_a_waiting_task_that_is_cancelled_leaves_its_queue(redis: Redis, life: Life) -> None:
    delayed = life.reported(failure(Reason.EXIT_CODE, "no"), retries=1, retry_delay=1000)
    ready = life.submit()
    assert life.store.cancel([delayed, ready], "tester") == [Answer.OK, Answer.OK]
    assert (redis.zcard("queue:delayed"), redis.zcard("queue:pending")) == (0, 0)


def test_the_bell_is_rung_once_however_many_come(redis: Redis, life: Life) -> None:
    for _ in range(3):
        life.submit()
    assert redis.llen("bell:pending") == 1
    redis.delete("bell:pending")
    life.submit()
    assert redis.llen("bell:pending") == 1


def test_a_task_that_waits_for_its_retry_is_not_assigned_before(redis: Redis, life: Life) -> None:
    delayed = life.reported(failure(Reason.EXIT_CODE, "no"), retries=1, retry_delay=1000)
    assert life.store.assign([Assignment(delayed, AGENT, BOOT)], "leader", EPOCH) == [(Answer.STALE_STATE, 1)]
    assert redis.zscore("queue:delayed", delayed)


def test_a_newer_term_is_remembered_and_an_older_one_shut_out(redis: Redis, life: Life) -> None:
    first, second = life.submit(), life.submit()
    big = 2**52
    assert life.store.assign([Assignment(first, AGENT, BOOT, why='{"strategy":"random"}')], "leader", big)[0][1] == 1
    assert life.store.history(first)[-1]["epoch"] == big
    assert life.store.history(first)[-1]["why"] == {"strategy": "random"}
    assert life.store.assign([Assignment(second, AGENT, BOOT)], "old leader", big - 1) == [(Answer.FENCED, 0)]
    assert redis.get("leader:epoch") == str(big)


def test_an_id_without_a_task_leaves_the_queue_for_good(redis: Redis, life: Life) -> None:
    for name in ("gone", "text", "no-attempt"):
        life.submit(task_id=name)
    whole = life.submit()
    redis.delete("task:gone", "task:text", "task:gone:history", "task:text:history")
    redis.set("task:text", "somebody's")
    redis.hdel("task:no-attempt", "attempt")
    assert claimed(life.store, 10) == [whole]
    assert life.store.enqueue("scan") == (0, 0)
    redis.delete("task:text", "task:no-attempt", "task:no-attempt:history")
    redis.zrem("tasks:all", "gone", "text", "no-attempt")


def test_a_leader_that_finds_an_id_without_a_task_never_finds_it_again(redis: Redis, life: Life) -> None:
    life.submit(task_id="gone")
    redis.delete("task:gone", "task:gone:history")
    redis.zrem("tasks:all", "gone")
    assert life.store.assign([Assignment("gone", AGENT, BOOT)], "leader", EPOCH) == [(Answer.NOT_FOUND, 0)]
    assert redis.zcard("queue:pending") == 0
    assert life.store.counts()[Status.PENDING] == 0
