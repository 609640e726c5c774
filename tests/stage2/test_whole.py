"""The whole of stage 2, as `dts up 2` runs it: tasks go to several agents, also while leaders and agents go."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.status import Status
from common.domain.task import Submission, Task
from common.lab.cluster import Cluster
from common.lab.stages import stage
from common.lab.until import until
from common.store.tasks import TaskStore
from common.transports.redis_client import connect

SETTINGS = {"DTS_LEASE": "2", "DTS_SESSION": "2", "DTS_SLOTS": "2"}
WITHIN = 30.0


class Client:
    """Submits at the store, as `dts submit` does."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.redis = connect(cluster.redis_url)
        self.store = TaskStore(self.redis)
        self._ids = Ids(SystemClock())

    def submit(self, *contents: str) -> list[str]:
        bodies = [Submission.of(content=content) for content in contents]
        return [one.task_id for one in self.store.submit(bodies, "client", self._ids)]

    def tasks(self, task_ids: list[str]) -> list[Task]:
        return [task for task in self.store.get_many(task_ids) if task]

    def succeeded(self, task_ids: list[str]) -> list[Task]:
        def all_there() -> list[Task]:
            tasks = self.tasks(task_ids)
            assert {task.status for task in tasks} == {Status.SUCCESS}, [(t.task_id, t.status) for t in tasks]
            return tasks

        return until(all_there, WITHIN)

    def leader(self) -> str:
        """The scheduler that gave the newest task out."""
        (task_id,) = self.submit("true")
        self.succeeded([task_id])
        return next(str(entry["by"]) for entry in self.store.history(task_id) if entry["verb"] == "assign")


@pytest.fixture(scope="module", params=["embedded", "real"])
def client(request: pytest.FixtureRequest, binary_of: Callable[[str], Path]) -> Iterator[Client]:
    binary_of(request.param)
    with Cluster.temporary(stage("2"), request.param, env=SETTINGS) as cluster:
        client = Client(cluster)
        yield client
        client.redis.close()


def test_tasks_are_shared_among_the_agents_by_one_leader(client: Client) -> None:
    def shared() -> list[Task]:
        tasks = client.succeeded(client.submit(*["sleep 0.2"] * 6))
        assert {task.agent for task in tasks} == {"agent-1", "agent-2", "agent-3"}
        return tasks

    # The first ones may come before the leader has seen all agents.
    histories = [client.store.history(task.task_id) for task in until(shared, WITHIN)]

    for history in histories:
        verbs = [entry["verb"] for entry in history]
        assert [verb for verb in verbs if verb != "dispatched"] == ["submit", "assign", "start", "report"]
    assert len({entry["by"] for history in histories for entry in history if entry["verb"] == "assign"}) == 1


@pytest.mark.parametrize("fault", ["stop", "kill"])
def test_when_the_leader_goes_another_one_leads(client: Client, fault: str) -> None:
    former = client.leader()
    client.cluster.fault(fault, former)
    assert client.leader() != former
    client.cluster.start(former)


def test_what_ran_on_an_agent_that_is_killed_runs_elsewhere(client: Client) -> None:
    (task_id,) = client.submit("sleep 5; echo done by $TASK_ATTEMPT")
    (task,) = until(lambda: [t for t in client.tasks([task_id]) if t.status is Status.RUNNING], WITHIN)
    client.cluster.fault("kill", task.agent)
    (after,) = client.succeeded([task_id])
    assert (after.agent != task.agent, after.attempt, after.lost) == (True, 2, 1)
    client.cluster.start(task.agent)


def test_an_agent_that_is_stopped_gets_nothing_new_and_loses_nothing(client: Client) -> None:
    task_ids = client.submit(*["sleep 0.3"] * 12)
    until(lambda: any(task.agent == "agent-2" for task in client.tasks(task_ids)))
    client.cluster.fault("stop", "agent-2")

    stopped_with = [task for task in client.tasks(task_ids) if task.agent == "agent-2"]
    # What it had not begun waits again, and says where it was last.
    assert {task.status for task in stopped_with} <= {Status.SUCCESS, Status.PENDING}
    tasks = client.succeeded(task_ids)
    assert all(len([e for e in client.store.history(t.task_id) if e["verb"] == "start"]) == 1 for t in tasks)
    client.cluster.start("agent-2")
