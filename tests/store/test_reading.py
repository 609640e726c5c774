"""What can be asked of the store: pages, counts, logs, leases."""

from collections.abc import Iterator
from itertools import chain

import pytest
from redis import Redis

from common.domain.errors import InvalidTask
from common.domain.reports import Finished, LogChunk
from common.domain.result import success
from common.domain.status import Answer, Status
from common.domain.task import Submission
from common.store.tasks import TaskStore
from tests.store.lives import AGENT, BOOT, Life


def pages(store: TaskStore, limit: int, status: Status | None = None) -> Iterator[list[str]]:
    cursor = ""
    while True:
        page = store.page(status, limit, cursor)
        yield [task.task_id for task in page.tasks]
        cursor = page.next_cursor
        if not cursor:
            return


def many(life: Life, count: int) -> list[str]:
    """Made in few scripts, so that many of them have the same time."""
    names = [f"n-{number:03}" for number in range(count)]
    life.store.submit([Submission.of(task_id=name, content="true") for name in names], "tester", life.ids)
    return names


@pytest.mark.parametrize("limit", [1, 7, 50, 200, 1000])
def test_pages_show_every_task_once_newest_first(limit: int, life: Life) -> None:
    names = many(life, 60) if limit == 1 else many(life, 230)
    found = list(pages(life.store, limit))
    assert all(len(page) <= limit for page in found)
    assert list(chain(*found)) == names[::-1]


def test_a_full_last_page_has_no_next_one(life: Life) -> None:
    many(life, 4)
    assert [len(page) for page in pages(life.store, 2)] == [2, 2]
    assert list(pages(life.store, 2, Status.FAILED)) == [[]]


def test_pages_of_a_status_show_who_got_there_last(life: Life) -> None:
    many(life, 5)
    life.store.cancel(["n-003", "n-001"], "tester")
    life.store.cancel(["n-004"], "tester")
    assert list(chain(*pages(life.store, 2, Status.CANCELLED))) == ["n-004", "n-003", "n-001"]
    assert list(chain(*pages(life.store, 2, Status.PENDING))) == ["n-002", "n-000"]


def test_tasks_that_come_and_go_between_pages_hide_no_others(life: Life) -> None:
    names = many(life, 100)
    seen: list[str] = []
    for number, page in enumerate(pages(life.store, 9, Status.PENDING)):
        seen += page
        # One that was shown, one that was not, and the last one shown, at which the next page begins.
        life.store.cancel([*seen[number : number + 1], *page[-1:], names[number]], "tester")
        life.submit()
    assert len(seen) == len(set(seen))
    cancelled_unseen = set(names) - set(seen)
    assert all(life.task(name).status is Status.CANCELLED for name in cancelled_unseen)


@pytest.mark.parametrize("cursor", ["x", "1", ":", "1:", ":a", "-1:a", "1.5:a", "²:a", "nan:a", "inf:a"])
def test_a_cursor_that_is_none_is_refused(cursor: str, store: TaskStore) -> None:
    with pytest.raises(InvalidTask, match="not a cursor"):
        store.page(cursor=cursor)


def test_counts_are_told_per_status(life: Life) -> None:
    assert life.store.counts() == dict.fromkeys(Status, 0)
    for status in Status:
        life.reach(status)
    assert life.store.counts() == dict.fromkeys(Status, 1)


def test_tasks_are_given_in_the_order_asked_for(life: Life) -> None:
    life.submit(task_id="a")
    life.submit(task_id="b")
    assert [task and task.task_id for task in life.store.get_many(["b", "x", "a", "b"])] == ["b", None, "a", "b"]
    assert life.store.get_many([]) == []
    assert (life.store.get("x"), life.store.history("x")) == (None, [])


def test_those_longest_in_a_status_come_first(life: Life) -> None:
    names = [life.submit() for _ in range(3)]
    assert [task.task_id for task in life.store.in_status(Status.PENDING, 2)] == names[:2]


def test_a_lease_tells_who_holds_it(life: Life) -> None:
    told = life.store.leases([AGENT, "nobody", AGENT])
    assert told["nobody"] == {}
    assert told[AGENT] | {"boot": BOOT, "slots": "4"} == told[AGENT]
    assert told[AGENT]["startedAt"].endswith("Z")


