"""Trouble around a real stage 4: whoever goes away, what was answered holds, and what could not be done is told so."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.domain.status import Status
from common.lab.cluster import Cluster
from common.lab.stages import Sizes, stage
from common.lab.until import until
from tests.stage1.journal import Journal
from tests.stage2.test_trouble import passed
from tests.stage4.clients import Doors, load, sound

SETTINGS = {
    "DTS_LEASE": "2",
    "DTS_SESSION": "2",
    "DTS_SLOTS": "4",
    "DTS_GRACE": "0.5",
    "DTS_HEARTBEAT": "0.5",
    "DTS_RPC_TIMEOUT": "2",
}


@pytest.fixture(scope="module")
def doors(binary_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    binary_of("real")
    home = tmp_path_factory.mktemp("trouble") / "home"
    with Cluster.owned(home, stage("4"), "real", sizes=Sizes(agents=2, apis=2), env=SETTINGS) as cluster:
        doors = Doors(cluster)
        yield doors
        doors.redis.close()


@pytest.fixture(autouse=True)
def _works_before_and_after(doors: Doors) -> Iterator[None]:
    yield
    doors.heal()
    until(lambda: doors.ask("GET", "/readyz").status == 200, 30)
    made = [doors.submit() for _ in range(4)]
    assert [told.status for told in made] == [201] * 4
    doors.ended([told.body["taskId"] for told in made])


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


@pytest.mark.timeout(150)
def test_no_client_notices_that_a_manager_is_killed(doors: Doors, journal: Journal) -> None:
    with load(doors, journal) as loaded:
        doors.cluster.fault("kill", "manager-1")
        passed(2)
        doors.cluster.start("manager-1")
        passed(1)
        doors.cluster.fault("kill", "manager-2")
        passed(1)
    assert Counter(told.status for told in loaded.first).keys() <= {200, 201}
    sound(doors, journal, loaded)


@pytest.mark.timeout(150)
def test_no_client_notices_that_a_manager_is_stopped(doors: Doors, journal: Journal) -> None:
    with load(doors, journal) as loaded:
        doors.cluster.fault("stop", "manager-1")
        passed(1)
        doors.cluster.start("manager-1")
        passed(1)
        doors.cluster.fault("stop", "manager-2")
        passed(1)
    assert Counter(told.status for told in loaded.first).keys() <= {200, 201}
    sound(doors, journal, loaded)


@pytest.mark.timeout(150)
def test_a_manager_that_hangs_costs_its_calls_a_timeout_and_nothing_else(doors: Doors, journal: Journal) -> None:
    with load(doors, journal) as loaded:
        doors.cluster.fault("freeze", "manager-1")
        passed(6)
        doors.cluster.fault("thaw", "manager-1")
        passed(1)
    assert Counter(told.status for told in loaded.first).keys() <= {200, 201}
    sound(doors, journal, loaded)


@pytest.mark.timeout(150)
def test_without_managers_it_says_that_nothing_was_done_and_agents_start_nothing(
    doors: Doors, journal: Journal
) -> None:
    for manager in ("manager-1", "manager-2"):
        doors.cluster.fault("stop", manager)
    refused = doors.submit(taskId="unheard")
    assert (refused.status, refused.body["code"], int(refused.headers["Retry-After"]) > 0) == (503, "UNAVAILABLE", True)
    assert doors.ask("GET", "/readyz").status == 503
    assert doors.ask("GET", "/healthz").status == 200
    doors.redis.lpush(
        "queue:tasks", f'{{"taskId": "by-hand", "content": "{journal.task().replace(chr(34), chr(92) + chr(34))}"}}'
    )
    until(lambda: doors.redis.hget("task:by-hand", "status") == Status.DISPATCHED, 20)
    passed(1)
    assert journal.lines() == []
    for manager in ("manager-1", "manager-2"):
        doors.cluster.start(manager)
    (task,) = doors.ended(["by-hand"])
    assert (task.attempt, doors.store.get("unheard")) == (1, None)
    journal.check()


@pytest.mark.timeout(150)
def test_while_zookeeper_is_away_the_api_goes_on(doors: Doors, journal: Journal) -> None:
    with load(doors, journal) as loaded:
        doors.cluster.fault("stop", "zookeeper")
        passed(5)
        during = doors.submit()
        doors.cluster.start("zookeeper")
        passed(3)
    assert during.status == 201
    assert Counter(told.status for told in loaded.first).keys() <= {200, 201}
    sound(doors, journal, loaded)
    doors.ended([during.body["taskId"]])


@pytest.mark.timeout(150)
def test_while_redis_is_away_nothing_is_half_done(doors: Doors, journal: Journal) -> None:
    with load(doors, journal) as loaded:
        doors.cluster.fault("stop", "redis")
        refused = doors.submit(requestId="while away")
        passed(2)
        doors.cluster.start("redis")
        passed(2)
    assert (refused.status, refused.headers.get("Retry-After")) == (503, "1")
    assert refused.body["code"] in ("UNAVAILABLE", "UNANSWERED")
    assert Counter(told.status for told in loaded.first).keys() <= {200, 201, 503}
    sound(doors, journal, loaded)


@pytest.mark.timeout(150)
def test_while_kafka_is_away_tasks_are_taken_and_run_when_it_is_back(doors: Doors, journal: Journal) -> None:
    with load(doors, journal) as loaded:
        doors.cluster.fault("stop", "kafka")
        passed(3)
        doors.cluster.start("kafka")
        passed(1)
    assert Counter(told.status for told in loaded.first).keys() <= {200, 201}
    sound(doors, journal, loaded)


@pytest.mark.timeout(150)
def test_an_api_that_is_killed_in_mid_answer_loses_nothing_that_is_asked_for_again(
    doors: Doors, journal: Journal
) -> None:
    with load(doors, journal, "api-2") as loaded:
        doors.cluster.fault("kill", "api-2")
        passed(1)
        doors.cluster.start("api-2")
        passed(1)
    assert 0 in Counter(told.status for told in loaded.first)
    sound(doors, journal, loaded)


@pytest.mark.timeout(150)
def test_an_agent_that_is_frozen_past_its_lease_is_refused_at_the_gate(doors: Doors, journal: Journal) -> None:
    with load(doors, journal) as loaded:
        doors.cluster.fault("freeze", "agent-1")
        passed(5)
        # Its fence has ended it, or it wakes as a boot that is not believed any more.
        if doors.cluster.member("agent-1").state == "frozen":
            doors.cluster.fault("thaw", "agent-1")
        passed(1)
    sound(doors, journal, loaded)
