"""What a scenario's tasks are called on one system, and the commands with which a person asks for them there."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from common.lab.ports import LOOPBACK
from common.store.keys import Keys

REDIS_CLI = "redis-cli"
DEFAULT_PORT = 6379


class Names:
    """From the short names in a scenario to task ids, keys and commands. Safe to share between threads.

    `prefix` keeps the tasks apart from all others, where the system is not the scenario's own. `zookeeper` is where it
    has one.
    """

    def __init__(
        self, keys: Keys, redis_url: str = "", prefix: str = "", home: Path | None = None, zookeeper: str = ""
    ) -> None:
        self.keys, self.zookeeper = keys, zookeeper
        self.home = home or Path(".dts")
        self._prefix = prefix
        self._client = client_command(redis_url)
        self._ids: dict[str, str] = {}

    def id(self, name: str) -> str:
        """The task id that stands for `name`; from now on it is one of `ids`."""
        return self._ids.setdefault(name, f"{self._prefix}{name}")

    @property
    def ids(self) -> Sequence[str]:
        """The ids of all tasks that were spoken of so far."""
        return list(self._ids.values())

    def redis_cli(self, *words: str | int) -> str:
        """The command line that asks this Redis for something."""
        return f"{self._client} {shlex.join(map(str, words))}"

    def members(self, group: str) -> str:
        """The command line that shows who is registered in a group."""
        if self.zookeeper:
            return f"zkCli.sh -server {self.zookeeper} ls /{group}"
        return self.redis_cli("HGETALL", self.keys.registry(group)[1])

    def leader(self, office: str) -> str:
        """The command line that shows who leads."""
        if self.zookeeper:
            return f"zkCli.sh -server {self.zookeeper} ls -s /{office}/election"
        return self.redis_cli("HGETALL", self.keys.office(office))

    def task(self, name: str) -> str:
        """The key of the task's hash."""
        return self.keys.task(self.id(name))

    def history(self, name: str) -> str:
        """The key of the task's history."""
        return self.keys.history(self.id(name))


def client_command(redis_url: str) -> str:
    """How redis-cli is called for this server; a url that may hold a secret is not spelt out."""
    try:
        url = urlsplit(redis_url)
        port = url.port or DEFAULT_PORT
    except ValueError:
        return f'{REDIS_CLI} -u "$DTS_REDIS_URL"'
    plain = url.scheme == "redis" and "@" not in url.netloc and url.path in ("", "/", "/0") and not url.query
    if redis_url and not (plain and url.hostname in (LOOPBACK, "localhost")):
        return f'{REDIS_CLI} -u "$DTS_REDIS_URL"'
    return REDIS_CLI if port == DEFAULT_PORT else f"{REDIS_CLI} -p {port}"
