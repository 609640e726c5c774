"""L3 of RELIABILITY.md: an agent is killed at each of stage 1's crash points, or the answer is lost there."""

from pathlib import Path

import pytest

from tests.servers import ServerAt
from tests.stage1.conftest import StartAgent
from tests.stage1.crashing import survives
from tests.stage1.desk import Desk

ACTS = {
    "kill": "C1 C2 C8 C9 C10 C11 C12 C14 C15 C16",
    "lose": "C2 C8 C10 C16",
}


@pytest.mark.parametrize(
    ("action", "point"), [(act, point) for act, points in ACTS.items() for point in points.split()]
)
def test_no_crash_loses_a_task_or_runs_it_twice_at_once(
    point: str, action: str, server: ServerAt, person: Desk, agents: StartAgent, tmp_path: Path
) -> None:
    survives(point, action, server, person, agents, tmp_path)
