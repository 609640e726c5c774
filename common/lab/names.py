"""What a scenario's tasks are called on one system, and the commands with which a person asks for them there."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from common.lab.answers import Answers
from common.lab.door import Door
from common.lab.ports import LOOPBACK
from common.store.keys import Keys

REDIS_CLI = "redis-cli"
DEFAULT_PORT = 6379
STATUS_TOPIC, HEARTBEAT_TOPIC = "task-status-update-topic", "agent-heartbeat-topic"
"""As the bus calls them (common/transports/kafka_bus.py), without a namespace."""


class Names:
    """From the short names in a scenario to task ids, keys and commands. Safe to share between threads.

    `prefix` keeps the tasks apart from all others, where the system is not the scenario's own. `zookeeper`,
    `kafka` and `door` are where it has them.
    """

    def __init__(
        self,
        keys: Keys,
        redis_url: str = "",
        prefix: str = "",
        home: Path | None = None,
        *,
        zookeeper: str = "",
        kafka: str = "",
        door: Door | None = None,
    ) -> None:
        self.keys, self.zookeeper, self.kafka, self.door = keys, zookeeper, kafka, door or Door()
        self.answers = Answers()
        """What was asked of the API and of managers so far, and what they answered."""
        self.show_page: Callable[[str], object] = lambda _: None
        """Opens a page for whoever watches; by default nobody does."""
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

    def waiting_for_managers(self) -> str:
        """The command line that shows what agents have told and no manager has applied."""
        if self.kafka:
            return f"kafka-consumer-groups.sh --bootstrap-server {self.kafka} --describe --group task-manager"
        return self.redis_cli("LLEN", self.keys.status_queue)

    def tell_managers(self, text: str) -> str:
        """The command line that tells the managers something, as an agent would."""
        if self.kafka:
            told = f"kafka-console-producer.sh --bootstrap-server {self.kafka} --topic {STATUS_TOPIC}"
            return f"echo {shlex.quote(text)} | {told}"
        return self.redis_cli("LPUSH", self.keys.status_queue, text)

    def told_managers(self) -> str:
        """The command line that shows all that was told."""
        if self.kafka:
            shown = f"kafka-console-consumer.sh --bootstrap-server {self.kafka} --topic {STATUS_TOPIC}"
            return f"{shown} --from-beginning"
        return self.redis_cli("LRANGE", self.keys.status_queue, 0, -1)

    def heartbeats(self) -> str:
        """The command line that shows heartbeats."""
        if self.kafka:
            return f"kafka-console-consumer.sh --bootstrap-server {self.kafka} --topic {HEARTBEAT_TOPIC}"
        return self.redis_cli("HGETALL", self.keys.heartbeats)

    def bus_dead(self) -> str:
        """The command line that shows what no manager could read."""
        if self.kafka:
            shown = f"kafka-console-consumer.sh --bootstrap-server {self.kafka} --topic {STATUS_TOPIC}.dlq"
            return f"{shown} --from-beginning"
        return self.redis_cli("LRANGE", self.keys.dead_letters(self.keys.status_queue), 0, -1)

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
