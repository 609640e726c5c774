"""Executors of third parties: whatever they raise or return, the task ends with a result and the agent lives on."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.domain.errors import BadSetting
from common.domain.result import Reason
from common.domain.status import Answer, Status
from common.domain.task import Task, TaskSpec
from common.executors.cancel import CancelToken
from common.executors.output import TaskOutput
from common.lab.until import until
from stage1_mvp.execution import execute
from tests.servers import FakeAt
from tests.stage1.desk import Desk
from tests.stage1.living import Living, settings_of
from tests.stage1.strangers import NONSENSE, Echo

STRANGERS = {
    name.upper(): f"tests.stage1.strangers:{name}"
    for name in ("Noop", "Echo", "Raising", "RaisingWorse", "Exiting", "Babbling", "Sloppy", "Waiting")
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    fake = FakeAt()
    agent = Living(settings_of(tmp_path_factory.mktemp("home"), executors=STRANGERS), fake.client)
    agent.start()
    yield Desk(fake.client())
    agent.stop()


@pytest.fixture
def desk(shared: Desk) -> Iterator[Desk]:
    yield shared
    shared.works()
    shared.settled()


def test_an_executor_that_the_settings_name_runs_its_tasks(desk: Desk) -> None:
    task = desk.ran(type="ECHO", content="hello")
    assert task.status is Status.SUCCESS
    assert desk.log(task.task_id) == "hello"


def test_one_that_raises_fails_its_task_and_keeps_what_was_printed(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    task = desk.ran(type="RAISING", content="x", retries=1, retryDelay=0)
    assert (task.status, task.attempt) == (Status.FAILED, 2)
    assert task.result
    assert task.result.reason is Reason.EXECUTOR_ERROR
    assert task.result.error.startswith("executor RAISING raised ValueError('no \\x1b[31mluck")
    assert task.result.output == "so far so good\n"
    (record, _) = [record for record in caplog.records if record.message == "executor failed"]
    assert record.levelno == logging.ERROR


@pytest.mark.parametrize("executor", ["RAISINGWORSE", "EXITING"])
def test_one_that_raises_what_can_hardly_be_caught_fails_its_task_too(desk: Desk, executor: str) -> None:
    task = desk.ran(type=executor, content="x")
    assert task.status is Status.FAILED
    assert task.result
    assert task.result.reason is Reason.EXECUTOR_ERROR


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_one_that_returns_nonsense_fails_its_task(desk: Desk, nonsense: str) -> None:
    task = desk.ran(type="BABBLING", content=nonsense)
    assert task.status is Status.FAILED
    assert task.result
    assert task.result.reason is Reason.EXECUTOR_ERROR
    assert task.result.error.startswith("executor BABBLING returned ")
    assert task.result.error.endswith(", which is no result")


@pytest.mark.parametrize(
    ("content", "status", "reason", "exit_code", "error"),
    [
        ("success with a reason", Status.SUCCESS, None, 0, ""),
        ("texts for names", Status.SUCCESS, None, None, ""),
        ("no reason", Status.FAILED, Reason.EXECUTOR_ERROR, None, "because"),
        ("an endless error", Status.FAILED, Reason.EXIT_CODE, None, "e" * 4096),
        ("a broken text", Status.FAILED, Reason.EXIT_CODE, None, "??\0"),
        ("an exit code as text", Status.FAILED, Reason.EXIT_CODE, 3, ""),
        ("unasked", Status.FAILED, Reason.EXECUTOR_ERROR, None, "executor SLOPPY says CANCELLED, but nobody asked"),
        ("handed back", Status.FAILED, Reason.EXECUTOR_ERROR, None, "executor SLOPPY says AGENT_STOPPED, but nobody"),
    ],
)
def test_one_that_is_not_quite_right_is_put_right(
    desk: Desk, content: str, status: Status, reason: Reason | None, exit_code: int | None, error: str
) -> None:
    task = desk.ran(type="SLOPPY", content=content)
    assert task.result
    assert (task.status, task.result.reason, task.result.exit_code) == (status, reason, exit_code)
    assert task.result.error.startswith(error)


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        ("raise", Status.CANCELLED, Reason.CANCELLED),
        ("cancelled", Status.CANCELLED, Reason.CANCELLED),
        ("succeed", Status.SUCCESS, None),
        ("fail", Status.FAILED, Reason.EXIT_CODE),
    ],
)
def test_what_it_makes_of_its_cancellation_counts(
    desk: Desk, content: str, status: Status, reason: Reason | None
) -> None:
    task_id = desk.push(content, type="WAITING")
    desk.printed(task_id, "waiting\n")
    assert desk.cancel(task_id) is Answer.REQUESTED
    task = desk.ended(task_id)
    assert task.result
    assert (task.status, task.result.reason) == (status, reason)


@pytest.mark.parametrize("content", ["raise", "cancelled"])
def test_one_that_gives_up_because_the_agent_stops_is_handed_back(tmp_path: Path, content: str) -> None:
    fake = FakeAt()
    desk = Desk(fake.client())
    agent = Living(settings_of(tmp_path, executors=STRANGERS), fake.client)
    agent.start()
    task_id = desk.push(content, type="WAITING")
    desk.printed(task_id, "waiting\n")
    agent.stop()
    task = desk.task(task_id)
    assert (task.status, task.attempt, task.failures, task.lost) == (Status.PENDING, 1, 0, 0)
    desk.settled()


@pytest.mark.parametrize(("reason", "status"), [(Reason.FENCED, Status.FAILED), (Reason.CANCELLED, Status.CANCELLED)])
def test_none_is_begun_once_its_task_is_to_end_whatever_it_would_make_of_that(reason: Reason, status: Status) -> None:
    task, cancelled, output = (
        Task("t", TaskSpec(type="ECHO", content="x"), Status.RUNNING),
        CancelToken(),
        TaskOutput(9),
    )
    cancelled.set(reason)
    result = execute(task, {"ECHO": Echo()}, cancelled, output)
    assert (result.status, result.reason, output.total) == (status, reason, 0)
    cancelled.close()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("no.such.module:Thing", "can't be loaded"),
        ("tests.stage1.strangers:Nobody", "can't be loaded"),
        ("tests.stage1.strangers:NONSENSE", "can't be loaded"),
        ("tests.stage1.strangers", "is no import string"),
    ],
)
def test_one_that_can_not_be_had_is_told_at_the_start(tmp_path: Path, name: str, text: str) -> None:
    agent = Living(settings_of(tmp_path, executors={"STRANGE": name}), FakeAt().client)
    agent.start()
    agent.gone()
    assert isinstance(agent.error, BadSetting)
    assert f"executor STRANGE: {name!r} {text}" in str(agent.error)


def test_a_type_may_be_replaced(tmp_path: Path) -> None:
    fake = FakeAt()
    desk = Desk(fake.client())
    agent = Living(settings_of(tmp_path, executors={"SHELL": STRANGERS["ECHO"]}), fake.client)
    agent.start()
    task = desk.ran(content="rm -rf /")
    agent.stop()
    assert desk.log(task.task_id) == "rm -rf /"


def test_the_lease_says_which_types_there_are(desk: Desk) -> None:
    until(lambda: desk.redis.exists(desk.keys.agent("agent-1")))
    types = str(desk.redis.hget(desk.keys.agent("agent-1"), "types")).split(",")
    assert set(types) == {"SHELL", "PYTHON", *STRANGERS}
