"""An agent counts as live where registry and lease agree on its boot, whatever else stands in the registry."""

import logging

import pytest

from common.contracts import Info
from stage2_zk.live import SWEEP_EVERY
from tests.stage2.conftest import Yard


def test_registered_and_leased_is_live(yard: Yard) -> None:
    yard.agent("agent-1", slots=7, labels={"zone": "a"}, types=["SHELL", "SQL"])
    yard.look()
    (agent,) = yard.live.agents()
    assert (agent.agent, agent.boot, agent.slots) == ("agent-1", "b", 7)
    assert agent.labels == {"zone": "a"}
    assert agent.types == {"SHELL", "SQL"}


def test_one_key_alone_is_not_enough(yard: Yard) -> None:
    yard.registry.put("registered", {"boot": "b", "slots": 1})
    assert yard.leases.take("leased", "b", 60, {})
    yard.agent("other-boot")
    yard.registry.put("other-boot", {"boot": "next", "slots": 1})
    assert yard.look() == []


def test_a_change_that_the_watch_missed_is_seen_by_the_sweep(yard: Yard) -> None:
    assert yard.look() == []
    assert yard.leases.take("agent-1", "b", 60, {})
    yard.registry.put("agent-1", {"boot": "b", "slots": 1}, tell=False)
    yard.clock.ahead += SWEEP_EVERY
    assert yard.look() == ["agent-1"]


def test_rubbish_in_the_registry_hides_nobody_and_is_said_once(yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    rubbish: dict[str, Info] = {
        "empty": {},
        "odd": {"boot": "b", "slots": "many"},
        "worse": {"boot": "b", "slots": 1, "labels": 5},
    }
    for name, info in rubbish.items():
        assert yard.leases.take(name, "b", 60, {})
        yard.registry.put(name, info)
    yard.agent("agent-1")
    assert yard.look() == ["agent-1"]
    assert yard.look() == ["agent-1"]
    assert len(caplog.records) == 3


def test_nothing_watches_once_it_is_closed(yard: Yard) -> None:
    yard.look()
    assert len(yard.registry.watches) == 1
    yard.live.close()
    assert yard.registry.watches == []
