"""Runs tasks through real executors and keeps what came of them."""

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from common.contracts import Executor
from common.domain.result import Reason, Result
from common.domain.status import Status
from common.domain.task import Task, TaskSpec
from common.executors.cancel import CancelToken
from common.executors.cgroups import hierarchies
from common.executors.context import ExecutorContext
from common.executors.control_groups import ControlGroups
from common.executors.enclosure import Enclosures
from common.executors.output import TaskOutput
from common.executors.process_trees import ProcessTrees
from common.executors.python_script import PythonScriptExecutor
from common.executors.shell import ShellExecutor
from common.lab.until import until

Content = str | list[str]


def task_of(content: Content, **spec: Any) -> Task:
    """A running task with an id of its own: the mark of its processes is found on the whole machine."""
    return Task(
        task_id=f"t-{uuid.uuid4().hex[:12]}",
        spec=TaskSpec(content=content, **spec),
        status=Status.RUNNING,
        attempt=3,
        agent="agent-1",
        boot="boot-1",
    )


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def pid_in(file: Path) -> int:
    """The pid that a task writes into `file`, as soon as it stands there."""
    return int(until(lambda: file.exists() and file.read_text().strip(), what=f"a pid in {file}"))


def open_descriptors() -> int:
    return psutil.Process().num_fds()


@dataclass
class Attempt:
    """One attempt on a thread of its own."""

    executor: Executor
    task: Task
    cancelled: CancelToken = field(default_factory=CancelToken)
    _log: str = ""

    def __post_init__(self) -> None:
        self.output = TaskOutput(self.task.spec.output_limit)
        self._result: Result | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self._result = self.executor.run(self.task, self.cancelled, self.output)

    def printed(self, text: str) -> None:
        """Wait until the task has printed `text`."""

        def seen() -> bool:
            self._log += self.output.drain()[1]
            return text in self._log

        until(seen, what=f"{text!r} in the output")

    def cancel(self, reason: Reason = Reason.CANCELLED) -> None:
        self.cancelled.set(reason)

    def result(self, within: float = 30.0) -> Result:
        self._thread.join(within)
        assert self._result is not None, "the attempt has not ended"
        self.cancelled.close()
        return self._result

    @property
    def log(self) -> str:
        self._log += self.output.drain()[1]
        return self._log + self.output.finish()[1]


Start = Callable[..., Attempt]


def _can_make_groups() -> bool:
    return any(one.writable and one.kills() for one in hierarchies())


@pytest.fixture(scope="session")
def groups() -> Iterator[ControlGroups]:
    """This process in control groups of its own."""
    made = ControlGroups(f"test-{uuid.uuid4().hex[:12]}", None)
    made.open()
    yield made
    made.close()


@pytest.fixture(params=["groups", "trees"] if _can_make_groups() else ["trees"])
def enclosures(request: pytest.FixtureRequest) -> Enclosures:
    """Both ways in which attempts are held together, where this machine has both."""
    made: Enclosures = request.getfixturevalue("groups") if request.param == "groups" else ProcessTrees()
    return made


@pytest.fixture
def context(tmp_path: Path, enclosures: Enclosures) -> ExecutorContext:
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    return ExecutorContext(tmp_path / "work", environ=path, grace=0.3, linger=0.2, enclosures=enclosures)


@pytest.fixture
def start(context: ExecutorContext) -> Iterator[Start]:
    """Start an attempt of a SHELL task: `start(content, settings={…}, **spec)`; it is ended with the test."""
    attempts: list[Attempt] = []

    def begin(
        content: Content, *, python: bool = False, settings: dict[str, Any] | None = None, **spec: Any
    ) -> Attempt:
        settled = replace(context, **settings or {})
        executor: Executor = PythonScriptExecutor(settled) if python else ShellExecutor(settled)
        attempts.append(Attempt(executor, task_of(content, **spec)))
        return attempts[-1]

    yield begin
    for attempt in attempts:
        attempt.cancel()
        attempt.result()
