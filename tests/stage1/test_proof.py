"""However a task ends: when its end stands in the store none of its processes lives, and its history says how."""

import shlex
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from common.domain.status import Status
from common.executors.cgroups import hierarchies
from common.lab.until import until
from tests.servers import ServerAt
from tests.stage1.conftest import StartAgent
from tests.stage1.desk import Desk
from tests.stage1.processes import AgentProcess, gone

NOTE = "echo $$ >> {pids}"
DAEMON = "env -i setsid sh -c {middle} &"
"""Its middle one starts the last one in another session and goes: a daemon that nothing ties to its task any more."""
QUIET, LOUD = ">/dev/null 2>&1 </dev/null", ""
LIVES = "trap '' TERM HUP; {note}; while :; do sleep 60; done"

GROUPS = any(one.writable and one.kills() for one in hierarchies())


def daemon(redirected: str) -> str:
    last = f"env -i setsid sh -c {shlex.quote(LIVES.format(note=NOTE))} {redirected} &"
    return f"env -i setsid sh -c {shlex.quote(last)} {redirected} &"


ESCAPES = {
    "scrubbed daemons": (f"{daemon(QUIET)} {daemon(QUIET)}", 2),
    "a held pipe": (daemon(LOUD), 1),
    "a closed output": (f"exec >&- 2>&-; {daemon(LOUD)}", 1),
    "an ignored TERM": (
        f"sh -c {shlex.quote(LIVES.format(note=NOTE))} & setsid sh -c {shlex.quote(LIVES.format(note=NOTE))} &",
        2,
    ),
    "200 children": (
        f"for i in $(seq 200); do (trap '' TERM; echo x >> {{pids}}.many; exec sleep 60) & done; {daemon(QUIET)}",
        1,
    ),
}
"""What a task starts to outlive it, and how many of these note their pids."""


_NUMBERS = count(1)


class Escapist:
    """A task that starts one of these, waits until they are there, and goes on with `then`."""

    def __init__(self, directory: Path, escape: str, then: str) -> None:
        self._pids = directory / f"pids-{next(_NUMBERS)}"
        text, self.count = ESCAPES[escape]
        ready = f"until [ $(cat {self._pids} 2>/dev/null | wc -l) -ge {self.count} ]; do sleep 0.02; done"
        self.content = f"{text.replace('{pids}', str(self._pids))}\n{ready}\n{then}"

    def pids(self) -> list[int]:
        """Wait until all are there."""

        def there() -> list[int]:
            found = [int(line) for line in self._pids.read_text().split()] if self._pids.exists() else []
            return found if len(found) >= self.count else []

        return until(there, 20)


@pytest.fixture(params=["auto", "off"] if GROUPS else ["off"])
def agent(request: pytest.FixtureRequest, server: ServerAt, agents: StartAgent) -> AgentProcess:
    """One that uses control groups, and one that does not."""
    return agents(server.url, cgroups=request.param, lease=3).ready()


def proof_of(person: Desk, task_id: str) -> Any:
    (entry,) = [entry for entry in person.store.history(task_id) if entry["verb"] == "report"]
    return entry["proof"]


