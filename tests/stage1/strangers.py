"""Executors of third parties, good and bad, as the settings name them: "tests.stage1.strangers:Noop"."""

import sys
import threading
from typing import Any

from common.contracts import Cancellation, Output
from common.domain.result import Reason, Result, failure, success
from common.domain.status import Status
from common.domain.task import Task


class Noop:
    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Result:
        return success()


class Echo:
    """Prints its content."""

    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Result:
        output.write(str(task.spec.content).encode())
        return success()


class Raising:
    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Result:
        output.write(b"so far so good\n")
        raise ValueError("no \x1b[31mluck\x1b[0m\nat all \ud800")


class Unspeakable(Exception):
    def __repr__(self) -> str:
        raise RuntimeError("not even that")

    __str__ = __repr__


class RaisingWorse:
    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Result:
        raise Unspeakable


class Exiting:
    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Result:
        sys.exit(3)


NONSENSE: dict[str, Any] = {
    "nothing": None,
    "a number": 7,
    "a text": "SUCCESS",
    "a class": Result,
    "not ended": Result(Status.RUNNING),
    "no status": Result("DONE"),  # type: ignore[arg-type]
    "a reason of its own": Result(Status.FAILED, "BAD_LUCK"),  # type: ignore[arg-type]
    "an exit code in words": Result(Status.FAILED, Reason.EXIT_CODE, "three"),  # type: ignore[arg-type]
}


class Babbling:
    """Returns the nonsense that its content names."""

    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Any:
        return NONSENSE[str(task.spec.content)]


class Sloppy:
    """Results that are not quite what was promised, but can be understood."""

    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Any:
        return {
            "success with a reason": Result(Status.SUCCESS, Reason.EXIT_CODE, 0, "but"),
            "texts for names": Result("SUCCESS"),  # type: ignore[arg-type]
            "no reason": Result(Status.FAILED, None, None, "because"),
            "an endless error": failure(Reason.EXIT_CODE, "e" * 1_000_000),
            "a broken text": failure(Reason.EXIT_CODE, "\ud800\udcff\0"),
            "an exit code as text": Result(Status.FAILED, Reason.EXIT_CODE, "3"),  # type: ignore[arg-type]
            "unasked": Result(Status.CANCELLED, Reason.CANCELLED),
            "handed back": failure(Reason.AGENT_STOPPED, "no"),
        }[str(task.spec.content)]


class Waiting:
    """Waits for its cancellation, then does what its content says."""

    started = threading.Event()

    def run(self, task: Task, cancelled: Cancellation, output: Output) -> Result:
        output.write(b"waiting\n")
        self.started.set()
        while not cancelled.is_set():
            threading.Event().wait(0.01)
        if task.spec.content == "raise":
            raise InterruptedError("stopped")
        return {
            "succeed": success(),
            "cancelled": Result(Status.CANCELLED),
            "fail": failure(Reason.EXIT_CODE, "exit code 1", exit_code=1),
        }[str(task.spec.content)]
