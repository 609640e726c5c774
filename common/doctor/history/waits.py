"""Waits: a task that has not ended moves on, or there is a reason why it does not. I2."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from common.doctor.history.invariants import I2, Violation
from common.doctor.history.quiet import Quiet
from common.doctor.history.records import Life, Standing
from common.domain.status import Status

WITHIN = 30.0
"""Seconds in which a task moves, beside what it has to wait by its own wish."""


@dataclass(frozen=True, slots=True)
class Agents:
    """Who could run tasks now."""

    boots: Mapping[str, str] = field(default_factory=dict)
    """Which boot holds each agent's lease."""
    room: int = 0
    """Slots that are free with agents that take tasks."""
    slots: Mapping[str, int] = field(default_factory=dict)
    """How many each of them has."""


def waits(life: Life, agents: Agents, *, now: float, quiet: Quiet) -> Iterator[Violation]:
    """Whether it stands still without a reason; `now` is by the store's clock."""
    standing = life.standing
    if standing is None or standing.status.final or not life.entries:
        return
    last = life.entries[-1]
    since = max(last.at, *map(_moment, (standing.due_at, str(last.more.get("retryAt", "")))))
    if now <= quiet.later(since, WITHIN):
        return
    why = _stuck(standing, agents)
    if why:
        yield Violation(I2, life.task_id, f"{standing.status} for {now - since:.0f} s: {why}", (last.raw,))


def _stuck(standing: Standing, agents: Agents) -> str:
    """Why it should have moved; '' where it may wait."""
    if standing.status is Status.RUNNING:
        held = agents.boots.get(standing.agent, "")
        return "" if held == standing.boot else f"boot {standing.boot} of {standing.agent} holds no lease"
    if standing.status is not Status.PENDING:
        return f"{standing.agent} has not begun, and nobody has taken it back"
    return f"{agents.room} slots are free" if agents.room > 0 and not standing.waiting else ""


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