def write(life: Life, task_id: str, offset: int, text: str) -> Answer:
    return life.store.log([LogChunk(life.task(task_id), offset, text)], AGENT)[0]


def log_of(store: TaskStore, task_id: str) -> str:
    return store.read_log(task_id, 1, 0, 1_000_000).text


def test_pieces_that_come_again_or_overlap_are_written_once(life: Life) -> None:
    task_id = life.running()
    for offset, text in [(0, "hello "), (0, "hello "), (3, "lo wor"), (9, "ld"), (2, "llo"), (11, "")]:
        assert write(life, task_id, offset, text) is Answer.OK
    assert log_of(life.store, task_id) == "hello world"


def test_pieces_that_overlap_within_a_character_fit_together(life: Life) -> None:
    task_id = life.running()
    text = "日本🙂語é"
    raw = text.encode()
    write(life, task_id, 0, raw[:6].decode())
    write(life, task_id, 3, raw[3:].decode())
    assert log_of(life.store, task_id) == text


def test_a_report_brings_the_rest_of_the_log(life: Life) -> None:
    task_id = life.running()
    write(life, task_id, 0, "so far\n")
    task = life.task(task_id)
    end = Finished(task, success(), LogChunk(task, 3, "far\nthe end\n"))
    assert life.store.report([end], AGENT)[0][0] is Answer.OK
    assert life.store.report([end], AGENT)[0][0] is Answer.SAME
    assert log_of(life.store, task_id) == "so far\nthe end\n"


def test_each_attempt_has_its_own_log(life: Life) -> None:
    task_id = life.running()
    write(life, task_id, 0, "one")
    life.store.requeue([life.task(task_id)], "STUCK", "leader", 5)
    life.claim(task_id)
    write(life, task_id, 0, "two")
    assert [life.store.read_log(task_id, attempt).text for attempt in (1, 2, 3)] == ["one", "two", ""]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 100])
def test_pages_of_a_log_never_cut_a_character(limit: int, life: Life) -> None:
    task_id = life.running()
    text = "aé日🙂\n" * 5 + "🙂"
    write(life, task_id, 0, text)
    read, offset = "", 0
    while (page := life.store.read_log(task_id, 1, offset, limit)).text:
        assert page.offset == offset
        assert page.next_offset == offset + len(page.text.encode())
        assert len(page.text.encode()) <= max(limit, 4)
        read, offset = read + page.text, page.next_offset
    assert read == text


def test_a_log_with_anything_in_it_can_be_read_to_its_end(redis: Redis, life: Life) -> None:
    task_id = life.running()
    redis.set(f"task:{task_id}:log:1", b"\xff\x80ok\x80" * 10)
    read, offset = "", 0
    while (page := life.store.read_log(task_id, 1, offset, 4)).text:
        read, offset = read + page.text, page.next_offset
    assert read == "��ok�" * 10
    assert life.store.read_log(task_id, 1, 2, 4).text == "ok��"


def test_half_a_character_at_the_end_waits_for_the_other_half(redis: Redis, life: Life) -> None:
    task_id = life.running()
    redis.set(f"task:{task_id}:log:1", "ok🙂".encode()[:-1])
    page = life.store.read_log(task_id, 1)
    assert (page.text, page.next_offset) == ("ok", 2)
    redis.append(f"task:{task_id}:log:1", "🙂".encode()[-1:])
    assert life.store.read_log(task_id, 1, page.next_offset).text == "🙂"


def test_the_end_of_a_log_is_read_without_half_a_character_at_its_beginning(life: Life) -> None:
    task_id = life.running()
    write(life, task_id, 0, "日🙂ok")
    for size, text, offset in ((2, "ok", 7), (5, "ok", 7), (6, "🙂ok", 3), (9, "日🙂ok", 0), (100, "日🙂ok", 0)):
        page = life.store.read_log(task_id, 1, -size, 100)
        assert (page.text, page.offset, page.next_offset) == (text, offset, 9)
