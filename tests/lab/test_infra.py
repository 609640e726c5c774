"""`dts infra`, as a person runs it: real servers come up, tell where they are, and go without a trace."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from common.cli.exits import Exit
from common.lab.cluster import Cluster
from common.lab.home import MARK
from common.lab.infra import ROLES
from common.lab.processes import marked
from common.lab.until import until
from common.transports.redis_client import connect
from tests.lab.members import nothing_left_of
from tests.lab.test_commands import COMMAND, Dts, run_dts


@pytest.fixture(autouse=True)
def _java(zookeeper: Cluster) -> None:
    """Skips, or fails, where there is no Java or no jars."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The DTS_HOME of a test."""
    yield tmp_path / "home"
    for process in marked(MARK, str(tmp_path / "home" / "infra")):
        process.send(signal.SIGKILL)


@pytest.fixture
def dts(home: Path) -> Dts:
    return lambda *args, **env: run_dts(home, "infra", *args, **env)


@pytest.fixture(scope="module")
def running(zookeeper: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """Redis and three ZooKeepers, for tests that leave them as they are: their home, and what `up` printed."""
    del zookeeper  # skips, or fails, where there is none
    home = tmp_path_factory.mktemp("running")
    done = run_dts(home, "infra", "up", "-d", "--only", "redis,zookeeper", "--zookeepers", "3")
    assert done.returncode == Exit.OK, done.stderr
    yield home, dict(shlex.split(line)[1].split("=", 1) for line in done.stdout.splitlines())
    run_dts(home, "infra", "down")
    assert not home.exists()


@pytest.fixture
def foreground(home: Path) -> Iterator["subprocess.Popen[str]"]:
    """A `dts infra up` that has come up and printed its addresses."""
    process = subprocess.Popen(
        [*COMMAND, "infra", "up", "--only", "zookeeper,redis"],
        env={**os.environ, "DTS_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert [process.stdout.readline().split("=")[0] for _ in range(2)] == [
        "export DTS_REDIS_URL",
        "export DTS_ZOOKEEPER",
    ]
    yield process
    process.kill()
    process.communicate()


def test_the_addresses_that_are_printed_are_those_of_servers_that_work(running: tuple[Path, dict[str, str]]) -> None:
    home, printed = running
    assert list(printed) == ["DTS_REDIS_URL", "DTS_ZOOKEEPER"]
    with connect(printed["DTS_REDIS_URL"]) as redis:
        assert redis.ping()
    client = KazooClient(printed["DTS_ZOOKEEPER"])
    client.start()
    client.create("/works")
    client.stop()
    client.close()
    assert json.loads(run_dts(home, "infra", "env", "--json").stdout) == printed
    lines = "".join(f"export {name}='{value}'\n" for name, value in printed.items())
    assert run_dts(home, "infra", "env").stdout == lines
    servers = json.loads(run_dts(home, "infra", "status", "--json").stdout)
    assert [one["address"] for one in servers[1:]] == printed["DTS_ZOOKEEPER"].split(",")


def test_a_second_up_is_refused_in_words_that_help_here(running: tuple[Path, dict[str, str]]) -> None:
    done = run_dts(running[0], "infra", "up", "-d", "--only", "redis")
    assert done.returncode == Exit.REFUSED
    assert "`dts infra status` shows them, `dts infra down` ends them" in done.stderr


def test_a_stage_runs_beside_them_in_the_same_home(running: tuple[Path, dict[str, str]]) -> None:
    home, _ = running
    assert run_dts(home, "up", "1", "-d", "--profile", "real").returncode == Exit.OK
    assert run_dts(home, "down").returncode == Exit.OK
    assert run_dts(home, "infra", "status").returncode == Exit.OK


def test_status_tells_who_answers_and_down_leaves_nothing(dts: Dts, home: Path) -> None:
    assert dts("up", "-d", "--only", "redis,zookeeper", "--zookeepers", "3").returncode == Exit.OK
    done = dts("status", "--json")
    servers = json.loads(done.stdout)
    assert done.returncode == Exit.OK
    assert [one["name"] for one in servers] == ["redis", "zookeeper-1", "zookeeper-2", "zookeeper-3"]
    assert all(one["answers"] and one["state"] == "running" and Path(one["log"]).is_file() for one in servers)
    os.kill(servers[3]["pid"], signal.SIGKILL)
    os.kill(servers[0]["pid"], signal.SIGSTOP)
    # That one led: the other two have to agree on another first.
    until(lambda: dts("status").stdout.count("\tyes\t") == 2)
    done = dts("status")
    assert done.returncode == Exit.FAILED
    assert [row.split("\t")[0:5:2] for row in done.stdout.splitlines()] == [
        ["redis", "frozen", "no"],
        ["zookeeper-1", "running", "yes"],
        ["zookeeper-2", "running", "yes"],
        ["zookeeper-3", "dead", "no"],
    ]
    assert run_dts(home / "infra", "fault", "start", "zookeeper-3").stdout == "zookeeper-3 is running\n"
    done = dts("down")
    assert (done.returncode, done.stderr) == (
        Exit.OK,
        "Stopped zookeeper-3, zookeeper-2, zookeeper-1, redis; nothing of it is left.\n",
    )
    assert nothing_left_of(home / "infra")
    assert not home.exists()
    done = dts("down")
    assert (done.returncode, done.stderr) == (Exit.OK, "Nothing was running here.\n")


def test_where_nothing_is_up_one_is_told_how_to_start_it(dts: Dts, home: Path) -> None:
    for args in (("status",), ("env",)):
        done = dts(*args)
        assert (done.returncode, done.stdout) == (Exit.NOT_FOUND, "")
        assert done.stderr == f"dts: no server is up in {home}/infra; `dts infra up -d` starts them.\n"


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_of_a_foreground_that_is_interrupted(
    foreground: "subprocess.Popen[str]", home: Path, sign: signal.Signals
) -> None:
    foreground.send_signal(sign)
    _, said = foreground.communicate(timeout=20)
    assert foreground.returncode == Exit.OK
    assert "Stopped zookeeper, redis; nothing of it is left." in said
    assert nothing_left_of(home / "infra")


def test_nothing_is_left_of_a_foreground_that_is_killed(foreground: "subprocess.Popen[str]", home: Path) -> None:
    foreground.kill()
    until(lambda: nothing_left_of(home / "infra"))


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_an_up_that_ended_while_it_started(home: Path, sign: signal.Signals) -> None:
    command = [*COMMAND, "infra", "up", "-d"]
    starting = subprocess.Popen(command, env={**os.environ, "DTS_HOME": str(home)}, stderr=subprocess.DEVNULL)
    until(lambda: len(marked(MARK, str(home / "infra"))) >= 3, every=0.001)
    starting.send_signal(sign)
    assert starting.wait(30) == (Exit.INTERRUPTED if sign == signal.SIGINT else -sign)
    until(lambda: nothing_left_of(home / "infra"), within=20)


def test_data_is_kept_where_one_asks_for_it(dts: Dts, home: Path) -> None:
    assert dts("up", "-d", "--only", "redis").returncode == Exit.OK
    with connect(json.loads(dts("env", "--json").stdout)["DTS_REDIS_URL"]) as redis:
        redis.set("kept", "yes")
    assert f"Data is kept in {home}/infra/cluster.data" in dts("down", "--keep-data").stderr
    assert "It goes on with the data that an earlier one left here." in dts("up", "-d", "--only", "redis").stderr
    with connect(json.loads(dts("env", "--json").stdout)["DTS_REDIS_URL"]) as redis:
        assert redis.get("kept") == "yes"
    dts("down")
    assert nothing_left_of(home / "infra")


def test_a_server_that_is_not_offered_is_refused(dts: Dts) -> None:
    for text, word in (("redis,memcached", "memcached"), (",", "nothing")):
        done = dts("up", "--only", text)
        assert done.returncode == Exit.USAGE
        assert f"{word} is none of {', '.join(ROLES)}" in done.stderr


def test_jars_that_are_missing_are_told_with_the_command_that_fetches_them(
    dts: Dts, home: Path, tmp_path: Path
) -> None:
    done = dts("up", "-d", "--only", "redis,zookeeper", DTS_JARS=str(tmp_path / "none"))
    assert done.returncode == Exit.UNREACHABLE
    assert "zookeeper can't start: 6 of its 6 jars are not in" in done.stderr
    assert "`dts infra install` fetches them" in done.stderr
    assert nothing_left_of(home / "infra")


def test_a_machine_without_java_is_told_what_to_install(dts: Dts, home: Path, tmp_path: Path) -> None:
    done = dts("up", "-d", "--only", "zookeeper", PATH=str(tmp_path))
    assert done.returncode == Exit.UNREACHABLE
    assert "need Java 17 or newer; found: no java on PATH" in done.stderr
    assert "apt-get install default-jre-headless" in done.stderr
    assert nothing_left_of(home / "infra")


def test_a_home_that_can_not_be_written_is_told(dts: Dts) -> None:
    done = dts("up", "-d", DTS_HOME="/proc/dts")
    assert done.returncode == Exit.USAGE
    assert "set DTS_HOME to a directory that can be written to" in done.stderr


def test_a_server_that_does_not_start_is_told_with_its_log(dts: Dts, home: Path) -> None:
    assert dts("up", "-d", "--only", "zookeeper").returncode == Exit.OK
    assert dts("down", "--keep-data").returncode == Exit.OK
    data = home / "infra" / "cluster.data" / "zookeeper" / "version-2"
    shutil.rmtree(data)
    data.write_text("no directory")
    done = dts("up", "-d", "--only", "zookeeper")
    assert done.returncode == Exit.FAILED
    assert "version-2" in done.stderr
    assert "zookeeper ended as soon as it was started" in done.stderr


def test_a_port_that_somebody_took_meanwhile_is_named(dts: Dts, home: Path) -> None:
    assert dts("up", "-d", "--only", "zookeeper").returncode == Exit.OK
    port = int(json.loads(dts("env", "--json").stdout)["DTS_ZOOKEEPER"].split(":")[1])
    run_dts(home / "infra", "fault", "kill", "zookeeper")
    with socket.create_server(("127.0.0.1", port)):
        done = run_dts(home / "infra", "fault", "start", "zookeeper")
    assert done.returncode == Exit.FAILED
    assert f"zookeeper can't come back: another program listens on its port {port}" in done.stderr
    dts("down")
