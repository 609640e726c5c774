"""The scripts by which compose starts Redis and its Sentinels, on this machine's own redis-server."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from common.domain.errors import DtsError
from common.lab.ports import free_ports
from common.lab.until import until
from common.settings import Settings
from common.transports.redis_client import connect, redis_errors, refuse_unfit
from tests.conftest import BinaryOf
from tests.servers import kill_when_we_die
from tests.stage5.deployed import DEPLOY

PASSWORD = "between-us"


class Started:
    """Servers by the scripts, each on a port of its own."""

    def __init__(self, directory: Path) -> None:
        ports = free_ports()
        self.ports = {name: next(ports) for name in ("redis-1", "redis-2", "one", "two", "three")}
        self._directory = directory
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._at_the_end = ExitStack()
        for name in self.ports:
            (directory / name).mkdir()

    def start(self, name: str) -> None:
        script = "server.sh" if name.startswith("redis") else "sentinel.sh"
        own = {
            "NAME": "localhost",
            "PORT": str(self.ports[name]),
            "FIRST": f"localhost:{self.ports['redis-1']}",
            "SENTINELS": " ".join(f"localhost:{self.ports[one]}" for one in ("one", "two", "three")),
            "SERVICE": "dts",
            "PASSWORD": PASSWORD,
            "DATA": str(self._directory / name),
            "DOWN_AFTER": "1000",
            "FAILOVER_TIMEOUT": "5000",
        }
        with (self._directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(["sh", DEPLOY / "redis" / script], env={**os.environ, **own}, stdout=log)
        self._running[name] = process
        guard = kill_when_we_die(process.pid)
        self._at_the_end.enter_context(guard)
        self._at_the_end.callback(guard.kill)
        self._at_the_end.callback(process.wait)
        self._at_the_end.callback(process.kill)

    def kill(self, name: str) -> None:
        self._running[name].send_signal(signal.SIGKILL)
        self._running[name].wait()

    @property
    def settings(self) -> Settings:
        hosts = ",".join(f"localhost:{self.ports[one]}" for one in ("one", "two", "three"))
        return Settings.load(
            {
                "DTS_REDIS_URL": f"redis+sentinel://{hosts}/dts",
                "DTS_REDIS_PASSWORD": PASSWORD,
                "DTS_REDIS_SENTINEL_PASSWORD": PASSWORD,
                "DTS_DURABILITY": "durable",
            }
        )

    def takes(self) -> bool:
        """Whether a durable dts can work there now."""
        try:
            with connect(self.settings.redis_url, repeats=0) as client, redis_errors():
                refuse_unfit(client, "durable")
                return bool(client.set("asked", "1"))
        except DtsError:
            return False

    def role(self, name: str) -> str:
        """Of one server, by its own word."""
        with connect(f"redis://:{PASSWORD}@localhost:{self.ports[name]}", repeats=0) as client:
            try:
                with redis_errors():
                    return str(client.info("replication")["role"])
            except DtsError:
                return ""

    def by_the_sentinels(self) -> list[tuple[int, bool]]:
        """What each Sentinel says: the master's port, and whether it knows of a replica that could follow."""
        told = []
        for name in ("one", "two", "three"):
            with connect(f"redis://:{PASSWORD}@localhost:{self.ports[name]}", repeats=0) as client, redis_errors():
                _host, port = client.sentinel_get_master_addr_by_name("dts")
                told.append((int(port), bool(client.sentinel_slaves("dts"))))
        return told

    def close(self) -> None:
        self._at_the_end.close()


@pytest.fixture
def started(binary_of: BinaryOf, tmp_path: Path) -> Iterator[Started]:
    assert shutil.which("redis-cli")
    assert binary_of("real").exists()
    found = Started(tmp_path)
    for name in found.ports:
        found.start(name)
    yield found
    found.close()


@pytest.mark.timeout(240)
def test_they_make_what_a_durable_dts_takes_and_one_that_comes_back_follows_the_new_master(started: Started) -> None:
    until(started.takes, within=40, what="a master with its replica, found through the Sentinels")
    assert (started.role("redis-1"), started.role("redis-2")) == ("master", "slave")
    # Sentinels ask the master for its replicas every ten seconds: one that knows of none cannot let it take over.
    first, second = started.ports["redis-1"], started.ports["redis-2"]
    until(lambda: started.by_the_sentinels() == [(first, True)] * 3, within=40, what="all to know the replica")
    started.kill("redis-1")
    # A server that comes back before the Sentinels have agreed may be their master again: they give up a failover
    # that takes too long. Neither of the two takes writes until one follows the other, so that loses nothing.
    until(lambda: {port for port, _ in started.by_the_sentinels()} == {second}, within=60, what="all to name the other")
    started.start("redis-1")
    until(lambda: started.role("redis-1") == "slave", within=40, what="the old master to follow")
    assert started.role("redis-2") == "master"
    until(started.takes, within=40, what="it to go on")
