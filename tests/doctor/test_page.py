"""docs/operations.md lists what must hold in a store, as the rules have it."""

from common.doctor.rules import RULES
from tests.house.pages import ROOT, between


def test_the_table_of_rules_is_that_of_the_code() -> None:
    head = ["| check | what holds | a breach is | `--repair` | else |", "|---|---|---|---|---|"]
    rows = [f"| {rule.name} | {rule.holds} | {rule.verdict} | {rule.repair or '–'} | {rule.advice} |" for rule in RULES]
    assert between(ROOT / "docs" / "operations.md", "rules") == "\n".join([*head, *rows])
