"""Redis away, at the start or later, for long or for short, with its data or without: said, waited for, gone on."""

import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from common.clock import SystemClock
from common.domain.errors import Unready
from common.domain.ids import Ids
from common.domain.status import Status
from common.domain.task import Submission
from common.lab.ports import free_ports
from common.lab.servers.redis import redis_url
from common.lab.until import until
from common.transports.redis_client import connect
from stage1_mvp.__main__ import main
from tests.conftest import OwnRedis
from tests.servers import ServerAt
from tests.severing import severing
from tests.stage1.conftest import StartAgent
from tests.stage1.desk import Desk
from tests.stage1.journal import ENDLESS_AT_FIRST, Journal
from tests.stage1.processes import gone

KEPT = ("--appendonly", "yes", "--appendfsync", "always")
"""Options of a server that has its data again after a restart."""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    folder = tmp_path / "journal"
    folder.mkdir()
    return Journal(folder)


def desk_at(server: ServerAt) -> Desk:
    return Desk(server.client())


def pid_in(desk: Desk, task_id: str) -> int:
    """Of a task that prints its own."""
    desk.printed(task_id, "\n")
    return int(desk.log(task_id).split()[0])


def test_absent_at_the_start_it_is_waited_for(own_redis: OwnRedis, bare_agents: StartAgent) -> None:
    server = own_redis()
    server.stop()
    agent = bare_agents(server.url)
    agent.says("waiting: Redis is away")
    server.start()
    desk = desk_at(server)
    desk.works()
    desk.settled()
    assert agent.log.count("waiting: Redis is away") == 1
    assert agent.log.count("ready") == 1


def test_away_for_less_than_the_lease_a_running_task_ends_once(
    own_redis: OwnRedis, bare_agents: StartAgent, journal: Journal
) -> None:
    server = own_redis(*KEPT)
    desk = desk_at(server)
    agent = bare_agents(server.url, lease=20).ready()
    short, long = desk.push(journal.task(0.1)), desk.push(journal.task(1.0))
    desk.running(long)

    server.stop()
    until(lambda: len(journal.lines()) == 3, what="the short one to end meanwhile")
    server.start()

    tasks = desk.succeeded(short, long)
    assert [task.attempt for task in tasks] == [1, 1]
    agent.says("Redis was started anew, or a replica took over: what it was told last, or all of it, may be lost")
    assert sorted(journal.starts()) == sorted([short, long])
    journal.check()
    desk.works()
    desk.settled()
    assert agent.log.count("ready") == 1
    assert "lease lost" not in agent.log


def test_away_for_longer_than_the_lease_its_tasks_are_ended_in_time_and_run_again(
    own_redis: OwnRedis, bare_agents: StartAgent, journal: Journal
) -> None:
    lease = 2.0
    server = own_redis(*KEPT)
    desk = desk_at(server)
    agent = bare_agents(server.url, lease=lease, grace=10).ready()
    stubborn = desk.push("trap '' TERM; echo $$; " + journal.task(ENDLESS_AT_FIRST))
    sneaky = desk.push(f"trap '' TERM; setsid sh -c 'echo $$; exec sleep {ENDLESS_AT_FIRST}' & wait; wait")
    unwanted = desk.push("trap '' TERM; echo $$; while :; do sleep 0.05; done")
    pids = [pid_in(desk, task_id) for task_id in (stubborn, sneaky, unwanted)]
    boot = desk.task(stubborn).boot
    # It is in its grace, which is longer than the lease.
    desk.cancel(unwanted)

    renewed = time.monotonic()
    server.kill()
    until(lambda: all(gone(pid) for pid in pids))
    # From its last renewal on, which was before the kill, whoever looks may think that the agent is gone.
    assert time.monotonic() - renewed < lease
    agent.says("lease lost: it could not be renewed in time")
    server.start()

    agent.says("ready", times=2)
    for task in desk.succeeded(stubborn, sneaky):
        assert (task.attempt, task.failures) == (2, 0)
        assert task.boot != boot
    assert desk.ended(unwanted).status is Status.CANCELLED
    journal.check()
    desk.settled()


def test_back_without_its_data_the_agent_starts_afresh(own_redis: OwnRedis, bare_agents: StartAgent) -> None:
    server = own_redis()
    desk = desk_at(server)
    agent = bare_agents(server.url, lease=2).ready()
    pid = pid_in(desk, desk.push("echo $$; exec sleep 60"))

    server.kill()
    server.start()

    agent.says("ready", times=2)
    assert agent.log.count("Redis was started anew") == 1
    assert gone(pid)
    desk = desk_at(server)
    desk.works()
    desk.settled()
    assert desk.redis.zcard(desk.keys.all) == 1


