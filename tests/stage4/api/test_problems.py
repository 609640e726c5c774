"""Whatever is wrong, with a request or behind the API, is told as a problem document."""

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest

from common.domain.errors import CorruptTask, Unanswered, Unavailable
from common.domain.status import Answer as Verdict
from common.domain.task import Submission
from common.store.submitting import Submitted
from stage4_api.store_service import StoreService
from tests.stage4.api.conftest import Door, Opens, Yard

TASKS = "/api/v1/tasks"
T = TypeVar("T")


class Troubled(StoreService):
    """Does what it is asked, and then, so many times, raises an error all the same."""

    error: Exception = Unanswered("manager-1 did not answer")
    times = 0

    def submit(self, submissions: Sequence[Submission], by: str) -> list[Submitted]:
        return self._troubled(lambda: super(Troubled, self).submit(submissions, by))

    def cancel(self, task_ids: Sequence[str], by: str) -> list[Verdict]:
        return self._troubled(lambda: super(Troubled, self).cancel(task_ids, by))

    def retry(self, task_ids: Sequence[str], by: str) -> list[Verdict]:
        return self._troubled(lambda: super(Troubled, self).retry(task_ids, by))

    def tasks(self, task_ids: Sequence[str]) -> list[Any]:
        return self._troubled(lambda: super(Troubled, self).tasks(task_ids))

    def _troubled(self, act: Callable[[], T]) -> T:
        answer = act()
        if self.times:
            self.times -= 1
            raise self.error
        return answer


@pytest.fixture
def service(yard: Yard) -> Troubled:
    return Troubled(yard.store, yard.service._ids)


@pytest.fixture
def door(opens: Opens, service: Troubled) -> Door:
    return opens(service)


def test_a_submission_whose_answer_was_lost_is_repeated_once_and_made_once(
    door: Door, service: Troubled, yard: Yard
) -> None:
    service.times = 1
    answer = door("POST", TASKS, {"content": "x"})
    assert (answer.status, answer.json["status"]) == (201, "PENDING")
    assert [task.task_id for task in yard.store.page().tasks] == [answer.json["taskId"]]


@pytest.mark.parametrize("body", [{"content": "x"}, {"content": "x", "requestId": "r"}])
def test_where_the_answer_stays_lost_the_client_is_told_which_task_may_exist(
    door: Door, service: Troubled, yard: Yard, body: dict[str, str]
) -> None:
    service.times = 2
    answer = door("POST", TASKS, body)
    assert (answer.status, answer.code) == (503, "UNANSWERED")
    assert int(answer.headers["Retry-After"]) > 0
    task_id = answer.json["taskId"]
    assert task_id in answer.json["detail"]
    assert yard.store.get(task_id)
    again = door("POST", TASKS, body | {"taskId": task_id})
    assert (again.status, again.json["taskId"]) == (200, task_id)


def test_a_batch_is_repeated_and_told_of_alike(door: Door, service: Troubled, yard: Yard) -> None:
    service.times = 1
    body = {"tasks": [{"content": "x"}, {"content": "y"}]}
    answer = door("POST", f"{TASKS}:batch", body)
    assert [one["taskId"] for one in answer.json["results"]] == [
        task.task_id for task in reversed(yard.store.page().tasks)
    ]
    service.times = 2
    answer = door("POST", f"{TASKS}:batch", body)
    assert (answer.code, len(answer.json["taskIds"])) == ("UNANSWERED", 2)


def test_a_cancel_is_repeated_and_a_retry_is_not(door: Door, service: Troubled) -> None:
    task_id = door.submit()
    service.times = 1
    assert door("DELETE", f"{TASKS}/{task_id}").status == 200
    service.times = 1
    answer = door("POST", f"{TASKS}/{task_id}/retry")
    assert (answer.status, answer.code) == (503, "UNANSWERED")
    assert "may have been done" in answer.json["detail"]


ERRORS = [
    (Unavailable("no manager can be reached"), 503, "UNAVAILABLE", "Nothing was done"),
    (CorruptTask("task 'x' can't be read back"), 500, "CORRUPT_TASK", "can't be read back"),
    (ZeroDivisionError("secret words"), 500, "INTERNAL", "see the log"),
]


