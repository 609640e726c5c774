"""The four requests that the API is for (F-API-01 … F-API-04), and lists."""

from typing import Any

import pytest

from common.domain.result import Reason, failure
from common.store.tasks import TaskStore
from common.store.writing import Limits
from tests.stage4.api.conftest import Door, Opens, Yard

ULID = r"^[0-9A-HJKMNP-TV-Z]{26}$"
TASKS = "/api/v1/tasks"


def test_a_submitted_task_is_there_pending_with_an_id_of_its_own(door: Door, yard: Yard) -> None:
    answer = door("POST", TASKS, {"name": "hello", "type": "SHELL", "content": "echo hi", "timeout": 5, "retries": 2})
    assert answer.status == 201
    task_id = answer.json["taskId"]
    assert answer.json == {"taskId": task_id, "status": "PENDING"}
    assert answer.headers["Location"] == f"{TASKS}/{task_id}"
    task = yard.store.get(task_id)
    assert task
    assert (task.spec.name, task.spec.content, task.spec.timeout, task.spec.retries) == ("hello", "echo hi", 5, 2)
    assert yard.store.history(task_id)[0]["by"] == "api-1"


def test_the_same_request_again_is_the_same_task(door: Door) -> None:
    body = {"content": "echo hi", "requestId": "order 17"}
    first, second = door("POST", TASKS, body), door("POST", TASKS, body)
    assert (first.status, second.status) == (201, 200)
    assert first.json == second.json
    assert second.headers["Location"] == first.headers["Location"]
    named = {"content": "echo hi", "taskId": "nightly-1"}
    assert [door("POST", TASKS, named).status for _ in range(2)] == [201, 200]


@pytest.mark.parametrize("by", ["requestId", "taskId"])
def test_an_id_that_belongs_to_another_body_is_a_conflict_that_names_its_task(door: Door, by: str) -> None:
    task_id = door("POST", TASKS, {"content": "echo hi", by: "one"}).json["taskId"]
    answer = door("POST", TASKS, {"content": "echo ho", by: "one"})
    assert (answer.status, answer.code, answer.json["taskId"]) == (409, "ID_TAKEN", task_id)


def test_where_as_many_tasks_wait_as_may_the_client_is_told_when_to_ask_again(opens: Opens, yard: Yard) -> None:
    yard.service._store = TaskStore(yard.redis, yard.keys, Limits(pending=1))
    door = opens()
    door.submit()
    answer = door("POST", TASKS, {"content": "true"})
    assert (answer.status, answer.code) == (429, "QUEUE_FULL")
    assert int(answer.headers["Retry-After"]) > 0


BAD: list[tuple[Any, int, str, str]] = [
    ({}, 422, "INVALID_TASK", "content"),
    ({"content": " "}, 422, "INVALID_TASK", "empty"),
    ({"content": "x", "retires": 3}, 422, "INVALID_TASK", "did you mean 'retries'?"),
    ({"content": "x", "timeout": "5"}, 422, "INVALID_TASK", "timeout"),
    ({"content": "x", "retries": True}, 422, "INVALID_TASK", "retries"),
    ({"content": "x", "taskId": "../etc/passwd"}, 422, "INVALID_TASK", "taskId"),
    ([], 422, "INVALID_TASK", "object"),
    (b"", 400, "NOT_JSON", "JSON"),
    (b"{", 400, "NOT_JSON", "JSON"),
    (b'{"content": "\xff"}', 400, "NOT_JSON", "JSON"),
    (b'{"content": ' + b"[" * 100_000, 400, "NOT_JSON", "recursion"),
    (b'{"content": "x", "timeout": NaN}', 422, "INVALID_TASK", "timeout"),
]


@pytest.mark.parametrize(("body", "status", "code", "said"), BAD)
def test_what_is_no_task_is_refused_with_what_is_wrong(
    door: Door, body: Any, status: int, code: str, said: str
) -> None:
    answer = door("POST", TASKS, body)
    assert (answer.status, answer.code) == (status, code)
    assert said in answer.json["detail"]


