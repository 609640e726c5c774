"""Why a task is with its agent, or with none yet, as its scheduler noted it."""

from collections.abc import Iterator, Mapping
from typing import Any


def decision_details(decision: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and values for a person."""
    for name in ("chosen", "by", "at", "strategy", "because", "until", "expires"):
        if decision.get(name):
            yield name, str(decision[name])
    candidates = decision.get("candidates")
    for agent, standing in candidates.items() if isinstance(candidates, Mapping) else ():
        yield f"  {agent}", str(standing)
    if decision.get("others"):
        yield "  others", str(decision["others"])
