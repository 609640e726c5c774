"""Finding tasks: by what one asks for, in either order, page by page, with a bounded look each time."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from common.domain.query import Query
from common.domain.status import UNDER_WAY, Status
from common.domain.task import Submission, Task
from common.store import finding
from common.store.tasks import TaskStore
from tests.store.lives import AGENT, Life

ANY = {"oldest first": True, "newest first": False}
BOTH = pytest.mark.parametrize("oldest_first", ANY.values(), ids=ANY)


def pages(store: TaskStore, query: Query, limit: int) -> Iterator[list[Task]]:
    cursor = ""
    while True:
        page = store.find(query, limit, cursor)
        assert len(page.tasks) <= limit
        yield page.tasks
        cursor = page.next_cursor
        if not cursor:
            return


def found(store: TaskStore, limit: int = 50, **asked: Any) -> list[str]:
    return [task.task_id for page in pages(store, Query(**asked), limit) for task in page]


def zoo(life: Life) -> None:
    """Tasks of every status, type, name and tag."""
    for number, status in enumerate([*Status] * 3):
        tags = {"odd": str(number % 2), "third": str(number % 3)}
        kind = "PYTHON" if number % 2 else "SHELL"
        life.reach(status, task_id=f"z-{number:02}", name=f"n{number % 4}-x", type=kind, tags=tags)


@BOTH
@pytest.mark.parametrize("limit", [1, 4, 100])
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"types": ("PYTHON",)},
        {"types": ("SHELL", "PYTHON")},
        {"name": "n1"},
        {"agents": (AGENT,)},
        {"agents": (AGENT, "agent-9")},
        {"tags": {"odd": "1"}},
        {"tags": {"odd": "1", "third": "2"}},
        {"tags": {"odd": "2"}},
        {"types": ("SHELL",), "name": "n2-", "tags": {"odd": "0"}},
    ],
    ids=repr,
)
def test_all_that_is_asked_for_is_found_and_nothing_else(
    asked: dict[str, Any], limit: int, oldest_first: bool, life: Life
) -> None:
    zoo(life)
    everything = found(life.store, oldest_first=True)
    assert len(everything) == 21
    wanted = [task_id for task_id in everything if finding.meets(Query(**asked), life.task(task_id))]
    for query in (asked, asked | {"statuses": tuple(Status)}):
        assert sorted(found(life.store, limit, oldest_first=oldest_first, **query)) == sorted(wanted)
    in_order = found(life.store, limit, oldest_first=oldest_first, **asked)
    assert in_order == (wanted if oldest_first else wanted[::-1])


@BOTH
@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_several_statuses_are_merged_by_when_tasks_got_there(oldest_first: bool, limit: int, life: Life) -> None:
    names = [life.submit(task_id=f"m-{number:02}") for number in range(12)]
    mixed = random.Random(7).sample(names, 8)
    for task_id in mixed[:4]:
        life.store.cancel([task_id], "tester")
    statuses = (Status.CANCELLED, Status.PENDING, Status.FAILED)
    scores = {name: life.store._redis.zscore(f"tasks:{life.task(name).status}", name) for name in names}
    expected = sorted(names, key=lambda name: (scores[name] or 0, name), reverse=not oldest_first)
    assert found(life.store, limit, statuses=statuses, oldest_first=oldest_first) == expected


@BOTH
@pytest.mark.parametrize(
    "statuses", [(Status.RUNNING,), (Status.SCHEDULED, Status.DISPATCHED), tuple(sorted(UNDER_WAY))], ids=str
)
def test_what_an_agent_holds_is_found_by_what_it_holds(
    statuses: tuple[Status, ...], oldest_first: bool, redis: Redis, life: Life
) -> None:
    zoo(life)
    held = sorted(name for name in found(life.store) if life.task(name).status in statuses)
    assert sorted(found(life.store, 2, agents=(AGENT,), statuses=statuses, oldest_first=oldest_first)) == held
    assert found(life.store, agents=("agent-9",), statuses=statuses) == []
    for status in Status:
        redis.rename(f"tasks:{status}", f"aside:{status}")
    assert sorted(found(life.store, agents=(AGENT,), statuses=statuses)) == held, "however many others there are"
    for status in Status:
        redis.rename(f"aside:{status}", f"tasks:{status}")


@BOTH
def test_many_of_one_millisecond_are_told_once(oldest_first: bool, redis: Redis, life: Life) -> None:
    names = [f"n-{number:03}" for number in range(60)]
    life.store.submit([Submission.of(task_id=name, content="true") for name in names], "tester", life.ids)
    redis.zadd("tasks:all", dict.fromkeys(names, 1_000_000))
    expected = names if oldest_first else names[::-1]
    for limit in (1, 7, 59, 60, 61):
        assert found(life.store, limit, oldest_first=oldest_first) == expected
        assert found(life.store, limit, oldest_first=oldest_first, name="t") == expected


@BOTH
@pytest.mark.parametrize("bounds", [(1, 1), (3, 2), (2000, 4)])
def test_one_call_looks_at_a_bounded_number_and_the_next_goes_on(
    bounds: tuple[int, int], oldest_first: bool, monkeypatch: pytest.MonkeyPatch, life: Life
) -> None:
    monkeypatch.setattr(finding, "LOOK", bounds[0])
    monkeypatch.setattr(finding, "AT_ONCE", bounds[1])
    for number in range(20):
        life.submit(task_id=f"t-{number:02}", name="needle" if number in (3, 4, 17) else "hay")
    sizes = [len(page) for page in pages(life.store, Query(name="needle", oldest_first=oldest_first), 2)]
    assert sum(sizes) == 3
    assert len(sizes) >= 20 // bounds[0]
    expected = ["t-03", "t-04", "t-17"]
    assert found(life.store, 2, name="needle", oldest_first=oldest_first) == (
        expected if oldest_first else expected[::-1]
    )


@BOTH
def test_tasks_that_come_and_go_between_pages_hide_or_repeat_no_others(oldest_first: bool, life: Life) -> None:
    names = [life.submit(task_id=f"p-{number:03}", tags={"of": "these"}) for number in range(60)]
    query = Query((Status.PENDING, Status.FAILED), tags={"of": "these"}, oldest_first=oldest_first)
    seen: list[str] = []
    for number, page in enumerate(pages(life.store, query, 7)):
        seen += [task.task_id for task in page]
        # One that was shown, one that was not, and the last one shown, at which the next page begins.
        life.store.cancel([*seen[number : number + 1], *seen[-1:], names[number + 20]], "tester")
        life.submit()
    assert len(seen) == len(set(seen))
    assert all(life.task(name).status is Status.CANCELLED for name in set(names) - set(seen))


def test_what_somebody_spoilt_is_passed_over(redis: Redis, life: Life) -> None:
    life.submit(task_id="good", tags={"a": "b"})
    redis.set("task:text", "somebody's")
    redis.zadd("tasks:all", {"text": 1e12, "nobody": 1e12, "odd": 1e12})
    redis.hset("task:odd", mapping={"taskId": "odd", "status": "PENDING", "tags": "[1", "name": "task"})
    assert found(life.store, tags={"a": "b"}) == ["good"]
    assert found(life.store, name="task") == ["good"]
    redis.delete("task:text", "task:odd")
    redis.zrem("tasks:all", "text", "nobody", "odd")
