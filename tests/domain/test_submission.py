"""What may be asked for, and what is refused with a word that helps."""

import json
from typing import Any

import pytest

from common.domain.errors import InvalidTask, Rejected
from common.domain.task import MAX_CONTENT, Submission, TaskSpec

NOON = "2026-11-07T12:00:00Z"


def refused(raw: bytes | str) -> str:
    with pytest.raises(InvalidTask) as told:
        Submission.parse(raw)
    return str(told.value)


def parse(**values: Any) -> Submission:
    return Submission.parse(json.dumps({"content": "true"} | values))


def test_little_is_needed() -> None:
    task = Submission.parse(b'{"content": "echo hi"}')
    assert (task.name, task.type, task.content) == ("task", "SHELL", "echo hi")
    assert (task.args, task.env, task.retries, task.timeout) == ([], {}, 0, 3600)
    assert (task.task_id, task.request_id) == (None, None)


def test_everything_can_be_said() -> None:
    task = parse(
        taskId="a.B-9_",
        requestId="order 66 / “七”",
        name="hello",
        type="MY_TYPE2",
        content=["echo", "", "日本語\n"],
        args=["-x"],
        env={"A": "1", "_b2": ""},
        timeout=0.5,
        retries=3,
        retryDelay=2,
        outputLimit=2048,
        onAgentLost="fail",
        priority=9,
        startAt="2026-11-07t03:00:00.1+01:00",
    )
    assert (task.task_id, task.request_id) == ("a.B-9_", "order 66 / “七”")
    assert task.content == ["echo", "", "日本語\n"]
    assert (task.timeout, task.retry_delay, task.output_limit, task.on_agent_lost) == (0.5, 2.0, 2048, "fail")
    assert (task.priority, task.start_at) == (9, "2026-11-07T02:00:00.100Z")


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b'{"content": "x"', "not JSON"),
        (b'{"content": "x"} {}', "not JSON"),
        (b"{'content': 'x'}", "not JSON"),
        (b'{"content": "\xff\xfe"}', "not JSON"),
        (b'{"content": "\\ud800"}', "not JSON"),
        (b'{"content": "x\x00"}', "not JSON"),
        ('{"content": "x"}'.encode("utf-16"), "not JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "not JSON"),
        (b'{"content":' * 50_000, "not JSON"),
        ('{"content": "\ud800"}', "unicode"),
        (b"[]", "an object"),
        (b'["content"]', "an object"),
        (b"null", "an object"),
        (b"5", "an object"),
        (b'"content"', "an object"),
        (b"{}", "content: Field required"),
        (b" " * (2 * MAX_CONTENT + 1), "2,000,001 bytes long; at most 2,000,000"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_task_is_refused(raw: bytes | str, told: str) -> None:
    assert told in refused(raw)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("content", "", "must not be empty"),
        ("content", " \n\t", "must not be empty"),
        ("content", [], "must not be an empty list"),
        ("content", ["", "x"], "must not be empty"),
        ("content", None, "valid string"),
        ("content", 5, "valid string"),
        ("content", ["x", 5], "content.1"),
        ("content", {"cmd": "x"}, "valid string"),
        ("content", "a\0b", "NUL bytes"),
        ("content", ["a", "b\0"], "NUL bytes"),
        ("content", "x" * (MAX_CONTENT + 1), "1,000,001 bytes long; at most 1,000,000"),
        ("content", "é" * (MAX_CONTENT // 2 + 1), "1,000,002 bytes long"),
        ("content", ["x"] * 10_001, "at most 10000 items"),
        ("args", "x", "args: Input should be a valid array"),
        ("args", [1], "args.0"),
        ("args", ["\0"], "args: must not contain NUL"),
        ("args", ["x"] * 10_001, "at most 10000 items"),
        ("env", [], "env: Input should be an object"),
        ("env", {"A": 1}, "env.A"),
        ("env", {"A": "\0"}, "env: must not contain NUL"),
        ("env", {"A=B": "x"}, "env.A=B"),
        ("env", {"": "x"}, "env."),
        ("env", {"A\0": "x"}, "env.A"),
        ("env", {"1A": "x"}, "env.1A"),
        ("name", "", "name: String should have at least 1"),
        ("name", "x" * 201, "name: String should have at most 200"),
        ("name", "two\nlines", "name: must not contain control characters"),
        ("name", "\x1b[31mred", "name: must not contain control characters"),
        ("name", 5, "name: Input should be a valid string"),
        ("type", "shell", "type: String should match"),
        ("type", "", "type: String should match"),
        ("type", "../SHELL", "type: String should match"),
        ("type", None, "type: Input should be a valid string"),
        ("taskId", "", "taskId: String should match"),
        ("taskId", "a:b", "taskId: String should match"),
        ("taskId", "a/../b", "taskId: String should match"),
        ("taskId", "a\n", "taskId: String should match"),
        ("taskId", "-rf", "taskId: String should match"),
        ("taskId", "日本", "taskId: String should match"),
        ("taskId", "x" * 129, "taskId: String should match"),
        ("taskId", 7, "taskId: Input should be a valid string"),
        ("requestId", "", "requestId: String should have at least 1"),
        ("requestId", "x" * 201, "requestId: String should have at most 200"),
        ("timeout", "ten", "timeout: Input should be a valid number"),
        ("timeout", "10", "timeout: Input should be a valid number"),
        ("timeout", True, "timeout: Input should be a valid number"),
        ("timeout", None, "timeout: Input should be a valid number"),
        ("timeout", 0, "timeout: Input should be greater than 0"),
        ("timeout", -1, "timeout: Input should be greater than 0"),
        ("timeout", float("nan"), "timeout: Input should be a finite number"),
        ("timeout", float("inf"), "timeout: Input should be a finite number"),
        ("timeout", 31 * 86_400, "timeout: Input should be less than or equal to 2592000"),
        ("retries", True, "retries: Input should be a valid integer"),
        ("retries", 1.5, "retries: Input should be a valid integer"),
        ("retries", "1", "retries: Input should be a valid integer"),
        ("retries", -1, "retries: Input should be greater than or equal to 0"),
        ("retries", 10**30, "retries: Input should be less than or equal to 100"),
        ("retryDelay", False, "retryDelay: Input should be a valid number"),
        ("retryDelay", -0.1, "retryDelay: Input should be greater"),
        ("retryDelay", float("-inf"), "retryDelay: Input should be a finite number"),
        ("maxRetryDelay", -1, "maxRetryDelay: Input should be greater than or equal to 0"),
        ("backoff", "linear", "backoff: Input should be 'exponential' or 'fixed'"),
        ("memory", 1000, "memory: Input should be greater than or equal to 1048576"),
        ("memory", "1KiB", "memory: Input should be greater than or equal to 1048576"),
        ("memory", "512 apples", "memory: "),
        ("memory", "", "memory: "),
        ("memory", True, "memory: Input should be a valid integer"),
        ("memory", 1e7, "memory: Input should be a valid integer"),
        ("memory", "9" * 400, "memory: "),
        ("memory", "9" * 400 + "e9MiB", "memory: "),
        ("processes", 0, "processes: Input should be greater than or equal to 1"),
        ("outputLimit", 0, "outputLimit: Input should be greater"),
        ("outputLimit", 2**40, "outputLimit: Input should be less"),
        ("onAgentLost", "retry", "onAgentLost: Input should be 'requeue' or 'fail'"),
        ("priority", 10, "priority: Input should be less than or equal to 9"),
        ("priority", -1, "priority: Input should be greater than or equal to 0"),
        ("priority", 4.5, "priority: Input should be a valid integer"),
        ("delay", -1, "delay: Input should be greater than or equal to 0"),
        ("delay", 30 * 86_400 + 1, "delay: Input should be less than or equal to 2592000"),
        ("startAt", "2026-11-07T03:00:00", "startAt: must be a time with its zone, like 2026-11-07T03:00:00Z"),
        ("startAt", "2026-11-07", "startAt: must be a time with its zone"),
        ("startAt", "soon", "startAt: must be a time with its zone"),
        ("startAt", "", "startAt: must be a time with its zone"),
        ("startAt", "0001-01-01T00:00:00+23:00", "startAt: must be a time with its zone"),
        ("startBy", "2026-11-07T03:00:00", "startBy: must be a time with its zone"),
        ("startWithin", 0, "startWithin: Input should be greater than 0"),
        ("startWithin", 30 * 86_400 + 1, "startWithin: Input should be less than or equal to 2592000"),
        ("startAt", 1_800_000_000, "startAt: Input should be a valid string"),
        ("timout", 5, "'timout' is no field of a task (did you mean 'timeout'?)"),
        ("task_id", "a", "(did you mean 'taskId'?)"),
        ("status", "SUCCESS", "'status' is no field of a task"),
        ("𝓍", 1, "is no field of a task"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_wrong_value_is_refused_by_its_name(field: str, value: Any, told: str) -> None:
    assert told in refused(json.dumps({"content": "true"} | {field: value}, ensure_ascii=False))


def test_all_that_is_wrong_is_told_at_once() -> None:
    told = refused(b'{"content": "", "timeout": -1, "retrys": 1}')
    assert "content: must not be empty; timeout: " in told
    assert "'retrys' is no field of a task (did you mean 'retries'?)" in told


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ({"startAt": NOON, "delay": 1}, "startAt and delay are two ways to say when it may start: give one"),
        (
            {"startBy": NOON, "startWithin": 1},
            "startBy and startWithin are two ways to say by when it must have started",
        ),
        ({"startAt": NOON, "startBy": NOON}, "startBy is not after startAt: it could never start"),
        ({"startAt": NOON, "startBy": "2026-11-07T12:59:59+01:00"}, "startBy is not after startAt"),
    ],
)
def test_times_that_contradict_each_other_are_refused(times: dict[str, Any], told: str) -> None:
    assert told in refused(json.dumps({"content": "x"} | times))


def test_content_args_and_env_share_one_bound() -> None:
    part = "x" * 333_333
    parse(content=part, args=[part], env={"A": part[1:]})
    told = refused(json.dumps({"content": part, "args": [part], "env": {"AA": part}}))
    assert told == "content, args and env are 1,000,001 bytes together; at most 1,000,000 are taken"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"content": "x", "' + b"k" * 1_900_000 + b'": 1}',
        b'{"content": [' + b"1," * 900_000 + b"1]}",
        b'{"content": "x", ' + b",".join(b'"k%d": 1' % number for number in range(120_000)) + b"}",
        b'{"content": "x", "env": {' + b",".join(b'"1k%d": ""' % number for number in range(100_000)) + b"}}",
        b'{"content": "x", "timeout": ' + b"9" * 1_000_000 + b"}",
        b'{"content": "x", "name": "' + b"x" * 1_900_000 + b'"}',
    ],
    ids=["a long name", "a long list", "many names", "much environment", "a long number", "a long text"],
)
def test_big_nonsense_is_refused_in_few_words(raw: bytes) -> None:
    """And soon: work that grew with the square of its size would outlast the time that any test has."""
    assert len(refused(raw)) < 3000


