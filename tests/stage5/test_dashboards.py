"""The dashboards are what their description says, in the form that Grafana reads; what they ask for is told."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
import yaml

from stage5_ops.monitoring.dashboards.boards import BOARDS, text
from tests.house.pages import ROOT
from tests.stage5.catalogue import known

FOLDER = ROOT / "stage5_ops" / "monitoring" / "dashboards"
RECORDED = {
    rule["record"]
    for group in yaml.safe_load((FOLDER.parent / "rules.yml").read_text())["groups"]
    for rule in group["rules"]
}
BY_PROMETHEUS = {"up", "ALERTS"}
NAME = re.compile(r"\b(?:dts|process|python)[_:][\w:]*|\bup\b|\bALERTS\b")


def _board(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / f"{name}.json").read_text()))


@pytest.mark.parametrize("name", BOARDS)
def test_the_file_is_what_the_description_says(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text() == text(BOARDS[name]), (
        "python -m stage5_ops.monitoring.dashboards.boards writes it anew"
    )


def test_no_file_is_there_that_nobody_describes() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(BOARDS)


def test_dashboards_are_told_apart() -> None:
    for field in ("uid", "title"):
        assert len({_board(name)[field] for name in BOARDS}) == len(BOARDS)


@pytest.mark.parametrize("name", BOARDS)
def test_panels_are_numbered_once_and_do_not_overlap(name: str) -> None:
    panels = _board(name)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not [pair for pair in combinations(places, 2) if _overlap(*pair)]


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_asks_the_source_that_is_chosen_at_the_top(name: str) -> None:
    board = _board(name)
    assert next(choice["type"] for choice in board["templating"]["list"]) == "datasource"
    pictures = [panel for panel in board["panels"] if panel["type"] != "row"]
    for panel in pictures:
        assert panel["title"]
        assert panel["targets"]
        for asked in (panel, *panel["targets"]):
            assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)


@pytest.mark.parametrize("name", BOARDS)
def test_what_a_panel_lets_one_choose_can_be_chosen(name: str) -> None:
    board = _board(name)
    choices = {f"${choice['name']}" for choice in board["templating"]["list"]} | {"$__rate_interval"}
    assert {word for expr in _asked(board) for word in re.findall(r"\$\w+", expr)} <= choices


@pytest.mark.parametrize("name", BOARDS)
def test_every_figure_that_a_panel_asks_for_is_told(name: str) -> None:
    told = {series for one in known() for series in one.series} | RECORDED | BY_PROMETHEUS
    asked = {word for expr in _asked(_board(name)) for word in NAME.findall(expr)}
    assert asked
    assert asked <= told


def test_every_figure_that_a_rule_asks_for_is_told() -> None:
    told = {series for one in known() for series in one.series} | RECORDED | BY_PROMETHEUS
    groups = [
        group
        for file in ("rules.yml", "alerts.yml")
        for group in yaml.safe_load((FOLDER.parent / file).read_text())["groups"]
    ]
    asked = {word for group in groups for rule in group["rules"] for word in NAME.findall(rule["expr"])}
    assert asked - told == set()


def test_what_grafana_is_provisioned_with_can_be_read() -> None:
    folder = FOLDER / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources.yaml").read_text())["datasources"]
    assert source["type"] == "prometheus"
    (provider,) = yaml.safe_load((folder / "dashboards.yaml").read_text())["providers"]
    assert provider["type"] == "file"


def _asked(board: dict[str, Any]) -> Iterator[str]:
    yield from (target["expr"] for panel in board["panels"] for target in panel.get("targets", []))


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    apart = (
        one["x"] + one["w"] <= other["x"]
        or other["x"] + other["w"] <= one["x"]
        or one["y"] + one["h"] <= other["y"]
        or other["y"] + other["h"] <= one["y"]
    )
    return not apart