def test_frozen_for_a_second_it_costs_nothing(own_redis: OwnRedis, bare_agents: StartAgent, journal: Journal) -> None:
    server = own_redis()
    desk = desk_at(server)
    agent = bare_agents(server.url, lease=20).ready()
    ids = desk.push_many([journal.task(0.1)] * 20)
    until(lambda: len(journal.lines()) > 8)

    server.freeze()
    frozen = time.monotonic()
    until(lambda: time.monotonic() - frozen > 1)
    server.thaw()

    tasks = desk.succeeded(*ids)
    assert {task.attempt for task in tasks} == {1}
    journal.check()
    desk.settled()
    assert "lease lost" not in agent.log
    assert "started anew" not in agent.log


def test_frozen_for_longer_than_the_lease_its_tasks_are_ended_in_time_and_run_again(
    own_redis: OwnRedis, bare_agents: StartAgent, journal: Journal
) -> None:
    lease = 2.0
    server = own_redis()
    desk = desk_at(server)
    agent = bare_agents(server.url, lease=lease).ready()
    task_id = desk.push("trap '' TERM; echo $$; " + journal.task(ENDLESS_AT_FIRST))
    pid = pid_in(desk, task_id)

    frozen = time.monotonic()
    server.freeze()
    until(lambda: gone(pid))
    assert time.monotonic() - frozen < lease
    server.thaw()

    (task,) = desk.succeeded(task_id)
    # A claim that was on its way may have been granted when it thawed; that attempt never started.
    assert task.attempt in {2, 3}
    assert (task.failures, task.lost) == (0, 0)
    assert journal.starts() == [task_id] * 2
    journal.check()
    assert agent.log.count("lease lost") == 1


def test_full_memory_is_waited_out(own_redis: OwnRedis, bare_agents: StartAgent, journal: Journal) -> None:
    server = own_redis()
    desk = desk_at(server)
    agent = bare_agents(server.url).ready()
    running = desk.push(journal.task(0.3))
    desk.running(running)
    waiting = desk.push_many([journal.task()] * 10)
    desk.redis.config_set("maxmemory", "1")
    full = r"^Redis refuses it now: its memory is full; give it more \(CONFIG SET maxmemory\), or remove keys: "
    with pytest.raises(Unready, match=full):
        desk.store.submit([Submission.of(content="true")], "person", Ids(SystemClock()))
    agent.says("refuses it now: its memory is full")
    until(lambda: "end" in {line.what for line in journal.lines()})
    assert desk.task(running).status is Status.RUNNING
    desk.redis.config_set("maxmemory", "0")
    desk.succeeded(running, *waiting)
    journal.check()
    desk.settled()


def test_ends_that_a_full_redis_refused_are_stored_by_the_next_boot(
    own_redis: OwnRedis, bare_agents: StartAgent, journal: Journal, tmp_path: Path
) -> None:
    """Full for longer than the lease, too: renewing needs no room."""
    server = own_redis()
    desk = desk_at(server)
    agent = bare_agents(server.url, lease=1.5).ready()
    task_id = desk.push("echo begun; " + journal.task(2))
    desk.printed(task_id, "begun\n")
    desk.redis.config_set("maxmemory", "1")
    until(lambda: "end" in {line.what for line in journal.lines()})
    until(lambda: any(file.stat().st_size for file in tmp_path.glob("spool/agent-1/*")))
    assert "lease lost" not in agent.log
    agent.kill()
    desk.redis.config_set("maxmemory", "0")
    bare_agents(server.url, lease=1.5).ready()
    (task,) = desk.succeeded(task_id)
    assert task.attempt == 1
    assert journal.starts() == [task_id]
    desk.settled()


def test_one_that_answers_slowly_costs_time_and_nothing_else(
    own_redis: OwnRedis, bare_agents: StartAgent, journal: Journal
) -> None:
    """Each answer takes a fifth of a second, as over a bad line to the other side of the world."""
    server = own_redis()
    desk = desk_at(server)
    with severing(server.port, slow=0.2) as way:
        agent = bare_agents(redis_url(way.port), lease=6).ready()
        long = desk.push(journal.task(7))
        short = desk.push_many([journal.task()] * 12)
        cancelled = desk.push("sleep 60")
        desk.succeeded(*short)
        desk.running(cancelled)
        desk.cancel(cancelled)
        assert desk.ended(cancelled).status is Status.CANCELLED
        assert {task.attempt for task in desk.succeeded(long, *short)} == {1}
        assert "lease lost" not in agent.log
        assert "waiting" not in agent.log
        journal.check()
        desk.settled()
        agent.term()
        assert agent.exit_code() == 0