def test_python_values_are_held_to_the_same_rules() -> None:
    assert Submission.of(content="x", retry_delay=2).retry_delay == 2
    for wrong in ({"timeout": "ten"}, {"retries": True}, {"content": "\ud800"}, {"name": "\ud800"}, {"colour": "blue"}):
        with pytest.raises(InvalidTask):
            Submission.of(**{"content": "x"} | wrong)
    assert issubclass(InvalidTask, Rejected)


SAME = {"content": "x", "env": {"A": "1", "B": "2"}}


@pytest.mark.parametrize(
    "raw",
    [
        '{"env": {"B": "2", "A": "1"}, "content": "x"}',
        '{"content": "\\u0078", "env": {"A": "1", "B": "2"}}',
        '{"content": "x", "env": {"A": "1", "B": "2"}, "timeout": 3600, "retries": 0, "args": [], "name": "task"}',
        '{"content": "x", "env": {"A": "1", "B": "2"}, "timeout": 3600.0, "retryDelay": 1e0}',
        '{"content": "x", "env": {"A": "1", "B": "2"}, "taskId": "t", "requestId": "r"}',
        '{"content": "x", "env": {"A": "1", "B": "2"}, "priority": 4, "startAt": null, "delay": 0}',
    ],
)
def test_the_same_request_has_the_same_digest_however_it_is_written(raw: str) -> None:
    assert Submission.parse(raw).digest() == parse(**SAME).digest()


