"""Many tasks with one request, agents, counts, and how a task came to be as it is."""

from typing import Any

import pytest

from common.domain.result import Reason, failure
from common.store.tasks import TaskStore
from common.store.writing import Limits
from tests.stage4.api.conftest import Door, Opens, Yard

API = "/api/v1"
TASKS = "/api/v1/tasks"


def test_one_bad_task_of_a_batch_harms_no_other(door: Door, yard: Yard) -> None:
    taken = door.submit("echo hi", taskId="mine")
    answer = door(
        "POST",
        f"{TASKS}:batch",
        {
            "tasks": [
                {"content": "one"},
                {"content": "two", "timeout": "soon"},
                {"content": "echo hi", "taskId": taken},
                {"content": "echo ho", "taskId": taken},
                "no task",
                {"content": "three", "requestId": "r"},
                {"content": "three", "requestId": "r"},
            ]
        },
    )
    assert answer.status == 200
    results = answer.json["results"]
    assert [one["status"] for one in results] == [201, 422, 200, 409, 422, 201, 200]
    assert "timeout" in results[1]["problem"]["detail"]
    assert (results[3]["problem"]["code"], results[3]["taskId"]) == ("ID_TAKEN", taken)
    assert results[5]["taskId"] == results[6]["taskId"]
    assert len(yard.store.page().tasks) == 3


def test_a_batch_that_does_not_fit_is_taken_as_far_as_it_does(opens: Opens, yard: Yard) -> None:
    yard.service._store = TaskStore(yard.redis, yard.keys, Limits(pending=2))
    results = opens()("POST", f"{TASKS}:batch", {"tasks": [{"content": "x"}] * 3}).json["results"]
    assert [one["status"] for one in results] == [201, 201, 429]


@pytest.mark.parametrize(
    "body", [{"tasks": []}, {"tasks": [{"content": "x"}] * 1001}, {}, {"tasks": [], "more": 1}, {"tasks": "all"}, []]
)
def test_what_is_no_batch_is_refused_whole(door: Door, body: Any) -> None:
    answer = door("POST", f"{TASKS}:batch", body)
    assert (answer.status, answer.code) == (422, "INVALID_BODY")


@pytest.mark.parametrize(
    ("item", "status"),
    [
        (b'{"content": "x", "timeout": ' + b"1" * 4000 + b"}", 422),
        (b'{"content": "x", "timeout": 1e999}', 422),
        (b'{"content": "x", "timeout": -0.0}', 422),
        (b'{"content": ' + b"[" * 150 + b"]" * 150 + b"}", 422),
        (b'{"content": "x", "content": "y"}', 201),
        (b'{"content": "x\\u0000"}', 422),
        (b"null", 422),
        (b"1e999", 422),
    ],
)
def test_odd_json_within_a_batch_is_answered_by_itself(door: Door, item: bytes, status: int) -> None:
    answer = door("POST", f"{TASKS}:batch", b'{"tasks": [' + item + b', {"content": "fine"}]}')
    assert [one["status"] for one in answer.json["results"]] == [status, 201]
    alone = door("POST", TASKS, item)
    assert alone.status == status


@pytest.mark.parametrize(
    "body",
    [
        b'{"tasks": ' + b"[" * 100_000,
        b'{"tasks": [' + b"1" * 5000,
        b'{"tasks": [{"content": "\xff"}]}',
        b"\x00",
        b"tasks",
    ],
)
def test_what_is_no_json_is_no_batch(door: Door, body: bytes) -> None:
    answer = door("POST", f"{TASKS}:batch", body)
    assert (answer.status, answer.code) == (400, "NOT_JSON")


def test_many_are_cancelled_and_retried_by_their_ids(door: Door, yard: Yard) -> None:
    waiting, running, failed = door.submit(), door.submit(), door.submit()
    yard.run(running)
    yard.ends(yard.run(failed), failure(Reason.EXIT_CODE, "it failed", exit_code=1))
    asked = {"taskIds": [waiting, running, failed, "nobody"]}
    for _ in range(2):
        results = door("POST", f"{TASKS}:cancel", asked).json["results"]
        assert [one["status"] for one in results] == [200, 202, 409, 404]
    assert results[2]["problem"]["code"] == "ALREADY_FINAL"
    results = door("POST", f"{TASKS}:retry", asked).json["results"]
    assert [one["status"] for one in results] == [200, 409, 200, 404]


