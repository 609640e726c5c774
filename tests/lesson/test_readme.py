"""The stage's pages in both languages are in step: the same commands, the same files, the same gaps."""

import re
from pathlib import Path

import pytest

from common.lab.stages import load_stages
from common.lab.texts import LANGUAGES
from tests.house.pages import ROOT

STAGES = {spec.package: spec for spec in load_stages().values() if spec.scenario}
FIRST_CELL = re.compile(r"^\| (`[^`]+`) \|", re.MULTILINE)


@pytest.mark.parametrize("package", STAGES)
def test_both_languages_have_the_same_commands(package: str) -> None:
    assert _console(_page(package, "zh-CN")) == _console(_page(package, "en"))


@pytest.mark.parametrize("package", STAGES)
def test_both_languages_list_the_same_files_and_gaps(package: str) -> None:
    cells = [FIRST_CELL.findall(_page(package, language).read_text()) for language in LANGUAGES]
    assert cells[0] == cells[1]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("package", STAGES)
def test_what_is_missing_is_what_the_ledger_says(package: str, language: str) -> None:
    scenario = STAGES[package].scenario
    assert scenario
    missing = [f"`{name}`" for name in scenario().ledger.lacks]
    assert [cell for cell in FIRST_CELL.findall(_page(package, language).read_text()) if "/" not in cell] == missing


@pytest.mark.parametrize("package", STAGES)
def test_every_file_of_the_stage_is_on_the_tour(package: str) -> None:
    toured = set(re.findall(rf"`{package}/([\w/]+)\.py`", _page(package, "en").read_text()))
    folder = ROOT / package
    there = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.py")}
    assert {name for name in there - toured if not name.endswith("__init__")} == {"stage"}


def _page(package: str, language: str) -> Path:
    return ROOT / package / ("README.md" if language == "en" else f"README.{language}.md")


def _console(page: Path) -> list[str]:
    return re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
