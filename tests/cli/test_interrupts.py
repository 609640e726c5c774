"""Ctrl-C comes through also where Python drops what is raised."""

import signal
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from common.cli.cluster_view import signals_as_interrupt
from common.cli.interrupts import interrupts
from common.lab.until import until


class Dying:
    """Does something at its end, as clients of servers do that close their connections."""

    def __init__(self, at_the_end: Callable[[], object]) -> None:
        self._at_the_end = at_the_end

    def __del__(self) -> None:
        self._at_the_end()


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def _as_at_a_terminal() -> Iterator[None]:
    """Tests that run in the background of a script begin with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def complaints() -> Iterator[list[Any]]:
    """What else was dropped. Another Ctrl-C comes while Python tells of it."""
    told: list[Any] = []
    before = sys.unraisablehook

    def hook(dropped: Any) -> None:
        told.append(dropped.exc_type)
        ctrl_c()

    sys.unraisablehook = hook
    yield told
    sys.unraisablehook = before


def never() -> None:
    until(lambda: False, within=20, what="Ctrl-C")


def never_after(*finalizers: Callable[[], object]) -> None:
    for finalizer in finalizers:
        Dying(finalizer)
    never()


def test_in_a_finalizer() -> None:
    with interrupts() as noted, pytest.raises(KeyboardInterrupt):
        never_after(ctrl_c)
    assert noted == [signal.SIGINT, signal.SIGALRM]


def test_in_the_callback_of_a_weak_reference() -> None:
    held = {"it": Dying(lambda: None)}
    kept = weakref.ref(held["it"], lambda _: ctrl_c())
    with interrupts(), pytest.raises(KeyboardInterrupt):
        never_after(held.clear)
    assert kept() is None


def test_again_and_again() -> None:
    with interrupts() as noted, pytest.raises(KeyboardInterrupt):
        # In each finalizer the one before is raised again, and dropped again.
        never_after(ctrl_c, *[never] * 5)
    assert len(noted) == 7


def test_while_python_tells_what_else_it_dropped(complaints: list[Any]) -> None:
    with interrupts(), pytest.raises(KeyboardInterrupt):
        never_after(lambda: 1 / 0)
    assert complaints == [ZeroDivisionError]


def test_a_polite_kill_where_ctrl_c_is_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupts(), signals_as_interrupt(), pytest.raises(KeyboardInterrupt):
        never_after(ctrl_c, lambda: signal.raise_signal(signal.SIGTERM))
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_once_it_came_through_it_does_not_come_again() -> None:
    def pressed_twice() -> None:
        Dying(ctrl_c)
        ctrl_c()

    with interrupts() as noted:
        with pytest.raises(KeyboardInterrupt):
            pressed_twice()
        seen, begun = list(noted), time.monotonic()
        until(lambda: time.monotonic() - begun > 0.1)
        assert noted == seen


def test_what_was_there_before_is_there_afterwards() -> None:
    def standing() -> list[Any]:
        return [sys.unraisablehook, signal.getitimer(signal.ITIMER_REAL)] + [
            signal.getsignal(number) for number in (signal.SIGINT, signal.SIGALRM, signal.SIGTERM)
        ]

    before = standing()
    with suppress(KeyboardInterrupt), interrupts(), signals_as_interrupt():
        Dying(ctrl_c)
    assert standing() == before
