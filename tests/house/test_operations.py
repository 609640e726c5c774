"""docs/operations.md lists every setting, as the model has it."""

import json
import re
from pathlib import Path
from typing import Any

from pydantic import ByteSize

from common.domain.result import Reason
from common.domain.task import Submission
from common.settings import PREFIX, Settings
from tests.house.pages import ROOT, between

PAGE = ROOT / "docs" / "operations.md"
BY_MACHINE = {
    "agent": "the host's name",
    "scheduler": "the host's name",
    "manager": "the host's name",
    "api": "the host's name",
    "slots": "2 for each core",
}
"""Defaults that are made where the process runs."""


def test_the_table_of_settings_is_the_model() -> None:
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_default(name)} | {(field.description or '').replace('<', '&lt;')} |"
        for name, field in Settings.model_fields.items()
    ]
    assert between(PAGE, "settings") == "\n".join(["| variable | default | what it sets |", "|---|---|---|", *rows])


def test_the_table_of_what_a_task_may_ask_for_is_the_model() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `?(.*?)`? \| ", between(PAGE, "task"), flags=re.MULTILINE)
    usual = json.loads(Submission(content="x").model_dump_json(by_alias=True)) | {"content": None}
    assert dict(rows) == {name: json.dumps(value) if name != "content" else "" for name, value in _whole(usual).items()}


def _whole(values: dict[str, Any]) -> dict[str, Any]:
    """Numbers as people write them."""
    return {name: int(value) if isinstance(value, float) else value for name, value in values.items()}


def test_every_reason_is_explained() -> None:
    explained = re.findall(r"^\| `([A-Z_]+)` \|", between(PAGE, "reasons"), flags=re.MULTILINE)
    assert explained == [reason.value for reason in Reason]


def _default(name: str) -> str:
    if name in BY_MACHINE:
        return BY_MACHINE[name]
    value = Settings.model_fields[name].default
    if isinstance(value, ByteSize):
        return f"`{value.human_readable()}`"
    if isinstance(value, float):
        return f"`{value:.0f}`"
    # An undefined default is one that a factory makes; only empty ones are left here.
    return f"`{value}`" if isinstance(value, str | int | Path) and value != "" else ""
