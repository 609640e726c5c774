"""The judge sees each breach, so that its silence means something."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from common.domain.status import Status
from common.domain.task import Task, TaskSpec
from tests.stage1.guards import GUARDS, ROOT, Guard
from tests.stage1.journal import Line
from tests.stage1.judging import breaches, run_again


def entries(*steps: str) -> list[dict[str, Any]]:
    """'verb from to attempt [reason]', '-' for a task that was not there."""
    told = []
    for step in steps:
        verb, before, after, attempt, *reason = step.split()
        entry: dict[str, Any] = {"verb": verb, "from": before, "to": after, "attempt": int(attempt)}
        told.append(entry | ({"reason": reason[0]} if reason else {}))
    return told


def lines(*texts: str) -> list[Line]:
    return [Line(what, "t", int(attempt)) for what, attempt in (text.split() for text in texts)]


SUBMIT = "submit - PENDING 0"
RUN = ("assign PENDING SCHEDULED 1", "start SCHEDULED RUNNING 1")
AGAIN = ("assign PENDING SCHEDULED 2", "start SCHEDULED RUNNING 2")
DONE = "report RUNNING SUCCESS"
LOST = "requeue RUNNING PENDING 1 AGENT_LOST"
FAILED = "report RUNNING PENDING 1 EXIT_CODE"
ONCE, TWICE = ("start 1", "end 1"), ("start 1", "start 2", "end 2")

GOOD = [
    (1, 0, (SUBMIT, *RUN, f"{DONE} 1"), ONCE),
    (2, 0, (SUBMIT, *RUN, LOST, *AGAIN, f"{DONE} 2"), TWICE),
    (2, 1, (SUBMIT, *RUN, FAILED, *AGAIN, f"{DONE} 2"), TWICE),
    (2, 0, (SUBMIT, *RUN, LOST, *AGAIN, f"{DONE} 2"), ("start 2", "end 2")),
]
BAD = {
    "I4: report after SUCCESS": (1, 0, (SUBMIT, *RUN, f"{DONE} 1", f"{DONE} 1"), ONCE),
    "I5: assigned as [1, 1]": (1, 0, (SUBMIT, *RUN, LOST, *RUN, f"{DONE} 1"), ONCE),
    "I6: attempt 1 was started 2 times": (1, 0, (SUBMIT, *RUN, f"{DONE} 1"), ("start 1", *ONCE)),
    "I7: attempt 2 overlaps another": (2, 0, (SUBMIT, *RUN, LOST, *AGAIN, f"{DONE} 2"), (*TWICE, "overlap 2")),
    "I7: attempts ran as [2, 1]": (2, 0, (SUBMIT, *RUN, LOST, *AGAIN, f"{DONE} 2"), ("start 2", "end 2", "start 1")),
    "I8: attempt 2 was started without a grant": (1, 0, (SUBMIT, *RUN, f"{DONE} 1"), (*ONCE, "start 2")),
    "I9: it is at attempt 2": (2, 0, (SUBMIT, *RUN, f"{DONE} 1"), TWICE),
    "I9: attempt 1 never came to its end": (1, 0, (SUBMIT, *RUN, f"{DONE} 1"), ("start 1",)),
    "I10: 1 failures": (2, 0, (SUBMIT, *RUN, FAILED, *AGAIN, f"{DONE} 2"), TWICE),
    "I10: 3 losses": (2, 0, (SUBMIT, *RUN, LOST, LOST, LOST, *AGAIN, f"{DONE} 2"), TWICE),
}


def judged(attempt: int, retries: int, steps: tuple[str, ...], journal: tuple[str, ...]) -> list[str]:
    task = Task("t", TaskSpec(content="true", retries=retries), Status.SUCCESS, attempt)
    return breaches(task, entries(*steps), lines(*journal), max_lost=3)


@pytest.mark.parametrize("case", GOOD)
def test_nothing_is_said_of_a_good_life(case: tuple[int, int, tuple[str, ...], tuple[str, ...]]) -> None:
    assert judged(*case) == []


@pytest.mark.parametrize("expected", BAD)
def test_a_breach_is_told(expected: str) -> None:
    assert expected in "\n".join(judged(*BAD[expected]))


def test_a_known_end_that_is_not_stored_is_told() -> None:
    assert run_again(entries(SUBMIT, *RUN, f"{DONE} 1"), 1) == []
    assert run_again(entries(SUBMIT, *RUN, FAILED, *AGAIN, f"{DONE} 2"), 1) == []
    taken_back, never_stored = run_again(entries(SUBMIT, *RUN, LOST, *AGAIN, f"{DONE} 2"), 1)
    assert "taken back" in taken_back
    assert "never stored" in never_stored


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_every_guard_that_is_switched_off_at_length_stands_where_it_is_looked_for(guard: Guard, tmp_path: Path) -> None:
    there = tmp_path / guard.file
    there.parent.mkdir(parents=True)
    shutil.copy(ROOT / guard.file, there)
    guard.switch_off(tmp_path)
    assert all((ROOT / test.partition("::")[0]).exists() for test in guard.tests)
