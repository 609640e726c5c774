"""docs/architecture.md draws what the code does."""

import re
from pathlib import Path

from common.domain.status import FINAL, MOVES, Status
from common.store import keys
from tests.house.pages import between

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"

ARROW = re.compile(r"(\S+) --> (\S+?)(?:: (.+))?")
GROUP = re.compile(r'state ".*" as (\S+) \{')


def test_the_state_diagram_shows_the_one_table_of_moves() -> None:
    moves = {
        (before, after, verb.value)
        for verb, move in MOVES.items()
        for before in (move.before or {"[*]"})
        for after in move.after
    }
    assert {arrow for arrow in _arrows() if arrow[1] != "[*]"} == {(str(b), str(a), v) for b, a, v in moves}


def test_the_state_diagram_ends_in_the_final_states() -> None:
    assert {before for before, after, _ in _arrows() if after == "[*]"} == set(map(str, FINAL))


def test_the_table_of_redis_keys_is_the_docstring_of_the_key_builder() -> None:
    assert keys.__doc__
    rows = re.findall(r"^    (\S+) +(\w+) +(.+)$", keys.__doc__, flags=re.MULTILINE)
    table = ["| key | type | what it holds |", "|---|---|---|", *(_row(*row) for row in rows)]
    assert between(PAGE, "keys") == "\n".join(table)


def _row(key: str, kind: str, what: str) -> str:
    return f"| `{key}` | {kind} | {what.replace('<', '&lt;')} |"


def _arrows() -> set[tuple[str, str, str]]:
    """Every arrow as (from, to, verb); one that leaves a group of states leaves each state of the group."""
    diagram = re.search(r"stateDiagram-v2\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert diagram
    members: dict[str, set[str]] = {}
    arrows: list[tuple[str, str, str]] = []
    group = ""
    for line in map(str.strip, diagram[1].splitlines()):
        if opened := GROUP.fullmatch(line):
            group = opened[1]
        elif line == "}":
            group = ""
        elif arrow := ARROW.fullmatch(line):
            before, after, verb = arrow[1], arrow[2], arrow[3] or ""
            members.setdefault(group, set()).update({before, after} & set(map(str, Status)))
            arrows.append((before, after, verb))
        else:
            raise AssertionError(f"can't read {line!r}")
    return {(name, after, verb) for before, after, verb in arrows for name in members.get(before, {before})}