def test_a_task_is_shown_with_its_result_and_where_its_output_is(door: Door, yard: Yard) -> None:
    task_id = door.submit("echo hi")
    held = yard.run(task_id)
    yard.prints(held, "hällo\nworld\n")
    task = door("GET", f"{TASKS}/{task_id}").json
    assert (task["status"], task["agent"], task["attempt"], task["result"]) == ("RUNNING", "agent-1", 1, None)
    assert task["logs"] == {
        "href": f"{TASKS}/{task_id}/log",
        "stream": f"{TASKS}/{task_id}/log/stream",
        "attempt": 1,
        "text": None,
        "offset": None,
        "nextOffset": None,
    }
    tail = door("GET", f"{TASKS}/{task_id}?logs=6").json["logs"]
    assert (tail["text"], tail["offset"], tail["nextOffset"]) == ("world\n", 7, 13)
    yard.ends(held, failure(Reason.EXIT_CODE, "it failed", exit_code=3))
    task = door("GET", f"{TASKS}/{task_id}").json
    assert (task["status"], task["exitCode"], task["reason"], task["error"]) == ("FAILED", 3, "EXIT_CODE", "it failed")


@pytest.mark.parametrize("task_id", ["nobody", "01JC5W3N8Q0000000000000000", "a" * 200, "x y", "ä", "$(id)", "'; --"])
def test_a_task_that_is_not_there_is_not_found(door: Door, task_id: str) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/retry")):
        answer = door(method, f"{TASKS}/{task_id}{path}")
        assert (answer.status, answer.code) == (404, "NOT_FOUND")


def test_a_task_that_waits_is_cancelled_at_once_and_a_running_one_by_its_agent(door: Door, yard: Yard) -> None:
    waiting, running, ended = door.submit(), door.submit(), door.submit()
    yard.run(running)
    yard.ends(yard.run(ended))
    for _ in range(2):
        answer = door("DELETE", f"{TASKS}/{waiting}")
        assert (answer.status, answer.json["status"], answer.json["cancelRequested"]) == (200, "CANCELLED", False)
        answer = door("DELETE", f"{TASKS}/{running}")
        assert (answer.status, answer.json["status"], answer.json["cancelRequested"]) == (202, "RUNNING", True)
    answer = door("DELETE", f"{TASKS}/{ended}")
    assert (answer.status, answer.code) == (409, "ALREADY_FINAL")


def test_a_failed_task_gets_another_life(door: Door, yard: Yard) -> None:
    task_id, good = door.submit(), door.submit()
    held = yard.run(task_id)
    answer = door("POST", f"{TASKS}/{task_id}/retry")
    assert (answer.status, answer.code) == (409, "NOT_FINAL")
    yard.ends(held, failure(Reason.EXIT_CODE, "it failed", exit_code=3))
    for _ in range(2):
        answer = door("POST", f"{TASKS}/{task_id}/retry")
        assert (answer.status, answer.json) == (200, {"taskId": task_id, "status": "PENDING"})
    yard.ends(yard.run(good))
    assert door("POST", f"{TASKS}/{good}/retry").code == "SUCCEEDED"


def test_lists_are_filtered_and_go_on_by_cursors(door: Door, yard: Yard) -> None:
    tasks = [
        door.submit(name=f"{'odd' if number % 2 else 'even'}-{number}", tags={"team": "blue" if number < 2 else "red"})
        for number in range(7)
    ]
    yard.run(tasks[0])

    def listed(asked: str) -> list[str]:
        return [task["taskId"] for task in door("GET", f"{TASKS}?{asked}").json["tasks"]]

    assert listed("") == tasks[::-1]
    assert listed("order=oldest") == tasks
    assert listed("name=odd-") == tasks[5::-2]
    assert listed("status=RUNNING") == [tasks[0]]
    assert sorted(listed("status=RUNNING&status=PENDING&limit=1000")) == tasks
    assert listed("agent=agent-1&type=SHELL") == [tasks[0]]
    assert listed("tag=team:blue") == tasks[1::-1]
    assert listed("tag=team:green") == []
    seen: list[str] = []
    cursor = ""
    while True:
        page = door("GET", f"{TASKS}?limit=3&cursor={cursor}").json
        seen += [task["taskId"] for task in page["tasks"]]
        if not (cursor := page["nextCursor"] or ""):
            break
    assert seen == tasks[::-1]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("statsu=PENDING", "did you mean 'status'?"),
        ("status=pending", "status"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=1_0", "in digits"),
        ("limit=", "in digits"),
        ("limit=1&limit=2", "more than once"),
        ("order=random", "order"),
        ("tag=blue", "tag"),
        ("cursor=nonsense", "cursor"),
    ],
)
def test_a_query_that_cannot_be_understood_is_refused(door: Door, asked: str, said: str) -> None:
    answer = door("GET", f"{TASKS}?{asked}")
    assert (answer.status, answer.code) == (400, "BAD_QUERY")
    assert said in answer.json["detail"]
