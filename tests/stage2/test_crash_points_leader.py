"""L3 of RELIABILITY.md: a leader is killed or frozen at each of its crash points, or the answer is lost there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stage2.crashing import survives

# Frozen, then awake under another leader, is C20.
ACTS = {"kill": "C4 C5 C6 C7", "freeze": "C4 C5 C6 C7", "lose": "C5 C6 C7"}


@pytest.mark.parametrize(
    ("action", "point"), [(act, point) for act, points in ACTS.items() for point in points.split()]
)
def test_no_end_of_a_leader_loses_a_task_or_runs_it_twice_at_once(
    point: str, action: str, binary_of: Callable[[str], Path], tmp_path: Path
) -> None:
    binary_of("real")
    survives(point, action, tmp_path)
