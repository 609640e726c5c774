"""What tasks print: followed live, kept within a budget, harmless whatever it is."""

import pytest

from common.domain.status import Answer, Status
from common.lab.until import until
from tests.servers import ServerAt
from tests.stage1.conftest import StartAgent
from tests.stage1.desk import Desk

MIB = 1 << 20
GIGABYTE = 1 << 30


def test_a_gigabyte_at_full_speed_leaves_the_agent_as_small_as_it_was(
    server: ServerAt, person: Desk, agents: StartAgent
) -> None:
    agent = agents(server.url).ready()
    person.succeeded(person.push("head -c 8M /dev/zero"))
    before = agent.memory
    task_id = person.push(f"echo begin; head -c {GIGABYTE} /dev/zero; echo; echo finish", timeout=60)
    person.running(task_id)
    largest = before

    def watched() -> bool:
        nonlocal largest
        largest = max(largest, agent.memory)
        return person.task(task_id).status.final

    until(watched, 60)

    (task,) = person.succeeded(task_id)
    assert largest - before < 30 * MIB
    assert task.result
    assert task.result.output_bytes == GIGABYTE + len("begin\n\nfinish\n")
    log = person.log(task_id)
    assert MIB <= len(log) < MIB + 100
    assert log.startswith("begin\n\0")
    assert log.endswith("\0\nfinish\n")
    assert f" {GIGABYTE + 14 - MIB:,} bytes cut by dts " in log
    assert len(task.result.output) < 5000
    assert task.result.output.startswith("begin\n\0")
    assert task.result.output.endswith("\0\nfinish\n")


@pytest.fixture
def desk(served: Desk) -> Desk:
    return served


def test_what_a_task_prints_is_seen_while_it_runs(desk: Desk) -> None:
    task_id = desk.push("echo one; read _ < go; echo two; sleep 60", type="SHELL")
    desk.printed(task_id, "one\n")
    assert desk.task(task_id).status is Status.RUNNING
    desk.cancel(task_id)
    desk.ended(task_id)


def test_what_ends_with_no_newline_is_seen_while_it_runs(desk: Desk) -> None:
    task_id = desk.push("printf 'Password: '; sleep 60")
    desk.printed(task_id, "Password: ")
    desk.cancel(task_id)
    desk.ended(task_id)


def test_a_line_that_never_ends_is_kept_within_its_budget(desk: Desk) -> None:
    task_id = desk.push("head -c 100000 /dev/zero | tr '\\0' x", outputLimit=2048)
    (task,) = desk.succeeded(task_id)
    log = desk.log(task_id)
    assert log.startswith("x" * 1024 + "\n")
    assert log.endswith("\n" + "x" * 1024)
    assert " 97,952 bytes cut by dts " in log
    assert task.result
    assert task.result.output_bytes == 100_000


def test_bytes_that_are_no_utf8_and_nul_bytes_are_stored_as_text(desk: Desk) -> None:
    task_id = desk.push(r"printf 'a\377\376b\000c\n'")
    (task,) = desk.succeeded(task_id)
    assert desk.log(task_id) == "a\ufffd\ufffdb\0c\n"
    assert task.result
    assert task.result.output == "a\ufffd\ufffdb\0c\n"
    assert task.result.output_bytes == 7


def test_random_bytes_are_stored_as_text(desk: Desk) -> None:
    task_id = desk.push("head -c 300000 /dev/urandom", outputLimit=100_000)
    desk.succeeded(task_id)
    assert len(desk.log(task_id).encode()) < 100_100


def test_a_character_that_comes_in_two_pieces_is_one(desk: Desk) -> None:
    task_id = desk.push(r"printf '\344\273'; sleep 0.3; printf '\273\n'")
    desk.succeeded(task_id)
    assert desk.log(task_id) == "\u4efb\n"


def test_what_is_printed_after_a_cancel_is_kept_too(desk: Desk) -> None:
    task_id = desk.push("trap 'echo tidied up; exit 0' TERM; echo ready; sleep 60 2>&- & wait")
    desk.printed(task_id, "ready\n")
    assert desk.cancel(task_id) is Answer.REQUESTED
    assert desk.ended(task_id).status is Status.CANCELLED
    assert desk.log(task_id) == "ready\ntidied up\n"


def test_each_attempt_has_a_log_of_its_own(desk: Desk) -> None:
    task_id = desk.push("echo attempt $TASK_ATTEMPT; exit 1", retries=1, retryDelay=0)
    assert desk.ended(task_id).attempt == 2
    assert [desk.log(task_id, attempt) for attempt in (1, 2)] == ["attempt 1\n", "attempt 2\n"]


def test_the_outputs_of_many_tasks_that_end_at_once_arrive_whole(desk: Desk) -> None:
    limit = 3 * MIB
    ids = desk.push_many([f"head -c {limit} /dev/zero"] * 4, outputLimit=limit)
    desk.succeeded(*ids)
    assert [len(desk.log(task_id)) for task_id in ids] == [limit] * 4
