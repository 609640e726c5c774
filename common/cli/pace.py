"""How fast a demo goes: as fast as it can, as fast as people read, or as fast as somebody presses keys."""

from typing import Protocol

from rich.cells import cell_len

from common.cli.keyboard import Pressed

CELLS_A_SECOND = 28.0
"""How fast people read; a Chinese character takes two cells."""
SHORTEST, LONGEST = 2.0, 12.0
"""Seconds between two beats."""
QUIT = ("q", "Q", "\x04")


class Quit(Exception):
    """Somebody has seen enough."""


class Pace(Protocol):
    """Decides how long a beat stays before the next one comes."""

    hint: str
    """The id of the phrase that says what is waited for; '' where nothing is."""

    def settle(self) -> None:
        """Forget the keys that were pressed before they were asked for, except one that ends it all: raises Quit."""
        ...

    def rest(self, read: str) -> None:
        """Block until it is time to go on, where `read` is what was to be read. Raises Quit."""
        ...


class AtOnce:
    """Waits for nobody."""

    hint = ""

    def settle(self) -> None:
        pass

    def rest(self, read: str) -> None:
        pass


class _Keys:
    def __init__(self, pressed: Pressed) -> None:
        self._pressed = pressed

    def settle(self) -> None:
        while key := self._pressed(0):
            _quit_or_go_on(key)


class Reading(_Keys):
    """Gives people time to read; any key cuts it short."""

    hint = "demo.any_key_now"

    def rest(self, read: str) -> None:
        _quit_or_go_on(self._pressed(min(max(cell_len(read) / CELLS_A_SECOND, SHORTEST), LONGEST)))


class KeyByKey(_Keys):
    """Goes on when a key is pressed."""

    hint = "demo.any_key"

    def rest(self, read: str) -> None:
        _quit_or_go_on(self._pressed(None))


def _quit_or_go_on(key: str) -> None:
    if key in QUIT:
        raise Quit
