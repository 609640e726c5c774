"""`dts get`, `list`, `cancel`, `retry`: what they show and how they end."""

import json

import pytest

from common.cli.exits import Exit
from common.domain.status import Status
from tests.cli.conftest import Dts
from tests.cli.pretend import PretendAgent


def submit(dts: Dts, *ids: str) -> None:
    for task_id in ids:
        assert dts("submit", f"echo {task_id}", "--task-id", task_id).exit_code == Exit.OK


def pairs(text: str) -> dict[str, str]:
    return dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)


def test_get_shows_what_was_asked_and_how_it_ended(dts: Dts, agent: PretendAgent) -> None:
    dts("submit", "--argv", "--task-id", "t1", "--name", "hello", "--", "echo", "hi")
    agent.takes()
    agent.succeeds("hi\n")
    shown = pairs(dts("get", "t1").stdout)
    wanted = {
        "taskId": "t1",
        "status": "SUCCESS",
        "name": "hello",
        "content": '["echo", "hi"]',
        "attempt": "1",
        "agent": "agent-1",
        "result": r"hi\n",
        "exitCode": "0",
    }
    assert {name: shown[name] for name in wanted} == wanted
    assert "env" not in shown


def test_get_json_has_the_names_and_values_of_the_hash(dts: Dts, agent: PretendAgent) -> None:
    submit(dts, "t1")
    waiting = json.loads(dts("get", "t1", "--json").stdout)
    assert waiting["startedAt"] is None
    assert waiting["result"] is None
    agent.takes()
    agent.fails(3, "exit code 3")
    ended = json.loads(dts("get", "t1", "--json").stdout)
    in_hash = dts.place.redis.hgetall(dts.place.store.keys.task("t1"))
    assert {"digest", "reported"} >= set(in_hash) - set(ended)
    shown = {name: ended[name] for name in ("status", "exitCode", "reason", "error", "timeout", "cancelRequested")}
    assert shown == {
        "status": "FAILED",
        "exitCode": 3,
        "reason": "EXIT_CODE",
        "error": "exit code 3",
        "timeout": 3600.0,
        "cancelRequested": False,
    }


def test_explain_says_what_a_task_waits_for_and_for_how_long(dts: Dts, agent: PretendAgent) -> None:
    dts("submit", "x", "--task-id", "t1", "--start-at", "2099-01-01T00:00Z", "--start-by", "3600")
    said = pairs(dts("get", "t1", "--explain").stdout.split("\n\n")[1])
    assert said == {
        "because": "it waits for its time",
        "until": "2099-01-01T00:00:00.000Z",
        "expires": "2099-01-01T01:00:00.000Z",
    }
    dts("submit", "x", "--task-id", "t2", "--start-by", "2020-01-01T00:00Z")
    assert not agent.takes()
    decision = json.loads(dts("get", "t2", "--explain", "--json").stdout)["decision"]
    assert decision == {"because": "it had not started by 2020-01-01T00:00:00.000Z"}


@pytest.mark.parametrize("dts", ["store"], indirect=True)
def test_history_is_shown_as_a_timeline(dts: Dts, agent: PretendAgent) -> None:
    submit(dts, "t1")
    agent.takes()
    agent.fails()
    rows = [line.split("\t") for line in dts("get", "t1", "--history").stdout.split("\n\n")[1].splitlines()]
    assert [(verb, before, after, attempt, by) for _, verb, before, after, attempt, by, _ in rows] == [
        ("submit", "", "PENDING", "0", "cli"),
        ("assign", "PENDING", "SCHEDULED", "1", "agent-1"),
        ("start", "SCHEDULED", "RUNNING", "1", "agent-1"),
        ("report", "RUNNING", "FAILED", "1", "agent-1"),
    ]
    assert "reason=EXIT_CODE exitCode=3" in rows[-1][-1]
    verbs = [change["verb"] for change in json.loads(dts("get", "t1", "--history", "--json").stdout)["history"]]
    assert verbs == ["submit", "assign", "start", "report"]


