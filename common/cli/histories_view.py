"""How `dts doctor --history` shows what it found."""

from collections.abc import Iterator
from typing import Any

from common.cli.console import Cell, details, document, note, on_terminal, say, table
from common.doctor.history.checker import Outcome
from common.doctor.history.invariants import Violation
from common.doctor.history.visit import Visited

SHOWN = 20
"""Violations that a person is shown."""
SAID = "what holds"
_STYLES = {"ok": "green", "bad": "bold red", "unchecked": "dim"}


def show(visited: Visited) -> None:
    """A table and each violation with its evidence for a person; in a pipe a row for each violation or invariant."""
    if not on_terminal():
        table(("verdict", "invariant", "task", "seen", "holds"), _plain(visited))
        return
    table(("", "verdict", "violations", SAID), map(_row, visited.outcomes), elastic=[SAID])
    say("")
    violations = [one for outcome in visited.outcomes for one in outcome.violations]
    for one in violations[:SHOWN]:
        say(f"{one.invariant.name} {one.task_id or 'all tasks'}: {one.seen}")
        details(("", line) for line in one.evidence)
    if visited.count > SHOWN:
        say(f"… and {visited.count - SHOWN} more: --json lists them")
    tasks = f"{visited.looked:,} tasks in {visited.seconds:.1f} s"
    closing = f"{visited.count} violations in {tasks}." if visited.count else f"No violation in {tasks}."
    note(Cell(closing, _STYLES["bad" if visited.count else "ok"]))


def _row(outcome: Outcome) -> tuple[Cell | str, ...]:
    verdict, count = _verdict(outcome), str(outcome.count) if outcome.checked else ""
    return outcome.invariant.name, Cell(_word(outcome), _STYLES[verdict]), count, _said(outcome)


def _verdict(outcome: Outcome) -> str:
    if outcome.count:
        return "bad"
    return "ok" if outcome.checked else "unchecked"


def _word(outcome: Outcome) -> str:
    return "not checked" if _verdict(outcome) == "unchecked" else _verdict(outcome)


def _said(outcome: Outcome) -> str:
    missing, holds = _needs(outcome), outcome.invariant.holds
    if not outcome.checked:
        # First, for what stands last is cut off where the terminal is narrow.
        return f"{missing}: {holds}"
    return f"{holds} ({missing})" if missing else holds


def _needs(outcome: Outcome) -> str:
    """Which record is missing for all of it, or for a part; '' where none is."""
    if not outcome.unchecked:
        return ""
    return f"in part; {outcome.unchecked} would tell more" if outcome.checked else f"needs {outcome.unchecked}"


def _plain(visited: Visited) -> Iterator[tuple[str, ...]]:
    for outcome in visited.outcomes:
        name, verdict, holds = outcome.invariant.name, _verdict(outcome), outcome.invariant.holds
        if not outcome.violations:
            yield verdict, name, "", _needs(outcome), holds
        for one in outcome.violations:
            yield verdict, name, one.task_id, "; ".join((one.seen, *one.evidence)), holds


def show_json(visited: Visited) -> None:
    """One document."""
    document(
        {
            "verdict": "bad" if visited.count else "ok",
            "invariants": [
                {
                    "invariant": outcome.invariant.name,
                    "holds": outcome.invariant.holds,
                    "verdict": _verdict(outcome),
                    "needs": outcome.unchecked or None,
                    "violations": outcome.count,
                }
                for outcome in visited.outcomes
            ],
            "violations": [_record(one) for outcome in visited.outcomes for one in outcome.violations],
            "tasks": visited.looked,
            "seconds": round(visited.seconds, 2),
        }
    )


def _record(one: Violation) -> dict[str, Any]:
    return {
        "invariant": one.invariant.name,
        "taskId": one.task_id or None,
        "seen": one.seen,
        "evidence": one.evidence,
    }