def test_many_are_cancelled_by_a_filter_page_by_page(door: Door) -> None:
    odd = [door.submit(name="odd") for _ in range(5)]
    even = door.submit(name="even")
    asked: dict[str, Any] = {"filter": {"name": "odd", "status": ["PENDING"]}, "limit": 2}
    done: list[str] = []
    while True:
        answer = door("POST", f"{TASKS}:cancel", asked).json
        done += [one["taskId"] for one in answer["results"]]
        if not answer["nextCursor"]:
            break
        asked["cursor"] = answer["nextCursor"]
    assert done == odd
    assert door("GET", f"{TASKS}/{even}").json["status"] == "PENDING"


@pytest.mark.parametrize(
    "body",
    [{}, {"filter": {}}, {"filter": {"name": ""}}, {"taskIds": ["a"], "filter": {"name": "x"}}, {"taskIds": []},
     {"taskIds": ["../x"]}, {"filter": {"status": ["pending"]}}, {"filter": {"name": "x"}, "cursor": "nonsense"}],
)  # fmt: skip
def test_nobody_cancels_everything_by_mistake(door: Door, body: Any) -> None:
    door.submit()
    assert door("POST", f"{TASKS}:cancel", body).code == "INVALID_BODY"
    assert door("GET", f"{API}/counts").json["counts"]["PENDING"] == 1


def test_counts_tell_how_many_tasks_each_status_has(door: Door, yard: Yard) -> None:
    yard.ends(yard.run(door.submit()))
    door.submit()
    counts = door("GET", f"{API}/counts").json["counts"]
    assert (counts["PENDING"], counts["SUCCESS"], counts["FAILED"], len(counts)) == (1, 1, 0, 7)


def test_agents_are_listed_drained_and_resumed(door: Door, yard: Yard) -> None:
    yard.agent("agent-1")
    assert door("GET", f"{API}/agents").json["agents"][0]["state"] == "live"
    for _ in range(2):
        answer = door("POST", f"{API}/agents/agent-1/drain")
        assert (answer.status, answer.json) == (200, {"agent": "agent-1", "drained": True})
    assert door("GET", f"{API}/agents").json["agents"][0]["state"] == "drained"
    assert door("POST", f"{API}/agents/agent-1/resume").json["drained"] is False
    assert door("POST", f"{API}/agents/agent-7/drain").code == "NOT_FOUND"
    assert door("POST", f"{API}/agents/agent-1/drain", b'{"for": "ever"}').code == "BODY_NOT_TAKEN"
    assert yard.store.shut() == {}


def test_a_task_tells_its_story(door: Door, yard: Yard) -> None:
    task_id = door.submit(retries=1, retryDelay=0)
    path = f"{TASKS}/{task_id}"
    assert "because" in door("GET", f"{path}/explain").json
    assert door("GET", f"{path}/attempts").json == {"taskId": task_id, "attempts": []}
    yard.ends(yard.run(task_id), failure(Reason.EXIT_CODE, "it failed", exit_code=1))
    yard.store.promote("agent-1")
    yard.run(task_id, "agent-2")
    first, second = door("GET", f"{path}/attempts").json["attempts"]
    assert (first["attempt"], first["agent"], first["ended"]["verb"]) == (1, "agent-1", "report")
    assert first["startedAt"] <= first["endedAt"]
    assert (second["attempt"], second["agent"], second["endedAt"], second["ended"]) == (2, "agent-2", None, None)
    assert door("GET", f"{path}/explain").json["chosen"] == "agent-2"
    verbs = [entry["verb"] for entry in door("GET", f"{path}/history").json["history"]]
    assert verbs == ["submit", "assign", "start", "report", "assign", "start"]
    for what in ("history", "attempts", "explain"):
        assert door("GET", f"{TASKS}/nobody/{what}").code == "NOT_FOUND"
