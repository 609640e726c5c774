"""Queue inside one process: for tests and for whole systems stepped in one thread."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from threading import Condition
from typing import Generic, TypeVar

from common.contracts import Message
from common.domain.errors import BadMessage
from common.domain.ids import Ids

T = TypeVar("T")


class MemoryBroker:
    """What a server would keep: one line of messages, what each consumer holds, and the dead letters.

    Everything in it is guarded by `changed`, which is notified when something was put.
    """

    def __init__(self) -> None:
        self.changed = Condition()
        self.waiting: deque[bytes] = deque()
        self.held: dict[str, dict[str, bytes]] = {}
        """Per consumer, message id -> body, in the order in which they were taken."""
        self.dead: list[tuple[bytes, str]] = []
        """Bodies with the reasons, oldest first."""


class MemoryQueue(Generic[T]):
    """One consumer's handle on a broker. `decode` raises BadMessage for what can't be read."""

    def __init__(
        self,
        broker: MemoryBroker,
        consumer: str,
        *,
        ids: Ids,
        encode: Callable[[T], bytes],
        decode: Callable[[bytes], T],
    ) -> None:
        self._broker, self._ids = broker, ids
        self._encode, self._decode = encode, decode
        self._held = broker.held.setdefault(consumer, {})
        self._taken: set[str] = set()
        """Ids of what this handle has taken; what else is held, an earlier handle of the consumer left."""

    def put(self, bodies: Iterable[T]) -> None:
        encoded = [self._encode(body) for body in bodies]
        with self._broker.changed:
            self._broker.waiting.extend(encoded)
            self._broker.changed.notify_all()

    def take(self, limit: int, timeout: float) -> Sequence[Message[T]]:
        with self._broker.changed:
            self._broker.changed.wait_for(lambda: self._left() or self._broker.waiting, timeout)
            taken = self._left()[:limit] or self._move(limit)
            self._taken |= set(taken)
            return [message for message_id in taken if (message := self._decoded(message_id))]

    def ack(self) -> None:
        with self._broker.changed:
            for message_id in self._taken:
                self._held.pop(message_id, None)
            self._taken.clear()

    def reject(self, message: Message[T], reason: str) -> None:
        with self._broker.changed:
            self._bury(message.id, reason)

    def close(self) -> None:
        pass

    def _left(self) -> list[str]:
        return [message_id for message_id in self._held if message_id not in self._taken]

    def _move(self, limit: int) -> list[str]:
        waiting = self._broker.waiting
        bodies = [waiting.popleft() for _ in range(min(limit, len(waiting)))]
        new = dict(zip(self._ids.batch(len(bodies)), bodies, strict=True))
        self._held |= new
        return list(new)

    def _decoded(self, message_id: str) -> Message[T] | None:
        try:
            return Message(message_id, self._decode(self._held[message_id]))
        except Exception as error:  # noqa: BLE001
            # Also what `decode` should not raise: delivered again, it would stop this queue for good.
            self._bury(message_id, str(error) if isinstance(error, BadMessage) else repr(error))
            return None

    def _bury(self, message_id: str, reason: str) -> None:
        if message_id in self._held:
            self._broker.dead.append((self._held.pop(message_id), reason))
