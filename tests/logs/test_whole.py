"""A whole stage 5: each process logs in JSON, and the way of one task through all of them can be told from that."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from common.domain.status import Status
from common.lab.cluster import Cluster
from common.lab.stages import Sizes, stage
from common.lab.until import until
from tests.stage4.clients import Doors

ONE_OF_EACH = Sizes(agents=1, schedulers=1, managers=1, apis=1)
WITHIN = 30.0

pytestmark = pytest.mark.timeout(150)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole") / "home"


@pytest.fixture(scope="module")
def doors(home: Path, binary_of: Callable[[str], Path]) -> Iterator[Doors]:
    binary_of("embedded")
    with Cluster.owned(home, stage("5"), sizes=ONE_OF_EACH) as cluster:
        doors = Doors(cluster)
        yield doors
        doors.redis.close()


def traced(home: Path, task_id: str, last: str) -> list[Mapping[str, Any]]:
    """What `dts trace` tells of it, once the manager has said its `last`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DTS_")}

    def told() -> list[Mapping[str, Any]]:
        ran = subprocess.run(
            [Path(sys.executable).parent / "dts", "trace", task_id, "--json"],
            env={**kept, "DTS_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        events: list[Mapping[str, Any]] = json.loads(ran.stdout)["events"]
        assert last in what(events, "manager-1")
        return events

    return until(told, WITHIN)


def what(events: list[Mapping[str, Any]], who: str) -> list[str]:
    """What that one said."""
    return [one["event"] for one in events if one["who"] == who]


def test_the_way_of_a_task_names_all_that_had_to_do_with_it(doors: Doors, home: Path) -> None:
    told = doors.submit("test $TASK_ATTEMPT = 2", retries=1, retryDelay=0.01)
    (task,) = doors.ended([told.body["taskId"]])
    events = traced(home, task.task_id, "applied: SUCCESS")
    assert what(events, "api-1") == ["submitted by api-1/admin: OK"]
    assert what(events, "scheduler-1") == ["dispatched", "dispatched"]
    assert what(events, "agent-1") == ["started", "ended FAILED (EXIT_CODE)", "started", "ended SUCCESS"]
    assert [text for text in what(events, "manager-1") if text != "applied: RUNNING"] == [
        "submitted by api-1/admin: OK",
        "asked to start: OK",
        "applied: FAILED, now PENDING",
        "asked to start: OK",
        "applied: SUCCESS",
    ]
    assert what(events, "store")[0] == "submit → PENDING"
    assert what(events, "store")[-1] == "report → SUCCESS"
    asked = {one["more"].get("request_id") for one in events if one["event"].startswith("submitted")}
    assert asked == {told.headers["X-Request-Id"]}
    assert {one["attempt"] for one in events if one["who"] == "agent-1"} == {1, 2}


def test_a_cancel_is_seen_from_the_door_to_the_end_of_the_command(doors: Doors, home: Path) -> None:
    task_id = doors.submit("sleep 300").body["taskId"]
    until(lambda: (task := doors.store.get(task_id)) and task.status is Status.RUNNING, WITHIN)
    assert doors.ask("DELETE", f"/api/v1/tasks/{task_id}").status == 202
    until(lambda: (task := doors.store.get(task_id)) and task.status is Status.CANCELLED, WITHIN)
    events = traced(home, task_id, "applied: CANCELLED")
    assert "cancelled by api-1/admin: REQUESTED" in what(events, "api-1")
    assert "cancelled by api-1/admin: REQUESTED" in what(events, "manager-1")
    assert what(events, "agent-1") == ["started", "cancelled: it is ended", "ended CANCELLED (CANCELLED)"]


def test_every_line_of_every_role_is_an_object_that_says_whose_it_is(doors: Doors) -> None:
    secrets = [doors.cluster.environment["DTS_API_TOKEN"]]
    doors.ended([doors.submit("echo s3cret-content", name="s3cret-name").body["taskId"]])
    for member in doors.cluster.members():
        if member.role == "redis":
            continue
        text = doors.cluster.log(member.name).read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        assert lines
        assert {(line["role"], line["member"]) for line in lines} == {(member.role, member.name)}
        assert all({"time", "level", "logger", "event", "pid", "host"} <= set(line) for line in lines)
        assert not [secret for secret in [*secrets, "s3cret-content", "s3cret-name"] if secret in text]
