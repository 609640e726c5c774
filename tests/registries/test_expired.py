"""A session that the server ends under a live process."""

from kazoo.client import KazooClient

from common.lab.until import until
from common.registries.zookeeper import ZooKeeperRegistry
from tests.registries.onlookers import GROUP, OFFICE, Leading, Seen, boots, led_one_after_the_other
from tests.registries.served import SESSION, Served


def expire(registry: ZooKeeperRegistry, hosts: str) -> None:
    """Another client takes the session over, and closes it."""
    client_id = registry._link.zk.client_id
    thief = KazooClient(hosts, client_id=client_id, timeout=SESSION)
    thief.start(timeout=10)
    thief.stop()
    thief.close()


def test_who_loses_its_session_registers_anew_and_its_term_is_lost_before_another_leads(in_zookeeper: Served) -> None:
    hosts = in_zookeeper.settings["DTS_ZOOKEEPER"].partition("/")[0]
    registry, other, seen, everybody = in_zookeeper.handle(), in_zookeeper.handle(), Seen(), [Leading(), Leading()]
    assert isinstance(registry, ZooKeeperRegistry)
    registration = registry.register(GROUP, "agent-1", {"boot": "b1"})
    registry.campaign(OFFICE, "agent-1", everybody[0])
    until(lambda: everybody[0].leads and boots(other) == {"agent-1": "b1"})
    other.watch(GROUP, seen)
    other.campaign(OFFICE, "agent-2", everybody[1])
    for _ in range(3):
        session = registry._link.session().id
        expire(registry, hosts)
        until(lambda session=session: registry._link.zk.client_id and registry._link.session().id != session)  # type: ignore[misc]
        proved = registration.proved_until
        until(lambda proved=proved: registration.proved_until > proved and boots(other) == {"agent-1": "b1"})  # type: ignore[misc]
    until(lambda: any(leading.leads for leading in everybody))
    until(lambda: seen.told[-1] == {"agent-1": "b1"})
    assert everybody[0].terms[0].lost.is_set()
    registry.close()
    other.close()
    assert led_one_after_the_other(*everybody)
    assert len([epoch for leading in everybody for epoch in leading.epochs]) >= 2
