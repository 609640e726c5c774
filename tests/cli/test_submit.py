"""`dts submit`: what becomes of its options, how repeats are harmless, how it waits and follows."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from common.cli.exits import Exit
from common.domain.errors import Unanswered, Unavailable
from common.domain.ids import Ids
from common.domain.status import Status
from common.domain.task import Submission, Task
from common.store.submitting import Submitted
from common.store.tasks import TaskStore
from common.store.writing import Limits
from tests.cli.conftest import Dts
from tests.cli.pretend import PretendAgent


def only_task(dts: Dts) -> Task:
    (task,) = dts.place.store.page().tasks
    return task


def test_a_pipe_gets_the_new_tasks_id_and_nothing_else(dts: Dts) -> None:
    result = dts("submit", "echo hi")
    task = only_task(dts)
    assert (result.exit_code, result.stdout, result.stderr) == (Exit.OK, f"{task.task_id}\n", "")
    assert (task.spec.content, task.spec.type, task.status) == ("echo hi", "SHELL", Status.PENDING)


def test_every_option_reaches_the_task(dts: Dts) -> None:
    given = (
        "--name nightly --type python --timeout 2.5 --retries 3 --retry-delay 0.5 --max-retry-delay 9"
        " --backoff fixed --env A=1 --env B=x=y --arg --all"
        " --arg '' --output-limit 2048 --on-agent-lost fail --label gpu=yes --label zone=a"
        " --strategy random --tag team=a --priority 9 --delay 60 --start-by 5 --memory 512MiB --processes 100"
        " --task-id t1 --request-id r1"
    )
    result = dts("submit", "run", *shlex.split(given))
    assert result.stdout == "t1\n"
    task = only_task(dts)
    assert task.request_id == "r1"
    assert task.spec.model_dump() == {
        "name": "nightly", "type": "PYTHON", "content": "run", "args": ["--all", ""], "env": {"A": "1", "B": "x=y"},
        "timeout": 2.5, "retries": 3, "retry_delay": 0.5, "max_retry_delay": 9.0, "backoff": "fixed",
        "output_limit": 2048, "on_agent_lost": "fail",
        "labels": {"gpu": "yes", "zone": "a"}, "strategy": "random", "tags": {"team": "a"},
        "priority": 9, "start_at": None, "delay": 60.0, "start_by": None, "start_within": 5.0,
        "memory": 536_870_912, "processes": 100,
    }  # fmt: skip


def test_a_time_is_given_with_its_zone(dts: Dts) -> None:
    dts("submit", "run", "--start-at", "2099-11-07T03:00+01:00", "--start-by", "2099-11-07T04:00Z")
    assert only_task(dts).expires_at == only_task(dts).spec.start_by == "2099-11-07T04:00:00.000Z"
    assert only_task(dts).due_at == only_task(dts).spec.start_at == "2099-11-07T02:00:00.000Z"


def test_the_content_may_come_from_standard_input(dts: Dts) -> None:
    dts("submit", "-", stdin="date; uptime 任务\n")
    assert only_task(dts).spec.content == "date; uptime 任务\n"


@pytest.mark.parametrize(("file_name", "kind"), [("clean.py", "PYTHON"), ("clean.sh", "SHELL")])
def test_a_file_gives_content_name_and_type(dts: Dts, tmp_path: Path, file_name: str, kind: str) -> None:
    (tmp_path / file_name).write_text("print(1)")
    dts("submit", "--file", str(tmp_path / file_name))
    spec = only_task(dts).spec
    assert (spec.content, spec.name, spec.type) == ("print(1)", file_name, kind)


def test_argv_runs_a_list_without_a_shell(dts: Dts) -> None:
    dts("submit", "--argv", "--", "ls", "-l", "/a b")
    assert only_task(dts).spec.content == ["ls", "-l", "/a b"]


WRONG = [
    ([], "Nothing to run"),
    (["echo", "hi"], "CONTENT is one argument"),
    (["x", "--file", "{file}"], "either CONTENT or --file"),
    (["--file", "{folder}/none"], "No such file"),
    (["--file", "{binary}"], "is not UTF-8 text"),
    (["--file", "/dev/zero"], "NUL"),
    (["  "], "content: must not be empty"),
    (["x" * 1_000_001], "at most 1,000,000"),
    (["x", "--timeout", "ten"], "not a valid float"),
    (["x", "--timeout", "nan"], "timeout"),
    (["x", "--retries", "-1"], "retries"),
    (["x", "--priority", "10"], "priority: Input should be less than or equal to 9"),
    (["x", "--start-at", "tomorrow"], "must be a time with its zone"),
    (["x", "--start-at", "2026-11-07T03:00Z", "--delay", "1"], "give one"),
    (["x", "--start-by", "0"], "greater than 0"),
    (["x", "--start-by", "tomorrow"], "must be a time with its zone"),
    (["x", "--start-at", "2099-11-07T03:00Z", "--start-by", "2099-11-07T03:00Z"], "it could never start"),
    (["x", "--memory", "much"], "memory: "),
    (["x", "--processes", "0"], "processes: Input should be greater than or equal to 1"),
    (["x", "--env", "NAME"], "not NAME=VALUE"),
    (["x", "--env", "1A=x"], "env"),
    (["x", "--task-id", "a b"], "can't be the id of a task"),
    (["x", "--name", "a\x1bb"], "name: must not contain control characters"),
    (["x", "--follow", "--json"], "use --wait with --json"),
]


@pytest.mark.parametrize(("words", "said"), WRONG, ids=lambda value: str(value)[:30])
def test_what_is_no_task_is_refused_and_nothing_is_submitted(
    dts: Dts, tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "a.sh").write_text("echo")
    (tmp_path / "a.bin").write_bytes(b"\xff\xfe\x00")
    places = {"file": tmp_path / "a.sh", "binary": tmp_path / "a.bin", "folder": tmp_path}
    result = dts("submit", *(word.format(**places) for word in words))
    assert result.exit_code == Exit.USAGE
    assert said in result.stderr
    assert result.stdout == ""
    assert dts.place.store.page().tasks == []


def test_json_says_id_answer_and_status(dts: Dts) -> None:
    said = json.loads(dts("submit", "echo hi", "--json", "--task-id", "t1").stdout)
    assert said == {"taskId": "t1", "answer": "OK", "status": "PENDING"}


def test_the_same_again_makes_no_second_task_and_is_no_error(dts: Dts, agent: PretendAgent) -> None:
    first = dts("submit", "echo hi", "--request-id", "r1")
    agent.takes()
    agent.succeeds()
    second = dts("submit", "echo hi", "--request-id", "r1")
    assert (second.exit_code, second.stdout) == (Exit.OK, first.stdout)
    assert second.stderr == "This was submitted before; it is SUCCESS now.\n"
    assert json.loads(dts("submit", "echo hi", "--request-id", "r1", "--json").stdout)["answer"] == "SAME"


@pytest.mark.parametrize("option", ["--request-id", "--task-id"])
def test_an_id_that_another_body_has_is_a_conflict(dts: Dts, option: str) -> None:
    first = dts("submit", "echo hi", option, "x1").stdout.strip()
    second = dts("submit", "echo ho", option, "x1", "--json")
    assert second.exit_code == Exit.REFUSED
    assert json.loads(second.stdout) == {"taskId": first, "answer": "CONFLICT", "status": None}
    assert f"`dts get {first}`" in second.stderr


@pytest.mark.parametrize("dts", ["store"], indirect=True)
def test_a_full_queue_refuses(dts: Dts) -> None:
    dts.place = type(dts.place)(TaskStore(dts.place.redis, limits=Limits(pending=1)), dts.place.redis, dts.clock)
    assert dts("submit", "echo 1").exit_code == Exit.OK
    refused = dts("submit", "echo 2")
    assert refused.exit_code == Exit.REFUSED
    assert "too many tasks wait" in refused.stderr


class LosingAnswers(TaskStore):
    """Does what it is asked, but the first `lost` answers never arrive."""

    lost = 1

    def submit(self, submissions: Sequence[Submission], by: str, ids: Ids) -> list[Submitted]:
        answers = super().submit(submissions, by, ids)
        self.lost -= 1
        if self.lost >= 0:
            raise Unanswered("Redis is away")
        return answers


@pytest.mark.parametrize("options", [[], ["--request-id", "r1"], ["--task-id", "t1"]])
def test_after_a_lost_answer_it_asks_again_and_there_is_one_task(dts: Dts, options: list[str]) -> None:
    dts.place = type(dts.place)(LosingAnswers(dts.place.redis), dts.place.redis, dts.clock)
    result = dts("submit", "echo hi", *options)
    assert (result.exit_code, result.stdout) == (Exit.OK, f"{only_task(dts).task_id}\n")


def test_its_own_repeat_is_not_taken_for_an_earlier_submission(dts: Dts) -> None:
    dts.place = type(dts.place)(LosingAnswers(dts.place.redis), dts.place.redis, dts.clock)
    assert json.loads(dts("submit", "echo hi", "--json").stdout)["answer"] == "OK"


@pytest.mark.parametrize("dts", ["store"], indirect=True)
def test_where_no_answer_comes_at_all_it_says_how_to_be_sure(dts: Dts) -> None:
    store = LosingAnswers(dts.place.redis)
    store.lost = 100
    dts.place = type(dts.place)(store, dts.place.redis, dts.clock)
    result = dts("submit", "echo hi")
    assert result.exit_code == Exit.UNREACHABLE
    assert f"submit the same again with --task-id {only_task(dts).task_id}" in result.stderr


def test_wait_prints_the_output_and_tells_the_end_on_stderr(dts: Dts, agent: PretendAgent) -> None:
    dts.clock.acts.extend([agent.takes, lambda: agent.succeeds("hi\nho")])
    result = dts("submit", "--wait", "--task-id", "t1", "echo hi")
    assert (result.exit_code, result.stdout) == (Exit.OK, "hi\nho")
    assert result.stderr.startswith("task t1\nt1 SUCCESS after ")
    assert result.stderr.endswith(" on agent-1, attempt 1\n")


def test_wait_ends_with_1_where_the_task_fails(dts: Dts, agent: PretendAgent) -> None:
    dts.clock.acts.extend([agent.takes, lambda: agent.fails(3, "exit\x1b code 3")])
    result = dts("submit", "--wait", "false")
    assert result.exit_code == Exit.FAILED
    assert "FAILED EXIT_CODE 3" in result.stderr
    assert "– exit\\x1b code 3" in result.stderr


def test_wait_ends_with_1_where_the_task_is_cancelled_before_it_began(dts: Dts) -> None:
    dts.clock.acts.append(lambda: dts.place.store.cancel(["t1"], "test"))
    result = dts("submit", "--wait", "--task-id", "t1", "false")
    assert (result.exit_code, result.stdout, result.stderr) == (Exit.FAILED, "", "task t1\nt1 CANCELLED\n")


def test_wait_waits_through_retries(dts: Dts, agent: PretendAgent) -> None:
    dts.clock.acts.extend([agent.takes, agent.fails, agent.takes, lambda: agent.succeeds("second")])
    result = dts("submit", "--wait", "--retries", "1", "--retry-delay", "0", "flaky")
    assert (result.exit_code, result.stdout) == (Exit.OK, "second")


def test_wait_with_json_prints_the_whole_task(dts: Dts, agent: PretendAgent) -> None:
    dts.clock.acts.extend([agent.takes, lambda: agent.succeeds("hi")])
    said = json.loads(dts("submit", "--wait", "--json", "echo hi").stdout)
    wanted = {"status": "SUCCESS", "answer": "OK", "result": "hi", "exitCode": 0, "agent": "agent-1", "attempt": 1}
    assert {name: said[name] for name in wanted} == wanted


def test_follow_prints_output_as_it_comes_through_all_attempts(dts: Dts, agent: PretendAgent) -> None:
    dts.clock.acts.extend(
        [
            agent.takes,
            lambda: agent.prints("one\n"),
            lambda: agent.prints("tw"),
            agent.fails,
            agent.takes,
            lambda: agent.prints("again "),
            lambda: agent.succeeds("done"),
        ]
    )
    result = dts("submit", "--follow", "--task-id", "t1", "--retries", "1", "--retry-delay", "0", "flaky")
    assert (result.exit_code, result.stdout) == (Exit.OK, "one\ntwagain done")
    assert result.stderr.splitlines()[:2] == ["task t1", "attempt 2"]


def test_waiting_survives_a_short_outage(dts: Dts, agent: PretendAgent) -> None:
    def goes() -> None:
        dts.server.connected = False

    def comes_back() -> None:
        dts.server.connected = True

    dts.clock.acts.extend([agent.takes, goes, lambda: None, comes_back, lambda: agent.succeeds("hi")])
    result = dts("submit", "--wait", "echo hi")
    assert (result.exit_code, result.stdout) == (Exit.OK, "hi")


@pytest.mark.parametrize("dts", ["store"], indirect=True)
def test_waiting_gives_up_where_the_server_stays_away(dts: Dts) -> None:
    def goes() -> None:
        dts.server.connected = False

    dts.clock.acts.append(goes)
    result = dts("submit", "--wait", "echo hi")
    assert result.exit_code == Exit.UNREACHABLE
    assert 30 < dts.clock.now < 31


def test_ctrl_c_while_waiting_says_that_the_task_goes_on(dts: Dts) -> None:
    def interrupt() -> Any:
        raise KeyboardInterrupt

    dts.clock.acts.append(interrupt)
    result = dts("submit", "--wait", "--task-id", "t1", "echo hi")
    assert result.exit_code == Exit.INTERRUPTED
    assert "`dts cancel t1` ends it" in result.stderr


@pytest.mark.parametrize("dts", ["store"], indirect=True)
def test_no_server_named_and_none_running_here_says_how_to_get_one(dts: Dts) -> None:
    dts.place = None  # type: ignore[assignment]
    result = dts("submit", "echo hi")
    assert result.exit_code == Exit.UNREACHABLE
    assert "`dts up 1 -d` starts it" in result.stderr


@pytest.mark.parametrize("dts", ["store"], indirect=True)
def test_unavailable_is_no_reason_to_repeat(dts: Dts, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def refuse(*_: object) -> list[Submitted]:
        asked.append(1)
        raise Unavailable("Redis is away")

    monkeypatch.setattr(dts.place.store, "submit", refuse)
    assert dts("submit", "echo hi").exit_code == Exit.UNREACHABLE
    assert len(asked) == 1
