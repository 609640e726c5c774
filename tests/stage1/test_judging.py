"""What crash tests judge by beside the one checker; and each guard stands where it is meant to."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.stage1.guards import GUARDS, ROOT, Guard
from tests.stage1.judging import run_again


def entries(*steps: str) -> list[dict[str, Any]]:
    """'verb from to attempt [reason]', '-' for a task that was not there."""
    told = []
    for step in steps:
        verb, before, after, attempt, *reason = step.split()
        entry: dict[str, Any] = {"verb": verb, "from": before, "to": after, "attempt": int(attempt)}
        told.append(entry | ({"reason": reason[0]} if reason else {}))
    return told


SUBMIT = "submit - PENDING 0"
RUN = ("assign PENDING SCHEDULED 1", "start SCHEDULED RUNNING 1")
AGAIN = ("assign PENDING SCHEDULED 2", "start SCHEDULED RUNNING 2")
DONE = "report RUNNING SUCCESS"
LOST = "requeue RUNNING PENDING 1 AGENT_LOST"
FAILED = "report RUNNING PENDING 1 EXIT_CODE"


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
