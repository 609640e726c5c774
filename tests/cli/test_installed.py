"""The installed `dts` as a person starts it: its own process, a real Redis, a real terminal, real signals."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from common.cli.exits import Exit
from common.domain.task import Submission
from common.lab.until import until
from common.store.tasks import TaskStore
from tests.cli.pretend import PretendAgent
from tests.servers import ServerAt

DTS = Path(sys.executable).with_name("dts")


@dataclass
class Installed:
    """Starts `dts` against one Redis."""

    server: ServerAt
    environ: dict[str, str]

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([DTS, *words], env=self.environ, capture_output=True, text=True, check=False)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        pipe = subprocess.PIPE
        return subprocess.Popen([DTS, *words], env=self.environ, stdout=pipe, stderr=pipe, text=True)

    def on_a_terminal(self, *words: str, **environ: str) -> str:
        """Run it to its end on a terminal of its own; all that it wrote there."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [DTS, *words], env={**self.environ, "TERM": "xterm-256color", **environ}, stdin=theirs, stdout=theirs,
            stderr=theirs, start_new_session=True,
        ):  # fmt: skip
            os.close(theirs)
            return _all_of(ours)


def _all_of(terminal: int) -> str:
    raw = b""
    while select.select([terminal], [], [], 30)[0]:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # how Linux says that nobody holds the other end any more
            break
        if not piece:
            break
        raw += piece
    os.close(terminal)
    return raw.decode()


@pytest.fixture
def installed(shared_servers: Callable[[str], ServerAt], tmp_path: Path) -> Iterator[Installed]:
    server = shared_servers("real")
    server.empty()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DTS_")}
    yield Installed(server, {**environ, "DTS_HOME": str(tmp_path), "DTS_REDIS_URL": server.url, "COLUMNS": "120"})
    server.empty()


@pytest.fixture
def agent(installed: Installed) -> PretendAgent:
    redis = installed.server.client()
    return PretendAgent(TaskStore(redis), redis)


def test_a_task_is_submitted_shown_and_cancelled(installed: Installed) -> None:
    task_id = installed("submit", "echo 任务").stdout.strip()
    shown = json.loads(installed("get", task_id, "--json").stdout)
    assert (shown["content"], shown["status"]) == ("echo 任务", "PENDING")
    cancelled = installed("cancel", task_id, "nobody")
    assert (cancelled.returncode, cancelled.stdout) == (Exit.NOT_FOUND, f"{task_id}\tcancelled\nnobody\tnot found\n")


def test_follow_passes_output_on_before_the_task_has_ended(installed: Installed, agent: PretendAgent) -> None:
    command = installed.start("submit", "--follow", "x")
    assert command.stdout
    until(agent.takes, what="the task")
    agent.prints("first line\n")
    assert command.stdout.readline() == "first line\n"
    agent.fails(7)
    rest, told = command.communicate(timeout=30)
    assert (rest, command.returncode) == ("", Exit.FAILED)
    assert "EXIT_CODE 7" in told


def test_ctrl_c_ends_a_wait_cleanly_and_the_task_goes_on(installed: Installed, agent: PretendAgent) -> None:
    command = installed.start("submit", "--wait", "--task-id", "t1", "x")
    assert command.stderr
    assert command.stderr.readline() == "task t1\n"
    agent.takes()
    command.send_signal(signal.SIGINT)
    shown, told = command.communicate(timeout=30)
    assert (shown, command.returncode) == ("", Exit.INTERRUPTED)
    assert told.startswith("The task goes on: ")
    assert "Traceback" not in told
    agent.succeeds()


def test_a_server_that_is_not_there_is_told_in_one_line(installed: Installed) -> None:
    done = installed("list", "--redis-url", "redis://127.0.0.1:1/0")
    assert done.returncode == Exit.UNREACHABLE
    assert re.fullmatch(r"dts: .*127\.0\.0\.1:1.*`dts up 1 -d` starts it.*\n", done.stderr)


def ended(agent: PretendAgent, output: str) -> None:
    """Task t1 has run and printed `output`."""
    agent.is_given(Submission.of(task_id="t1", name="[red]name[/]", content="x"))
    agent.takes()
    agent.succeeds(output)


def test_a_terminal_shows_headings_and_colours_and_stays_as_it_was(installed: Installed, agent: PretendAgent) -> None:
    ended(agent, "\x1b[2Jhostile\x07\n")
    listed = installed.on_a_terminal("list")
    assert "TASK ID" in listed
    assert "\x1b[32mSUCCESS" in listed
    assert "[red]name[/]" in listed
    assert r"\x1b[2Jhostile\x07" in installed.on_a_terminal("get", "t1")
    assert installed.on_a_terminal("logs", "t1") == "\\x1b[2Jhostile\\x07\r\n"


def test_who_waits_at_a_terminal_sees_how_it_ended(installed: Installed, agent: PretendAgent) -> None:
    ended(agent, "done\n")
    shown = installed.on_a_terminal("submit", "x", "--name", "[red]name[/]", "--task-id", "t1", "--wait", NO_COLOR="1")
    assert "done\r\n" in shown
    assert "t1 SUCCESS after" in shown
