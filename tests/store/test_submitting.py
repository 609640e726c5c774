"""Submission: stored once, however often and from wherever it is asked for."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from common.domain.errors import Unanswered
from common.domain.status import Answer, Status
from common.domain.task import Submission
from common.store.keys import Keys
from common.store.submitting import Submitted
from common.store.tasks import TaskStore
from common.store.writing import BATCH, Limits
from tests.store.invariants import assert_consistent
from tests.store.lives import Life


def submit(life: Life, **spec: Any) -> Submitted:
    return life.store.submit([Submission.of(**{"content": "true"} | spec)], "tester", life.ids)[0]


def test_a_task_is_pending_with_all_that_was_asked(life: Life) -> None:
    asked = Submission.of(
        name='quotes " and 日本語', type="SHELL", content=["echo", "a\nb", ""], args=["-x", "é"],
        env={"B": "2", "A": "1"}, timeout=0.25, retries=3, retry_delay=0, output_limit=2048,
        on_agent_lost="fail", request_id="r 1",
    )  # fmt: skip
    (submitted,) = life.store.submit([asked], "tester", life.ids)
    task = life.task(submitted.task_id)
    assert task.spec.model_dump() == asked.model_dump(exclude={"task_id", "request_id"})
    assert (task.status, task.attempt, task.request_id) == (Status.PENDING, 0, "r 1")
    assert task.created_at == task.updated_at != ""
    assert (task.result, task.started_at, task.finished_at) == (None, "", "")


def test_a_hash_says_what_a_person_wants_to_read(redis: Redis, life: Life) -> None:
    submit(life, task_id="t", name="hello", content="echo hi", timeout=90)
    fields = redis.hgetall("task:t")
    expected = {"taskId": "t", "name": "hello", "type": "SHELL", "content": "echo hi", "status": "PENDING"}
    assert expected.items() <= fields.items()
    assert (fields["timeout"], fields["attempt"]) == ("90", "0")


@pytest.mark.parametrize("content", ["[1]", '["a", "b"]', "x" * 1_000_000, "'; redis.call('FLUSHALL') --", "{}\r\n$5"])
def test_a_text_stays_a_text(content: str, life: Life) -> None:
    submit(life, task_id="t", content=content)
    assert life.task("t").spec.content == content


def test_the_same_request_gets_the_same_task(life: Life) -> None:
    first = submit(life, request_id="r")
    assert first.answer is Answer.OK
    assert submit(life, request_id="r") == Submitted(first.task_id, Answer.SAME)
    assert submit(life, request_id="r", timeout=3600) == Submitted(first.task_id, Answer.SAME)
    assert submit(life, request_id="r", task_id="another") == Submitted(first.task_id, Answer.SAME)
    assert life.store.counts()[Status.PENDING] == 1


@pytest.mark.parametrize("status", Status)
def test_a_request_is_remembered_whatever_became_of_its_task(status: Status, life: Life) -> None:
    task_id = life.reach(status, request_id="r")
    assert submit(life, request_id="r") == Submitted(task_id, Answer.SAME)


def test_another_body_under_a_used_id_is_a_conflict(life: Life) -> None:
    first = submit(life, request_id="r")
    assert submit(life, request_id="r", content="false") == Submitted(first.task_id, Answer.CONFLICT)
    assert submit(life, task_id=first.task_id, content="false") == Submitted(first.task_id, Answer.CONFLICT)


def test_a_task_has_one_request_id(life: Life) -> None:
    submit(life, task_id="t", request_id="r1")
    assert submit(life, task_id="t", request_id="r1").answer is Answer.SAME
    assert submit(life, task_id="t").answer is Answer.SAME
    assert submit(life, task_id="t", request_id="r2").answer is Answer.CONFLICT
    assert submit(life, request_id="r2").answer is Answer.OK


def test_one_batch_may_ask_twice_for_the_same(life: Life) -> None:
    asked = [Submission.of(content="true", request_id="r"), Submission.of(content="true", request_id="r")]
    first, second = life.store.submit(asked, "tester", life.ids)
    assert (first.answer, second) == (Answer.OK, Submitted(first.task_id, Answer.SAME))


def test_fifty_at_once_make_one_task(redis: Redis, life: Life) -> None:
    together = threading.Barrier(50)

    def ask(_: int) -> Submitted:
        together.wait()
        return submit(life, request_id="r")

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(ask, range(50)))
    assert sorted(answer.answer for answer in answers) == [Answer.OK] + [Answer.SAME] * 49
    assert len({answer.task_id for answer in answers}) == 1
    assert redis.zcard("tasks:all") == 1


def test_more_than_may_wait_are_answered_full(redis: Redis, life: Life) -> None:
    life.store = TaskStore(redis, limits=Limits(pending=2))
    assert [submit(life, task_id=name).answer for name in "abc"] == [Answer.OK, Answer.OK, Answer.FULL]
    assert submit(life, task_id="a").answer is Answer.SAME
    assert submit(life, task_id="a", content="false").answer is Answer.CONFLICT
    assert life.store.get("c") is None
    life.store.cancel(["a"], "tester")
    assert submit(life, task_id="c").answer is Answer.OK


def test_a_batch_of_any_size_is_answered_one_by_one(redis: Redis, life: Life) -> None:
    life.store = TaskStore(redis, limits=Limits(pending=430))
    asked = [Submission.of(task_id=f"t-{number}", content="true") for number in range(450)]
    answers = life.store.submit(asked, "tester", life.ids)
    assert [answer.task_id for answer in answers] == [submission.task_id for submission in asked]
    assert [answer.answer for answer in answers] == [Answer.OK] * 430 + [Answer.FULL] * 20
    assert life.store.submit([], "tester", life.ids) == []
    names = [f"t-{number}" for number in range(450)]
    assert life.store.cancel(names, "tester") == [Answer.OK] * 430 + [Answer.NOT_FOUND] * 20
    assert life.store.retry(names, "tester") == [Answer.OK] * 430 + [Answer.NOT_FOUND] * 20


def test_what_comes_after_a_part_that_failed_is_not_asked_for(
    redis: Redis, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, asked = life.store._scripts.call, 0

    def failing(*args: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise Unanswered("just now")
        return call(*args)

    monkeypatch.setattr(life.store._scripts, "call", failing)
    tasks = [Submission(content="x", task_id=f"t-{number:04}") for number in range(5 * BATCH)]
    with pytest.raises(Unanswered, match="just now"):
        life.store.submit(tasks, "client", life.ids)
    assert asked == 3
    assert redis.zrange(life.store.keys.all, 0, -1) == [f"t-{number:04}" for number in range(2 * BATCH)]


def test_namespaces_share_a_server_and_nothing_else(redis: Redis, life: Life) -> None:
    other = Life(TaskStore(redis, Keys("{s1}:")), life.leases)
    for place in (life, other):
        submit(place, task_id="t", request_id="r")
    assert [len(place.store.page().tasks) for place in (life, other)] == [1, 1]
    life.store.cancel(["t"], "tester")
    assert other.task("t").status is Status.PENDING
    assert_consistent(redis, other.store.keys)
    assert all(
        str(key).startswith(("{s1}:", "task", "queue:pending", "request:", "bell:", "agent"))
        for key in redis.scan_iter()
    )


HOSTILE = "\"quotes\" 'n' \\ \n\t\x00\x7f </script> ${x} 你好 🙂 %s"


def test_a_history_is_readable_whatever_the_askers_are_called(life: Life) -> None:
    submit(life, task_id="t")
    life.store.cancel(["t"], HOSTILE)
    life.store.retry(["t"], HOSTILE)
    assert life.leases.take(HOSTILE, HOSTILE, 60, {HOSTILE: HOSTILE})
    (task,) = life.store.claim(HOSTILE, HOSTILE, 1) or []
    life.store.requeue([task], HOSTILE, HOSTILE, 0)
    history = life.store.history("t")
    assert [entry["by"] for entry in history] == ["tester"] + [HOSTILE] * 5
    assert history[-1] | {"reason": HOSTILE, "agent": HOSTILE, "boot": HOSTILE} == history[-1]
    assert life.store.leases([HOSTILE])[HOSTILE][HOSTILE] == HOSTILE
