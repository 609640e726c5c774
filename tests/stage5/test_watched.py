"""A real Prometheus and Alertmanager watch a real stage 5: what breaks is told, and when it is over."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from common.lab.until import until
from stage5_ops.monitoring.dashboards.boards import BOARDS
from stage5_ops.monitoring.dashboards.panels import Board
from tests.stage5.conftest import ProgramOf
from tests.stage5.watched import WITHIN, Watched, all_dropped, busy, unreadable, watched

STANDS_FOR = {"$__rate_interval": "30s", "$member": ".*"}
"""What Grafana puts in."""


@pytest.fixture(scope="module")
def seen(program_of: ProgramOf) -> Iterator[Watched]:
    program_of("prometheus")
    program_of("alertmanager")
    with watched() as seen:
        yield seen


@pytest.mark.timeout(400)
def test_each_panel_asks_what_prometheus_can_answer_and_shows_what_there_is(seen: Watched) -> None:
    with busy(seen):
        until(lambda: not _without_data(seen), WITHIN, every=1, what="every panel to have data")


@pytest.mark.timeout(400)
def test_what_breaks_is_told_and_that_it_is_over(seen: Watched) -> None:
    since = len(seen.told)
    unreadable(seen)
    seen.plays("AgentsMissing", seen.fault("kill", "agent-1"), seen.fault("start", "agent-1"))
    assert seen.heard("firing", "DeadLetters", since)
    assert not seen.heard("resolved", "DeadLetters", since)
    seen.plays("NoLeader", seen.fault("kill", "scheduler-1", "scheduler-2"), lambda: _mend(seen))
    until(lambda: seen.heard("resolved", "DeadLetters", since), WITHIN, every=0.2)


@pytest.mark.timeout(200)
def test_the_command_watches_what_runs_here_until_ctrl_c_and_leaves_nothing(seen: Watched, tmp_path: Path) -> None:
    names = ("DTS_API_URL", "DTS_API_TOKEN")
    own = {name: seen.cluster.environment[name] for name in names} | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [Path(sys.executable).with_name("dts"), "monitor", "--quick"],
        env={**os.environ, **own},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        line = process.stderr.readline()
        found = re.fullmatch(r"Prometheus is at (http://\S+)/alerts, Alertmanager at (http://\S+)\.\n", line)
        assert found, line
        for address in found.groups():
            with urlopen(f"{address}/-/ready", timeout=30) as answer:
                assert answer.status == 200
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []
    for address in found.groups():
        with pytest.raises(URLError):
            urlopen(f"{address}/-/ready", timeout=30)


def _mend(seen: Watched) -> None:
    seen.fault("start", "scheduler-1", "scheduler-2")()
    all_dropped(seen)


def _without_data(seen: Watched) -> list[str]:
    """The queries that have nothing to show, though something is there; fails where one can't be answered."""
    return [expr for board in BOARDS.values() for expr, quiet in _queries(board) if not (seen.query(expr) or quiet)]


def _queries(board: Board) -> Iterator[tuple[str, bool]]:
    for query in (query for panel in board.panels for query in panel.queries):
        expr = query.expr
        for name, value in STANDS_FOR.items():
            expr = expr.replace(name, value)
        yield expr, query.quiet
