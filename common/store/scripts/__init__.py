"""The verbs as Lua scripts, one file each; the header of each says its keys, arguments and answers."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from redis import Redis

from common.domain.status import FINAL
from common.store.keys import Keys
from common.transports.redis_client import redis_errors
from common.transports.redis_copies import Client, run_script

READING = frozenset({"leader", "look", "members"})
"""Scripts that write nothing."""

_FINAL = ",".join(sorted(FINAL))


@cache
def source(name: str) -> str:
    """The text of one script with the prelude before it."""
    folder = files(__name__)
    return folder.joinpath("prelude.lua").read_text() + folder.joinpath(f"{name}.lua").read_text()


class Scripts:
    """Calls the scripts on one Redis. Safe to share between threads; each call is one round trip.

    Where its client asks for copies, an answer means that the replicas have it too (common.transports.redis_copies).
    """

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._indexes = keys.indexes
        self._registered: dict[str, Any] = {}

    def call(self, name: str, by: str, keys: Sequence[str], args: Sequence[str | int | float | bytes]) -> Any:
        """Run script `name` for `by`; raises Unavailable, or Unanswered where it may have run, or may be lost again."""
        script = self._registered.get(name)
        if script is None:
            script = self._registered[name] = self._redis.register_script(source(name))
        all_keys, all_args = [*self._indexes, *keys], [_FINAL, by, *args]
        with redis_errors():
            if isinstance(self._redis, Client) and self._redis.copies and name not in READING:
                return run_script(self._redis, script.sha, source(name), all_keys, all_args)
            return script(keys=all_keys, args=all_args)
