"""All that a process says is in its format, also what libraries say, and what ends it."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

from common.lab.until import until
from tests.logs.process import LIBRARIES
from tests.servers import ServerAt
from tests.stage1.conftest import StartAgent
from tests.stage1.desk import Desk


def _run(*command: str, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    ran = subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert not ran.stdout
    return ran.returncode, [json.loads(line) for line in ran.stderr.splitlines()]


def test_libraries_warnings_and_errors_nobody_caught_are_lines_like_all_others() -> None:
    code, lines = _run("tests.logs.process")
    assert code == 1
    assert all((line["role"], line["member"]) == ("agent", "agent-1") for line in lines)
    said = {line["logger"]: line for line in lines}
    assert all(said[name]["event"] == f"trouble\nin {name}" for name in LIBRARIES)
    assert "old\nways" in said["py.warnings"]["event"]
    third = [line for line in lines if line["logger"] == "third.party"]
    assert [line["event"] for line in third] == ["did it colour='red'", "failed"]
    assert third[0]["task_id"] == "t-1"
    assert third[1]["exception"].endswith("ValueError: caught")
    unexpected = [line for line in lines if line["level"] == "critical"]
    assert [line["exception"].rpartition("\n")[2] for line in unexpected] == [
        "ZeroDivisionError: division by zero",
        "RuntimeError: the end",
    ]


def test_why_a_process_can_not_start_is_its_last_line(server: ServerAt) -> None:
    environment = {"DTS_LOG_FORMAT": "json", "DTS_REDIS_URL": server.url, "DTS_RPC_SECRET": ""}
    code, lines = _run("stage4_api", "manager", "--id", "manager-1", **environment)
    assert code == 1
    assert (lines[-1]["level"], lines[-1]["role"], lines[-1]["member"]) == ("critical", "manager", "manager-1")
    assert lines[-1]["event"].startswith("DTS_RPC_SECRET: is not set")


def test_an_agent_and_its_fence_log_in_json_where_they_are_told_to(
    server: ServerAt, person: Desk, agents: StartAgent
) -> None:
    agent = agents(server.url, log_format="json")
    until(lambda: "ready: " in agent.log, within=30)
    person.works()
    # The store has an end before the line about it is written.
    until(lambda: "reported: SUCCESS" in agent.log, within=30)
    agent.body.send(signal.SIGKILL)
    until(lambda: agent.log.count("ready: ") == 2, within=30)
    agent.term()
    assert agent.exit_code() == 0
    lines = [json.loads(line) for line in agent.log.splitlines()]
    assert {(line["role"], line["member"]) for line in lines} == {("agent", "agent-1")}
    assert {"dts.fence", "dts.agent"} <= {line["logger"] for line in lines}
    assert "the agent is started again, as a new boot" in [line["event"] for line in lines]
    assert any(line["event"] == "reported: SUCCESS" and line["attempt"] == 1 for line in lines)
