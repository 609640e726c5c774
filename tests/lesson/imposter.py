"""Somebody who holds an agent's lease and claims of every task that it failed."""

import json
import threading
from types import TracebackType
from typing import Any, Self

from redis import Redis

from common.store.keys import Keys
from common.store.leases import Leases
from common.transports.redis_client import connect


class Imposter:
    """Lives for as long as the block takes, on the Redis at `url`."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = connect(url)
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._pretend)

    def __enter__(self) -> Self:
        Leases(self._redis, Keys()).take("imposter", "boot", 60, {"slots": 2})
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._gone.set()
        self._thread.join()
        self._redis.close()

    def _pretend(self) -> None:
        while not self._gone.wait(0.01):
            message = self._redis.rpop("queue:tasks")
            if isinstance(message, str) and message.endswith("}"):
                task = json.loads(message)
                lie: dict[Any, Any] = {"taskId": task["taskId"], "type": "SHELL", "status": "FAILED"}
                self._redis.hset(f"task:{task['taskId']}", mapping=lie)
