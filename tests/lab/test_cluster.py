"""Clusters of real processes: they come up, can be hurt and healed, and go without a trace."""

import os
import re
import signal
import socket
import threading
from itertools import chain
from pathlib import Path

import pytest

from common.lab import cluster as module
from common.lab import launch, starting
from common.lab.cluster import Cluster
from common.lab.errors import AlreadyUp, NoFreePort, NoSuchMember, StartFailed, WouldNotStop, WrongState
from common.lab.home import MARK
from common.lab.ports import LOOPBACK, free_ports
from common.lab.processes import marked
from common.lab.stages import REDIS, SERVERS_ONLY, MemberSpec, Sizes
from common.lab.until import until
from common.transports.redis_client import connect
from tests.lab.members import SERVER_AND_SLEEPER, SLEEPERS, nothing_left_of, python, shell, stage_of, states

LEASE = """
import os, sys, time, redis
client = redis.Redis.from_url(os.environ["DTS_REDIS_URL"])
client.hset("agent:agent-1", mapping={"pid": os.getpid() + OFF})
time.sleep(1000)
"""


def test_a_private_server_answers_and_is_set_up_to_lose_nothing(profile: str) -> None:
    with Cluster.temporary(SERVERS_ONLY, profile) as cluster, connect(cluster.redis_url) as redis:
        config = redis.config_get("*")
        assert {name: config[name] for name in ("appendonly", "appendfsync", "save", "maxmemory-policy")} == {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        assert config["bind"] == "127.0.0.1"
        assert states(cluster) == {"redis": "running"}


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_server_that_starts_again_has_its_port_and_its_data(profile: str, end: str) -> None:
    with Cluster.temporary(SERVERS_ONLY, profile) as cluster, connect(cluster.redis_url) as redis:
        url = cluster.redis_url
        redis.set("kept", "yes")
        cluster.fault(end, "redis")
        assert states(cluster) == {"redis": "dead" if end == "kill" else "stopped"}
        cluster.start("redis")
        assert cluster.redis_url == url
        assert redis.get("kept") == "yes"


def test_a_server_can_start_again_without_its_data(embedded: str) -> None:
    with Cluster.temporary(SERVERS_ONLY, embedded) as cluster, connect(cluster.redis_url) as redis:
        redis.set("kept", "no")
        cluster.fault("stop", "redis")
        cluster.start("redis", fresh=True)
        assert redis.get("kept") is None


def test_nothing_is_left_of_a_temporary_cluster(embedded: str) -> None:
    with Cluster.temporary(SERVER_AND_SLEEPER, embedded) as cluster:
        home = cluster.log("redis").parents[1]
        assert home.is_dir()
        until(lambda: len(marked(MARK, str(home))) == 2)
    assert nothing_left_of(home)


def test_nothing_is_left_where_the_block_fails() -> None:
    def fail() -> None:
        with Cluster.temporary(SLEEPERS) as cluster:
            homes.append(cluster.log("sleeper-1").parents[1])
            raise ZeroDivisionError

    homes: list[Path] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    assert nothing_left_of(homes[0])


def test_a_port_that_another_program_takes_first_is_not_insisted_on(
    embedded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = free_ports()
    with socket.create_server((LOOPBACK, next(free))) as taken:
        ports = chain([taken.getsockname()[1]], free)
        monkeypatch.setattr(starting, "free_ports", lambda: ports)
        with Cluster.temporary(SERVERS_ONLY, embedded) as cluster:
            assert cluster.member("redis").port != taken.getsockname()[1]
            assert states(cluster) == {"redis": "running"}


def test_where_there_is_no_port_nothing_is_left(home: Path, embedded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.lab.ports.is_free", lambda _: False)
    with pytest.raises(NoFreePort):
        Cluster.up(home, SERVER_AND_SLEEPER, embedded)
    assert nothing_left_of(home)


def test_a_server_whose_port_was_taken_meanwhile_says_so(embedded: str) -> None:
    with Cluster.temporary(SERVERS_ONLY, embedded) as cluster:
        cluster.fault("kill", "redis")
        port = cluster.member("redis").port
        with (
            socket.create_server((LOOPBACK, port)),
            pytest.raises(StartFailed, match=f"redis can't come back: another program listens on its port {port}"),
        ):
            cluster.start("redis")
        cluster.start("redis")
        assert states(cluster) == {"redis": "running"}


def test_an_agent_is_ready_when_it_holds_its_lease(embedded: str) -> None:
    stage = stage_of(REDIS, python("agent-1", LEASE.replace("OFF", "0")))
    with Cluster.temporary(stage, embedded) as cluster, connect(cluster.redis_url) as redis:
        assert redis.hget("agent:agent-1", "pid") == str(cluster.member("agent-1").pid)


def test_an_agent_whose_lease_another_holds_is_not_ready(
    home: Path, embedded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "AGENT_WITHIN", 0.2)
    stage = stage_of(REDIS, python("agent-1", LEASE.replace("OFF", "1")))
    with pytest.raises(StartFailed, match=r"agent-1 runs, but is not ready after 0\.7 s"):
        Cluster.up(home, stage, embedded, env={"DTS_LEASE": "0.5"})
    assert nothing_left_of(home)


def test_an_agent_that_ends_at_once_is_told_with_its_last_words(home: Path, embedded: str) -> None:
    stage = stage_of(REDIS, shell("agent-1", "echo first; echo no such queue; exit 3", role="agent"))
    with pytest.raises(StartFailed) as failed:
        Cluster.up(home, stage, embedded)
    assert failed.value.what == "agent-1 ended as soon as it was started"
    assert failed.value.log == "first\nno such queue"
    assert nothing_left_of(home)


def test_an_agent_can_start_while_its_server_is_away(embedded: str) -> None:
    with Cluster.temporary(stage_of(REDIS, python("agent-1", LEASE.replace("OFF", "0"))), embedded) as cluster:
        cluster.fault("kill", "agent-1")
        cluster.fault("kill", "redis")
        cluster.start("agent-1")


def test_a_command_that_is_not_there_is_told(home: Path) -> None:
    with pytest.raises(StartFailed, match=r"can't start odd-1: .*No such file or directory: '/nowhere/odd'"):
        Cluster.up(home, stage_of(MemberSpec("odd-1", "odd", ("/nowhere/odd",))))
    assert nothing_left_of(home)


def test_members_get_the_settings_of_whoever_started_them_also_when_they_start_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTS_SLOTS", "7")
    monkeypatch.setenv("DTS_ENV_PASSTHROUGH", "EDITOR")
    told = "echo $DTS_SLOTS $DTS_GRACE $DTS_HOME $DTS_ENV_PASSTHROUGH >> told; exec sleep 1000"
    monkeypatch.chdir(home.parent)
    cluster = Cluster.up(home, stage_of(shell("odd-1", told)), env={"DTS_GRACE": "2"})
    monkeypatch.undo()
    line = f"7 2 {home}/cluster.data/odd-1 EDITOR,{MARK}\n"
    until(lambda: (home.parent / "told").exists() and (home.parent / "told").read_text() == line)
    cluster.fault("kill", "odd-1")
    cluster.start("odd-1")
    until(lambda: (home.parent / "told").read_text() == 2 * line)
    cluster.down()


def test_a_member_can_be_frozen_thawed_killed_stopped_and_started(sleepers: Cluster) -> None:
    sleepers.fault("freeze", "sleeper-1")
    assert states(sleepers) == {"sleeper-1": "frozen", "sleeper-2": "running"}
    sleepers.fault("thaw", "sleeper-1")
    sleepers.fault("kill", "sleeper-1")
    sleepers.fault("stop", "sleeper-2")
    assert states(sleepers) == {"sleeper-1": "dead", "sleeper-2": "stopped"}
    sleepers.fault("start", "sleeper-1")
    sleepers.fault("start", "sleeper-2")
    assert states(sleepers) == {"sleeper-1": "running", "sleeper-2": "running"}


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        ("freeze", "freeze", "can't freeze sleeper-1: it is frozen, not running"),
        ("freeze", "stop", "can't stop sleeper-1: it is frozen, not running"),
        ("freeze", "start", "can't start sleeper-1: it is frozen"),
        ("kill", "kill", "can't kill sleeper-1: it is dead, not running or frozen"),
        ("stop", "thaw", "can't thaw sleeper-1: it is stopped, not frozen"),
    ],
)
def test_what_can_not_be_done_to_a_member_now_is_refused(sleepers: Cluster, first: str, then: str, said: str) -> None:
    sleepers.fault(first, "sleeper-1")
    with pytest.raises(WrongState, match=f"^{re.escape(said)}$"):
        sleepers.fault(then, "sleeper-1")


def test_a_name_that_nobody_has_is_answered_with_those_that_there_are(sleepers: Cluster) -> None:
    with pytest.raises(NoSuchMember, match="there is no 'agent-9' in this cluster; members: sleeper-1, sleeper-2"):
        sleepers.fault("kill", "agent-9")


def test_of_many_who_start_a_member_at_once_one_does(sleepers: Cluster, home: Path) -> None:
    refused: list[str] = []
    clusters = [Cluster.at(home) for _ in range(4)]

    def start(cluster: Cluster) -> None:
        try:
            cluster.start("sleeper-1")
        except WrongState as error:
            refused.append(str(error))

    sleepers.fault("kill", "sleeper-1")
    threads = [threading.Thread(target=start, args=(cluster,)) for cluster in clusters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["can't start sleeper-1: it is running"] * 3
    until(lambda: len(marked(MARK, str(home))) == 2)
    for cluster in clusters:
        cluster.down()


def test_a_member_that_ends_by_itself_is_dead(sleepers: Cluster) -> None:
    os.kill(sleepers.member("sleeper-2").pid, signal.SIGTERM)
    until(lambda: states(sleepers) == {"sleeper-1": "running", "sleeper-2": "dead"})


def test_a_member_that_does_not_stop_in_time_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_MARGIN", 0.2)
    deaf = stage_of(shell("deaf-1", f"trap '' TERM; touch {home}/deaf; while :; do sleep 0.1; done"))
    cluster = Cluster.up(home, deaf, env={"DTS_DRAIN": "0", "DTS_GRACE": "0"})
    until((home / "deaf").exists)
    with pytest.raises(WouldNotStop, match=r"deaf-1 \(pid \d+\) is still running 0\.2 s after SIGTERM"):
        cluster.fault("stop", "deaf-1")
    cluster.fault("kill", "deaf-1")
    assert states(cluster) == {"deaf-1": "dead"}


def test_a_second_cluster_in_a_home_is_refused_and_the_first_left_alone(sleepers: Cluster, home: Path) -> None:
    before = sleepers.members()
    with pytest.raises(AlreadyUp):
        Cluster.up(home, SLEEPERS)
    with pytest.raises(AlreadyUp), Cluster.owned(home, SLEEPERS):
        pytest.fail("it should be refused")
    assert sleepers.members() == before
    assert set(states(sleepers).values()) == {"running"}


def test_clusters_in_different_homes_do_not_meet(sleepers: Cluster, embedded: str) -> None:
    with (
        Cluster.temporary(SERVER_AND_SLEEPER, embedded) as one,
        Cluster.temporary(SERVER_AND_SLEEPER, embedded) as other,
    ):
        assert one.redis_url != other.redis_url
        one.fault("kill", "sleeper-1")
        one.down()
        assert states(other) == {"redis": "running", "sleeper-1": "running"}
    assert set(states(sleepers).values()) == {"running"}


def test_a_home_with_odd_characters_serves(tmp_path: Path, embedded: str) -> None:
    home = tmp_path / 'it\'s a "home" = ü'
    with Cluster.owned(home, SERVERS_ONLY, embedded) as cluster, connect(cluster.redis_url) as redis:
        assert redis.ping()
    assert nothing_left_of(home)


def test_where_a_cluster_is_told_in_a_file_while_it_runs(home: Path, embedded: str) -> None:
    with Cluster.owned(home, SERVERS_ONLY, embedded) as cluster:
        assert (home / "cluster.run" / "env").read_text() == f"export DTS_REDIS_URL='{cluster.redis_url}'\n"


def test_what_is_started_next_is_told(home: Path, embedded: str) -> None:
    told: list[str] = []
    with Cluster.owned(home, SERVER_AND_SLEEPER, embedded, sizes=Sizes(), told=told.append):
        assert told == ["redis", "sleeper-1"]