WAYS = {"exit": "true", "limit": "sleep 60", "cancel": "sleep 60", "drain": "sleep 60"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("escape", ESCAPES)
def test_nothing_is_left_when_the_end_is_stored(
    person: Desk, agent: AgentProcess, tmp_path: Path, escape: str, way: str
) -> None:
    escapist = Escapist(tmp_path, escape, WAYS[way])
    task_id = person.push(escapist.content, timeout=3 if way == "limit" else 60)
    pids = escapist.pids()
    if way == "cancel":
        person.cancel(task_id)
    elif way == "drain":
        agent.term()
        agent.says("draining")
        agent.term()
    until(lambda: "report" in person.verbs(task_id), 20)
    assert [pid for pid in pids if not gone(pid)] == []
    proof = proof_of(person, task_id)
    assert proof.get("certain", True)
    assert proof["by"] in {"cgroup", "subreaper"}
    assert proof["signals"][-1][0] == "KILL"
    assert sum(count for name, count in proof["signals"] if name == "KILL") >= len(pids)
    assert (proof["signals"][0][0] == "TERM") == (way != "exit")
    assert 0 <= proof["afterKill"] <= proof["seconds"]
    expected = {"exit": Status.SUCCESS, "limit": Status.FAILED, "cancel": Status.CANCELLED, "drain": Status.PENDING}
    assert person.task(task_id).status is expected[way]


@pytest.mark.usefixtures("agent")
def test_one_that_leaves_nothing_behind_needs_no_signal(person: Desk) -> None:
    task_id = person.push("true")
    person.succeeded(task_id)
    assert set(proof_of(person, task_id)) == {"by"}


def test_at_once_each_end_takes_its_own_and_no_other(
    person: Desk, server: ServerAt, agents: StartAgent, tmp_path: Path
) -> None:
    agents(server.url, cgroups="auto", lease=3).ready()
    escapists = [Escapist(tmp_path, "scrubbed daemons", "sleep 60") for _ in range(4)]
    tasks = {person.push(escapist.content): escapist.pids() for escapist in escapists}
    while tasks:
        task_id, pids = tasks.popitem()
        person.cancel(task_id)
        person.ended(task_id)
        assert not GROUPS or [pid for pid in pids if not gone(pid)] == []
        assert [pid for others in tasks.values() for pid in others if gone(pid)] == []
        assert proof_of(person, task_id).get("certain", True) == (GROUPS or not tasks)


def test_without_control_groups_an_end_is_not_certain_while_nobody_can_claim_an_orphan(
    person: Desk, server: ServerAt, agents: StartAgent, tmp_path: Path
) -> None:
    agents(server.url, cgroups="off", lease=3).ready()
    escapists = [Escapist(tmp_path, "scrubbed daemons", "sleep 60") for _ in range(2)]
    (first, early), (second, late) = [(person.push(escapist.content), escapist.pids()) for escapist in escapists]
    person.cancel(first)
    person.ended(first)
    assert proof_of(person, first)["certain"] is False
    assert [pid for pid in late if gone(pid)] == []
    person.cancel(second)
    person.ended(second)
    assert proof_of(person, second).get("certain", True)
    assert [pid for pid in early + late if not gone(pid)] == []


def test_what_a_killed_agent_and_its_fence_left_is_ended_by_the_next_boot(
    person: Desk, server: ServerAt, agents: StartAgent, tmp_path: Path
) -> None:
    agent = agents(server.url, lease=1).ready()
    escapist = Escapist(tmp_path, "scrubbed daemons", "[ $TASK_ATTEMPT -gt 1 ] || sleep 60")
    task_id = person.push(escapist.content)
    pids = escapist.pids()
    agent.kill()
    assert [pid for pid in pids if gone(pid)] == []
    agents(server.url, lease=1).ready()
    person.succeeded(task_id)
    assert not GROUPS or [pid for pid in pids if not gone(pid)] == []


def _memory_can_be_limited() -> bool:
    return any("memory" in one.limits() and one.writable for one in hierarchies())


def test_one_that_uses_more_memory_than_it_may_is_told_so(person: Desk, server: ServerAt, agents: StartAgent) -> None:
    agent = agents(server.url, task_memory="48MiB").ready()
    content = "import os, sys\nx = bytearray(200_000_000)\nprint(len(x))"
    task = person.ended(person.push(content, type="PYTHON"))
    assert task.result
    if GROUPS and _memory_can_be_limited():
        assert task.status is Status.FAILED
        assert task.result.error == "ended by SIGKILL; its processes met its memory limit of 48 MiB"
    else:
        assert task.status is Status.SUCCESS
        assert "DTS_TASK_MEMORY" in agent.log


def test_one_may_ask_for_limits_of_its_own(person: Desk, server: ServerAt, agents: StartAgent) -> None:
    agents(server.url, max_lost=1).ready()
    content = "import os, sys\nx = bytearray(200_000_000)\nprint(len(x))"
    task = person.ended(person.push(content, type="PYTHON", memory="48MiB"))
    assert task.result
    assert task.status is Status.FAILED
    if GROUPS and _memory_can_be_limited():
        assert task.result.error == "ended by SIGKILL; its processes met its memory limit of 48 MiB"
    else:
        assert "a limit that it asks for can't be kept" in task.result.error
    assert person.ended(person.push(content, type="PYTHON")).status is Status.SUCCESS


def test_one_that_starts_more_processes_than_it_may_is_told_so(
    person: Desk, server: ServerAt, agents: StartAgent
) -> None:
    agent = agents(server.url, task_processes=20).ready()
    task = person.ended(person.push("for i in $(seq 50); do sleep 5 & done; wait"))
    assert task.result
    if "its limit of 20 processes" in agent.log:
        assert task.status is Status.FAILED
        assert "its processes met its limit of 20 processes" in task.result.error
    else:
        assert "DTS_TASK_PROCESSES" in agent.log
    person.works()