@pytest.mark.parametrize(("error", "status", "code", "said"), ERRORS)
def test_each_error_behind_it_has_its_status_and_code(
    door: Door, service: Troubled, error: Exception, status: int, code: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    task_id = door.submit()
    service.error, service.times = error, 1
    answer = door("GET", f"{TASKS}/{task_id}", headers={"X-Request-Id": "req-1"})
    assert (answer.status, answer.code) == (status, code)
    assert said in answer.json["detail"]
    assert b"secret words" not in answer.body
    assert ("Retry-After" in answer.headers) == (status == 503)
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [("req-1" in record.getMessage(), record.exc_info is not None) for record in errors] == (
        [(True, True)] if code == "INTERNAL" else []
    )


WRONG: list[tuple[str, str, int, str]] = [
    ("GET", "/", 404, "NOT_FOUND"),
    ("GET", "/api/v1", 404, "NOT_FOUND"),
    ("GET", "/api/v1/tasks/", 404, "NOT_FOUND"),
    ("GET", "/api/v1//tasks", 404, "NOT_FOUND"),
    ("GET", "/api/v1/../v1/tasks", 404, "NOT_FOUND"),
    ("GET", "/api/v1/tasks/..", 404, "NOT_FOUND"),
    ("GET", "/api/v1/tasks/%2e%2e", 404, "NOT_FOUND"),
    ("GET", "/api/v1/tasks/a%2Flog", 400, "BAD_PATH"),
    ("GET", "/api/v1/tasks/a%5Clog", 400, "BAD_PATH"),
    ("GET", "/api/v1/tasks/a%00", 400, "BAD_PATH"),
    ("GET", "/api/v1/tasks/a%0aSet-Cookie:x", 400, "BAD_PATH"),
    ("GET", "/api/v1/tasks/%FF%FE", 404, "NOT_FOUND"),
    ("GET", "/docs/../settings.py", 404, "NOT_FOUND"),
    ("PUT", "/api/v1/tasks", 405, "METHOD_NOT_ALLOWED"),
    ("DELETE", "/api/v1/tasks", 405, "METHOD_NOT_ALLOWED"),
    ("TRACE", "/api/v1/tasks", 405, "METHOD_NOT_ALLOWED"),
    ("PROPFIND", "/api/v1/tasks/x", 405, "METHOD_NOT_ALLOWED"),
    ("GET", "/api/v1/tasks:batch", 405, "METHOD_NOT_ALLOWED"),
    ("GET", "/healthz?verbose=1", 400, "BAD_QUERY"),
    ("POST", "/api/v1/tasks?force=1", 400, "BAD_QUERY"),
]


@pytest.mark.parametrize(("method", "path", "status", "code"), WRONG)
def test_a_request_for_what_there_is_not_is_a_problem(
    door: Door, method: str, path: str, status: int, code: str
) -> None:
    answer = door(method, path, headers={"X-Request-Id": "mine:1"})
    assert (answer.status, answer.code) == (status, code)
    assert answer.json["type"] == f"/docs#{code}"
    assert answer.json["instance"] == "urn:dts:request:mine:1"
    assert answer.headers["X-Request-Id"] == "mine:1"
    if status == 405:
        assert answer.headers["Allow"]


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_a_body_of_another_type_is_not_taken(door: Door, content_type: str) -> None:
    answer = door("POST", TASKS, b'{"content": "x"}', {"Content-Type": content_type})
    assert (answer.status, answer.code) == (415, "UNSUPPORTED_MEDIA_TYPE")
    fine = door("POST", TASKS, b'{"content": "x"}', {"Content-Type": "application/json; charset=utf-8"})
    assert fine.status == 201


def test_a_body_that_is_too_large_is_refused_with_how_large_it_may_be(opens: Opens) -> None:
    door = opens(api_body=1024)
    answer = door("POST", TASKS, {"content": "x" * 2000})
    assert (answer.status, answer.code) == (413, "TOO_LARGE")
    assert "1,024 bytes" in answer.json["detail"]
    assert opens()("POST", TASKS, {"content": "x" * 2_000_000}).code == "TOO_LARGE"
    assert opens()("POST", TASKS, {"content": "x" * 1_000_001}).code == "INVALID_TASK"


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "ä", "a\tb", "<script>"])
def test_an_id_of_a_request_that_might_do_harm_is_replaced(door: Door, given: str) -> None:
    answer = door("GET", "/healthz", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] not in ("", given)


def test_every_answer_tells_browsers_to_be_careful(door: Door) -> None:
    for path in ("/healthz", TASKS, "/docs", "/nowhere"):
        headers = door("GET", path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"]


HOSTILE = [
    "'; DROP TABLE tasks; --",
    "<script>alert(1)</script>",
    "{{7*7}}${jndi:ldap://x}",
    "../../etc/passwd",
    "\u202eevil\u2066",
    "*?[a-z]",
    "🙂" * 50,
    "%s%n%x",
    "task:x:history",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_only_texts(door: Door, yard: Yard, text: str) -> None:
    body = {"content": text, "requestId": text, "args": [text]}
    answer = door("POST", TASKS, body)
    assert answer.status == 201
    assert door("POST", TASKS, body).json == answer.json
    shown = door("GET", answer.headers["Location"])
    assert shown.headers["Content-Type"] == "application/json"
    assert (shown.json["content"], shown.json["args"], shown.json["requestId"]) == (text, [text], text)
    found = door("GET", f"{TASKS}?name={json.dumps(text)[1:5]}")
    assert found.status in (200, 400)
    assert len(yard.store.page().tasks) == 1


def test_whether_it_is_ready_is_told_with_why_it_is_not(opens: Opens) -> None:
    assert opens()("GET", "/readyz").json == {"status": "ok"}
    answer = opens(ready=lambda: "no manager can be reached")("GET", "/readyz")
    assert (answer.status, answer.code, answer.json["detail"]) == (503, "NOT_READY", "no manager can be reached")
