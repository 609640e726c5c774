"""Trouble with the servers of a real stage 2: it is waited out, nothing is lost, and what runs goes on."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError, NotEmptyError

from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.status import Status
from common.domain.task import Submission, Task
from common.lab.cluster import Cluster
from common.lab.stages import Sizes, stage
from common.lab.until import until
from common.registries.zookeeper import ZooKeeperRegistry
from common.store.leases import Leases
from tests.stage1.journal import uptime
from tests.stage2.test_whole import SETTINGS, WITHIN, Client

T = 2.0


@pytest.fixture(scope="module")
def client(binary_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    binary_of("real")
    home = tmp_path_factory.mktemp("trouble") / "home"
    with Cluster.owned(home, stage("2"), "real", sizes=Sizes(agents=2), env=SETTINGS) as cluster:
        client = Client(cluster)
        yield client
        client.redis.close()


@pytest.fixture(autouse=True)
def _works_before_and_after(client: Client) -> Iterator[None]:
    yield
    for member in client.cluster.members():
        if member.state in ("dead", "stopped"):
            client.cluster.start(member.name)
    both = until(lambda: set(client.store.agents()) >= {"agent-1", "agent-2"}, WITHIN)
    assert both
    client.succeeded(client.submit(*["true"] * 4))


@pytest.fixture
def zookeeper(client: Client) -> Iterator[KazooClient]:
    person = KazooClient(hosts=client.cluster.environment["DTS_ZOOKEEPER"])
    person.start(timeout=WITHIN)
    yield person
    person.stop()
    person.close()


def running(client: Client, content: str) -> Task:
    (task_id,) = client.submit(content)
    return until(lambda: [t for t in client.tasks([task_id]) if t.status is Status.RUNNING], WITHIN)[0]


def uproot(zookeeper: KazooClient, path: str) -> None:
    """Delete the node with all below it, however quickly others make some anew."""

    def deleted() -> bool:
        try:
            zookeeper.delete(path, recursive=True)
        except NotEmptyError:
            return False
        return True

    until(deleted, WITHIN, every=0)


def children(zookeeper: KazooClient, path: str) -> set[str]:
    try:
        return set(zookeeper.get_children(path))
    except NoNodeError:
        return set()


def passed(seconds: float) -> None:
    end = uptime() + seconds
    until(lambda: uptime() >= end, within=seconds + 10)


@pytest.mark.parametrize("seconds", [1.0, 2 * T], ids=["for a second", "past the session"])
def test_what_runs_goes_on_while_zookeeper_is_away_and_new_tasks_run_when_it_is_back(
    client: Client, seconds: float
) -> None:
    task = running(client, f"sleep {2 * T + 1}")
    client.cluster.fault("kill", "zookeeper")
    passed(seconds)
    client.cluster.start("zookeeper")
    waiting = client.submit(*["true"] * 4)
    client.succeeded(waiting)
    (ended,) = client.succeeded([task.task_id])
    assert (ended.attempt, ended.lost) == (1, 0)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_runs_outlives_a_restart_of_redis_longer_than_its_lease(client: Client, end: str) -> None:
    for _ in range(3):
        task = running(client, f"sleep {2 * T}; echo on")
        before = client.cluster.log(task.agent).read_text().count("lease lost")
        client.cluster.fault(end, "redis")
        passed(T + 1)
        client.cluster.start("redis")
        (ended,) = client.succeeded([task.task_id])
        # Where this machine stood still for most of a session, ZooKeeper could not vouch for the agent either: then it
        # had to end what it ran. That is another story, which others tell; this one is told again.
        if client.cluster.log(task.agent).read_text().count("lease lost") == before:
            break
    assert ended.result
    assert (ended.attempt, ended.result.output) == (1, "on\n")


def test_after_a_restart_of_redis_without_its_data_new_tasks_run(client: Client) -> None:
    client.cluster.fault("stop", "redis")
    client.cluster.start("redis", fresh=True)
    until(lambda: set(client.store.agents()) >= {"agent-1", "agent-2"}, WITHIN, what="both agents to be known again")
    client.succeeded(client.submit(*["true"] * 4))


def test_processes_that_start_while_zookeeper_is_away_wait_for_it(client: Client) -> None:
    for name in ("zookeeper", "scheduler-1", "scheduler-2", "agent-1"):
        client.cluster.fault("kill", name)
    for name in ("scheduler-1", "scheduler-2", "agent-1"):
        client.cluster.start(name)
    waiting = client.submit(*["sleep 0.2"] * 8)
    client.cluster.start("zookeeper")
    client.succeeded(waiting)


def test_all_ends_in_good_order_though_zookeeper_is_away_for_ever(client: Client) -> None:
    task = running(client, "sleep 1")
    client.cluster.fault("kill", "zookeeper")
    for name in ("scheduler-1", "scheduler-2", task.agent):
        client.cluster.fault("stop", name)
    (ended,) = client.tasks([task.task_id])
    assert ended.status is Status.SUCCESS


def test_a_parent_node_that_somebody_deleted_is_made_again(client: Client, zookeeper: KazooClient) -> None:
    uproot(zookeeper, "/live-agents")
    until(lambda: children(zookeeper, "/live-agents") == {"agent-1", "agent-2"}, WITHIN)
    uproot(zookeeper, "/scheduler")
    client.succeeded(client.submit(*["true"] * 4))


def test_rubbish_in_a_node_hides_nobody(client: Client, zookeeper: KazooClient) -> None:
    for name, text in (("x", b"\xff\xfe"), ("agent-9", b"{}"), ("agent-8", b"[1]")):
        zookeeper.create(f"/live-agents/{name}", text)
    try:
        client.succeeded(client.submit(*["true"] * 4))
    finally:
        for name in ("x", "agent-9", "agent-8"):
            zookeeper.delete(f"/live-agents/{name}")


def test_a_second_agent_of_one_id_ends_with_the_reason_and_the_first_works_on(client: Client) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "stage2_zk", "agent", "--id", "agent-1", "--no-fence", "--lease", "2"],
        env={"PATH": "/usr/bin:/bin", **client.cluster.environment}, cwd=Path(__file__).parents[2],
        capture_output=True, text=True, timeout=WITHIN, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "another live process is agent 'agent-1'" in ended.stderr


AN_HOUR_AHEAD = """
import time
true_time = time.time
time.time = lambda: true_time() + 3600
"""


def test_an_agent_whose_clock_is_an_hour_ahead_runs_tasks_like_the_others(client: Client, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(AN_HOUR_AHEAD)
    own = {"DTS_HOME": str(tmp_path), "DTS_LABELS": "clock=ahead", "PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}
    agent = subprocess.Popen(
        [sys.executable, "-m", "stage2_zk", "agent", "--id", "ahead"],
        env={**SETTINGS, **own, **client.cluster.environment}, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        body = Submission.of(content="sleep 0.1", labels={"clock": "ahead"})
        tasks = [one.task_id for one in client.store.submit([body] * 4, "client", Ids(SystemClock()))]
        for task in client.succeeded(tasks):
            assert (task.agent, task.attempt) == ("ahead", 1)
            stamps = [entry["at"] for entry in client.store.history(task.task_id)]
            assert stamps == sorted(stamps), "all times are those of the store's clock"
    finally:
        agent.terminate()
        agent.communicate(timeout=WITHIN)


def test_an_agent_that_takes_nothing_is_passed_over_and_its_tasks_run_elsewhere(client: Client) -> None:
    registry = ZooKeeperRegistry(client.cluster.environment["DTS_ZOOKEEPER"], 10, SystemClock())
    leases = Leases(client.redis, client.store.keys)
    registry.register("live-agents", "deaf", {"boot": "b", "slots": 100, "types": ["SHELL"]})
    assert leases.take("deaf", "b", 60, {"slots": 100})
    try:
        until(lambda: "deaf" in registry.members("live-agents"), WITHIN)
        passed(0.5)
        tasks = client.submit(*["true"] * 8)
        until(lambda: "deaf" in {task.agent for task in client.tasks(tasks)}, WITHIN)
        client.succeeded(tasks)
        assert client.store.shut() == {"deaf": "quarantined"}
    finally:
        registry.close()
        leases.release("deaf", "b")
        client.store.resume("deaf", "test")
