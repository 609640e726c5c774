"""What a scenario has asked by HTTP or RPC, and what it was answered."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: an HTTP status, 0 where there was none, or the word of a manager; and the JSON that came with it."""

    status: int | str
    body: Mapping[str, Any] = field(default_factory=dict)


class Answers:
    """By the name under which something was asked; what is asked several times has several. Safe to use anywhere."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_name: dict[str, list[Answered]] = {}
        self._commands: dict[str, str] = {}

    def ask(self, name: str, command: str) -> None:
        """Note how a person asks that; it is about to be asked."""
        with self._lock:
            self._commands[name] = command

    def asked(self, name: str) -> str:
        """How a person asks it; '' where nobody has yet."""
        with self._lock:
            return self._commands.get(name, "")

    def note(self, name: str, answered: Answered) -> None:
        with self._lock:
            self._by_name.setdefault(name, []).append(answered)

    def to(self, name: str) -> Sequence[Answered]:
        with self._lock:
            return list(self._by_name.get(name, ()))
