"""What figures say of themselves."""

import math
from collections.abc import Callable

import pytest

from common.bench.figures import Figure, Series, Sheet, number, quantile
from common.bench.page import relation


def test_a_series_is_told_by_its_median_and_its_range() -> None:
    series = Series((3.0, 1.0, 2.0, 10.0))
    assert (series.low, series.median, series.high) == (1.0, 2.5, 10.0)
    assert series.record() == {"median": 2.5, "low": 1.0, "high": 10.0, "runs": [3.0, 1.0, 2.0, 10.0]}


def test_a_rate_is_told_as_a_part_of_its_floor_and_a_time_as_a_multiple(figure: Callable[..., Figure]) -> None:
    assert relation(figure()) == "50%"
    assert relation(figure(unit="ms", dts=Series((5.0,)), floor=Series((2.0,)))) == "2.5 ×"


def test_a_floor_of_nothing_breaks_nothing(figure: Callable[..., Figure]) -> None:
    assert figure(floor=Series((0.0,))).ratio == math.inf


def test_a_sheet_names_what_others_disturbed(figure: Callable[..., Figure]) -> None:
    sheet = Sheet({}, 3, [figure(others=0.1), figure(id="kill.p50", others=0.5)])
    assert sheet.noisy == ["kill.p50"]
    assert sheet.record()["quiet"] is False
    assert [one["quiet"] for one in sheet.record()["figures"]] == [True, False]


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.25, 1), (0.26, 2), (0.5, 2), (0.99, 4), (1.0, 4)])
def test_a_quantile_is_one_of_the_values(share: float, expected: float) -> None:
    assert quantile([4, 2, 1, 3], share) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (12345.6, "12,346"), (98.76, "98.8"), (1.234, "1.23"), (0.04567, "0.0457"), (999.6, "1,000")],
)
def test_a_number_shows_the_digits_that_mean_something(value: float, text: str) -> None:
    assert number(value) == text
