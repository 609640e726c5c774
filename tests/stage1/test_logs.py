"""Logs: one event a line, nothing of a task's content or output, and nothing that could move a terminal's cursor."""

import io
import logging
import re
from collections.abc import Iterator

import pytest

from common import logs
from common.lab.until import until
from tests.servers import ServerAt
from tests.stage1.conftest import StartAgent
from tests.stage1.desk import Desk

EVENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) dts[.\w]* .+")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What goes to stderr."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stderr = io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    root.handlers.clear()
    logs.to_stderr("info")
    yield stderr
    root.handlers[:] = before
    root.setLevel(level)


def test_an_event_is_one_line_with_its_fields(written: io.StringIO) -> None:
    logging.getLogger("dts.agent").info("ended %s", "SUCCESS", extra={"task_id": "t-1", "attempt": 2})
    line = written.getvalue()
    assert EVENT.fullmatch(line.removesuffix("\n"))
    assert line.endswith("Z INFO dts.agent ended SUCCESS task_id=t-1 attempt=2\n")


def test_control_characters_are_shown_as_text(written: io.StringIO) -> None:
    logging.getLogger("dts.agent").warning(
        "said: %s", "a\nb\r\x1b[2J\0\x9b\u2028\u202e\ud800", extra={"task_id": "\x1b]0;title\a"}
    )
    assert written.getvalue().endswith(
        "said: a\\nb\\r\\x1b[2J\\x00\\x9b\\u2028\\u202e\\ud800 task_id=\\x1b]0;title\\x07\n"
    )


def test_a_stack_is_set_in_below_its_event(written: io.StringIO) -> None:
    try:
        raise ValueError("red \x1b[31m\nand a second line")
    except ValueError:
        logging.getLogger("dts.agent").exception("step failed")
    event, *stack = written.getvalue().splitlines()
    assert event.endswith("ERROR dts.agent step failed")
    assert all(line.startswith("    ") for line in stack)
    assert stack[-2:] == ["    ValueError: red \\x1b[31m", "    and a second line"]


def test_what_is_below_the_level_is_not_written(written: io.StringIO) -> None:
    logging.getLogger("dts.agent").debug("too much")
    assert written.getvalue() == ""


def test_an_agent_logs_each_event_in_a_line_and_nothing_of_its_tasks(
    server: ServerAt, person: Desk, agents: StartAgent
) -> None:
    agent = agents(server.url, executors='{"RAISING":"tests.stage1.strangers:Raising"}').ready()
    person.push("echo s3cret-content; printf '\\033[31m s3cret-output'", name="s3cret-name")
    person.push("echo s3cret-content; exit 3", env={"A": "s3cret-env"})
    person.push(["s3cret-program"])
    person.push(type="RAISING")
    person.push_raw('{"content":"s3cret-content","\\u001b[31mred":1}')
    person.buried()
    until(lambda: agent.log.count(" ended ") == 4)
    agent.term()
    assert agent.exit_code() == 0

    lines = [line for line in agent.log.splitlines() if not line.startswith("    ")]
    assert all(EVENT.fullmatch(line) for line in lines)
    assert "s3cret" not in agent.log
    assert "\x1b" not in agent.log
    assert len([line for line in lines if " started task_id=" in line]) == 4
    assert len([line for line in lines if re.search(r" ended SUCCESS task_id=\S+ attempt=1$", line)]) == 1
    assert len([line for line in lines if re.search(r" ended FAILED \(EXIT_CODE\) task_id=\S+ attempt=1$", line)]) == 1
    assert lines[-1].endswith(" INFO dts.agent stopped agent=agent-1")


def test_normal_waiting_is_never_logged(server: ServerAt, person: Desk, agents: StartAgent) -> None:
    agent = agents(server.url, log_level="debug").ready()
    person.works()
    # The last that it says of that task, once the store has its end.
    until(lambda: " reported: SUCCESS " in agent.log)
    events = agent.log
    looks = _looks(person)
    until(lambda: _looks(person) >= looks + 3)
    assert agent.log == events


def _looks(person: Desk) -> int:
    """How often agents have looked for ready tasks."""
    return int(person.redis.info("commandstats")["cmdstat_brpop"]["calls"])
