"""One process' way to Kafka: its producer, its consumers, topics with explicit settings, and dts' own errors.

https://kafka.apache.org/documentation/#configuration
"""

import logging
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors as kafka_error
from kafka.errors import KafkaError

from common.domain.errors import BadMessage, BadSetting, Unanswered, Unavailable, Unready

CONNECT_WITHIN = 3.0
"""Seconds in which a first connection must be made."""
ANSWER_WITHIN = 4.0
"""Seconds that a request may take."""
SAFE_WITHIN = 5.0
"""Seconds in which a message must be safe; after that it may be so all the same."""
SHORTEST = 50
"""Milliseconds for which a group's answer is waited for at least."""
LARGEST = 2 * 1_048_576
"""Bytes of one message."""

# Each lost connection and each try would be a line; what they mean is told once, by whoever waits.
logging.getLogger("kafka").setLevel(logging.CRITICAL)

_COMMON: Mapping[str, Any] = {
    "bootstrap_timeout_ms": int(CONNECT_WITHIN * 1000),
    "request_timeout_ms": int(ANSWER_WITHIN * 1000),
    # 30 s by default: so long would a client stay deaf after its broker is back.
    "reconnect_backoff_max_ms": 1_000,
}
_QUIET: Mapping[str, Any] = {
    # Nobody reads them, and they are not free.
    "metrics_enabled": False,
}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as dts makes it: `keep` is how many seconds its messages stay."""

    name: str
    partitions: int
    keep: float

    @property
    def settings(self) -> dict[str, Any]:
        kept = int(self.keep * 1000)
        return {
            "num_partitions": self.partitions,
            # The broker's own: how many copies there can be is a matter of the cluster.
            "replication_factor": -1,
            "configs": {
                "cleanup.policy": "delete",
                "retention.ms": kept,
                # A segment goes as a whole: one of a week would keep an hour's messages for a week.
                "segment.ms": max(60_000, kept // 4),
                "max.message.bytes": LARGEST,
            },
        }


class KafkaLink:
    """Connections to one Kafka, made when they are needed. Safe to share between threads; its consumers are not."""

    def __init__(self, servers: str, name: str, access: Mapping[str, Any] = MappingProxyType({})) -> None:
        """`servers` like kafka1:9092,kafka2:9092; `name` says in the broker's logs who this is.

        `access` is how both sides prove who they are (common.transports.kafka_access).
        """
        self._servers = [server.strip() for server in servers.split(",") if server.strip()]
        if not self._servers or any(not server.rpartition(":")[2].isdigit() for server in self._servers):
            raise BadSetting(f"DTS_KAFKA: {servers!r} names no Kafka; write kafka1:9092,kafka2:9092")
        self._name = name
        self._options = {**_COMMON, **access}
        self._lock = threading.Lock()
        self._producer: _Producer | None = None
        self._admin: KafkaAdminClient | None = None
        self._made: set[str] = set()

    def send(self, messages: Sequence[tuple[str, bytes | None, bytes, list[tuple[str, bytes]]]]) -> None:
        """Each a topic, key, value and headers; returns when all are safe with the broker.

        Raises Unavailable where none was sent, Unanswered where some may be there, BadMessage for one too large.
        """
        if not messages:
            return
        with kafka_errors():
            producer = self._sending()
        sent = 0
        try:
            waiting = []
            for topic, key, value, headers in messages:
                waiting.append(producer.send(topic, value, key, headers))
                sent += 1
            for one in waiting:
                one.get(SAFE_WITHIN + 1)
        except KafkaError as error:
            if not isinstance(error, _TOO_LARGE):
                self._renew(producer)
            translated = _translated(error)
            if sent and type(translated) is Unavailable:
                raise Unanswered(f"Kafka did not confirm: {_words(error)}") from error
            raise translated from error

    def warm(self, topics: Collection[str]) -> None:
        """Learn where these topics are, all at once, so that no first message waits for it. Raises Unavailable."""
        with kafka_errors():
            producer = self._sending()
            threads = [threading.Thread(target=producer.partitions_for, args=(topic,), daemon=True) for topic in topics]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(CONNECT_WITHIN)

    def consumer(self, group: str | None = None, session: float = 10.0) -> "Consumer":
        """A new consumer, to be closed by the caller and used by one thread. Raises Unavailable.

        `group` says where positions are kept and who shares partitions; a member silent for `session` seconds loses
        its own to the others.
        """
        with kafka_errors():
            return Consumer(
                bootstrap_servers=self._servers,
                client_id=self._name,
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                session_timeout_ms=int(session * 1000),
                heartbeat_interval_ms=int(session * 1000 / 4),
                fetch_max_wait_ms=200,
                allow_auto_create_topics=False,
                # A topic that is made anew while we run is seen soon.
                metadata_max_age_ms=5_000,
                max_partition_fetch_bytes=2 * LARGEST,
                **self._options,
                **_QUIET,
            )

    def make(self, topics: Sequence[Topic]) -> None:
        """Make those of these topics that are not there yet. Raises Unavailable."""
        missing = [topic for topic in topics if topic.name not in self._made]
        if not missing:
            return
        with self.admin() as admin:
            answer = admin.create_topics({topic.name: topic.settings for topic in missing}, raise_errors=False)
            for one in answer["topics"]:
                error = kafka_error.for_code(one["error_code"])
                if error not in (kafka_error.NoError, kafka_error.TopicAlreadyExistsError):
                    raise error(one.get("error_message") or one["name"])
            # Who asks where it is before all brokers know of it is told that there is none, and believes it a while.
            admin.wait_for_topics([topic.name for topic in missing], timeout_ms=int(ANSWER_WITHIN * 1000))
        self._made.update(topic.name for topic in missing)

    def remove(self, names: Sequence[str]) -> None:
        """Remove these topics; one that is not there is no error. Raises Unavailable."""
        if names:
            with self.admin() as admin:
                admin.delete_topics(list(names), raise_errors=False)
            self._made.difference_update(names)

    def topics(self) -> list[str]:
        """The names of all topics. Raises Unavailable."""
        with self.admin() as admin:
            return sorted(admin.list_topics())

    @contextmanager
    def admin(self) -> Iterator[KafkaAdminClient]:
        """The client for questions about topics and groups, for one caller at a time. Raises Unavailable."""
        with self._lock, kafka_errors():
            if self._admin is None:
                self._admin = KafkaAdminClient(bootstrap_servers=self._servers, client_id=self._name, **self._options)
            try:
                yield self._admin
            except Exception:
                # It may hold a connection that is of no use any more.
                self._admin.close()
                self._admin = None
                raise

    def close(self) -> None:
        """Let go of all connections; what was not confirmed yet is given up."""
        with self._lock:
            if self._producer:
                self._producer.discard()
                self._producer = None
            if self._admin:
                self._admin.close()
                self._admin = None

    def _renew(self, producer: "_Producer") -> None:
        """The next message goes by another producer: one that gave a batch up waits for its place for ever.

        What it still had is given up too; whoever waits for that is told at once.
        """
        with self._lock:
            # A topic may be gone.
            self._made.clear()
            if self._producer is producer:
                self._producer = None
                producer.discard()

    def _sending(self) -> "_Producer":
        with self._lock:
            if self._producer is None:
                self._producer = _Producer(
                    bootstrap_servers=self._servers,
                    client_id=self._name,
                    acks="all",
                    # Sent again by itself, a message stands there once, and in its order.
                    enable_idempotence=True,
                    delivery_timeout_ms=int(SAFE_WITHIN * 1000),
                    max_block_ms=int(CONNECT_WITHIN * 1000),
                    max_request_size=LARGEST,
                    batch_size=131_072,
                    linger_ms=0,
                    allow_auto_create_topics=False,
                    **self._options,
                    **_QUIET,
                )
            return self._producer


class _Producer(KafkaProducer):  # type: ignore[misc]  # kafka-python has no types
    """One that can be let go of without waiting for a broker that is away."""

    def discard(self) -> None:
        """Give up what was not confirmed, and end; blocks for nothing."""
        self._unregister_cleanup()
        self._sender.force_close()
        # Else it would wait for the broker when it is collected.
        self._closed = True


class Consumer(KafkaConsumer):  # type: ignore[misc]  # kafka-python has no types
    """One that can say whether it hears anything: a poll brings nothing, too, where nobody is there.

    It also hears what its group gave it when that came late. kafka-python (3.0.12) throws away what its group has
    answered after a poll gave up waiting, and asks anew, which makes all others ask anew: where polls are shorter than
    the group is slow, no member ever gets its share. And where a change of the topic made it ask, that counts as seen
    once it has asked: a poll that gave up too soon was the last that waited, and the member deaf for ever.
    """

    def poll(self, timeout_ms: int = 0, **options: Any) -> Any:
        """As KafkaConsumer's."""
        member = self._coordinator
        if member is not None and member._join_task is not None:  # noqa: SLF001
            if not member.need_rejoin():
                member.request_rejoin()
            self._net.run(self._take_up, member, max(timeout_ms, SHORTEST))
        return super().poll(timeout_ms, **options)

    async def _take_up(self, member: Any, timeout_ms: int) -> None:
        """Wait on for what the group answers to the last time it was asked, or take what it has answered meanwhile."""
        asked = member._join_task  # noqa: SLF001

        async def answer() -> Any:
            return await asked

        if asked.is_done:
            # Only what is not done yet is waited for, and this is not before we wait.
            member._join_task = self._manager.call_soon(answer)  # noqa: SLF001
        await member.join_group_async(timeout_ms=timeout_ms)

    @property
    def in_touch(self) -> bool:
        """Whether it is connected to any broker now."""
        nodes = [broker.node_id for broker in self._client.cluster.brokers()]
        if self._coordinator is not None:
            # All that a member of a group talks to that has no partitions.
            nodes.append(self._coordinator.coordinator_id)
        return any(self._client.connected(node) for node in nodes)


