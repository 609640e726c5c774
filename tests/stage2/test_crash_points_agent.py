"""L3 of RELIABILITY.md: an agent is killed or frozen between what it was told and what it runs, or answers are lost."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stage2.crashing import survives

ACTS = {"kill": "C8 C9 C10 C11", "freeze": "C8 C9 C10 C12", "lose": "C8 C10"}


@pytest.mark.parametrize(
    ("action", "point"), [(act, point) for act, points in ACTS.items() for point in points.split()]
)
def test_no_end_of_an_agent_loses_a_task_or_runs_it_twice_at_once(
    point: str, action: str, binary_of: Callable[[str], Path], tmp_path: Path
) -> None:
    binary_of("real")
    survives(point, action, tmp_path)
