"""A Redis master, a replica and three Sentinels that watch them, on this machine; each may be killed and frozen."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from redis import Redis, exceptions

from common.lab.ports import LOOPBACK, free_ports
from common.lab.servers.redis import redis_answers
from common.lab.until import until
from tests.servers import ServerAt, kill_when_we_die

SERVICE = "dts-test"
DOWN_AFTER = 1.0
"""Seconds of silence after which a Sentinel takes a server for gone."""
DURABLE = (
    *("--appendonly", "yes", "--appendfsync", "always"),
    # A master that is cut off from its replica takes writes for as long as it believes that it is there.
    *("--min-replicas-to-write", "1", "--min-replicas-max-lag", "2"),
)
"""Options of both servers in the durable profile."""


class Sentinel:
    """One of them; its configuration is its own to rewrite."""

    def __init__(self, binary: Path, directory: Path, master: int, options: Sequence[str] = ()) -> None:
        self._binary, self._config = binary, directory / "sentinel.conf"
        directory.mkdir()
        self.port = next(iter(free_ports()))
        lines = [
            f"port {self.port}",
            f"bind {LOOPBACK}",
            f"dir {directory}",
            *options,
            f"sentinel monitor {SERVICE} {LOOPBACK} {master} 2",
            f"sentinel down-after-milliseconds {SERVICE} {int(DOWN_AFTER * 1000)}",
            f"sentinel failover-timeout {SERVICE} 3000",
        ]
        self._config.write_text("\n".join(lines) + "\n")
        self._runs = False
        self._process: subprocess.Popen[bytes]

    def start(self) -> None:
        """Run it; one that runs goes on."""
        if self._runs:
            os.kill(self._process.pid, signal.SIGCONT)
            return
        command = [str(self._binary), str(self._config), "--sentinel"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self._runs = True
        self._guard = kill_when_we_die(self._process.pid)
        until(lambda: redis_answers(self.port, self._process.pid), within=30, what="a Sentinel that answers")

    def client(self) -> Redis:
        return Redis(port=self.port, decode_responses=True, socket_timeout=2)

    def freeze(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        if not self._runs:
            return
        self._runs = False
        self._process.kill()
        self._process.wait(timeout=10)
        self._guard.kill()
        self._guard.wait()
        assert self._guard.stdin
        self._guard.stdin.close()


class Watched:
    """Two servers and their Sentinels. `servers` are in the order of their start: the first began as the master."""

    def __init__(self, servers: Sequence[ServerAt], sentinels: Sequence[Sentinel]) -> None:
        self.servers, self.sentinels = servers, sentinels

    @property
    def url(self) -> str:
        hosts = ",".join(f"{LOOPBACK}:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}"

    def master(self) -> ServerAt:
        """Whom most Sentinels name now."""
        named = [one.port for one in map(self._named, self.sentinels) if one]
        port = max(set(named), key=named.count)
        return next(server for server in self.servers if server.port == port)

    def other(self, server: ServerAt) -> ServerAt:
        return next(one for one in self.servers if one is not server)

    def await_takeover(self, old: ServerAt) -> ServerAt:
        """Wait until another server is the master, by its own word and by that of the Sentinels."""
        new = self.other(old)

        def stands() -> bool:
            with contextlib.closing(Redis(port=new.port, decode_responses=True, socket_timeout=2)) as client:
                return self.master() is new and client.info("replication")["role"] == "master"

        until(stands, within=30, what="another master")
        return new

    def rejoin(self, old: ServerAt, new: ServerAt) -> None:
        """Start one again as a replica at once; left alone it would be made one some seconds later."""
        old.start()
        old.client().replicaof(LOOPBACK, str(new.port))

    def await_whole(self) -> None:
        """Wait until the master has its replica, and all Sentinels know each other and both."""

        def whole() -> bool:
            told = [self._named(one) for one in self.sentinels]
            return all(one and one.others == len(self.sentinels) - 1 and one.replicas >= 1 for one in told) and (
                self._replicas() == 1
            )

        until(whole, within=30, what="a master with its replica, and Sentinels that know each other")

    def _replicas(self) -> int:
        with contextlib.closing(Redis(port=self.master().port, decode_responses=True, socket_timeout=2)) as client:
            found = client.info("replication")
            return sum(one.get("state") == "online" for name, one in found.items() if name.startswith("slave"))

    @staticmethod
    def _named(sentinel: Sentinel) -> "_Named | None":
        try:
            with contextlib.closing(sentinel.client()) as client:
                told = client.execute_command("SENTINEL MASTER", SERVICE)  # type: ignore[no-untyped-call]
        except (exceptions.RedisError, OSError):
            return None
        return _Named(int(told["port"]), int(told["num-other-sentinels"]), int(told["num-slaves"]))


class _Named:
    def __init__(self, port: int, others: int, replicas: int) -> None:
        self.port, self.others, self.replicas = port, others, replicas


@contextlib.contextmanager
def watched(binary: Path, directory: Path, *options: str) -> Iterator[Watched]:
    """For the block. `options` are those of both servers."""
    with ExitStack() as at_the_end:
        servers: list[ServerAt] = []
        for name in ("one", "two"):
            (directory / name).mkdir()
            follow = ("--replicaof", f"{LOOPBACK} {servers[0].port}") if servers else ()
            server = ServerAt("real", binary, directory / name, *options, *follow)
            server.start()
            at_the_end.callback(server.kill)
            servers.append(server)
        sentinels = []
        for number in range(3):
            sentinel = Sentinel(binary, directory / f"sentinel-{number}", servers[0].port)
            sentinel.start()
            at_the_end.callback(sentinel.kill)
            sentinels.append(sentinel)
        found = Watched(servers, sentinels)
        found.await_whole()
        yield found
