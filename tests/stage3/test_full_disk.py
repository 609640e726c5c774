"""The broker's disk fills up under load: Kafka gives up, dts says so and waits, and goes on when it is back."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from common.lab.cluster import Cluster
from common.lab.errors import StartFailed
from common.lab.stages import Sizes, stage
from common.lab.until import until
from tests.stage1.full import PAGE, SmallDisk, small_disk
from tests.stage1.journal import Journal
from tests.stage2.test_whole import Client
from tests.stage3.test_trouble import SETTINGS, WITHIN, load, sound

MB = 1_048_576


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 24 * MB) as disk:
        yield disk


@pytest.fixture
def client(binary_of: Callable[[str], Path], tmp_path: Path, disk: SmallDisk) -> Iterator[Client]:
    binary_of("real")
    data = tmp_path / "home" / "cluster.data" / "kafka"
    data.mkdir(parents=True)
    (data / "log").symlink_to(disk.path)
    with Cluster.owned(tmp_path / "home", stage("3"), "real", sizes=Sizes(agents=2), env=SETTINGS) as cluster:
        client = Client(cluster)
        yield client
        client.redis.close()


@pytest.mark.timeout(180)
def test_a_full_disk_of_the_broker_is_told_of_and_waited_out(client: Client, disk: SmallDisk, tmp_path: Path) -> None:
    journal, kafka = Journal(tmp_path), "kafka"
    roles = ("agent-1", "agent-2", client.leader(), "manager-1", "manager-2")
    with load(client, journal) as made:
        disk.fill(room=16 * PAGE)
        until(lambda: client.cluster.member(kafka).state == "dead", WITHIN, what="Kafka to end for want of room")
        full_at = len(made)
        for name in roles:
            until(partial(says_that_it_waits, client, name), WITHIN, what=f"{name} to say that it waits for Kafka")
        with pytest.raises(StartFailed, match=r"the disk is full on which .*kafka.* is"):
            client.cluster.start(kafka)
        until(lambda: len(made) > full_at, WITHIN, what="tasks to be accepted meanwhile")
        disk.free()
        client.cluster.start(kafka)
    tasks = sound(client, journal, made)
    assert {task.lost for task in tasks} == {0}


def says_that_it_waits(client: Client, name: str) -> bool:
    """Whether that is its last word on its ways: a role that says that it goes on while nothing comes tells a lie."""
    told = client.cluster.log(name).read_text().splitlines()
    said = [line for line in told if "Kafka" in line or "going on" in line]
    return bool(said) and "Kafka" in said[-1]
