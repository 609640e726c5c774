"""Decision: why a task went to an agent, or to none yet, as JSON that is kept with the task."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from common.contracts import Candidate
from common.domain.task import Task

SHOWN = 5
"""Agents whose verdicts are told one by one; of the others only how many there are."""


def chosen(strategy: str, because: str, candidate: Candidate, fitting: Sequence[Candidate]) -> str:
    """Why this one: what the strategy says, and what those held that it chose from."""
    beside = {one.agent: _standing(one) for one in islice(fitting, SHOWN)}
    decision: dict[str, Any] = {
        "strategy": strategy,
        "because": because.format(**_fields(candidate)),
        "candidates": {candidate.agent: _standing(candidate)} | beside,
    }
    if len(fitting) > SHOWN:
        decision["others"] = len(fitting) - SHOWN
    return json.dumps(decision, ensure_ascii=False, separators=(",", ":"))


def none_yet(task: Task, agents: Iterable[Candidate]) -> str:
    """Why no agent gets it now: the verdict on each, of the first ones by name."""
    verdicts = [(one.agent, verdict(task, one)) for one in agents]
    decision: dict[str, Any] = {"because": _summary(Counter(kind for _, (kind, _) in verdicts))}
    if verdicts:
        decision["candidates"] = {agent: words for agent, (_, words) in verdicts[:SHOWN]}
    if len(verdicts) > SHOWN:
        decision["others"] = len(verdicts) - SHOWN
    return json.dumps(decision, ensure_ascii=False, separators=(",", ":"))


def verdict(task: Task, one: Candidate) -> tuple[str, str]:
    """Why this agent does not get it: in short, for counting, and in full."""
    if one.types and task.spec.type not in one.types:
        return f"run no {task.spec.type}", f"runs no {task.spec.type}"
    for name, value in task.spec.labels.items():
        if one.labels.get(name) != value:
            has = f"has {name}={one.labels[name]}" if name in one.labels else f"has no label {name}"
            return f"have no {name}={value}", has
    if one.shut:
        return f"are {one.shut}", one.shut
    return "are full", f"full, {_standing(one)}"


def _summary(counted: Counter[str]) -> str:
    if not counted:
        return "no agent is there"
    return "no agent can take it now: " + ", ".join(f"{count} {kind}" for kind, count in counted.most_common())


def _standing(one: Candidate) -> str:
    window = f"+{one.window}" if one.window else ""
    return f"{one.held}/{one.slots}{window}" + (f" busy {one.busy:.0%}" if one.busy else "")


def _fields(one: Candidate) -> dict[str, Any]:
    return {"agent": one.agent, "held": one.held, "slots": one.slots, "weight": one.weight, "load": one.load}
