"""Redis as the tests see it: a fake one in this process, or a private server that a test may stop, freeze and lose."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any, Protocol

from fakeredis import FakeRedis, FakeServer
from redis import Redis

from common.lab.ports import free_ports, is_free
from common.lab.servers.redis import redis_answers, redis_command, redis_url
from common.lab.until import until
from common.transports.redis_client import CLIENT_OPTIONS, connect


class RedisAt(Protocol):
    """One Redis, and clients of it."""

    @property
    def kind(self) -> str:
        """The profile: fake, embedded or real."""
        ...

    def client(self, **options: Any) -> Redis:
        """A new client; takes the options of `connect`."""
        ...

    def empty(self) -> None:
        """Forget all data."""
        ...


class FakeAt:
    """A Redis inside this process."""

    kind = "fake"

    def __init__(self) -> None:
        self._server = FakeServer()

    def client(self, **options: Any) -> Redis:
        return FakeRedis(server=self._server, **CLIENT_OPTIONS)

    def empty(self) -> None:
        self.client().flushall()


class ServerAt:
    """A server process of our own on a free port; gone with this process, however that ends."""

    def __init__(self, kind: str, binary: Path, directory: Path, *options: str) -> None:
        self.kind = kind
        self._binary, self._directory, self._options = binary, directory, options
        self.port = 0
        self._clients: list[Redis] = []

    def start(self, *, loaded: bool = True) -> None:
        """Run it; after `stop` or `kill` on the port it had. Returns when it answers, or, if not `loaded`, listens."""

        def there(port: int) -> bool:
            return redis_answers(port, self._process.pid) if loaded else not is_free(port)

        for port in [self.port] if self.port else free_ports():
            command = [*redis_command(self._binary, port, self._directory), "--appendonly", "no", *self._options]
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            self._guard = kill_when_we_die(self._process.pid)
            until(lambda port=port: self._dead or there(port))  # type: ignore[misc]
            if not self._dead:
                self.port = port
                return
            self.kill()
        raise AssertionError(f"{self._binary} does not start")

    @property
    def url(self) -> str:
        return redis_url(self.port)

    def client(self, **options: Any) -> Redis:
        client = connect(self.url, **options)
        self._clients.append(client)
        return client

    def empty(self) -> None:
        for client in self._clients:
            client.close()
        self._clients.clear()
        with connect(self.url) as client:
            client.flushall()

    def stop(self) -> None:
        """End it as an operator does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """It holds its connections and answers nobody."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was."""
        os.kill(self._process.pid, signal.SIGCONT)

    @property
    def _dead(self) -> bool:
        return self._process.poll() is not None

    def _end(self, sign: signal.Signals) -> None:
        if not self._dead:
            self._process.send_signal(sign)
            self._process.send_signal(signal.SIGCONT)
        self._process.wait(timeout=10)
        self._guard.kill()
        self._guard.wait()
        assert self._guard.stdin
        self._guard.stdin.close()


def kill_when_we_die(pid: int) -> "subprocess.Popen[bytes]":
    """The pipe closes when this process is gone, even if it was killed."""
    return subprocess.Popen(["sh", "-c", f"read _; kill -9 {pid}"], stdin=subprocess.PIPE, start_new_session=True)
