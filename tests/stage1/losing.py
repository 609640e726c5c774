"""Clients whose answers get lost: Redis did what it was told, or does it later, and the agent never hears of it."""

import threading
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as ConnectionLost

from common.store.scripts import source

Command = tuple[Any, ...]
Chooses = Callable[[Command], bool]


def calls(name: str) -> Chooses:
    """Whether a command is this one, or runs this script of the store."""
    try:
        script = source(name)
    except FileNotFoundError:
        return lambda command: command[0] == name

    from hashlib import sha1

    sha = sha1(script.encode()).hexdigest()
    return lambda command: command[0] == "EVALSHA" and command[1] == sha


class Losing:
    """Makes clients like `client` does. Commands that `chooses` picks lose their answers, the first `times` of them."""

    def __init__(self, client: Callable[..., Redis], chooses: Chooses, times: int = 1, *, late: bool = False) -> None:
        self._client, self._chooses, self._late = client, chooses, late
        self._lock = threading.Lock()
        self._left = times
        self._held_up: list[Callable[[], Any]] = []
        self.lost = 0

    def client(self, **options: Any) -> Redis:
        client = self._client(**options)
        execute: Callable[..., Any] = client.execute_command
        pipeline: Callable[..., Any] = client.pipeline

        def lossy(*command: Any, **how: Any) -> Any:
            return self._lossy(command, lambda: execute(*command, **how))

        def lossy_pipeline(**how: Any) -> Any:
            pipe = pipeline(**how)
            together = pipe.execute
            pipe.execute = lambda **how: self._lossy([*pipe.command_stack, [("",)]][0][0], lambda: together(**how))
            return pipe

        client.execute_command = lossy  # type: ignore[method-assign]
        client.pipeline = lossy_pipeline  # type: ignore[assignment, method-assign]
        return client

    def _lossy(self, command: Command, execute: Callable[[], Any]) -> Any:
        if not self._doomed(command):
            return execute()
        if self._late:
            self._held_up.append(execute)
        else:
            execute()
        self.lost += 1
        raise ConnectionLost("the answer was lost")

    def arrive(self) -> None:
        """What was held up on its way reaches Redis now, when nobody waits for it any more."""
        for command in self._held_up:
            command()
        self._held_up.clear()

    def _doomed(self, command: Command) -> bool:
        if not self._chooses(command):
            return False
        with self._lock:
            doomed = self._left > 0
            self._left -= doomed
            return doomed


class Holding:
    """Makes clients that hold back grants: answers to claims that brought something, until they are let go."""

    def __init__(self, client: Callable[..., Redis]) -> None:
        self._client, self._is_claim = client, calls("claim")
        self.let_go = threading.Event()

    def client(self, **options: Any) -> Redis:
        client = self._client(**options)
        execute: Callable[..., Any] = client.execute_command

        def holding(*command: Any, **how: Any) -> Any:
            answer = execute(*command, **how)
            if self._is_claim(command) and len(answer) > 1:
                self.let_go.wait(20)
            return answer

        client.execute_command = holding  # type: ignore[method-assign]
        return client
