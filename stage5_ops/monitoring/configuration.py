"""The files of this folder, made to fit one dts that runs: where its API is, where everybody listens, how patient."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from math import ceil
from pathlib import Path

PROMETHEUS, ALERTMANAGER, RULES, TOKEN = "prometheus.yml", "alertmanager.yml", ("rules.yml", "alerts.yml"), "dts-token"
SECONDS = {"s": 1, "m": 60, "h": 3600}
PATIENCE = re.compile(
    r"(?P<before>\[|\bfor: |\b(?:scrape|evaluation|refresh|group)_interval: |\bgroup_wait: )"
    r"(?P<count>\d+)(?P<unit>[smh])"
)
"""How long rules look back and wait, and how often somebody looks; not what they are about, like a lease's seconds."""
LEAST = {"for: ": 8}
"""Seconds; Prometheus takes five until it asks those of whom it has just heard, and nothing is wrong meanwhile."""


@dataclass(frozen=True, slots=True)
class Site:
    """Who is watched and who watches; addresses are host:port."""

    api_url: str
    token: str
    alertmanager: str
    receiver: str
    hurry: int = 1
    """How many times sooner than usual they look, and alerts fire and clear."""


def write(folder: Path, site: Site) -> None:
    """Write all that Prometheus and Alertmanager need into a folder that only its owner may read."""
    changes: Mapping[str, Mapping[str, str]] = {
        PROMETHEUS: {"http://127.0.0.1:8080/": f"{site.api_url.rstrip('/')}/", "127.0.0.1:9093": site.alertmanager},
        ALERTMANAGER: {"127.0.0.1:9095": site.receiver},
    }
    for name in (PROMETHEUS, ALERTMANAGER, *RULES):
        text = files(__package__).joinpath(name).read_text(encoding="utf-8")
        (folder / name).write_text(hurried(_changed(text, changes.get(name, {})), site.hurry))
    with os.fdopen(os.open(folder / TOKEN, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as token:
        token.write(site.token)


def hurried(text: str, by: int) -> str:
    """The same rules or settings, all waiting and looking back divided; never less than Prometheus itself needs."""

    def sooner(found: re.Match[str]) -> str:
        seconds = ceil(int(found["count"]) * SECONDS[found["unit"]] / by)
        return f"{found['before']}{max(seconds, LEAST.get(found['before'], 1))}s"

    return PATIENCE.sub(sooner, text) if by > 1 else text


def _changed(text: str, changes: Mapping[str, str]) -> str:
    for old, new in changes.items():
        if text.count(old) != 1:
            raise AssertionError(f"{old!r} stands there {text.count(old)} times")
        text = text.replace(old, new)
    return text
