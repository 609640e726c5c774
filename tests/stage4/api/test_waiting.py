"""Asking only for what is new: ETags, and answers that wait for something to happen."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.lab.until import until
from stage4_api.store_service import StoreService
from stage4_api.task_service import Standing
from tests.stage4.api.conftest import Answer, Door, Opens, Yard

TASKS = "/api/v1/tasks"


class Counting(StoreService):
    """Counts the looks."""

    looks = 0
    largest = 0

    def standings(self, task_ids: Sequence[str]) -> list[Standing | None]:
        self.looks += 1
        self.largest = max(self.largest, len(task_ids))
        return super().standings(task_ids)


def test_what_the_client_has_already_is_not_sent_again(door: Door, yard: Yard) -> None:
    task_id = door.submit()
    first = door("GET", f"{TASKS}/{task_id}")
    tag = first.headers["ETag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        same = door("GET", f"{TASKS}/{task_id}", headers={"If-None-Match": known})
        assert (same.status, same.body, same.headers["ETag"]) == (304, b"", tag)
    yard.run(task_id)
    changed = door("GET", f"{TASKS}/{task_id}", headers={"If-None-Match": tag})
    assert (changed.status, changed.json["status"]) == (200, "RUNNING")


def test_an_answer_waits_until_the_task_differs_from_what_the_client_has(door: Door, yard: Yard) -> None:
    task_id = door.submit()
    tag = door("GET", f"{TASKS}/{task_id}").headers["ETag"]
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(
            door, "GET", f"{TASKS}/{task_id}", headers={"If-None-Match": tag, "Prefer": "respond-async, wait=30"}
        )
        until(lambda: door.app.desk.follower._waiting)
        yard.run(task_id)
        answer = asked.result(timeout=5)
    # It may have been seen on its way there.
    assert (answer.status, answer.json["status"]) in ((200, "SCHEDULED"), (200, "RUNNING"))
    assert answer.headers["Preference-Applied"] == "wait=30"


def test_without_an_etag_it_waits_until_the_task_has_ended(door: Door, yard: Yard) -> None:
    task_id = door.submit()
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(door, "GET", f"{TASKS}/{task_id}", headers={"Prefer": "wait=30"})
        until(lambda: door.app.desk.follower._waiting)
        held = yard.run(task_id)
        yard.ends(held, None, "done")
        assert asked.result(timeout=5).json["status"] == "SUCCESS"
    begun = time.monotonic()
    assert door("GET", f"{TASKS}/{task_id}", headers={"Prefer": "wait=30"}).json["status"] == "SUCCESS"
    assert time.monotonic() - begun < 5


def test_where_nothing_happens_it_answers_when_the_time_is_over(door: Door) -> None:
    task_id = door.submit()
    tag = door("GET", f"{TASKS}/{task_id}").headers["ETag"]
    begun = time.monotonic()
    answer = door("GET", f"{TASKS}/{task_id}", headers={"If-None-Match": tag, "Prefer": "wait=1"})
    assert answer.status == 304
    assert 0.9 < time.monotonic() - begun < 5


@pytest.mark.parametrize("prefer", ["wait=0", "wait=soon", "return=minimal", "wait=-1", "", "waiter=5", "wait"])
def test_a_wish_that_nobody_understands_is_no_wish(door: Door, prefer: str) -> None:
    answer = door("GET", f"{TASKS}/{door.submit()}", headers={"Prefer": prefer})
    assert answer.status == 200
    assert "Preference-Applied" not in answer.headers


def test_a_hundred_that_wait_are_one_question(opens: Opens, yard: Yard) -> None:
    service = Counting(yard.store, yard.service._ids)
    door = opens(service)
    tasks = [door.submit() for _ in range(100)]
    with ThreadPoolExecutor(100) as pool:

        def ask(task_id: str) -> Answer:
            return door("GET", f"{TASKS}/{task_id}", headers={"Prefer": "wait=30"})

        asked = [pool.submit(ask, task_id) for task_id in tasks]
        until(lambda: service.largest == 100)
        looks = service.looks
        begun = time.monotonic()
        until(lambda: time.monotonic() - begun > 1)
        assert service.looks - looks <= 15
        yard.store.cancel(tasks, "tester")
        assert {one.result(timeout=10).json["status"] for one in asked} == {"CANCELLED"}
    assert not door.app.desk.follower._waiting


def test_who_waits_is_answered_at_once_where_the_process_stops(door: Door) -> None:
    task_id = door.submit()
    threads = threading.active_count()
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(door, "GET", f"{TASKS}/{task_id}", headers={"Prefer": "wait=60"})
        until(lambda: door.app.desk.follower._waiting)
        door.app.stop()
        assert asked.result(timeout=3).json["status"] == "PENDING"
    until(lambda: threading.active_count() <= threads)
    assert door("GET", f"{TASKS}/{task_id}", headers={"Prefer": "wait=60"}).status == 200
    assert door("GET", "/readyz").code == "NOT_READY"
    assert door("GET", "/healthz").status == 200


def test_those_that_wait_leave_room_for_those_that_do_not(opens: Opens) -> None:
    door = opens(api_threads=1)
    task_id = door.submit()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(door, "GET", f"{TASKS}/{task_id}", headers={"Prefer": "wait=30"}) for _ in range(8)]
        until(lambda: door.app.desk.follower._waiting[task_id] == 8)
        begun = time.monotonic()
        assert door("GET", f"{TASKS}/{task_id}", headers={"Prefer": "wait=30"}).json["status"] == "PENDING"
        assert time.monotonic() - begun < 5
        assert door("DELETE", f"{TASKS}/{task_id}").status == 200
        assert {one.result(timeout=10).json["status"] for one in asked} == {"CANCELLED"}
    assert door.app.desk.working._value == 1
    assert door.app.desk.streams._value == 8
