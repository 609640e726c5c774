"""A demo goes at the pace that is asked for."""

import pytest

from common.cli.pace import AtOnce, KeyByKey, Quit, Reading


class Keys:
    """Presses keys; remembers how long each was waited for."""

    def __init__(self, *keys: str) -> None:
        self._keys = list(keys)
        self.waited: list[float | None] = []

    def __call__(self, seconds: float | None) -> str:
        self.waited.append(seconds)
        return self._keys.pop(0) if self._keys else ""


def test_at_once_waits_for_nobody_and_says_nothing() -> None:
    AtOnce().settle()
    AtOnce().rest("a long story")
    assert AtOnce().hint == ""


def test_a_reader_gets_time_by_the_length_of_the_text_within_bounds() -> None:
    keys = Keys()
    for text in ("short", "x" * 140, "字" * 70, "x" * 10_000):
        Reading(keys).rest(text)
    assert keys.waited == [2.0, 5.0, 5.0, 12.0]


def test_key_by_key_waits_for_a_key_however_long_it_takes() -> None:
    keys = Keys(" ")
    KeyByKey(keys).rest("text")
    assert keys.waited == [None]


def test_what_was_pressed_too_early_is_forgotten_except_q() -> None:
    keys = Keys("x", "y", "", " ")
    pace = KeyByKey(keys)
    pace.settle()
    pace.rest("text")
    assert keys.waited == [0, 0, 0, None]
    with pytest.raises(Quit):
        KeyByKey(Keys("x", "q")).settle()


@pytest.mark.parametrize("pace", [Reading, KeyByKey])
def test_q_ends_it(pace: type[Reading] | type[KeyByKey]) -> None:
    with pytest.raises(Quit):
        pace(Keys("q")).rest("text")
