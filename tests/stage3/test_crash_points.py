"""L3 of RELIABILITY.md on the bus: whoever is killed, frozen or left without an answer, no task is lost or doubled."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stage2.crashing import survives

# C9 and C11 to C13 are the agent's own, and stand in stage 1; C20 is a leader that is frozen and wakes.
ACTS = {
    "kill": "C5 C6 C7 C8 C14 C15 C16 C17 C18 C19",
    "freeze": "C5 C6 C7 C8 C14 C15 C16 C17 C18 C19",
    "lose": "C5 C6 C7 C8 C15 C16 C17 C18 C19",
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("action", "point"), [(act, point) for act, points in ACTS.items() for point in points.split()]
)
def test_no_end_of_a_role_loses_a_task_or_runs_it_twice_at_once(
    point: str, action: str, binary_of: Callable[[str], Path], tmp_path: Path
) -> None:
    binary_of("real")
    survives(point, action, tmp_path, "3")
