"""A whole stage 2 whose ensemble loses its leader, or one of whose agents keeps dying: tasks go on, none runs twice."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.domain.status import Status
from common.lab.cluster import Cluster
from common.lab.servers.zookeeper import mode_of
from common.lab.stages import Sizes, stage
from common.lab.until import until
from stage2_zk.scans.crashing import BOOTS
from tests.stage1.journal import Journal
from tests.stage2.test_whole import SETTINGS, WITHIN, Client


@pytest.fixture(scope="module")
def client(binary_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    binary_of("real")
    home = tmp_path_factory.mktemp("ensemble") / "home"
    sizes = Sizes(agents=3, zookeepers=3)
    # A task may meet the agent that keeps dying more than three times, and is not to blame for it.
    settings = {**SETTINGS, "DTS_MAX_LOST": "20"}
    with Cluster.owned(home, stage("2"), "real", sizes=sizes, env=settings) as cluster:
        client = Client(cluster)
        yield client
        client.redis.close()


@pytest.mark.timeout(120)
def test_the_leader_of_the_ensemble_dies_and_tasks_go_on(client: Client, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    running = client.submit(*[journal.task(4)] * 3)
    until(lambda: len(journal.starts()) == 3, WITHIN)
    nodes = [member for member in client.cluster.members() if member.role == "zookeeper"]
    (leads,) = [node.name for node in nodes if mode_of(node.port) == "leader"]
    client.cluster.fault("kill", leads)
    meanwhile = client.submit(*[journal.task()] * 12)
    assert {(task.attempt, task.lost) for task in client.succeeded(running)} == {(1, 0)}
    assert {task.lost for task in client.succeeded(meanwhile)} == {0}
    client.cluster.start(leads)
    journal.check()
    client.succeeded(client.submit("true"))


@pytest.mark.timeout(180)
def test_an_agent_that_dies_again_and_again_rests_and_its_tasks_run_elsewhere(client: Client, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    made: list[str] = []

    def at_work() -> bool:
        boot = client.store.leases(["agent-3"])["agent-3"].get("boot")
        return any(task.status is Status.RUNNING and task.boot == boot for task in client.tasks(made))

    for _ in range(BOOTS):
        made += client.submit(*[journal.task(0.5)] * 9)
        # A boot that dies before anybody saw it has harmed nobody, and is not counted.
        until(at_work, WITHIN)
        client.cluster.fault("kill", "agent-3")
        client.cluster.start("agent-3")
    client.succeeded(made)
    journal.check()
    until(lambda: client.store.shut().get("agent-3") == "quarantined", WITHIN)
    assert {task.agent for task in client.succeeded(client.submit(*["true"] * 6))} <= {"agent-1", "agent-2"}
    client.store.resume("agent-3", "person")
    until(lambda: "agent-3" not in client.store.shut(), WITHIN)
