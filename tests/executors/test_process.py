"""How a process is run to its end: time limits, cancellation, and what it leaves behind."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from common.domain.result import Reason
from common.domain.status import Status
from common.executors.cancel import CancelToken
from common.executors.context import ExecutorContext
from common.executors.output import TaskOutput
from common.executors.shell import ShellExecutor
from common.lab.until import until
from tests.executors.conftest import Start, alive, pid_in, task_of

IGNORES_TERM = "trap '' TERM; echo ready; sleep 60; echo woke"


def test_a_signal_is_named(start: Start) -> None:
    result = start("kill -SEGV $$").result()
    assert (result.status, result.reason, result.exit_code) == (Status.FAILED, Reason.SIGNAL, 139)
    assert result.error == "ended by SIGSEGV"


def test_a_kill_that_nobody_sent_hints_at_memory(start: Start) -> None:
    assert "out of memory" in start("kill -KILL $$").result().error


def test_a_signal_without_a_name_has_its_number(start: Start) -> None:
    assert start("kill -40 $$").result().error == "ended by signal 40"


def test_the_time_limit_ends_it_with_term(start: Start) -> None:
    attempt = start("echo begun; sleep 60", timeout=0.2, settings={"grace": 30})
    result = attempt.result()
    assert (result.status, result.reason, result.exit_code) == (Status.FAILED, Reason.TIMEOUT, 128 + signal.SIGTERM)
    assert result.error == "stopped at its time limit of 0.2 s"
    assert attempt.log == "begun\n"


def test_one_that_ignores_term_is_killed_after_the_grace(start: Start) -> None:
    attempt = start(IGNORES_TERM, timeout=0.2)
    result = attempt.result()
    assert (result.reason, result.exit_code) == (Reason.TIMEOUT, 128 + signal.SIGKILL)
    assert attempt.log == "ready\n"


def test_one_that_ends_well_on_term_is_still_no_success(start: Start) -> None:
    result = start("trap 'echo bye; exit 0' TERM; while :; do sleep 0.01; done", timeout=0.2).result()
    assert (result.status, result.reason, result.exit_code) == (Status.FAILED, Reason.TIMEOUT, 0)


def test_one_that_is_stopped_can_be_ended_with_term(start: Start) -> None:
    attempt = start("echo ready; kill -STOP $$; sleep 60", settings={"grace": 30})
    attempt.printed("ready")
    attempt.cancel()
    assert attempt.result().exit_code == 128 + signal.SIGTERM


def test_the_longest_time_limit_can_be_waited_for(start: Start) -> None:
    assert start("true", timeout=30 * 86_400).result().status is Status.SUCCESS


def test_cancelling_ends_it(start: Start) -> None:
    attempt = start("echo ready; sleep 60")
    attempt.printed("ready")
    attempt.cancel()
    result = attempt.result()
    assert (result.status, result.reason) == (Status.CANCELLED, Reason.CANCELLED)


def test_one_cancelled_before_it_starts_never_starts(context: ExecutorContext, tmp_path: Path) -> None:
    token = CancelToken()
    token.set(Reason.CANCELLED)
    task = task_of(f"touch {tmp_path}/ran")
    result = ShellExecutor(context).run(task, token, TaskOutput(1024))
    assert result.status is Status.CANCELLED
    assert not (tmp_path / "ran").exists()


def test_an_agent_that_stops_hands_its_task_back(start: Start) -> None:
    attempt = start("echo ready; sleep 60")
    attempt.printed("ready")
    attempt.cancel(Reason.AGENT_STOPPED)
    result = attempt.result()
    assert (result.status, result.reason) == (Status.FAILED, Reason.AGENT_STOPPED)
    assert result.handed_back


def test_an_agent_without_a_lease_kills_at_once(start: Start) -> None:
    attempt = start(IGNORES_TERM, settings={"grace": 60})
    attempt.printed("ready")
    attempt.cancel(Reason.FENCED)
    result = attempt.result(within=10)
    assert (result.reason, result.exit_code) == (Reason.FENCED, 128 + signal.SIGKILL)
    assert result.handed_back


def test_an_agent_that_loses_its_lease_in_a_grace_kills_at_once(start: Start) -> None:
    attempt = start("trap 'echo termed' TERM; while :; do sleep 0.01; done", timeout=0.1, settings={"grace": 60})
    attempt.printed("termed")
    attempt.cancel(Reason.FENCED)
    assert attempt.result(within=10).reason is Reason.TIMEOUT


def test_cancelling_during_the_grace_changes_nothing(start: Start) -> None:
    attempt = start("trap 'echo termed' TERM; echo ready; while :; do sleep 0.01; done", timeout=0.2)
    attempt.printed("termed")
    attempt.cancel()
    assert attempt.result().reason is Reason.TIMEOUT


def test_an_end_that_came_before_the_cancellation_counts(start: Start, tmp_path: Path) -> None:
    attempt = start(f"sleep 60 & echo $! > {tmp_path}/pid; echo $$ > {tmp_path}/main", settings={"linger": 30})
    main, left = pid_in(tmp_path / "main"), pid_in(tmp_path / "pid")
    until(lambda: not alive(main), what="the end of the main process")
    attempt.cancel()
    assert attempt.result(within=10).status is Status.SUCCESS
    assert not alive(left)


def test_a_task_reads_an_empty_input(start: Start) -> None:
    attempt = start("cat; wc -c")
    assert attempt.result().status is Status.SUCCESS
    assert attempt.log.strip() == "0"


def test_without_pidfds_it_works_too(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    assert start("exit 3").result().exit_code == 3
    attempt = start(f"sleep 60 & echo $! > {tmp_path}/pid; echo first")
    assert attempt.result().status is Status.SUCCESS
    assert attempt.log == "first\n"
    assert not alive(pid_in(tmp_path / "pid"))
    assert start("sleep 60", timeout=0.1).result().reason is Reason.TIMEOUT


def test_an_exit_code_that_somebody_else_took_is_no_success(start: Start) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        result = start(["true"]).result()
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert (result.status, result.reason) == (Status.FAILED, Reason.EXECUTOR_ERROR)


def test_an_output_that_raises_leaves_no_process(context: ExecutorContext, tmp_path: Path) -> None:
    class Broken:
        def write(self, data: bytes) -> None:
            raise RuntimeError("broken output")

    token = CancelToken()
    with pytest.raises(RuntimeError, match="broken output"):
        ShellExecutor(context).run(task_of(f"echo $$ > {tmp_path}/pid; echo x; sleep 60"), token, Broken())
    token.close()
    assert not alive(pid_in(tmp_path / "pid"))


def test_bytes_that_are_no_utf8_are_replaced(start: Start) -> None:
    attempt = start(r"printf 'a\377\300b\0c'")
    assert attempt.result().status is Status.SUCCESS
    assert attempt.log == "a��b\0c"
    assert attempt.output.total == 6


def test_output_without_any_newline_is_followed_live(start: Start) -> None:
    attempt = start("printf abc; sleep 60")
    attempt.printed("abc")


def test_a_gigabyte_at_full_speed_leaves_memory_flat(start: Start) -> None:
    me = psutil.Process()
    before = me.memory_info().rss
    attempt = start("head -c 1073741824 /dev/zero; echo end", output_limit=1_048_576)
    assert attempt.result(within=50).status is Status.SUCCESS
    assert me.memory_info().rss - before < 20 * 1_048_576
    assert attempt.output.total == 1_073_741_824 + 4
    log = attempt.log
    assert log.endswith("\0end\n")
    assert "1,072,693,252 bytes cut by dts" in log
    assert len(attempt.output.excerpt()) < 4200


def test_one_that_floods_is_stopped_at_its_time_limit(start: Start) -> None:
    attempt = start("yes", timeout=0.3)
    assert attempt.result().reason is Reason.TIMEOUT
