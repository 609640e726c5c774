"""`dts trace`: one task's way through all processes, from its history and from logs in both formats."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import Result

from common.cli import trace_view
from common.cli.exits import Exit
from common.cli.trail import Event
from tests.cli.conftest import Dts
from tests.cli.pretend import PretendAgent
from tests.cli.test_console import on_a_terminal

DAY = "2026-11-24T06:42"
HOSTILE = "\x1b[31mred\x1b[0m \u202eevil\x9b1m"


def said(second: float, event: str, member: str = "manager-1", **more: object) -> str:
    """A line in JSON."""
    role = member.partition("-")[0]
    known = {"time": f"{DAY}:{second:06.3f}Z", "level": "info", "logger": "dts.made", "event": event}
    return json.dumps({**known, "role": role, "member": member, "pid": 1, "host": "here", **more})


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., str]:
    """Writes a log, and gives its path."""

    def write(name: str, *lines: str) -> str:
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return str(path)

    return write


def rows(result: Result) -> list[list[str]]:
    assert result.exit_code == Exit.OK, result.stderr
    return [line.split("\t") for line in result.stdout.splitlines()]


def test_history_and_logs_are_told_in_one_order_of_time(dts: Dts, agent: PretendAgent, log: Callable[..., str]) -> None:
    dts("submit", "x", "--task-id", "t1")
    agent.takes()
    agent.succeeds()
    late = "2999-01-01T00:00:00.000Z INFO dts.agent ended SUCCESS task_id=t1 attempt=1"
    found = rows(
        dts("trace", "t1", "--log", log("agent-7.log", late), "--log", log("m", said(1, "early", tasks=["t1/1"])))
    )
    first, *history, last = found
    assert (first[1], first[4], first[3]) == ("manager-1", "early", "1")
    assert {row[1] for row in history} == {"store"}
    assert history[0][4] == "submit → PENDING"
    assert (history[-1][4], history[-1][3]) == ("report → SUCCESS", "1")
    assert (last[1], last[4], last[3]) == ("agent-7", "ended SUCCESS", "1")


def test_only_lines_that_name_this_very_task_are_its_own(dts: Dts, log: Callable[..., str]) -> None:
    named = [
        said(1, "one", task_id="t1"),
        said(2, "of many", tasks=["t2/1", "t1/3"]),
        said(3, "task 't1' exists already"),
    ]
    others = [
        *(said(4, "other", task_id=other) for other in ("t10", "xt1", "t1.2", "t1-b", "a.t1")),
        said(5, "other", tasks=["t10/1"], agent="t1"),
        "t1 said by a library",
        '{"t1": 1}',
    ]
    found = rows(dts("trace", "t1", "--log", log("m", *others, *named)))
    assert [(row[4], row[3]) for row in found] == [("one", ""), ("of many", "3"), ("task 't1' exists already", "")]


def test_what_was_asked_for_by_a_request_tells_which(dts: Dts, log: Callable[..., str]) -> None:
    path = log("a", said(1, "submitted", "api-1", task_id="t1", request_id="r-1"))
    assert rows(dts("trace", "t1", "--log", path))[0][5] == "request_id=r-1"


def test_logs_are_read_from_the_standard_input(dts: Dts) -> None:
    result = dts("trace", "t1", "--log", "-", stdin=said(1, "told", task_id="t1") + "\n")
    assert [row[4] for row in rows(result)] == ["told"]


def test_as_json_it_is_one_document_with_the_stacks_of_errors(dts: Dts, log: Callable[..., str]) -> None:
    lines = [
        f"{DAY}:01.000Z ERROR dts.agent executor failed task_id=t1 attempt=2",
        "    Traceback …",
        "    ValueError: no",
    ]
    path = log("agent-1.log", *lines)
    document = json.loads(dts("trace", "t1", "--log", path, "--json").stdout)
    assert document == {
        "taskId": "t1",
        "logs": [path],
        "events": [
            {
                "time": f"{DAY}:01.000Z",
                "who": "agent-1",
                "role": None,
                "level": "error",
                "event": "executor failed",
                "attempt": 2,
                "more": {},
                "exception": "Traceback …\nValueError: no",
            }
        ],
    }


def test_a_task_that_nobody_knows_is_not_found(dts: Dts, log: Callable[..., str]) -> None:
    result = dts("trace", "t1", "--log", log("m", said(1, "other", task_id="t2")))
    assert result.exit_code == Exit.NOT_FOUND
    assert "there is no task t1, and none of 1 logs names it" in result.stderr
    assert "no logs were read" in dts("trace", "t1").stderr


def test_where_no_logs_are_found_the_history_is_shown_and_that_is_said(dts: Dts) -> None:
    dts("submit", "x", "--task-id", "t1")
    result = dts("trace", "t1")
    assert [row[4] for row in rows(result)] == ["submit → PENDING"]
    assert "No logs were read" in result.stderr


def test_a_log_that_is_not_there_is_named(dts: Dts, tmp_path: Path) -> None:
    result = dts("trace", "t1", "--log", str(tmp_path / "gone.log"))
    assert result.exit_code == Exit.USAGE
    assert "gone.log' does not exist" in result.stderr


def test_where_the_store_is_away_logs_alone_are_shown(dts: Dts, log: Callable[..., str]) -> None:
    dts.asked = None
    dts.server.connected = False
    result = dts("trace", "t1", "--log", log("m", said(1, "told", task_id="t1")))
    assert [row[4] for row in rows(result)] == ["told"]
    assert "Only what is logged is shown" in result.stderr
    assert dts("trace", "t2", "--log", log("m", said(1, "told", task_id="t1"))).exit_code == Exit.UNREACHABLE


def test_nothing_that_a_log_says_moves_a_cursor(dts: Dts, log: Callable[..., str]) -> None:
    hostile = said(1, HOSTILE, f"manager-{HOSTILE}", task_id="t1", agent=HOSTILE, **{HOSTILE: HOSTILE})
    for options in ([], ["--json"]):
        shown = dts("trace", "t1", "--log", log("m", hostile), *options).stdout
        assert all(text.isprintable() for text in shown.replace("\t", "").splitlines())


def test_a_line_without_end_and_one_that_is_no_text_do_no_harm(dts: Dts, tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"t1" * 2_000_000 + b"\n\xff\xfe t1\n" + said(1, "told", task_id="t1").encode())
    assert [row[4] for row in rows(dts("trace", "t1", "--log", str(path)))] == ["told"]


TRAIL = [
    Event(f"{DAY}:01.000Z", "store", "", "info", "submit → PENDING", more={"by": "cli"}),
    Event(f"{DAY}:01.250Z", "agent-1", "agent", "warning", f"said {HOSTILE}", 2),
    Event(f"{DAY}:01.200Z", "api-1", "api", "error", "failed", exception="Traceback\nE: why"),
]


def shown(trail: Sequence[Event], monkeypatch: pytest.MonkeyPatch, width: int) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    screen = on_a_terminal(lambda: trace_view.show(trail))
    return re.sub(r"\x1b\[[\d;]*m", "", screen).splitlines()


def test_a_terminal_has_a_column_for_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    head, *lines = shown(TRAIL, monkeypatch, 120)
    columns = [head.index(name) for name in ("store", "api-1", "agent-1")]
    assert columns == sorted(columns)
    assert lines[0].index("submit → PENDING") == columns[0]
    assert next(line for line in lines if "failed: E: why" in line).index("failed") == columns[1]
    agents = next(line for line in lines if "said" in line)
    assert agents.startswith("+0.250 s  2 ")
    assert agents.index("said") == columns[2]
    assert "\\x1b[31mred" in agents
    assert all(line.isprintable() for line in lines)


def test_a_narrow_terminal_has_a_line_for_each_event(monkeypatch: pytest.MonkeyPatch) -> None:
    head, *lines = shown(TRAIL, monkeypatch, 60)
    assert head.split() == ["WHEN", "WHO", "LEVEL", "TRY", "WHAT", "MORE"]
    assert [line.split()[2] for line in lines] == ["store", "agent-1", "api-1"]
    assert all(len(line) <= 60 for line in lines)
