"""What an agent's machine can't run costs a task nothing, and is tried again, there or elsewhere."""

import threading
from pathlib import Path
from typing import Any

import pytest

from common.domain.result import Reason
from common.domain.status import Status
from common.lab.until import until
from tests.stage1.conftest import StartLiving
from tests.stage1.desk import Desk


def reports(desk: Desk, task_id: str) -> list[dict[str, Any]]:
    return [entry for entry in desk.store.history(task_id) if entry["verb"] == "report"]


def test_where_the_agent_has_no_directory_tasks_wait_until_it_has(
    desk: Desk, living: StartLiving, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "work").write_text("in the way")
    living()
    until(lambda: "no task can run here" in caplog.text)

    task_id = desk.push("true")
    until(lambda: len(desk.verbs(task_id)) > 3)
    (report,) = reports(desk, task_id)
    assert (report["reason"], report["to"]) == ("AGENT_ERROR", "PENDING")
    assert "the agent's machine can't run it now: Not a directory" in report["error"]

    (home / "work").unlink()
    (task,) = desk.succeeded(task_id)
    assert (task.attempt, task.failures, task.lost) == (2, 0, 1)


def test_where_the_agent_never_gets_a_directory_its_tasks_are_given_up(
    desk: Desk, living: StartLiving, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    living(work_dir=tmp_path / "file", max_lost=1)
    task = desk.ran(content="true", retries=5)
    assert (task.status, task.attempt) == (Status.FAILED, 1)
    assert task.result
    assert task.result.reason is Reason.AGENT_ERROR


def test_what_no_thread_can_be_had_for_is_handed_back(
    desk: Desk, living: StartLiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start
    refused: list[str] = []

    def starved(thread: threading.Thread) -> None:
        if thread.name == "slot" and len(refused) < 2:
            refused.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", starved)
    living()
    tasks = desk.succeeded(*desk.push_many(["true"] * 4))
    assert len(refused) == 2
    assert sum(task.lost for task in tasks) >= 2
    for task in tasks:
        assert (task.attempt, task.failures) == (task.lost + 1, 0)
        assert [entry["reason"] for entry in reports(desk, task.task_id)[:-1]] == ["AGENT_ERROR"] * task.lost
