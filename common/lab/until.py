"""Waiting for something to become true: the only place in dts that sleeps while it waits for others."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class NotYet(AssertionError):
    """What was waited for did not come true in time; the text says what, and what was seen last."""


def until(
    predicate: Callable[[], T],
    within: float = 10.0,
    every: float = 0.01,
    what: str = "",
) -> T:
    """Call `predicate` until what it returns is true, and return that.

    An AssertionError of the predicate means "not yet", so it may itself assert; other errors pass through.

    Args:
        within: seconds after which to give up; the predicate is called at least once, and once more at the end.
        every: seconds between two calls.
        what: what is waited for, as it completes "waited for …".

    Raises:
        NotYet: an AssertionError that names `what` and what the predicate gave last.
    """
    deadline = time.monotonic() + within
    while True:
        late = time.monotonic() >= deadline
        failed: AssertionError | None = None
        try:
            seen: T = predicate()
        except AssertionError as error:
            failed = error
        else:
            if seen:
                return seen
        if late:
            last = f"{failed}" if failed else f"{seen!r}"
            expected = what or getattr(predicate, "__name__", repr(predicate))
            raise NotYet(f"waited {within:g} s for {expected}; seen last: {last}") from failed
        time.sleep(min(every, max(0.0, deadline - time.monotonic())))
