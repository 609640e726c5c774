"""An ensemble of three: its leader is killed, or one node frozen, and the registry goes on."""

from collections.abc import Iterator

import pytest

from common.lab.cluster import Cluster
from common.lab.servers.zookeeper import mode_of
from common.lab.until import until
from tests.registries.onlookers import GROUP, OFFICE, Leading, Seen, boots, led_one_after_the_other
from tests.registries.served import SESSION, Served, of_zookeeper

WITHIN = 45.0
"""Seconds; three JVMs elect among themselves."""


@pytest.fixture
def place(ensemble: Cluster) -> Iterator[Served]:
    with of_zookeeper(ensemble.environment["DTS_ZOOKEEPER"]) as found:
        yield found


def leading_node(ensemble: Cluster) -> str:
    """The node that leads the others."""
    return until(lambda: next((node.name for node in ensemble.members() if mode_of(node.port) == "leader"), ""), WITHIN)


@pytest.mark.parametrize(("fault", "cure"), [("kill", "start"), ("freeze", "thaw")])
def test_where_the_ensembles_leader_is_lost_members_stay_and_one_leads_with_a_larger_epoch(
    ensemble: Cluster, place: Served, fault: str, cure: str
) -> None:
    seen, everybody = Seen(), [Leading() for _ in range(3)]
    registries = [place.handle() for _ in everybody]
    registrations = [
        registry.register(GROUP, f"agent-{number}", {"boot": f"b{number}"})
        for number, registry in enumerate(registries)
    ]
    present = {f"agent-{number}": f"b{number}" for number in range(len(registries))}
    until(lambda: boots(registries[0]) == present)
    registries[0].watch(GROUP, seen)
    for number, (registry, leading) in enumerate(zip(registries, everybody, strict=True)):
        registry.campaign(OFFICE, f"agent-{number}", leading)
    until(lambda: seen.told and any(leading.leads for leading in everybody))
    proofs = [registration.proved_until for registration in registrations]
    lost = leading_node(ensemble)
    ensemble.fault(fault, lost)
    until(
        lambda: (
            any(leading.leads for leading in everybody)
            and all(one.proved_until > before + SESSION for one, before in zip(registrations, proofs, strict=True))
            and seen.told[-1] == present
        ),
        WITHIN,
        what="all to be there again, and one to lead",
    )
    ensemble.fault(cure, lost)
    until(lambda: boots(registries[1]) == present, WITHIN)
    for registry in registries:
        registry.close()
    assert led_one_after_the_other(*everybody)
