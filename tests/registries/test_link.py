"""A connection to ZooKeeper that is slow to begin is waited for, and one that gave up begins anew."""

import threading

import pytest

from common.domain.errors import Unavailable
from common.lab.until import until
from common.registries.zookeeper_link import _Connection
from tests.registries.onlookers import GROUP
from tests.registries.served import Served


def test_who_asks_before_the_connection_has_begun_waits_for_it_and_not_for_its_end(
    in_zookeeper: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, loop = threading.Event(), _Connection.zk_loop

    def late(connection: _Connection) -> None:
        begin.wait(30)
        loop(connection)

    monkeypatch.setattr(_Connection, "zk_loop", late)
    registry = in_zookeeper.handle()
    with pytest.raises(Unavailable):
        registry.members(GROUP)
    begin.set()
    until(lambda: registry.members(GROUP) == {})


def test_one_that_gave_up_begins_anew(in_zookeeper: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    gave_up, loop = threading.Event(), _Connection.zk_loop

    def at_first_not(connection: _Connection) -> None:
        if gave_up.is_set():
            loop(connection)
        gave_up.set()

    monkeypatch.setattr(_Connection, "zk_loop", at_first_not)
    registry = in_zookeeper.handle()
    assert gave_up.wait(10)
    until(lambda: registry.members(GROUP) == {})
