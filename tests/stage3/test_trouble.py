"""Trouble with the bus of a real stage 3: it is waited out, nothing is lost, nothing runs twice at once."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.status import Answer, Status
from common.domain.task import Submission, Task
from common.lab.cluster import Cluster
from common.lab.stages import Sizes, stage
from common.lab.until import until
from common.transports.kafka_client import KafkaLink
from tests.stage1.journal import Journal
from tests.stage2.test_trouble import passed
from tests.stage2.test_whole import Client

SETTINGS = {"DTS_LEASE": "2", "DTS_SESSION": "2", "DTS_SLOTS": "4", "DTS_GRACE": "0.5", "DTS_HEARTBEAT": "0.5"}
WITHIN = 60.0


@pytest.fixture(scope="module")
def client(binary_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    binary_of("real")
    home = tmp_path_factory.mktemp("trouble") / "home"
    with Cluster.owned(home, stage("3"), "real", sizes=Sizes(agents=2), env=SETTINGS) as cluster:
        client = Client(cluster)
        yield client
        client.redis.close()


@pytest.fixture(autouse=True)
def _works_before_and_after(client: Client) -> Iterator[None]:
    yield
    for member in client.cluster.members():
        if member.state in ("dead", "stopped"):
            client.cluster.start(member.name)
        if member.role == "agent":
            # One that was killed and fenced often enough gets nothing for a minute, as it should.
            client.store.resume(member.name, "test")
    ended(client, client.submit(*["true"] * 4))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


@pytest.fixture
def link(client: Client) -> Iterator[KafkaLink]:
    with closing(KafkaLink(client.cluster.environment["DTS_KAFKA"], "test")) as link:
        yield link


def ended(client: Client, task_ids: list[str], within: float = WITHIN) -> list[Task]:
    def all_there() -> list[Task]:
        tasks = client.tasks(task_ids)
        assert {task.status for task in tasks} == {Status.SUCCESS}, [
            (t.task_id, t.status, t.attempt, t.agent) for t in tasks if t.status is not Status.SUCCESS
        ]
        return tasks

    return until(all_there, within)


@contextmanager
def load(client: Client, journal: Journal) -> Iterator[list[str]]:
    """Tasks that keep coming, some twenty a second, for as long as the block lasts."""
    made: list[str] = []
    over = threading.Event()

    def submit() -> None:
        while not over.wait(0.1):
            made.extend(client.submit(*[journal.task(0.05)] * 2))

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        passed(1)
        yield made
    finally:
        over.set()
        thread.join()


def sound(client: Client, journal: Journal, made: list[str]) -> list[Task]:
    """All of them ended well, and no two runs of one were at the same time."""
    tasks = ended(client, made)
    journal.check()
    assert {line.task_id for line in journal.lines() if line.what == "end"} == set(made)
    return tasks


def body(client: Client, name: str) -> int:
    return client.cluster.member(name).body.pid


@pytest.mark.timeout(150)
@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_broker_that_goes_and_comes_back_under_load_costs_nothing(client: Client, journal: Journal, end: str) -> None:
    with load(client, journal) as made:
        client.cluster.fault(end, "kafka")
        passed(2)
        client.cluster.start("kafka")
        passed(1)
    tasks = sound(client, journal, made)
    assert [task.task_id for task in tasks if task.lost] == []


@pytest.mark.timeout(200)
@pytest.mark.parametrize("seconds", [10, 60])
def test_a_broker_that_stands_still_is_waited_for(client: Client, journal: Journal, seconds: int) -> None:
    with load(client, journal) as made:
        broker = body(client, "kafka")
        os.kill(broker, signal.SIGSTOP)
        passed(seconds)
        os.kill(broker, signal.SIGCONT)
        passed(1)
    tasks = sound(client, journal, made)
    assert [task.task_id for task in tasks if task.lost] == []


@pytest.mark.timeout(150)
def test_processes_that_start_while_the_broker_is_away_wait_for_it(client: Client) -> None:
    names = [member.name for member in client.cluster.members() if member.role in ("agent", "scheduler", "manager")]
    for name in ("kafka", *names):
        client.cluster.fault("kill", name)
    for name in names:
        client.cluster.start(name)
    waiting = client.submit(*["sleep 0.2"] * 8)
    passed(2)
    client.cluster.start("kafka")
    ended(client, waiting)


@pytest.mark.timeout(150)
def test_topics_that_somebody_deleted_are_made_again(client: Client, journal: Journal, link: KafkaLink) -> None:
    with load(client, journal) as made:
        link.remove(["task-dispatch-topic.agent-1"])
        passed(1)
        link.remove(["agent-heartbeat-topic"])
        passed(1)
    sound(client, journal, made)
    assert {"task-dispatch-topic.agent-1", "agent-heartbeat-topic"} <= set(link.topics())


@pytest.mark.timeout(150)
def test_managers_that_come_and_go_under_load_lose_no_update_and_apply_none_twice(
    client: Client, journal: Journal
) -> None:
    with load(client, journal) as made:
        for name, end in (("manager-1", "kill"), ("manager-2", "stop"), ("manager-1", "stop")):
            client.cluster.fault(end, name)
            passed(2.5)
            client.cluster.start(name)
            passed(0.5)
    for task in sound(client, journal, made):
        verbs = [entry["verb"] for entry in client.store.history(task.task_id)]
        assert task.attempt == 1
        assert (verbs.count("start"), verbs.count("report")) == (1, 1)


@pytest.mark.timeout(150)
def test_ten_megabytes_of_output_arrive_whole_and_hold_up_nobody(client: Client) -> None:
    ids = Ids(SystemClock())
    large = Submission.of(content="head -c 7500000 /dev/zero | base64 -w 0", output_limit=16 * 1_048_576)
    (loud,) = client.store.submit([large], "client", ids)
    quick = client.submit(*["echo quick"] * 8)
    ended(client, [loud.task_id, *quick])

    def kept() -> bool:
        return client.redis.strlen(client.store.keys.log(loud.task_id, 1)) == 10_000_000

    until(kept, WITHIN, what="all of the output")


@pytest.mark.timeout(150)
def test_what_is_no_update_is_put_aside_and_the_others_are_applied(client: Client, link: KafkaLink) -> None:
    topic = "task-status-update-topic"
    odd = [b"\xff\xfe", b"{}", b'{"schema":9}', b'{"schema":1,"agent":"a","boot":"b","number":1,"updates":[{}]}']
    link.send([(topic, None, one, []) for one in odd])
    ended(client, client.submit(*["true"] * 8))
    until(lambda: len(letters(client)) >= len(odd), WITHIN)
    done = subprocess.run(
        [Path(sys.executable).parent / "dts", "dlq", "drop", "--all"],
        env={"PATH": os.environ["PATH"], **client.cluster.environment}, capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert "dropped" in done.stdout + done.stderr
    assert letters(client) == []


def letters(client: Client) -> list[str]:
    from common.transports.dead_letters import dead_letters_of

    keepers = dead_letters_of(client.redis, client.store.keys, client.cluster.environment["DTS_KAFKA"])
    found = [letter.body for keeper in keepers for letter in keeper.newest(100)]
    keepers[-1].close()
    return found


@pytest.mark.timeout(150)
def test_redis_is_away_and_managers_skip_nothing(client: Client, journal: Journal) -> None:
    running = client.submit(*[journal.task(1.5)] * 8)
    until(lambda: len(journal.starts()) == 8, WITHIN)
    client.cluster.fault("stop", "redis")
    passed(2.5)
    client.cluster.start("redis")
    tasks = sound(client, journal, running)
    assert {task.attempt for task in tasks} == {1}


@pytest.mark.timeout(150)
def test_a_running_task_is_cancelled_and_a_drained_agent_hands_back_what_waits(client: Client) -> None:
    busy = client.submit(*["exec sleep 600"] * 8)
    until(lambda: {task.status for task in client.tasks(busy)} == {Status.RUNNING}, WITHIN)
    assert set(client.store.cancel(busy, "person")) == {Answer.REQUESTED}
    until(lambda: {task.status for task in client.tasks(busy)} == {Status.CANCELLED}, WITHIN)
    client.store.drain("agent-1", "person")
    try:
        tasks = ended(client, client.submit(*["sleep 0.1"] * 20))
        late = [task for task in tasks if task.agent == "agent-1"]
        assert len(late) <= 4, "what it had begun before it heard"
    finally:
        client.store.resume("agent-1", "person")


@pytest.mark.timeout(200)
@pytest.mark.parametrize("end", ["kill", "freeze"])
def test_an_agent_that_goes_under_load_is_replaced(client: Client, journal: Journal, end: str) -> None:
    with load(client, journal) as made:
        client.cluster.fault(end, "agent-2")
        passed(4)
    sound(client, journal, made)
    if client.cluster.member("agent-2").state == "frozen":
        client.cluster.fault("thaw", "agent-2")
