"""The stage's pages in both languages are in step: the same commands, the same files, the same gaps."""

import re
from pathlib import Path

import pytest

from common.lab.stages import stage
from tests.house.pages import ROOT

ENGLISH, CHINESE = ROOT / "stage1_mvp" / "README.md", ROOT / "stage1_mvp" / "README.zh-CN.md"
FIRST_CELL = re.compile(r"^\| (`[^`]+`) \|", re.MULTILINE)


def test_both_languages_have_the_same_commands() -> None:
    assert _console(CHINESE) == _console(ENGLISH)


def test_both_languages_list_the_same_files_and_gaps() -> None:
    assert FIRST_CELL.findall(CHINESE.read_text()) == FIRST_CELL.findall(ENGLISH.read_text())


@pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=["en", "zh-CN"])
def test_what_is_missing_is_what_the_ledger_says(page: Path) -> None:
    scenario = stage("1").scenario
    assert scenario
    missing = [f"`{name}`" for name in scenario().ledger.lacks]
    assert [cell for cell in FIRST_CELL.findall(page.read_text()) if "/" not in cell] == missing


def test_every_file_of_the_stage_is_on_the_tour() -> None:
    toured = set(re.findall(r"`stage1_mvp/(\w+)\.py`", ENGLISH.read_text()))
    there = {path.stem for path in (ROOT / "stage1_mvp").glob("*.py")}
    assert there - toured == {"__init__", "stage"}


def _console(page: Path) -> list[str]:
    return re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
