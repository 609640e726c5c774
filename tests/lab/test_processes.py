"""Processes are recognised again, found by their mark, and ended."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from common.lab.processes import Process, end, find, marked
from common.lab.until import until
from tests.lab.members import Run


def process_of(child: "subprocess.Popen[bytes]") -> Process:
    process = find(child.pid)
    assert process
    return process


def test_a_process_is_alive_until_it_ends_even_while_nobody_reaps_it(run: Run) -> None:
    child = run("sleep", "1000")
    process = process_of(child)
    assert process.alive()
    os.kill(child.pid, signal.SIGKILL)
    until(lambda: not process.alive())
    assert find(child.pid) == process, "the zombie should still be there"


def test_a_pid_that_was_given_to_another_process_is_not_touched(run: Run) -> None:
    process = process_of(run("sleep", "1000"))
    earlier = replace(process, started=process.started - 1)
    assert not earlier.alive()
    assert end([earlier]) == []
    assert process.alive()


def test_a_pid_that_nobody_has_is_no_process(run: Run) -> None:
    child = run("true")
    child.wait()
    assert find(child.pid) is None


def test_a_stopped_process_is_frozen_until_it_goes_on(run: Run) -> None:
    process = process_of(run("sleep", "1000"))
    assert not process.frozen()
    process.send(signal.SIGSTOP)
    until(process.frozen)
    process.send(signal.SIGCONT)
    until(lambda: not process.frozen())


def test_a_spawned_process_leads_a_session_of_its_own_and_writes_to_its_log(run: Run, tmp_path: Path) -> None:
    child = run("sh", "-c", "echo out; echo err >&2; exec sleep 1000")
    assert os.getsid(child.pid) == child.pid
    until(lambda: (tmp_path / "log").read_text() == "out\nerr\n")


def test_a_name_with_spaces_and_parentheses_is_read_past(run: Run, tmp_path: Path) -> None:
    odd = tmp_path / "a) S (b 1 2"
    odd.symlink_to("/bin/sleep")
    assert process_of(run(str(odd), "1000")).alive()


def test_what_a_marked_process_left_behind_is_found_by_the_mark(run: Run, tmp_path: Path) -> None:
    child = run("sh", "-c", "setsid sleep 1000 & echo $! > left; wait", TEST_MARK="mine")
    until(lambda: (tmp_path / "left").is_file() and (tmp_path / "left").read_text())
    left = find(int((tmp_path / "left").read_text()))
    assert left
    assert set(marked("TEST_MARK", "mine")) == {process_of(child), left}
    child.kill()
    child.wait()
    assert marked("TEST_MARK", "mine") == [left]
    assert marked("TEST_MARK", "min") == marked("TEST_MARK", "mine2") == marked("MARK", "mine") == []
    assert end([left]) == []


def test_one_does_not_find_oneself_by_the_mark(run: Run, tmp_path: Path) -> None:
    text = "from common.lab.processes import marked; open('found', 'w').write(repr(marked('TEST_MARK', 'own')))"
    run(sys.executable, "-c", text, TEST_MARK="own", PYTHONPATH=str(Path(__file__).parents[2])).wait(10)
    assert (tmp_path / "found").read_text() == "[]"


def test_what_ignores_polite_signals_is_killed(run: Run, tmp_path: Path) -> None:
    process = process_of(run("sh", "-c", "trap '' TERM; touch deaf; while :; do sleep 0.1; done"))
    until((tmp_path / "deaf").exists)
    assert end([process], ((signal.SIGTERM, 0.05), (signal.SIGKILL, 5))) == []
    assert not process.alive()


def test_what_survives_is_returned(run: Run, tmp_path: Path) -> None:
    process = process_of(run("sh", "-c", "trap '' TERM; touch deaf; while :; do sleep 0.1; done"))
    until((tmp_path / "deaf").exists)
    assert end([process], ((signal.SIGTERM, 0.05),)) == [process]


def test_a_second_polite_signal_is_given_before_the_kill(run: Run, tmp_path: Path) -> None:
    text = "trap 'echo x >> terms; [ $(wc -l < terms) -lt 2 ] || exit' TERM; touch up; while :; do sleep 0.01; done"
    process = process_of(run("sh", "-c", text))
    until((tmp_path / "up").exists)
    assert end([process], ((signal.SIGTERM, 0.2), (signal.SIGTERM, 5), (signal.SIGKILL, 5))) == []
    assert (tmp_path / "terms").read_text() == "x\nx\n"


def test_a_frozen_process_can_be_ended_politely(run: Run, tmp_path: Path) -> None:
    process = process_of(run("sh", "-c", "trap 'touch asked; exit' TERM; touch up; while :; do sleep 0.01; done"))
    until((tmp_path / "up").exists)
    process.send(signal.SIGSTOP)
    until(process.frozen)
    assert end([process], ((signal.SIGTERM, 5),)) == []
    assert (tmp_path / "asked").exists()
