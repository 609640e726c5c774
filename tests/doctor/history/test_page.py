"""docs/reliability.md lists the invariants as the code has them."""

from common.doctor.history.invariants import INVARIANTS, Record
from tests.house.pages import ROOT, between

WORDS = {
    Record.STORE: "",
    Record.JOURNAL: "the journal",
    Record.CLIENT_LOG: "the client's log",
    Record.REST: "a look at a system at rest",
}


def test_the_table_of_invariants_is_that_of_the_code() -> None:
    head = ["| | what holds | checked by |", "|---|---|---|"]
    rows = [f"| {one.name} | {one.holds} | {_by(one.needs, one.more)} |" for one in INVARIANTS]
    assert between(ROOT / "docs" / "reliability.md", "invariants") == "\n".join([*head, *rows])


def _by(needs: Record, more: Record) -> str:
    if needs is Record.REST:
        return WORDS[needs]
    return ", ".join(
        ["the histories", *(word for word in (WORDS[needs], f"more of it by {WORDS[more]}" * bool(more)) if word)]
    )
