"""What a task leaves behind: background processes, its group, those that left the group."""

import os
import signal
import threading
from pathlib import Path

import psutil
import pytest

from common.domain.result import Reason
from common.domain.status import Status
from common.executors import process as process_module
from common.executors.cancel import CancelToken
from common.executors.context import ExecutorContext
from common.executors.control_groups import ControlGroups
from common.executors.output import TaskOutput
from common.executors.process_trees import ProcessTrees
from common.executors.shell import ShellExecutor
from tests.executors.conftest import Start, alive, open_descriptors, pid_in, task_of


def test_what_holds_the_output_in_the_background_may_linger_then_is_killed(start: Start, tmp_path: Path) -> None:
    attempt = start(
        f"(sleep 0.2; echo late; sleep 60; echo never) & echo $! > {tmp_path}/pid; echo first",
        settings={"linger": 1.0},
    )
    result = attempt.result()
    assert result.status is Status.SUCCESS
    assert attempt.log == "first\nlate\n"
    assert not alive(pid_in(tmp_path / "pid"))


def test_what_runs_silently_in_the_background_ends_with_the_task(start: Start, tmp_path: Path) -> None:
    attempt = start(f"sleep 60 > /dev/null 2>&1 & echo $! > {tmp_path}/pid", settings={"linger": 30})
    assert attempt.result().status is Status.SUCCESS
    assert not alive(pid_in(tmp_path / "pid"))


def test_the_whole_group_is_killed_with_a_task_that_is_cancelled(start: Start, tmp_path: Path) -> None:
    nested = "sh -c 'sh -c \"trap : TERM; echo \\$\\$ > {0}/pid; while :; do sleep 0.05; done\" & wait' & wait"
    attempt = start(nested.format(tmp_path))
    pid = pid_in(tmp_path / "pid")
    attempt.cancel()
    assert attempt.result().status is Status.CANCELLED
    assert not alive(pid)


@pytest.mark.parametrize("redirected", ["", "> /dev/null 2>&1"])
def test_one_that_left_the_group_is_found_after_a_kill(start: Start, tmp_path: Path, redirected: str) -> None:
    attempt = start(
        f"setsid sh -c 'trap \"\" TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.05; done' {redirected} & wait"
    )
    pid = pid_in(tmp_path / "pid")
    attempt.cancel()
    assert attempt.result().status is Status.CANCELLED
    assert not alive(pid)


def test_one_that_left_the_group_and_holds_the_output_is_found_without_a_kill(start: Start, tmp_path: Path) -> None:
    attempt = start(f"setsid sh -c 'echo $$ > {tmp_path}/pid; sleep 60' & echo done", settings={"linger": 0.3})
    assert attempt.result().status is Status.SUCCESS
    assert not alive(pid_in(tmp_path / "pid"))


HIDES = "env -i PATH=/usr/bin:/bin setsid sh -c 'echo $$ > {0}/pid; sleep 60' & until [ -s {0}/pid ]; do :; done"


def test_one_that_also_hides_its_mark_can_not_hold_the_slot(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "_INSIST_AFTER", 0.1)
    attempt = start(HIDES.format(tmp_path), settings={"linger": 0.1, "enclosures": ProcessTrees()})
    pid = pid_in(tmp_path / "pid")
    result = attempt.result()
    assert result.status is Status.SUCCESS
    os.kill(pid, signal.SIGKILL)
    assert "still holds its output" in caplog.text
    assert result.proof
    assert not result.proof.certain


def test_tasks_of_others_are_not_touched(start: Start) -> None:
    other = start("echo ready; sleep 60")
    other.printed("ready")
    attempt = start("trap '' TERM; sleep 60", timeout=0.1)
    assert attempt.result().reason is Reason.TIMEOUT
    assert other.log == "ready\n"
    other.cancel()
    assert other.result().status is Status.CANCELLED


def test_nothing_is_left_of_a_hundred_short_tasks(context: ExecutorContext) -> None:
    executor = ShellExecutor(context)
    task = task_of(["true"])
    before = open_descriptors()
    for _ in range(100):
        token = CancelToken()
        assert executor.run(task, token, TaskOutput(1024)).status is Status.SUCCESS
        token.close()
    assert open_descriptors() == before
    assert not [child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE]
    assert list(context.work_dir.iterdir()) == []


def test_many_at_once_do_not_touch_each_other(context: ExecutorContext) -> None:
    executor, before = ShellExecutor(context), open_descriptors()
    seen: list[str] = []

    def run_some() -> None:
        for number in range(10):
            task, token, output = task_of('echo "$TASK_ID"; ls -A'), CancelToken(), TaskOutput(1024)
            result = executor.run(task, token, output)
            token.close()
            if (result.status, output.finish()[1]) != (Status.SUCCESS, f"{task.task_id}\n"):
                seen.append(f"{number}: {result} {output.finish()[1]}")

    threads = [threading.Thread(target=run_some) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == []
    # A control group's three files stay open, to be used again.
    kept = 3 * 8 if isinstance(context.enclosures, ControlGroups) else 0
    assert open_descriptors() <= before + kept
    assert list(context.work_dir.iterdir()) == []
