"""L3 of RELIABILITY.md at the gate: whoever is killed, frozen or left without an answer, no task is lost or doubled."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stage2.crashing import survives

ACTS = {"kill": "C3 C5 C8 C10 C14 C17 C18", "freeze": "C3 C8 C10 C17", "lose": "C3 C8 C10 C17 C18"}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("action", "point"), [(act, point) for act, points in ACTS.items() for point in points.split()]
)
def test_no_end_of_a_role_loses_a_task_or_starts_one_that_was_not_granted(
    point: str, action: str, binary_of: Callable[[str], Path], tmp_path: Path
) -> None:
    binary_of("real")
    survives(point, action, tmp_path, "4")
