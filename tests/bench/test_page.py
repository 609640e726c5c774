"""The report is a page of its own: nothing is loaded, every text is only a text."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

from common.bench.figures import Figure, Series, Sheet
from common.bench.page import page
from tests.bench.conftest import Ran

HOSTILE = "<script>alert('x')</script>\" onload=\"x & <b>"
VOID = {"meta", "rect", "line", "circle", "polyline"}
"""Elements that have no end tag in what we write."""


class Elements(HTMLParser):
    """All elements of a page with their attributes; refuses what is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_report_of_a_run_shows_every_figure_with_a_chart(ran: Ran) -> None:
    elements = Elements(ran.page)
    headings = [text for text in elements.texts if text in {figure["title"] for figure in ran.record["figures"]}]
    assert {figure["title"] for figure in ran.record["figures"]} <= set(headings)
    charts = sum(tag == "svg" for tag, _ in elements.found)
    assert charts >= len(ran.record["figures"])
    assert "polyline" in {tag for tag, _ in elements.found}, "the single times of a latency are drawn too"


def test_the_report_loads_nothing(ran: Ran) -> None:
    elements = Elements(ran.page)
    assert not {"script", "link", "img", "iframe", "object", "embed", "use", "image"} & {
        tag for tag, _ in elements.found
    }
    assert not [attributes for _, attributes in elements.found if {"src", "href", "xlink:href"} & attributes.keys()]
    assert not re.search(r"https?:|url\(|@import", ran.page)
    policy = next(attributes["content"] for _, attributes in elements.found if attributes.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_a_hostile_text_stays_a_text(figure: Callable[..., Figure]) -> None:
    hostile = figure(
        id=HOSTILE, title=HOSTILE, floor_title=HOSTILE, unit=HOSTILE, section=HOSTILE, others=2.0, samples=(1.0, 2.0)
    )
    plain = figure(others=2.0, samples=(1.0, 2.0))
    shown = page(Sheet({HOSTILE: HOSTILE}, 1, [hostile]))
    assert [tag for tag, _ in Elements(shown).found] == [
        tag for tag, _ in Elements(page(Sheet({"x": "y"}, 1, [plain]))).found
    ]
    assert "<script" not in shown
    assert not [name for _, attributes in Elements(shown).found for name in attributes if name.startswith("on")]


def test_it_is_made_for_light_and_dark_screens() -> None:
    shown = page(Sheet({}, 1, []))
    assert "color-scheme: light dark" in shown
    assert "@media (prefers-color-scheme: dark)" in shown


def test_figures_that_others_disturbed_are_named(figure: Callable[..., Figure]) -> None:
    assert "cores busy" not in page(Sheet({}, 1, [figure()]))
    assert "cores busy beside these: kill.p50." in page(Sheet({}, 1, [figure(), figure(id="kill.p50", others=1.0)]))


def test_charts_can_show_zero_and_single_times(figure: Callable[..., Figure]) -> None:
    nothing = figure(dts=Series((0.0,)), floor=Series((0.0,)), samples=(0.0,))
    Elements(page(Sheet({}, 1, [nothing])))
