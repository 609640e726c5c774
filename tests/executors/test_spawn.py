"""Why a process could not be started, and whose fault that is."""

import os
import resource
from pathlib import Path

import pytest

from common.domain.result import Reason, Result
from common.domain.status import Status
from common.executors.cancel import CancelToken
from common.executors.context import ExecutorContext
from common.executors.output import TaskOutput
from common.executors.shell import ShellExecutor
from tests.executors.conftest import Start, task_of


def test_a_command_that_is_not_there_is_a_spawn_error(start: Start) -> None:
    result = start(["no-such-command"]).result()
    assert (result.status, result.reason, result.exit_code) == (Status.FAILED, Reason.SPAWN_ERROR, None)
    assert result.error.startswith("command not found: 'no-such-command'; it is in no directory of PATH=")


def test_a_path_that_is_not_there_is_a_spawn_error(start: Start) -> None:
    result = start(["/no/such/command"]).result()
    assert result.reason is Reason.SPAWN_ERROR
    assert result.error.startswith("command not found: '/no/such/command'")


def script(tmp_path: Path, text: str, mode: int) -> str:
    file = tmp_path / "tool"
    file.write_text(text)
    file.chmod(mode)
    return str(file)


@pytest.mark.parametrize(
    ("text", "mode", "error"),
    [
        ("#!/bin/sh\n", 0o600, "not executable"),
        ("echo hi\n", 0o700, "no program for this machine"),
        ("#!/no/such/interpreter\n", 0o700, "interpreter named in its first line is missing"),
    ],
)
def test_a_file_that_can_not_be_executed_is_a_spawn_error(
    start: Start, tmp_path: Path, text: str, mode: int, error: str
) -> None:
    result = start([script(tmp_path, text, mode)]).result()
    assert result.reason is Reason.SPAWN_ERROR
    assert error in result.error


def test_a_directory_is_not_executable(start: Start) -> None:
    assert "not executable" in start(["/tmp"]).result().error


def test_arguments_that_are_too_long_for_the_machine_are_a_spawn_error(start: Start) -> None:
    result = start(["true"], args=["x" * 200_000]).result()
    assert result.reason is Reason.SPAWN_ERROR
    assert "put them into a file" in result.error


def test_an_agent_without_descriptors_blames_itself(context: ExecutorContext) -> None:
    executor, token = ShellExecutor(context), CancelToken()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_free = os.dup(0)
    os.close(next_free)
    results: list[Result] = []
    # Others may be open just beyond the next free one, so how many it takes is not known.
    for spare in range(1024):
        resource.setrlimit(resource.RLIMIT_NOFILE, (next_free + spare, hard))
        try:
            results.append(executor.run(task_of(["true"]), token, TaskOutput(1024)))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if results[-1].status is Status.SUCCESS:
            break
    token.close()
    assert {result.reason for result in results} <= {Reason.AGENT_ERROR, None}
    assert (results[0].reason, results[-1].status) == (Reason.AGENT_ERROR, Status.SUCCESS)
    assert "the agent's machine" in results[0].error
    assert next_free == os.dup(0)
    os.close(next_free)
