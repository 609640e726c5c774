"""The files by which dts is deployed, as a test reads them: which settings they set, for which role."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from common.settings import PREFIX, Settings
from stage5_ops.__main__ import main
from tests.house.pages import ROOT

DEPLOY = ROOT / "stage5_ops" / "deploy"
ROLES = set(main.commands) - {"ask"}
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields}


def documents(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text()) if one]


def variables(path: Path) -> dict[str, str]:
    """The lines NAME=value of a file."""
    lines = [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def filled(text: str) -> str:
    """With something in the place of each ${NAME:?…}."""
    return re.sub(r"\$\{(\w+)[^}]*\}", r"value-of-\1", text)


def loaded(environ: Mapping[str, Any]) -> Settings:
    """The settings as a process would read them; files of certificates, which are not here, left out."""
    given = {name: filled(str(value)) for name, value in environ.items() if not name.endswith("_CA")}
    return Settings.load({name: value for name, value in given.items() if value})


def unknown(names: set[str]) -> set[str]:
    """Those of them that look like settings and are none."""
    return {name for name in names if name.startswith(PREFIX)} - SETTINGS - {f"{name}_FILE" for name in SETTINGS}


def unit(path: Path) -> Iterator[tuple[str, str]]:
    """The lines name=value of a unit of systemd."""
    for line in path.read_text().splitlines():
        name, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            yield name, value
