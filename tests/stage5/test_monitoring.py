"""What Prometheus is told to watch: its own tools find no fault with it, and each alert was seen firing, and not."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house.pages import ROOT, between
from tests.stage5.catalogue import known
from tests.stage5.conftest import ProgramOf

FILES = ROOT / "stage5_ops" / "monitoring"
PAGE = ROOT / "docs" / "monitoring.md"
RUNBOOKS = ROOT / "docs" / "runbooks.md"
RULES = [rule for group in yaml.safe_load((FILES / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
NAMES = [str(rule["alert"]) for rule in RULES]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A copy of them, with the token that Prometheus reads beside them."""
    for path in FILES.glob("*.yml"):
        shutil.copy(path, tmp_path)
    (tmp_path / "dts-token").write_text("secret")
    return tmp_path


def test_prometheus_takes_its_configuration(program_of: ProgramOf, files: Path) -> None:
    assert "prometheus.yml is valid" in _ran(files, program_of("promtool"), "check", "config", "prometheus.yml")


def test_prometheus_takes_the_rules(program_of: ProgramOf, files: Path) -> None:
    told = _ran(files, program_of("promtool"), "check", "rules", "--lint-fatal", "rules.yml", "alerts.yml")
    assert f"SUCCESS: {len(RULES)} rules found" in told


def test_alertmanager_takes_its_configuration(program_of: ProgramOf, files: Path) -> None:
    assert "SUCCESS" in _ran(files, program_of("amtool"), "check-config", "alertmanager.yml")


def test_what_keeps_an_alert_quiet_names_alerts_that_there_are() -> None:
    rules = yaml.safe_load((FILES / "alertmanager.yml").read_text())["inhibit_rules"]
    said = " ".join(text for rule in rules for side in ("source", "target") for text in rule[f"{side}_matchers"])
    named = {name for text in re.findall(r'alertname=~?"([\w|]+)"', said) for name in text.split("|")}
    assert named
    assert named <= set(NAMES)


@pytest.mark.timeout(240)
def test_each_alert_fires_in_its_story_and_neither_before_nor_after(program_of: ProgramOf, files: Path) -> None:
    assert "SUCCESS" in _ran(files, program_of("promtool"), "test", "rules", "alerts_test.yml")


def test_each_alert_has_a_story_in_which_it_fires_and_a_time_in_which_it_does_not() -> None:
    stories = yaml.safe_load((FILES / "alerts_test.yml").read_text())["tests"]
    seen = {
        (name, bool(check["exp_samples"]))
        for story in stories
        for check in story["promql_expr_test"]
        for name in re.findall(r'alertname="(\w+)"', check["expr"])
    }
    assert seen == {(name, fires) for name in NAMES for fires in (True, False)}


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    told = rule["annotations"]
    assert told["summary"]
    assert told["description"].endswith(".")
    page, _, section = told["runbook_url"].partition("#")
    assert (ROOT / page, section) == (RUNBOOKS, rule["alert"].lower())


def test_the_runbooks_have_a_section_for_each_alert_in_their_order() -> None:
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", RUNBOOKS.read_text(), re.MULTILINE | re.DOTALL))
    assert list(sections) == NAMES
    for name, text in sections.items():
        parts = re.findall(r"^\*\*(\w+)\.\*\* ", text, re.MULTILINE)
        assert parts == ["Means", "Look", "Do", "Clears"], name


def test_the_page_lists_every_figure_as_the_code_has_it() -> None:
    rows = [
        f"| `{one.name}` | {one.kind} | {', '.join(one.labels)} | {', '.join(one.roles)} | {one.about} |"
        for one in known()
        if one.name.startswith("dts_")
    ]
    head = ["| figure | kind | by | told by | meaning |", "|---|---|---|---|---|"]
    assert between(PAGE, "figures") == "\n".join([*head, *rows])


def test_no_figure_is_split_by_what_has_no_end() -> None:
    bounded = {"type", "status", "reason", "method", "route", "code", "outcome", "verb", "answer", "level"}
    few = {"destination", "why", "role", "member", "version"}
    assert {label for one in known() for label in one.labels if one.name.startswith("dts_")} <= bounded | few


def _ran(folder: Path, *command: Path | str) -> str:
    ended = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr
