"""Ctrl-C, which is never lost.

Python drops what is raised in a finalizer or in a weak reference's callback ("Exception ignored in ..."), and
a signal's handler may run in either: `del client` is enough. Without this the command would not hear of it.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

Hook = Callable[[Any], object]
AGAIN = 0.01
"""Seconds until a KeyboardInterrupt that was dropped is raised again."""
DEFAULT = (signal.default_int_handler, signal.SIG_DFL)

_noted: list[int] = []


def interrupt(number: int, frame: FrameType | None) -> None:
    """Handles a signal that ends the command: raises KeyboardInterrupt, now or as soon as nobody drops it."""
    _noted.append(number)
    if _in_hook(frame):
        _raise_soon()
        return
    _alarm_off()
    raise KeyboardInterrupt


@contextmanager
def interrupts() -> Iterator[Sequence[int]]:
    """Notes each signal that interrupts; what Python drops of them is raised again until it comes through.

    What is ignored stays so, and a handler of somebody else stays in charge. For the main thread; in others it
    changes nothing. SIGALRM and its timer are touched only where something was dropped.
    """
    if threading.current_thread() is not threading.main_thread():
        yield ()
        return
    _noted.clear()
    sigint, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
    if sigint in DEFAULT:
        signal.signal(signal.SIGINT, interrupt)
    sys.unraisablehook = partial(_hook, hook)
    try:
        yield _noted
    finally:
        sys.unraisablehook = hook
        _alarm_off()
        if sigint in DEFAULT:
            signal.signal(signal.SIGINT, sigint)


def _hook(before: Hook, dropped: Any) -> None:
    if issubclass(dropped.exc_type, KeyboardInterrupt):
        _raise_soon()
    else:
        before(dropped)


def _raise_soon() -> None:
    """Not at once: what is raised within the hook is dropped too."""
    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, AGAIN)


def _alarm_off() -> None:
    if signal.getsignal(signal.SIGALRM) is interrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _in_hook(frame: FrameType | None) -> bool:
    while frame and frame.f_code is not _hook.__code__:
        frame = frame.f_back
    return frame is not None
