"""The chaos script at its shortest, so that it works when somebody plays it at length; and what it judges by."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.servers import ServerAt
from tests.stage1.chaos.__main__ import chaos
from tests.stage1.chaos.blows import Seen
from tests.stage1.chaos.verdict import judge, late
from tests.stage1.conftest import StartAgent
from tests.stage1.desk import Desk
from tests.stage1.journal import Journal


@pytest.mark.usefixtures("server")
def test_a_kill_and_a_freeze_break_nothing() -> None:
    shown = CliRunner().invoke(
        chaos, ["--kills", "1", "--freezes", "1", "--lease", "1", "--slack", "20", "--seed", "3"]
    )
    assert shown.exit_code == 0, shown.output
    assert "0 lost, 0 overlapping runs, 0 violations" in shown.output


def test_what_runs_again_too_late_is_told() -> None:
    assert late(Seen("agent killed", 0.01, 1.0, 0.5, 1.9), limit=2.0) == []
    (told,) = late(Seen("agent killed", 0.01, 1.0, 0.5, 2.1), limit=2.0)
    assert "ran again 2.10 s after it was back, not within 2 s" in told


def test_what_is_wrong_with_the_records_is_told(
    server: ServerAt, person: Desk, agents: StartAgent, tmp_path: Path
) -> None:
    agents(server.url).ready()
    journal, notes = Journal(tmp_path), tmp_path / "journal"
    good, failed = person.push(journal.task()), person.push("false")
    person.succeeded(good)
    person.ended(failed)

    verdict = judge(person, journal, [good], home=tmp_path, max_lost=3)
    assert (verdict.tasks, verdict.starts, verdict.lost, verdict.wrong) == (1, 1, 0, [])

    verdict = judge(person, journal, [good, failed], home=tmp_path, max_lost=3)
    assert verdict.lost == 1
    assert failed in "\n".join(verdict.wrong)

    with notes.open("a") as file:
        file.write(f"start {good} 1 1 0.0\noverlap {good} 2 1 0.0\ndaemon {good} 1 1 9e9\n")
    verdict = judge(person, journal, [good], home=tmp_path, max_lost=3)
    assert verdict.overlaps == 1
    told = "\n".join(verdict.wrong)
    assert f"I6 {good}: attempt 1 was started 2 times" in told
    assert f"I7 {good}: attempt 2 overlaps another" in told
    assert "1 processes of tasks are left" in told
