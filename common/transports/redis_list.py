"""Queue on a Redis list: LPUSH by anybody, redis-cli included; taken from the other end.

What is taken moves into the consumer's held messages in the same script, each under an id that stays
the same however often it is delivered. So a consumer killed at any line gets them again, and settling
them twice is harmless.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from redis import Redis

from common.contracts import Message
from common.domain.errors import BadMessage, CorruptTask
from common.domain.ids import Ids
from common.store.keys import Keys
from common.store.scripts import Scripts
from common.transports.redis_client import LONGEST_BLOCK, redis_errors

T = TypeVar("T")
log = logging.getLogger("dts.queue")

KEPT_DEAD_LETTERS = 10_000
FEW = 8
"""Messages that are asked for at least."""
LOOK_ANYHOW = 8
"""Of so many times that there is nothing to settle, one looks all the same whether more is held than is known."""
_SURROGATE = re.compile("[\ud800-\udfff]")


class RedisListQueue(Generic[T]):
    """One consumer's handle on the list `name`. `redis` must be a client that never repeats a command.

    `decode` raises BadMessage for what can't be read. `rejected` counts what this handle has buried.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        name: str,
        consumer: str,
        *,
        ids: Ids,
        encode: Callable[[T], str | bytes],
        decode: Callable[[bytes], T],
    ) -> None:
        self._redis = redis
        self._scripts = Scripts(redis, keys)
        self._name, self._consumer, self._ids = name, consumer, ids
        self._moving, self._held = keys.moving(name, consumer), keys.held(name, consumer)
        self._dead = keys.dead_letters(name)
        self._encode, self._decode = encode, decode
        self._unsettled: dict[str, str] = {}
        """What `take` has returned and nobody has settled: message id -> body as it was pushed."""
        self._again: list[tuple[str, str]] = []
        """Held messages that are to be delivered again."""
        # A new handle can't know what its forerunner held; nor can this one after a lost answer.
        self._in_doubt = True
        self._quiet = False
        """Whether nothing came when it was last waited for: then who takes waits first, and looks then."""
        self._expected = FEW
        """How many messages are asked for first: about as many as there were last time."""
        self._settled = 0
        """How often there was nothing to settle, in a row."""
        self.rejected = 0

    def open(self) -> None:
        """Nothing has to be fixed: whoever reads a list drops what was meant for others."""

    def put(self, bodies: Iterable[T]) -> None:
        encoded = [self._encode(body) for body in bodies]
        if encoded:
            with redis_errors():
                self._redis.lpush(self._name, *encoded)

    def take(self, limit: int, timeout: float) -> Sequence[Message[T]]:
        try:
            with self._naming_spoilt_keys():
                if self._in_doubt:
                    self._read_held()
                look = not self._quiet or timeout <= 0 or self._again
                taken = self._next(limit) if look else []
                if not taken and self._wait(timeout):
                    taken = self._next(limit)
                self._quiet = not taken
                return self._decoded(taken)
        except Exception:
            self._in_doubt, self._quiet = True, False
            raise

    def ack(self) -> None:
        self._settled = 0 if self._unsettled else (self._settled + 1) % LOOK_ANYHOW
        if self._settled:
            return
        with self._naming_spoilt_keys(), redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            if self._unsettled:
                pipe.hdel(self._held, *self._unsettled)
            pipe.hlen(self._held)
            held = pipe.execute()[-1]
        self._unsettled = {}
        # More is held than this handle knows of: a take whose answer nobody waited for any more came late.
        self._in_doubt = self._in_doubt or held != len(self._again)

    def reject(self, message: Message[T], reason: str) -> None:
        known = dict(self._again) | self._unsettled
        with self._naming_spoilt_keys():
            self._bury([(message.id, known.get(message.id, ""), reason)])
        self._again = [(message_id, body) for message_id, body in self._again if message_id != message.id]

    def close(self) -> None:
        self._redis.close()

    def _read_held(self) -> None:
        with redis_errors():
            held = self._redis.hgetall(self._held)
        # All of them are delivered again, so nothing that was taken before is left to settle.
        self._again = sorted((str(message_id), str(body)) for message_id, body in held.items())
        self._unsettled, self._in_doubt = {}, False

    def _next(self, limit: int) -> list[tuple[str, str]]:
        if self._again:
            again, self._again = self._again[:limit], self._again[limit:]
            return again
        taken: list[tuple[str, str]] = []
        # Each that may be taken needs an id. Made for all that one would take, they cost more than all the rest.
        wanted = self._expected
        while len(taken) < limit:
            ids = self._ids.batch(min(wanted, limit - len(taken)))
            flat = self._scripts.call("take", self._consumer, [self._name, self._moving, self._held], ids)
            taken += zip(flat[::2], flat[1::2], strict=True)
            if len(flat) < 2 * len(ids):
                break
            wanted *= 4
        self._expected = max(FEW, len(taken))
        return taken

    def _wait(self, timeout: float) -> bool:
        if timeout <= 0:
            return False
        with redis_errors():
            # Of the blocking moves only this one blocks on every server that is supported.
            moved = self._redis.brpoplpush(self._name, self._moving, timeout=min(timeout, LONGEST_BLOCK))
        return moved is not None

    def _decoded(self, taken: list[tuple[str, str]]) -> list[Message[T]]:
        messages: list[Message[T]] = []
        unreadable: list[tuple[str, str, str]] = []
        for message_id, body in taken:
            try:
                messages.append(Message(message_id, self._decode(body.encode(errors="surrogateescape"))))
            except Exception as error:  # noqa: BLE001
                # Also what `decode` should not raise: delivered again, it would stop this queue for good.
                unreadable.append((message_id, body, str(error) if isinstance(error, BadMessage) else repr(error)))
        if unreadable:
            self._bury(unreadable)
        # Only now: what the caller never got must not be settled by its next ack.
        self._unsettled |= dict(taken)
        return messages

    def _bury(self, letters: list[tuple[str, str, str]]) -> None:
        """Each an id, the body as it was pushed, and the reason."""
        args = [part for message_id, body, reason in letters for part in (message_id, _members(reason, body))]
        self._scripts.call("bury", self._consumer, [self._held, self._dead], [KEPT_DEAD_LETTERS, *args])
        self.rejected += len(letters)
        for message_id, _, reason in letters:
            log.warning("message %s of %s is no task and was put on %s: %s", message_id, self._name, self._dead, reason)

    @contextmanager
    def _naming_spoilt_keys(self) -> Iterator[None]:
        try:
            yield
        except CorruptTask as error:
            kinds = {self._name: "list", self._moving: "list", self._held: "hash", self._dead: "list"}
            with redis_errors():
                spoilt = [key for key, kind in kinds.items() if self._redis.type(key) not in (kind, "none")]
            names = ", ".join(spoilt) or self._name
            raise CorruptTask(
                f"{names}: somebody stored something else there, so that nothing can be taken from {self._name}; "
                "rename or delete it with redis-cli"
            ) from error


def _members(reason: str, body: str) -> str:
    """The members of a JSON object; bytes that are no UTF-8 as escaped lone surrogates, so that it is always JSON."""
    letter = {"reason": reason, "body": body}
    readable = json.dumps(letter, ensure_ascii=False)
    return (json.dumps(letter) if _SURROGATE.search(readable) else readable)[1:-1]
