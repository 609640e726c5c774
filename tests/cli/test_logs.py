"""`dts logs`: exact in a pipe, harmless on a terminal, live when followed."""

import contextlib
import io
import json

import pytest

from common.cli.exits import Exit
from common.cli.output import TaskOutput
from tests.cli.conftest import Dts
from tests.cli.pretend import PretendAgent


@pytest.fixture
def failed_once(dts: Dts, agent: PretendAgent) -> Dts:
    """Task t1 failed in its first attempt and runs its second."""
    dts("submit", "flaky", "--task-id", "t1", "--retries", "1", "--retry-delay", "0")
    agent.takes()
    agent.prints("first\n")
    agent.fails()
    agent.takes()
    agent.prints("second")
    return dts


def test_a_pipe_gets_the_exact_bytes(dts: Dts, agent: PretendAgent) -> None:
    dts("submit", "x", "--task-id", "t1")
    agent.takes()
    agent.prints("\x1b[31m任务\r\n\tno line end")
    assert dts("logs", "t1").stdout_bytes == "\x1b[31m任务\r\n\tno line end".encode()


def test_a_log_longer_than_a_page_comes_whole(dts: Dts, agent: PretendAgent) -> None:
    text = "任务 " * 50_000
    dts("submit", "x", "--task-id", "t1")
    agent.takes()
    agent.prints(text)
    assert dts("logs", "t1").stdout == text


def test_it_is_the_log_of_the_latest_attempt_or_of_the_one_asked_for(failed_once: Dts) -> None:
    assert failed_once("logs", "t1").stdout == "second"
    assert failed_once("logs", "t1", "--attempt", "1").stdout == "first\n"
    assert json.loads(failed_once("logs", "t1", "--attempt", "1", "--json").stdout) == {
        "taskId": "t1",
        "attempt": 1,
        "log": "first\n",
    }


def test_an_attempt_that_has_not_been_is_not_found(failed_once: Dts) -> None:
    result = failed_once("logs", "t1", "--attempt", "3")
    assert result.exit_code == Exit.NOT_FOUND
    assert "there is no attempt 3" in result.stderr


def test_a_task_that_has_not_started_has_no_log_yet(dts: Dts) -> None:
    dts("submit", "x", "--task-id", "t1")
    result = dts("logs", "t1")
    assert (result.exit_code, result.stdout, result.stderr) == (Exit.OK, "", "It has not started yet; it is PENDING.\n")


def test_following_goes_on_until_the_task_ends(failed_once: Dts, agent: PretendAgent) -> None:
    failed_once.clock.acts.extend([lambda: agent.prints(" third"), lambda: None, lambda: agent.succeeds("!")])
    result = failed_once("logs", "-f", "t1")
    assert (result.exit_code, result.stdout) == (Exit.OK, "second third!")
    assert result.stderr.startswith("t1 SUCCESS")


def test_following_from_an_earlier_attempt_goes_through_the_later_ones(failed_once: Dts, agent: PretendAgent) -> None:
    failed_once.clock.acts.append(agent.fails)
    result = failed_once("logs", "-f", "t1", "--attempt", "1")
    assert (result.exit_code, result.stdout) == (Exit.FAILED, "first\nsecond")
    assert result.stderr.splitlines()[0] == "attempt 2"


def test_following_may_begin_before_the_task_does(dts: Dts, agent: PretendAgent) -> None:
    dts("submit", "x", "--task-id", "t1")
    dts.clock.acts.extend([lambda: None, agent.takes, lambda: agent.prints("hi\n"), agent.succeeds])
    assert dts("logs", "-f", "t1").stdout == "hi\n"


def test_following_ends_quickly_for_a_task_that_ended_before_it_began(dts: Dts) -> None:
    dts("submit", "x", "--task-id", "t1")
    dts("cancel", "t1")
    result = dts("logs", "-f", "t1")
    assert (result.exit_code, result.stdout, dts.clock.now) == (Exit.FAILED, "", 0)


def test_following_and_json_exclude_each_other(dts: Dts) -> None:
    assert dts("logs", "-f", "--json", "t1").exit_code == Exit.USAGE


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("raw", "shown"), [(False, "\\x1b[2J任务\n\\x9bx\n"), (True, "\x1b[2J任务\r\n\x9bx")], ids=["default", "--raw"]
)
def test_a_terminal_is_safe_unless_one_wants_otherwise(raw: bool, shown: str) -> None:
    screen = Terminal(io.BytesIO(), encoding="utf-8", newline="")
    with contextlib.redirect_stdout(screen):
        output = TaskOutput(raw=raw)
        output.write("\x1b[2J任务\r\n")
        output.write("\x9bx")
        output.end()
    assert screen.buffer.getvalue().decode() == shown  # type: ignore[attr-defined]