@contextmanager
def kafka_errors() -> Iterator[None]:
    """Turn what kafka-python raises into dts' own errors."""
    try:
        yield
    except KafkaError as error:
        raise _translated(error) from error


def end_of(consumer: Consumer, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
    """The offset after the last message of each partition. Raises Unavailable."""
    with kafka_errors():
        found: Mapping[TopicPartition, int] = consumer.end_offsets(
            list(partitions), timeout_ms=int(ANSWER_WITHIN * 1000)
        )
        return found


_TOO_LARGE = (kafka_error.MessageSizeTooLargeError, kafka_error.RecordListTooLargeError)
_REFUSED = (
    kafka_error.AuthorizationError,
    kafka_error.SaslAuthenticationFailedError,
    kafka_error.InvalidReplicationFactorError,
    kafka_error.InvalidSessionTimeoutError,
    kafka_error.PolicyViolationError,
)
_SHARING_OUT = (kafka_error.RebalanceInProgressError, kafka_error.CommitFailedError)
_DOUBTFUL = (kafka_error.RequestTimedOutError, kafka_error.NotEnoughReplicasError)


def _translated(error: KafkaError) -> Exception:
    if isinstance(error, _TOO_LARGE):
        return BadMessage(f"the message is too large for Kafka: {_words(error)}")
    if isinstance(error, _REFUSED):
        return Unready(f"Kafka refuses it: {_words(error)}")
    if isinstance(error, kafka_error.KafkaStorageError):
        return Unanswered(f"Kafka did not confirm: a broker's disk is full or broken; make room: {_words(error)}")
    if isinstance(error, _DOUBTFUL):
        return Unanswered(f"Kafka did not confirm: {_words(error)}")
    if isinstance(error, _SHARING_OUT):
        return Unavailable(f"Kafka settles nothing while a group shares its topic out anew: {_words(error)}")
    if isinstance(error, kafka_error.KafkaTimeoutError) and "bootstrap" in str(error):
        # All that a client tells of a broker that hangs up on it.
        return Unavailable(f"Kafka is away, or refuses our user or certificate (then its log says so): {_words(error)}")
    return Unavailable(f"Kafka is away: {_words(error)}")


def _words(error: KafkaError) -> str:
    return " ".join(str(error).split()) or type(error).__name__
