"""`dts agent`: who runs tasks, and who may be given new ones."""

import json

import pytest

from common.cli.exits import Exit
from common.domain.status import Answer
from common.store.leading import Assignment
from common.store.leases import Leases
from tests.cli.conftest import Dts


def arrive(dts: Dts, name: str) -> Leases:
    leases = Leases(dts.place.redis, dts.place.store.keys)
    assert leases.take(name, "b", 60, {"slots": 4, "host": "here", "pid": 7})
    return leases


def test_agents_are_listed_with_what_they_hold_those_that_are_gone_too(dts: Dts) -> None:
    arrive(dts, "agent-1")
    arrive(dts, "agent-2").release("agent-2", "b")
    task_id = dts("submit", "true").stdout.strip()
    assert dts.place.store.assign([Assignment(task_id, "agent-1", "b")], "leader", 1)[0][0] is Answer.OK
    assert dts("agent", "list").stdout.splitlines() == ["agent-1\tlive\t1\t4\there\t7\tb", "agent-2\tgone\t0\t\t\t\t"]
    first, _ = json.loads(dts("agent", "list", "--json").stdout)["agents"]
    assert first == {
        "agent": "agent-1", "state": "live", "holds": 1, "slots": 4, "host": "here", "pid": "7", "boot": "b",
    }  # fmt: skip


@pytest.mark.parametrize("dts", ["store"], indirect=True)
def test_a_drained_agent_is_told_as_such_until_it_is_resumed(dts: Dts) -> None:
    arrive(dts, "agent-1")
    assert dts("agent", "drain", "agent-1").stdout == "agent-1\tdrained\n"
    assert dts("agent", "drain", "agent-1").stdout == "agent-1\tdrained before\n"
    assert dts("agent", "list").stdout.split("\t")[1] == "drained"
    assert dts("agent", "resume", "agent-1").stdout == "agent-1\tresumed\n"
    assert dts("agent", "list").stdout.split("\t")[1] == "live"


def test_quarantine_is_shown_and_may_be_ended(dts: Dts) -> None:
    arrive(dts, "agent-1")
    dts.place.store.quarantine("agent-1", 60, "leader")
    assert dts("agent", "list").stdout.split("\t")[1] == "quarantined"
    dts("agent", "resume", "agent-1")
    assert dts("agent", "list").stdout.split("\t")[1] == "live"


def test_an_agent_that_never_was_here_is_not_found(dts: Dts) -> None:
    arrive(dts, "agent-1")
    result = dts("agent", "drain", "agent-1", "agent-7")
    assert (result.exit_code, result.stdout) == (Exit.NOT_FOUND, "agent-1\tdrained\nagent-7\tnot found\n")
    assert dts.place.store.shut() == {"agent-1": "drained"}
