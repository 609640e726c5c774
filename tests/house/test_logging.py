"""docs/logging.md: the fields are those that lines have, and what collects them is configured as its tool reads it."""

import re
import tomllib

import yaml

from common.lab.log_lines import OWN
from common.log_formats import FIELDS
from tests.house.pages import ROOT, between

PAGE = ROOT / "docs" / "logging.md"


def test_the_table_of_fields_has_all_that_a_line_may_have() -> None:
    told = re.findall(r"^\| `(\w+)` \|", between(PAGE, "fields"), flags=re.MULTILINE)
    assert sorted(told) == sorted({*OWN, *FIELDS, "pid", "host", "request_id"})


def test_vector_can_read_what_is_shown_for_it() -> None:
    shown = tomllib.loads(_block("vector", "toml"))
    parts = {**shown["sources"], **shown["transforms"]}
    asked = [name for part in (*shown["transforms"].values(), *shown["sinks"].values()) for name in part["inputs"]]
    assert asked
    assert set(asked) <= set(parts)
    assert set(re.findall(r"\{\{ (\w+) \}\}", str(shown["sinks"]))) <= set(OWN)


def test_promtail_can_read_what_is_shown_for_it() -> None:
    shown = yaml.safe_load(_block("promtail", "yaml"))
    (job,) = shown["scrape_configs"]
    stages = {name: stage for one in job["pipeline_stages"] for name, stage in one.items()}
    taken = stages["json"]["expressions"]
    assert set(taken.values()) <= set(OWN)
    assert {stages["timestamp"]["source"], *stages["labels"]} <= set(taken)


def _block(name: str, language: str) -> str:
    found = re.fullmatch(rf"```{language}\n(.*)```", between(PAGE, name), flags=re.DOTALL)
    assert found
    return found[1]
