"""Dead letters: messages that nobody could read or take, with the reason; and the ways out for them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from redis import Redis

from common.store.keys import Keys
from common.store.scripts import Scripts
from common.transports.redis_client import redis_errors

if TYPE_CHECKING:
    from common.transports.kafka_client import KafkaLink
    from common.transports.kafka_queue import KafkaQueue

MOST = 10_000
"""Letters of one destination that are looked at."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message as it was sent to `queue`; times are ISO 8601 text in UTC."""

    queue: str
    at: str
    reason: str
    body: str
    id: str = ""
    raw: Any = field(default=None, repr=False, compare=False)
    """By what its keeper knows it."""


class DeadLetters(Protocol):
    """What one kind of bus keeps. Used by one thread. Raises Unavailable."""

    def newest(self, limit: int) -> Sequence[DeadLetter]:
        """Up to `limit` of each destination, newest first."""
        ...

    def drop(self, letter: DeadLetter) -> bool:
        """Forget it; returns whether it was still there."""
        ...

    def replay(self, letter: DeadLetter) -> bool:
        """Send it again as it was, and forget it; returns whether it was still there."""
        ...

    def close(self) -> None: ...


class RedisDeadLetters:
    """Those of lists in Redis: of pushed tasks at every stage, and of the bus where that is Redis."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis, self._keys, self._scripts = redis, keys, Scripts(redis, keys)

    def newest(self, limit: int) -> Sequence[DeadLetter]:
        queues = (self._keys.tasks_queue, self._keys.status_queue, self._keys.logs_queue)
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            for queue in queues:
                pipe.lrange(self._keys.dead_letters(queue), 0, min(limit, MOST) - 1)
            found = pipe.execute()
        return [_letter(queue, str(text), text) for queue, texts in zip(queues, found, strict=True) for text in texts]

    def drop(self, letter: DeadLetter) -> bool:
        with redis_errors():
            return bool(self._redis.lrem(self._keys.dead_letters(letter.queue), 1, letter.raw))

    def replay(self, letter: DeadLetter) -> bool:
        keys = [self._keys.dead_letters(letter.queue), letter.queue]
        return bool(self._scripts.call("revive", "", keys, [letter.raw, letter.body]))

    def close(self) -> None:
        """Nothing is held open."""


class KafkaDeadLetters:
    """Those of topics, in `<topic>.dlq`; Kafka forgets nothing, so what was dealt with is noted for one reader."""

    def __init__(self, link: "KafkaLink") -> None:
        from common.transports.kafka_queue import Form

        self._link = link
        self._form: Form[bytes] = Form(bytes, bytes)
        self._kept: dict[str, tuple[KafkaQueue[bytes], list[DeadLetter]]] = {}
        """By topic: who reads it, and what he has found and nobody has dealt with."""

    def newest(self, limit: int) -> Sequence[DeadLetter]:
        from common.transports.kafka_client import Topic
        from common.transports.kafka_queue import KEPT_DEAD_LETTERS, KafkaQueue

        for topic in [name for name in self._link.topics() if name.endswith(".dlq") and name not in self._kept]:
            kept = Topic(topic, 1, KEPT_DEAD_LETTERS)
            self._kept[topic] = KafkaQueue(self._link, kept, "dead-letters", self._form), []
        found: list[DeadLetter] = []
        for topic, (queue, letters) in self._kept.items():
            while len(letters) < MOST and (messages := queue.take(MOST - len(letters), 0)):
                for one in messages:
                    text = one.body.decode(errors="surrogateescape")
                    letters.append(_letter(topic.removesuffix(".dlq"), text, one))
            found += letters[::-1][:limit]
        return found

    def drop(self, letter: DeadLetter) -> bool:
        queue, letters = self._kept[f"{letter.queue}.dlq"]
        letters[:] = [one for one in letters if one.raw is not letter.raw]
        return queue.settle(letter.raw)

    def replay(self, letter: DeadLetter) -> bool:
        # Sent before it is forgotten: one that comes twice changes nothing.
        self._link.send([(letter.queue, None, letter.body.encode(errors="surrogateescape"), [])])
        return self.drop(letter)

    def close(self) -> None:
        for queue, _ in self._kept.values():
            queue.close()
        self._link.close()


def dead_letters_of(
    redis: Redis, keys: Keys, kafka: str, access: Mapping[str, Any] = MappingProxyType({})
) -> list[DeadLetters]:
    """All that are kept: in Redis, and in Kafka where there is one."""
    kept: list[DeadLetters] = [RedisDeadLetters(redis, keys)]
    if kafka:
        from common.transports.kafka_client import KafkaLink

        kept.append(KafkaDeadLetters(KafkaLink(kafka, "dts", access)))
    return kept


def _letter(queue: str, text: str, raw: Any) -> DeadLetter:
    """Whatever else stands there is shown as its own body."""
    try:
        letter = json.loads(text)
    except ValueError:
        letter = None
    if not isinstance(letter, dict):
        return DeadLetter(queue, "", "", text, raw=raw)
    said = {name: str(letter.get(name, "")) for name in ("at", "reason", "body", "id")}
    return DeadLetter(queue, **said, raw=raw)