def test_one_that_loads_its_data_is_waited_for(own_redis: OwnRedis, bare_agents: StartAgent) -> None:
    slow = ("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
    server = own_redis("--save", "3600 1", *slow)
    desk = desk_at(server)
    agent = bare_agents(server.url).ready()
    desk.redis.mset({f"ballast:{part}": "x" * 100 for part in range(1500)})
    server.stop()
    server.start(loaded=False)
    agent.says("it is still loading its data; that ends by itself")
    agent.says("going on")
    desk_at(server).works()


def test_one_that_is_a_replica_now_is_said_and_waited_out(own_redis: OwnRedis, bare_agents: StartAgent) -> None:
    server = own_redis()
    desk = desk_at(server)
    agent = bare_agents(server.url).ready()
    desk.works()
    with connect(server.url) as admin:
        admin.replicaof("127.0.0.1", 1)
        agent.says("it is a replica; name its primary")
        admin.replicaof("NO", "ONE")
    agent.says("going on")
    desk_at(server).works()


def test_one_that_evicts_is_refused_at_the_start(own_redis: OwnRedis, bare_agents: StartAgent) -> None:
    agent = bare_agents(own_redis("--maxmemory-policy", "allkeys-lru").url)
    assert agent.exit_code() == 1
    assert "Error: this Redis would evict keys" in agent.log
    assert "redis-cli CONFIG SET maxmemory-policy noeviction" in agent.log
    assert "Traceback" not in agent.log


def test_one_without_a_log_is_refused_where_tasks_must_be_durable(own_redis: OwnRedis, bare_agents: StartAgent) -> None:
    agent = bare_agents(own_redis().url, durability="durable")
    assert agent.exit_code() == 1
    assert "set appendonly yes" in agent.log


def test_a_password_that_is_missing_is_said(own_redis: OwnRedis, bare_agents: StartAgent) -> None:
    server = own_redis()
    with connect(server.url) as client:
        client.config_set("requirepass", "s3cret")
    refused = bare_agents(server.url)
    refused.says("waiting: ")
    assert "authenticated" in refused.log
    # One that knows it may not even start its work elsewhere: it is told by the url.
    welcome = bare_agents(server.url.replace("redis://", "redis://:s3cret@"), agent="agent-2").ready()
    assert "s3cret" not in refused.log + welcome.log
    with connect(server.url.replace("redis://", "redis://:s3cret@")) as client:
        client.config_set("requirepass", "")
    refused.ready()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"redis_url": ""}, "no Redis is named; set DTS_REDIS_URL"),
        ({"redis_url": "http://localhost"}, "not a Redis url"),
        ({"redis_url": "redis://localhost:port/0"}, "not a Redis url"),
        ({"slots": "many"}, "DTS_SLOTS: input should be a valid integer"),
        ({"slots": "0"}, "DTS_SLOTS: input should be greater than or equal to 1"),
        ({"lease": "-1"}, "DTS_LEASE: input should be greater than or equal to 0.5"),
        ({"lease": "nan"}, "DTS_LEASE: "),
        ({"drain": "inf"}, "DTS_DRAIN: "),
        ({"agent": "a b"}, "DTS_AGENT: "),
        ({"namespace": "a b"}, "DTS_NAMESPACE: "),
        ({"executors": "SHELL"}, "DTS_EXECUTORS is not JSON"),
        ({"executors": '{"X":"no.such:Thing"}'}, "executor X: 'no.such:Thing' can't be loaded"),
        ({"log_level": "loud"}, "DTS_LOG_LEVEL: "),
    ],
)
def test_settings_that_are_wrong_are_told_in_a_line(settings: dict[str, str], said: str) -> None:
    nowhere = {"redis_url": redis_url(next(free_ports()))}
    environ = {f"DTS_{name.upper()}": value for name, value in (nowhere | settings).items()}
    result = CliRunner().invoke(main, ["agent"], env=environ)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {said}")
    assert len(result.output.splitlines()) == 1