@pytest.mark.parametrize(
    ("text", "size"), [("512MiB", 2**29), ("1.5GiB", 3 * 2**29), ("2MB", 2_000_000), (2**20, 2**20)]
)
def test_memory_is_a_number_of_bytes_or_has_its_unit(text: Any, size: int) -> None:
    assert parse(memory=text).memory == size
    assert parse(memory=text).digest() == parse(memory=size).digest()


def test_one_time_has_one_digest_in_whichever_zone_it_is_told() -> None:
    told = ("2026-11-07T03:00:00Z", "2026-11-07T03:00Z", "2026-11-07T04:00:00.000+01:00", "2026-11-06T22:00:00-05:00")
    assert len({parse(startAt=text).digest() for text in told}) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"content": "y"},
        {"content": ["x"]},
        {"content": '["x"]'},
        {"env": {"A": "1"}},
        {"env": {"A": "2", "B": "1"}},
        {"name": "other"},
        {"type": "PYTHON"},
        {"args": [""]},
        {"timeout": 1},
        {"retries": 1},
        {"retryDelay": 0},
        {"outputLimit": 2048},
        {"onAgentLost": "fail"},
        {"labels": {"gpu": "yes"}},
        {"strategy": "random"},
        {"tags": {"team": "a"}},
        {"maxRetryDelay": 0},
        {"backoff": "fixed"},
        {"memory": 2**30},
        {"processes": 9},
        {"priority": 5},
        {"startAt": "2026-11-07T03:00:00Z"},
        {"delay": 1},
        {"startBy": "2026-11-07T03:00:00Z"},
        {"startWithin": 1},
    ],
    ids=str,
)
def test_another_request_has_another_digest(changed: dict[str, Any]) -> None:
    assert parse(**SAME | changed).digest() != parse(**SAME).digest()


def test_a_digest_counts_every_field_of_a_request() -> None:
    # Whoever adds a field must say above whether it makes another request.
    assert set(TaskSpec.model_fields) == {
        *(
            "name",
            "type",
            "content",
            "args",
            "env",
            "timeout",
            "retries",
            "retry_delay",
            "max_retry_delay",
            "backoff",
            "output_limit",
            "on_agent_lost",
            "labels",
            "strategy",
            "tags",
            "priority",
            "start_at",
            "delay",
            "start_by",
            "start_within",
            "memory",
            "processes",
        )
    }
    assert set(Submission.model_fields) - set(TaskSpec.model_fields) == {"task_id", "request_id"}


def test_a_spec_of_trusted_values_is_like_any_other() -> None:
    spec = TaskSpec(content=["echo", "hi"], env={"A": "1"}, retries=3)
    same = TaskSpec.trusted(**{name: getattr(spec, name) for name in TaskSpec.model_fields})
    assert same == spec
    assert same.digest() == spec.digest()
    assert same.model_copy(update={"name": "other"}) == spec.model_copy(update={"name": "other"})
    with pytest.raises(ValueError, match="frozen"):
        same.name = "other"
