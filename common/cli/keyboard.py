"""Single keys from the terminal, without Enter."""

import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Pressed = Callable[[float | None], str]
"""Waits up to so many seconds (None: for ever) for a key, and returns it; '' where none came."""


def at_keyboard() -> bool:
    """Whether a person can press keys."""
    return sys.stdin is not None and sys.stdin.isatty()


@contextmanager
def keyboard() -> Iterator[Pressed]:
    """Keys for as long as the block takes; where there is no keyboard only the time passes. Ctrl-C works as ever."""
    if not at_keyboard():
        yield _no_key
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield _key
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _key(seconds: float | None) -> str:
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    # Not through sys.stdin: it would read ahead, and select would not see what it holds.
    return os.read(sys.stdin.fileno(), 1).decode(errors="replace") if ready else ""


def _no_key(seconds: float | None) -> str:
    threading.Event().wait(seconds)
    return ""
