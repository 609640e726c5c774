"""What a dashboard is made of, and the JSON in which Grafana (10 and newer) reads it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
"""Chosen at the top of each dashboard: a Grafana may have several."""
WIDE = 24
SCHEMA = 38
"""Of Grafana 10.0; a newer one reads it, and moves it on."""


@dataclass(frozen=True, slots=True)
class Query:
    """One line, or several, of a panel. `quiet` has nothing to show while all is well."""

    expr: str
    legend: str = ""
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture. `bad` is from where on it is red; below it, where `bad_below`."""

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: str = "timeseries"
    about: str = ""
    width: int = 8
    stacked: bool = False
    bad: float | None = None
    bad_below: bool = False

    @property
    def height(self) -> int:
        return 4 if self.kind == "stat" else 8


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard: rows of panels, each row under its title. `by_member` lets one choose among a role's members."""

    uid: str
    title: str
    about: str
    rows: Mapping[str, Sequence[Panel]]
    by_member: str = ""

    @property
    def panels(self) -> Sequence[Panel]:
        return [panel for panels in self.rows.values() for panel in panels]


def document(board: Board) -> dict[str, Any]:
    """As Grafana imports it."""
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.about,
        "tags": ["dts"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_source_choice(), *_member_choice(board)]},
        "annotations": {"list": [_alerts()]},
        "links": [
            {
                "type": "dashboards",
                "title": "dts",
                "tags": ["dts"],
                "asDropdown": False,
                "includeVars": False,
                "icon": "",
            }
        ],
        "panels": list(_Page(board).panels()),
    }


def _source_choice() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1}


def _member_choice(board: Board) -> Iterator[dict[str, Any]]:
    if board.by_member:
        asked = f'label_values(up{{job="dts", role="{board.by_member}"}}, member)'
        yield {
            "name": "member",
            "label": board.by_member,
            "type": "query",
            "datasource": SOURCE,
            "definition": asked,
            "query": {"query": asked, "refId": "members"},
            "refresh": 2,
            "sort": 3,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        }


def _alerts() -> dict[str, Any]:
    return {
        "name": "Alerts",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertstate="firing", severity!="info"}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{member}} {{destination}} {{route}}",
        "step": "15s",
    }


@dataclass(slots=True)
class _Page:
    """Lays panels out from left to right, and numbers them."""

    board: Board
    x: int = 0
    y: int = 0
    tallest: int = 0
    ids: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    def panels(self) -> Iterator[dict[str, Any]]:
        for title, panels in self.board.rows.items():
            self._next_line()
            yield {
                "id": next(self.ids),
                "type": "row",
                "title": title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"h": 1, "w": WIDE, "x": 0, "y": self.y},
            }
            self.y += 1
            for panel in panels:
                yield {"id": next(self.ids), "gridPos": self._place(panel), **_drawn(panel)}

    def _place(self, panel: Panel) -> dict[str, int]:
        if self.x + panel.width > WIDE:
            self._next_line()
        place = {"h": panel.height, "w": panel.width, "x": self.x, "y": self.y}
        self.x += panel.width
        self.tallest = max(self.tallest, panel.height)
        return place

    def _next_line(self) -> None:
        self.x, self.y, self.tallest = 0, self.y + self.tallest, 0


def _drawn(panel: Panel) -> dict[str, Any]:
    at_once = panel.kind == "stat"
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "targets": [
            {
                "refId": letter,
                "datasource": SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "instant": at_once,
                "range": not at_once,
            }
            for letter, query in zip(ascii_uppercase, panel.queries, strict=False)
        ],
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _stat_options() if at_once else _line_options(),
    }


def _field(panel: Panel) -> dict[str, Any]:
    look = {"lineWidth": 1, "fillOpacity": 25 if panel.stacked else 8, "showPoints": "never", "spanNulls": False}
    stacking = {"stacking": {"mode": "normal", "group": "A"}} if panel.stacked else {}
    custom = {} if panel.kind == "stat" else {"custom": {**look, **stacking}}
    return {"unit": panel.unit, "min": 0, "noValue": "–", "thresholds": _thresholds(panel), **custom}


def _thresholds(panel: Panel) -> dict[str, Any]:
    low, high = ("red", "green") if panel.bad_below else ("green", "red")
    steps: list[dict[str, Any]] = [{"color": low if panel.bad is not None else "blue", "value": None}]
    if panel.bad is not None:
        steps.append({"color": high, "value": panel.bad})
    return {"mode": "absolute", "steps": steps}


def _stat_options() -> dict[str, Any]:
    return {
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }


def _line_options() -> dict[str, Any]:
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
