"""Whatever is pushed into queue:tasks: a typed result or a dead letter that says what to mend; the agent goes on."""

import json
from typing import Any

import pytest

from common.domain.result import Reason
from common.domain.status import Status
from common.domain.task import MAX_ARGUMENTS
from common.lab.until import until
from tests.stage1.desk import Desk

MAX = 1_000_000


@pytest.fixture
def desk(served: Desk) -> Desk:
    """One agent is given everything in this file; were it to die of anything, the tests after that would fail."""
    return served


DEEP = "[" * 100_000
TASK = '{"content":"true",'

UNREADABLE: dict[str, tuple[str | bytes, str]] = {
    "nothing at all": ("", "not JSON"),
    "no JSON": ("echo hi", "not JSON"),
    "half of it": ('{"content":"ec', "not JSON"),
    "two of them": ('{"content":"true"}{"content":"true"}', "not JSON"),
    "single quotes": ("{'content':'true'}", "not JSON"),
    "a byte order mark": (b'\xef\xbb\xbf{"content":"true"}', "not JSON"),
    "UTF-16": ('{"content":"true"}'.encode("utf-16"), "not JSON"),
    "invalid UTF-8": (b'{"content":"\xff\xfe"}', "not JSON"),
    "nested too deep": (DEEP, "not JSON"),
    "content nested too deep": (f'{{"content":{DEEP}', "not JSON"),
    "a number": ("7", "object"),
    "null": ("null", "object"),
    "text": ('"echo hi"', "object"),
    "a list": ('[{"content":"true"}]', "object"),
    "no content": ('{"name":"empty"}', "content: field required"),
    "content null": ('{"content":null}', "content: "),
    "content a number": ('{"content":7}', "content: "),
    "content an object": ('{"content":{"sh":"true"}}', "content: "),
    "content empty": ('{"content":""}', "content: must not be empty"),
    "content blank": ('{"content":" \\n\\t"}', "content: must not be empty"),
    "content an empty list": ('{"content":[]}', "content: must not be an empty list"),
    "content a list of numbers": ('{"content":["echo",7]}', "content.1: "),
    "content with NUL": ('{"content":"echo a\\u0000b"}', "content: must not contain NUL"),
    "NUL in a list": ('{"content":["echo","a\\u0000b"]}', "content: must not contain NUL"),
    "NUL in args": (TASK + '"args":["\\u0000"]}', "args: must not contain NUL"),
    "NUL in env": (TASK + '"env":{"A":"\\u0000"}}', "env: must not contain NUL"),
    "a lone surrogate": ('{"content":"echo \\ud800"}', "not JSON"),
    "content too long": (json.dumps({"content": "#" + "x" * MAX}), "content: is 1,000,001 bytes long"),
    "content too long in UTF-8": (json.dumps({"content": "ä" * (MAX // 2 + 1)}, ensure_ascii=False), "bytes long"),
    "a message over 2 MB": (json.dumps({"content": "x" * 2 * MAX}), "the message is 2,000,015 bytes long"),
    "5 MB": (b"x" * 5 * MAX, "the message is 5,000,000 bytes long"),
    "2 MB that are no UTF-8": (b"\xff" * 2 * MAX, "not JSON"),
    "timeout in words": (TASK + '"timeout":"ten"}', "timeout: input should be a valid number"),
    "timeout as text": (TASK + '"timeout":"10"}', "timeout: input should be a valid number"),
    "timeout negative": (TASK + '"timeout":-1}', "timeout: input should be greater than 0"),
    "timeout zero": (TASK + '"timeout":0}', "timeout: input should be greater than 0"),
    "timeout NaN": (TASK + '"timeout":NaN}', "timeout: "),
    "timeout infinite": (TASK + '"timeout":Infinity}', "timeout: "),
    "timeout beyond numbers": (TASK + '"timeout":1e999}', "timeout: "),
    "timeout of 5000 digits": (TASK + f'"timeout":{"9" * 5000}}}', "not JSON: number out of range"),
    "timeout true": (TASK + '"timeout":true}', "timeout: input should be a valid number"),
    "timeout null": (TASK + '"timeout":null}', "timeout: "),
    "timeout a year": (TASK + '"timeout":31536000}', "timeout: input should be less than or equal to"),
    "retries in words": (TASK + '"retries":"three"}', "retries: input should be a valid integer"),
    "retries negative": (TASK + '"retries":-1}', "retries: input should be greater than or equal to 0"),
    "retries a fraction": (TASK + '"retries":1.5}', "retries: input should be a valid integer"),
    "retries true": (TASK + '"retries":true}', "retries: input should be a valid integer"),
    "retries a million": (TASK + '"retries":1000000}', "retries: input should be less than or equal to 100"),
    "retries of 5000 digits": (TASK + f'"retries":{"9" * 5000}}}', "not JSON: number out of range"),
    "retryDelay negative": (TASK + '"retryDelay":-0.1}', "retryDelay: "),
    "outputLimit tiny": (TASK + '"outputLimit":1}', "outputLimit: "),
    "outputLimit huge": (TASK + '"outputLimit":1e12}', "outputLimit: "),
    "onAgentLost else": (TASK + '"onAgentLost":"shrug"}', "onAgentLost: input should be 'requeue' or 'fail'"),
    "args a text": (TASK + '"args":"a b"}', "args: "),
    "args null": (TASK + '"args":[null]}', "args.0: "),
    "too many args": (json.dumps({"content": "true", "args": ["x"] * (MAX_ARGUMENTS + 1)}), "args: "),
    "env a list": (TASK + '"env":["A=1"]}', "env: "),
    "env a number": (TASK + '"env":{"A":1}}', "env.A: "),
    "env name with =": (TASK + '"env":{"A=B":"1"}}', "env."),
    "env name empty": (TASK + '"env":{"":"1"}}', "env."),
    "type lower case": (TASK + '"type":"shell"}', "type: "),
    "type a number": (TASK + '"type":1}', "type: "),
    "type empty": (TASK + '"type":""}', "type: "),
    "name empty": (TASK + '"name":""}', "name: "),
    "name too long": (TASK + f'"name":"{"n" * 201}"}}', "name: "),
    "name with a line break": (TASK + '"name":"a\\nb"}', "name: must not contain control characters"),
    "name that colours": (TASK + '"name":"\\u001b[31mred"}', "name: must not contain control characters"),
    "a field with a typing error": (TASK + '"retrys":1}', "'retrys' is no field of a task (did you mean 'retries'?)"),
    "a field in snake case": (TASK + '"retry_delay":1}', "'retry_delay' is no field of a task"),
    "a field that only dts sets": (TASK + '"status":"SUCCESS"}', "'status' is no field of a task"),
    "a field as long as the message": (TASK + f'"{"f" * MAX}":1}}', "'ffff"),
    "taskId empty": (TASK + '"taskId":""}', "taskId: "),
    "taskId a number": (TASK + '"taskId":7}', "taskId: "),
    "taskId with a colon": (TASK + '"taskId":"a:history"}', "taskId: "),
    "taskId with a space": (TASK + '"taskId":"a b"}', "taskId: "),
    "taskId with a slash": (TASK + '"taskId":"../../etc"}', "taskId: "),
    "taskId with a line break": (TASK + '"taskId":"a\\n"}', "taskId: "),
    "taskId with NUL": (TASK + '"taskId":"a\\u0000"}', "taskId: "),
    "taskId with a star": (TASK + '"taskId":"*"}', "taskId: "),
    "taskId with braces": (TASK + '"taskId":"{a}"}', "taskId: "),
    "taskId in Chinese": (TASK + '"taskId":"任务"}', "taskId: "),
    "taskId too long": (TASK + f'"taskId":"{"i" * 129}"}}', "taskId: "),
    "requestId empty": (TASK + '"requestId":""}', "requestId: "),
    "several things wrong": ('{"content":"","timeout":-1,"retries":"x"}', "retries: input should be a valid integer"),
}


@pytest.mark.parametrize(("message", "reason"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_no_task_becomes_a_dead_letter_that_says_what_to_mend(
    desk: Desk, message: str | bytes, reason: str
) -> None:
    desk.push_raw(message)

    (letter,) = desk.buried()

    assert reason.lower() in letter["reason"].lower()
    assert len(letter["reason"]) < 2000
    assert "pydantic" not in letter["reason"]
    raw = message if isinstance(message, bytes) else message.encode()
    assert letter["body"].encode(errors="surrogateescape") == raw
    assert desk.redis.zcard(desk.keys.all) == 0


ODD_BUT_GOOD: dict[str, dict[str, Any]] = {
    "the longest content": {"type": "PYTHON", "content": "#" * MAX},
    "an id with dots and dashes": {"content": "true", "taskId": "Nightly-2026.11_24"},
    "the longest id": {"content": "true", "taskId": "i" * 128},
    "an id called history": {"content": "true", "taskId": "history"},
    "an id called dead": {"content": "true", "taskId": "dead"},
    "a Chinese name": {"content": "true", "name": "夜间 备份 🌙"},
    "quotes in the content": {"content": "echo '\"%s {a:b} $$'"},
    "retries as a whole number": {"content": "true", "retries": 100},
    "a fraction of a second": {"content": "true", "timeout": 29.5},
    "as many args as may be": {"content": ["true"], "args": ["x"] * MAX_ARGUMENTS},
}


@pytest.mark.parametrize("fields", ODD_BUT_GOOD.values(), ids=ODD_BUT_GOOD.keys())
def test_what_is_only_unusual_runs(desk: Desk, fields: dict[str, Any]) -> None:
    desk.succeeded(desk.push(**fields))


FAILING: dict[str, tuple[dict[str, Any], Reason, str]] = {
    "an unknown type": ({"type": "FORTRAN"}, Reason.UNKNOWN_TYPE, "it knows PYTHON, SHELL"),
    "a command that is not there": ({"content": ["no-such-program"]}, Reason.SPAWN_ERROR, "command not found"),
    "a file that is no program": ({"content": ["/etc/passwd"]}, Reason.SPAWN_ERROR, "not executable"),
    "a directory": ({"content": ["/tmp"]}, Reason.SPAWN_ERROR, "not executable"),
    "a command the shell does not find": ({"content": "no-such-program"}, Reason.EXIT_CODE, "127"),
    "a program the shell can't run": ({"content": "/etc/passwd"}, Reason.EXIT_CODE, "126"),
    "an exit code": ({"content": "exit 3"}, Reason.EXIT_CODE, "exit code 3"),
    "ended by a signal": ({"content": "kill -SEGV $$"}, Reason.SIGNAL, "SIGSEGV"),
    "too long": ({"content": "sleep 60", "timeout": 0.2}, Reason.TIMEOUT, "0.2 s"),
    "a list as a script": ({"type": "PYTHON", "content": ["a"]}, Reason.SPAWN_ERROR, "text of a script"),
    "a script with an error": ({"type": "PYTHON", "content": "x ="}, Reason.EXIT_CODE, "exit code 1"),
    "an argument too long for a program": (
        {"content": ["true"], "args": ["x" * 200_000]},
        Reason.SPAWN_ERROR,
        "put them into a file",
    ),
    "a command line too long for a shell": (
        {"content": "#" * MAX},
        Reason.SPAWN_ERROR,
        "put them into a file",
    ),
}


@pytest.mark.parametrize(("fields", "reason", "error"), FAILING.values(), ids=FAILING.keys())
def test_what_can_not_run_is_failed_with_a_typed_reason(
    desk: Desk, fields: dict[str, Any], reason: Reason, error: str
) -> None:
    task = desk.ran(**fields)

    assert task.status is Status.FAILED
    assert task.result
    assert task.result.reason is reason
    assert error in task.result.error
    assert task.attempt == 1


def test_a_message_pushed_twice_without_an_id_makes_two_tasks(desk: Desk) -> None:
    for _ in range(2):
        desk.push_raw('{"content":"true"}')
    until(lambda: desk.store.counts()[Status.SUCCESS] == 2)


def test_a_message_pushed_twice_with_an_id_makes_one_task(desk: Desk) -> None:
    task_id = desk.push("echo once", name="twice")
    again = {"name": "twice", "content": "echo once", "taskId": task_id}

    desk.push_raw(json.dumps(again, indent=2))
    desk.succeeded(task_id)
    desk.push_raw(json.dumps(again))
    desk.works()

    assert desk.verbs(task_id) == ["submit", "assign", "start", "report"]
    assert desk.dead_letters() == []


def test_an_id_that_another_body_has_is_refused_and_the_first_stays(desk: Desk) -> None:
    task_id = desk.push("echo first")
    desk.push("echo second", taskId=task_id)

    (letter,) = desk.buried()

    assert letter["reason"] == f"task '{task_id}' exists already with another body"
    assert json.loads(letter["body"])["content"] == "echo second"
    desk.succeeded(task_id)
    assert desk.log(task_id) == "first\n"


def test_a_request_id_makes_a_repeat_harmless_and_tells_another_body(desk: Desk) -> None:
    for content in ("echo one", "echo one", "echo two"):
        desk.push_raw(json.dumps({"content": content, "requestId": "order-7"}))

    (letter,) = desk.buried()

    assert "exists already with another body" in letter["reason"]
    assert desk.redis.zcard(desk.keys.all) == 1


def test_bad_ones_among_good_ones_keep_none_of_them_back(desk: Desk) -> None:
    good = []
    for number in range(60):
        good.append(desk.push(f"echo {number}"))
        desk.push_raw(f"bad {number}")
    desk.succeeded(*good)
    assert [letter["body"] for letter in reversed(desk.buried(60))] == [f"bad {number}" for number in range(60)]


@pytest.mark.parametrize("value", ["a text", b"\xff"])
def test_a_queue_of_the_wrong_type_is_said_and_waited_out(
    desk: Desk, value: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    # It is empty, and so does not exist: between two looks of the agent it can become anything.
    desk.redis.set(desk.keys.tasks_queue, value)
    until(lambda: "waiting: queue:tasks: somebody stored something else there" in caplog.text)
    desk.redis.delete(desk.keys.tasks_queue)
    desk.works()
    assert caplog.text.count("waiting: ") == 1


def test_a_dead_letter_list_of_the_wrong_type_is_said_and_loses_nothing(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    dead = desk.keys.dead_letters(desk.keys.tasks_queue)
    desk.redis.set(dead, "a text")
    desk.push_raw("bad")
    until(lambda: "waiting: queue:tasks:dead: somebody stored something else there" in caplog.text)
    good = desk.push("true")
    desk.redis.delete(dead)
    desk.succeeded(good)
    (letter,) = desk.buried()
    assert letter["body"] == "bad"


def test_a_hash_that_somebody_spoilt_keeps_no_other_task_back(desk: Desk) -> None:
    running = [desk.push("sleep 60") for _ in range(4)]
    for task_id in running:
        desk.running(task_id)
    spoilt, good = desk.push("true"), desk.push("true")
    desk.reached(good, Status.PENDING)
    desk.redis.hset(desk.keys.task(spoilt), "timeout", "ten")

    desk.store.cancel(running, "person")

    desk.succeeded(good)
    until(lambda: desk.redis.hget(desk.keys.task(spoilt), "status") == "FAILED")
    assert "timeout is 'ten'" in str(desk.redis.hget(desk.keys.task(spoilt), "error"))
    desk.redis.hset(desk.keys.task(spoilt), "timeout", "10")
    assert desk.ended(spoilt).status is Status.FAILED
    desk.store.retry([spoilt], "person")
    desk.succeeded(spoilt)