@pytest.mark.parametrize("words", [["get"], ["get", "--json"], ["logs"], ["logs", "-f"]])
def test_an_id_that_nobody_has_is_not_found(dts: Dts, words: list[str]) -> None:
    result = dts(*words, "nobody")
    assert (result.exit_code, result.stdout) == (Exit.NOT_FOUND, "")
    assert "there is no task nobody" in result.stderr


@pytest.mark.parametrize("command", ["get", "logs", "cancel", "retry"])
@pytest.mark.parametrize("task_id", ["x:history", "a b", "\x1b[2J", "任务"])
def test_what_can_be_no_id_is_refused_before_the_store_is_asked(dts: Dts, command: str, task_id: str) -> None:
    result = dts(command, task_id)
    assert result.exit_code == Exit.USAGE
    assert "can't be the id of a task" in result.stderr
    assert "\x1b" not in result.stderr


def test_list_shows_the_newest_first_in_columns(dts: Dts, agent: PretendAgent) -> None:
    submit(dts, "t1")
    agent.takes()
    submit(dts, "t2")
    rows = [line.split("\t") for line in dts("list").stdout.splitlines()]
    assert {tuple(row[:6]) for row in rows} == {
        ("t1", "RUNNING", "task", "SHELL", "1", "agent-1"),
        ("t2", "PENDING", "task", "SHELL", "0", ""),
    }


def test_an_empty_list_is_nothing_in_a_pipe_and_a_document_in_json(dts: Dts) -> None:
    assert dts("list").stdout == ""
    assert json.loads(dts("list", "--json").stdout) == {"tasks": [], "nextCursor": None}


def test_list_pages_through_all_tasks_once(dts: Dts) -> None:
    ids = [f"t{number}" for number in range(7)]
    submit(dts, *ids)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = json.loads(dts("list", "--limit", "3", "--cursor", cursor, "--json").stdout)
        seen += [task["taskId"] for task in page["tasks"]]
        cursor = page["nextCursor"]
    assert sorted(seen) == ids


@pytest.mark.parametrize("limit", ["1", "2", "3", "4", "50"])
def test_list_of_several_statuses_goes_through_them_by_time(dts: Dts, limit: str) -> None:
    submit(dts, *"abcde")
    dts.place.store.cancel(["b", "d"], "test")
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        words = ["list", "-s", "cancelled", "-s", "RUNNING", "-s", "PENDING", "--limit", limit, "--cursor", cursor]
        page = json.loads(dts(*words, "--json").stdout)
        assert len(page["tasks"]) <= int(limit)
        seen += [task["taskId"] for task in page["tasks"]]
        cursor = page["nextCursor"]
    assert sorted(seen) == list("abcde")


def test_list_shows_what_one_looks_for(dts: Dts, agent: PretendAgent) -> None:
    dts("submit", "x", "--task-id", "a", "--name", "backup-1", "--tag", "team=a", "--tag", "env=prod")
    agent.takes()
    dts("submit", "x", "--task-id", "b", "--name", "backup-2", "--tag", "team=b", "--type", "python")
    dts("submit", "x", "--task-id", "c", "--name", "restore", "--tag", "team=a")

    def found(words: str) -> str:
        return "".join(line[0] for line in dts("list", "--oldest-first", *words.split()).stdout.splitlines())

    assert found("") == "abc"
    assert found("--name backup-") == "ab"
    assert found("--tag team=a") == "ac"
    assert found("--tag team=a --tag env=prod") == "a"
    assert found("--type python") == found("--name backup --tag team=b") == "b"
    assert found("--type python --type shell --status PENDING") == "bc"
    assert found("--agent agent-1") == found("--agent agent-1 --status RUNNING") == "a"
    assert found("--agent agent-2") == found("--name z") == ""


