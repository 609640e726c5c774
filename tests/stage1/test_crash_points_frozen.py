"""L3 of RELIABILITY.md: an agent is frozen past its lease at each of stage 1's crash points, then thawed."""

from pathlib import Path

import pytest

from tests.servers import ServerAt
from tests.stage1.conftest import StartAgent
from tests.stage1.crashing import survives
from tests.stage1.desk import Desk


# C13, frozen while its child is alive, is C12 frozen.
@pytest.mark.parametrize("point", ["C1", "C2", "C8", "C9", "C10", "C11", "C12", "C14", "C15", "C16"])
def test_no_freeze_loses_a_task_or_runs_it_twice_at_once(
    point: str, server: ServerAt, person: Desk, agents: StartAgent, tmp_path: Path
) -> None:
    survives(point, "freeze", server, person, agents, tmp_path)
