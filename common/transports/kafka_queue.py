"""Queue on a Kafka topic: each destination its own topic, each reader its own place in it."""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from kafka import OffsetAndMetadata, TopicPartition

from common.contracts import Message
from common.domain.errors import BadMessage, Unavailable
from common.transports.kafka_client import ANSWER_WITHIN, Consumer, KafkaLink, Topic, end_of, kafka_errors

T = TypeVar("T")
log = logging.getLogger("dts.queue")

GLANCE = 0.05
"""Seconds that even an impatient look takes: a message has to be fetched before it can be seen."""
KEPT_DEAD_LETTERS = 30 * 86_400.0
"""Seconds."""
Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """How bodies become messages: `decode` raises BadMessage for what can't be read.

    `key` says which messages keep their order among each other, `headers` what can be seen without reading a body.
    """

    encode: Callable[[T], str | bytes]
    decode: Callable[[bytes], T]
    key: Callable[[T], str] | None = None
    headers: Callable[[T], Headers] = lambda _: []


class KafkaQueue(Generic[T]):
    """One reader's handle on a topic, which is made where it is not there.

    `reader` names the group under which its place is kept; an empty one keeps none: it begins at the end, with what
    comes after `open`, and `ack` does nothing. Where the topic is `shared`, several handles of one reader share its
    partitions, and those of one that falls silent go to the others. Else the reader is the only one, and whoever
    opens last goes on where the last `ack` was. `rejected` counts what this handle has buried.
    """

    def __init__(
        self,
        link: KafkaLink,
        topic: Topic,
        reader: str,
        form: Form[T],
        *,
        shared: bool = False,
        session: float = 10.0,
    ) -> None:
        self._link, self._topic, self._reader, self._form = link, topic, reader, form
        self._decode = form.decode
        self._shared, self._session = shared, session
        self._dead = Topic(f"{topic.name}.dlq", 1, KEPT_DEAD_LETTERS)
        self._consumer: Consumer | None = None
        self._bodies: dict[str, bytes] = {}
        """What `take` has returned and nobody has settled: message id -> body as it was sent."""
        self._taken: set[TopicPartition] = set()
        """From where something was taken that may not be settled yet."""
        self._settled: dict[TopicPartition, int] = {}
        """The offset up to which all is settled, as the group's place says."""
        self._skipped: dict[TopicPartition, set[int]] = {}
        """Settled ones beyond that place."""
        self._in_touch = False
        """Whether the consumer ever was: it may still be about to."""
        self.rejected = 0

    def put(self, bodies: Iterable[T]) -> None:
        messages = []
        for body in bodies:
            text = self._form.encode(body)
            value = text.encode(errors="surrogateescape") if isinstance(text, str) else text
            key = self._form.key(body).encode() if self._form.key else None
            messages.append((self._topic.name, key, value, self._form.headers(body)))
        if messages:
            self._link.make([self._topic])
            self._link.send(messages)

    def open(self) -> None:
        """Fix the place where reading begins; later calls do nothing. Raises Unavailable."""
        self._opened()

    def _opened(self) -> Consumer:
        if self._consumer is not None:
            return self._consumer
        self._link.make([self._topic])
        consumer = self._link.consumer(self._reader or None, self._session)
        try:
            with kafka_errors():
                self._place(consumer)
        except Exception:
            consumer.close(timeout_ms=0)
            raise
        self._consumer = consumer
        return consumer

    def take(self, limit: int, timeout: float) -> Sequence[Message[T]]:
        consumer = self._opened()
        with kafka_errors():
            polled = consumer.poll(int(max(timeout, GLANCE) * 1000), max_records=limit)
            if not polled and timeout < GLANCE and self._left(consumer):
                # What stands there is taken also by who will not wait: it only has to come over.
                polled = consumer.poll(int(ANSWER_WITHIN * 1000), max_records=limit)
        self._notice(consumer, brought=bool(polled))
        messages: list[Message[T]] = []
        unreadable: list[tuple[TopicPartition, int, bytes, str]] = []
        for partition, records in polled.items():
            self._taken.add(partition)
            for record in records:
                if record.offset in self._skipped.get(partition, ()):
                    continue
                body, number = record.value or b"", f"{partition.partition}-{record.offset}"
                try:
                    messages.append(Message(number, self._decode(body)))
                    self._bodies[number] = body
                except Exception as error:  # noqa: BLE001
                    # Also what `decode` should not raise: delivered again, it would stop this reader for good.
                    reason = str(error) if isinstance(error, BadMessage) else repr(error)
                    unreadable.append((partition, record.offset, body, reason))
        try:
            self._bury(unreadable)
        except Exception:
            # Nothing of it was handed out: it has to come again, or the next `ack` would settle it unseen.
            for partition in polled.keys() & consumer.assignment():
                consumer.seek(partition, polled[partition][0].offset)
            raise
        return messages

    def ack(self) -> None:
        self._bodies.clear()
        if self._consumer is None or not self._reader:
            return
        with kafka_errors():
            # What went to another meanwhile is settled by who has it now.
            self._taken &= self._consumer.assignment()
            # Not what we remember: a place that went to another and came back begins where the other has settled.
            within = int(ANSWER_WITHIN * 1000)
            reached = {place: self._consumer.position(place, timeout_ms=within) for place in self._taken}
            moved = {place: at for place, at in reached.items() if at is not None and self._settled.get(place) != at}
            if moved:
                self._skipped = {
                    place: {n for n in gone if n >= moved.get(place, 0)} for place, gone in self._skipped.items()
                }
                self._commit(self._consumer, moved)
            # Only now: what could not be settled, as the group was sharing out anew, is settled by the next `ack`.
            self._taken = {place for place, at in reached.items() if at is None}

    def reject(self, message: Message[T], reason: str) -> None:
        body = self._bodies.pop(message.id, None)
        if body is not None:
            partition, _, offset = message.id.partition("-")
            self._bury([(TopicPartition(self._topic.name, int(partition)), int(offset), body, reason)])

    def settle(self, message: Message[T]) -> bool:
        """Settle this one alone; returns whether it was taken here and not settled yet."""
        if self._bodies.pop(message.id, None) is None:
            return False
        partition, _, offset = message.id.partition("-")
        self._skip([(TopicPartition(self._topic.name, int(partition)), int(offset))])
        return True

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close(autocommit=False, timeout_ms=int(ANSWER_WITHIN * 500))
            self._consumer = None

    def _place(self, consumer: Consumer) -> None:
        if self._shared:
            consumer.subscribe([self._topic.name])
            return
        within = int(ANSWER_WITHIN * 1000)
        partitions = [TopicPartition(self._topic.name, number) for number in range(self._topic.partitions)]
        consumer.assign(partitions)
        if not self._reader:
            for partition, end in end_of(consumer, partitions).items():
                consumer.seek(partition, end)
            return
        for partition in partitions:
            known = consumer.committed(partition, metadata=True, timeout_ms=within)
            if known is not None and known.offset >= 0:
                self._settled[partition] = known.offset
                self._skipped[partition] = _read_skipped(known.metadata)
                consumer.seek(partition, known.offset)
            else:
                consumer.seek_to_beginning(partition)
            if consumer.position(partition, timeout_ms=within) is None:
                raise Unavailable(f"Kafka is away: it does not say where {self._topic.name} begins")

    def _notice(self, consumer: Consumer, *, brought: bool) -> None:
        """Raises Unavailable where we were in touch with Kafka and are no more: to be told nothing is no news then."""
        if brought or consumer.in_touch:
            self._in_touch = True
        elif self._in_touch:
            raise Unavailable("Kafka is away: no broker is connected")

    def _left(self, consumer: Consumer) -> bool:
        """Whether something stands there that was not taken yet."""
        ours: Collection[TopicPartition] = consumer.assignment()
        ends = end_of(consumer, ours) if ours else {}
        return any((consumer.position(place, timeout_ms=1000) or 0) < end for place, end in ends.items())

    def _bury(self, letters: Sequence[tuple[TopicPartition, int, bytes, str]]) -> None:
        """Each a place, the body as it was sent, and the reason. Put with the dead first: it must not be lost."""
        if not letters:
            return
        self._link.make([self._dead])
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._link.send(
            [
                (self._dead.name, None, _letter(f"{place.partition}-{offset}", at, reason, body), [])
                for place, offset, body, reason in letters
            ]
        )
        self.rejected += len(letters)
        for place, offset, _, reason in letters:
            number = f"{place.partition}-{offset}"
            log.warning("message %s of %s was put on %s: %s", number, place.topic, self._dead.name, reason)
        self._skip([(place, offset) for place, offset, *_ in letters])

    def _skip(self, places: Sequence[tuple[TopicPartition, int]]) -> None:
        """Settle these alone: Kafka keeps one place for each reader, and beside it what is settled beyond."""
        for place, offset in places:
            self._skipped.setdefault(place, set()).add(offset)
        if self._reader and not self._shared:
            with kafka_errors():
                self._commit(self._opened(), {place: self._settled.get(place, 0) for place, _ in places})

    def _commit(self, consumer: Consumer, places: Mapping[TopicPartition, int]) -> None:
        offsets = {}
        for place, at in places.items():
            gone = self._skipped.setdefault(place, set())
            while at in gone:
                gone.discard(at)
                at += 1  # noqa: PLW2901
            offsets[place] = OffsetAndMetadata(at, json.dumps(sorted(gone)) if gone else "", -1)
        consumer.commit(offsets, timeout_ms=int(ANSWER_WITHIN * 1000))
        self._settled |= {place: said.offset for place, said in offsets.items()}


def _letter(number: str, at: str, reason: str, body: bytes) -> bytes:
    """As JSON; bytes that are no UTF-8 as escaped lone surrogates."""
    letter: dict[str, Any] = {"id": number, "at": at, "reason": reason, "body": body.decode(errors="surrogateescape")}
    return json.dumps(letter).encode()


def _read_skipped(metadata: str) -> set[int]:
    try:
        return set(json.loads(metadata)) if metadata else set()
    except (ValueError, TypeError):
        return set()
