"""Times as people read them."""

import pytest

from common.cli.times import ago, between, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 ms"),
        (0.0123, "12 ms"),
        (1, "1.0 s"),
        (59.94, "59.9 s"),
        (60, "1 min 0 s"),
        (125.9, "2 min 5 s"),
        (3600, "1 h 0 min"),
        (90_061, "1 d 1 h"),
    ],
)
def test_a_span_has_one_or_two_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_ago_counts_from_now_and_knows_the_future() -> None:
    assert ago("1970-01-01T00:01:40.000Z", 102.5) == "2.5 s ago"
    assert ago("1970-01-01T00:01:40.000Z", 99.5) == "0 ms ago"
    assert ago("1970-01-01T00:01:40.000Z", 90) == "in 10.0 s"


def test_what_is_no_time_is_shown_as_it_stands() -> None:
    assert ago("yesterday", 5) == "yesterday"
    assert between("", "1970-01-01T00:00:00Z") is None
    assert between("1970-01-01T00:00:00Z", "1970-01-01T00:00:01.500Z") == 1.5