def test_list_fills_its_page_however_far_it_has_to_look(dts: Dts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.store.finding.LOOK", 2)
    for number in range(9):
        dts("submit", "x", "--task-id", f"t{number}", "--tag", f"odd={number % 2}")
    page = json.loads(dts("list", "--tag", "odd=1", "--limit", "3", "--oldest-first", "--json").stdout)
    assert [task["taskId"] for task in page["tasks"]] == ["t1", "t3", "t5"]
    rest = json.loads(dts("list", "--tag", "odd=1", "--oldest-first", "--json", "--cursor", page["nextCursor"]).stdout)
    assert ([task["taskId"] for task in rest["tasks"]], rest["nextCursor"]) == (["t7"], None)


def test_list_tells_a_person_how_to_go_on(dts: Dts) -> None:
    submit(dts, "a", "b")
    result = dts("list", "--limit", "1")
    cursor = result.stderr.strip().removeprefix("There are more: --cursor ")
    assert len(dts("list", "--limit", "1", "--cursor", cursor).stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [["--cursor", "xx"], ["--status", "FAILED", "--cursor", "PENDING/1:a"], ["--cursor", "1:"]]
)
def test_a_cursor_that_is_none_is_wrong_usage(dts: Dts, words: list[str]) -> None:
    result = dts("list", *words)
    assert result.exit_code == Exit.USAGE
    assert "cursor" in result.stderr


@pytest.mark.parametrize("dts", ["store"], indirect=True)
def test_cancel_answers_for_each_id_and_ends_with_the_worst_code(dts: Dts, agent: PretendAgent) -> None:
    submit(dts, "runs")
    agent.takes()
    submit(dts, "waits")
    result = dts("cancel", "waits", "runs")
    assert result.exit_code == Exit.OK
    assert pairs(result.stdout) == {"waits": "cancelled", "runs": "requested: it runs, and its agent ends it now"}
    agent.succeeds()
    result = dts("cancel", "waits", "runs", "nobody", "--json")
    assert result.exit_code == Exit.REFUSED
    assert json.loads(result.stdout) == [
        {"taskId": "waits", "answer": "SAME"},
        {"taskId": "runs", "answer": "TERMINAL"},
        {"taskId": "nobody", "answer": "NOT_FOUND"},
    ]
    assert dts("cancel", "nobody", "waits").exit_code == Exit.NOT_FOUND


@pytest.mark.parametrize("dts", ["store"], indirect=True)
def test_retry_answers_for_each_id_and_ends_with_the_worst_code(dts: Dts, agent: PretendAgent) -> None:
    submit(dts, "failed")
    agent.takes()
    agent.fails()
    assert pairs(dts("retry", "failed").stdout) == {"failed": "waits to run again"}
    again = dts("retry", "failed")
    assert (again.exit_code, pairs(again.stdout)) == (Exit.OK, {"failed": "waits to run again already"})
    agent.takes()
    running = dts("retry", "failed")
    assert (running.exit_code, pairs(running.stdout)) == (Exit.REFUSED, {"failed": "refused: it has not ended yet"})
    agent.succeeds()
    result = dts("retry", "failed", "nobody")
    assert result.exit_code == Exit.REFUSED
    assert pairs(result.stdout)["failed"].startswith("refused: it succeeded")
    assert pairs(result.stdout)["nobody"] == "not found"


def test_what_a_task_says_of_itself_is_shown_harmless(dts: Dts, agent: PretendAgent) -> None:
    dts("submit", "printf '\x1b[2J'", "--task-id", "t1")
    agent.takes()
    agent.succeeds("\x1b[2J\x07")
    for shown in (dts("get", "t1").stdout, dts("get", "t1", "--json").stdout, dts("list").stdout):
        assert not {"\x1b", "\x07"} & set(shown)
    assert r"\x1b[2J\x07" in dts("get", "t1").stdout


def test_a_hash_that_is_no_task_is_told_and_not_a_crash(dts: Dts) -> None:
    submit(dts, "t1")
    dts.place.redis.hset(dts.place.store.keys.task("t1"), "status", "DANCING")
    result = dts("get", "t1")
    assert result.exit_code == Exit.USAGE
    assert "can't be read back" in result.stderr


def test_every_status_has_a_colour() -> None:
    from common.cli.console import STATUS_STYLES

    assert set(STATUS_STYLES) == set(Status)
