"""The checker: one pass over all tasks, each held against every invariant for which there are records."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from common.doctor.history.across import Assignments, Crowds, Requests
from common.doctor.history.cancels import cancels
from common.doctor.history.client_log import ClientLog
from common.doctor.history.ends import ends
from common.doctor.history.invariants import INVARIANTS, Invariant, Record, Violation
from common.doctor.history.promises import promises
from common.doctor.history.quiet import Quiet
from common.doctor.history.records import Life, Line
from common.doctor.history.rest import Remains, remains
from common.doctor.history.runs import runs
from common.doctor.history.steps import steps
from common.doctor.history.waits import Agents, waits

KEPT = 1000
"""Violations of each invariant that are kept with their words; of further ones only the number is."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which settings the system ran, and what is known of the time. All times are seconds."""

    now: float
    """Seconds since 1970 by the store's clock, before any record was read: of what came later they may not all know."""
    max_lost: int = 3
    retention: float = 7 * 86_400.0
    cancel_within: float = 30.0
    """How soon what runs is ended, once somebody asked for it."""
    gate: bool = True
    """Whether agents ask before they start anything."""
    all_journaled: bool = False
    """Whether every task writes the journal; else only those are held to it that have a line there."""
    agents: Agents = field(default_factory=Agents)
    quiet: Quiet = field(default_factory=Quiet)


@dataclass(slots=True)
class Outcome:
    """What came of one invariant."""

    invariant: Invariant
    unchecked: str = ""
    """The record that was missing for all of it, or for a part of it; '' where there was none."""
    checked: bool = True
    count: int = 0
    violations: list[Violation] = field(default_factory=list)
    """The first of them."""

    def note(self, violation: Violation) -> None:
        """One more of them."""
        self.count += 1
        if len(self.violations) < KEPT:
            self.violations.append(violation)


class Checker:
    """Holds lives against the invariants: `look` at each task once, then `finish`.

    `journal` is every line that tasks wrote, by task id; None where they write none.
    """

    def __init__(
        self,
        terms: Terms,
        journal: Mapping[str, Sequence[Line]] | None = None,
        client_log: ClientLog | None = None,
    ) -> None:
        self.looked = 0
        self._terms, self._journal, self._client_log = terms, journal, client_log
        self._assignments, self._requests = Assignments(), Requests()
        self._crowds = Crowds(terms.agents.slots)
        have = {Record.STORE} | ({Record.JOURNAL} if journal is not None else set())
        self._have = have | ({Record.CLIENT_LOG} if client_log else set())
        self._outcomes = {one.name: self._outcome(one) for one in INVARIANTS}
        self._seen: set[str] = set()

    def look(self, life: Life) -> None:
        """At what the store says of one task; what the other records say of it is added here."""
        whole = self._whole(life)
        self.looked += whole.standing is not None
        if self._client_log:
            self._seen.add(life.task_id)
        self._note(self._wrong(whole))
        self._assignments.note(whole)
        self._crowds.note(whole)

    @property
    def missing(self) -> list[str]:
        """The ids of tasks that a client was told of, and that were not looked at yet."""
        return [one for one in self._client_log.stored if one not in self._seen] if self._client_log else []

    def finish(self, left: Remains | None = None) -> Sequence[Outcome]:
        """What came of each invariant; `left` is what was found of a system at rest, None where it is not at rest."""
        self._note(self._assignments.violations())
        self._note(self._crowds.violations())
        if left is not None:
            self._outcomes["I15"].checked, self._outcomes["I15"].unchecked = True, ""
            self._note(remains(left))
        return list(self._outcomes.values())

    def _whole(self, life: Life) -> Life:
        lines = self._journal.get(life.task_id, ()) if self._journal is not None else ()
        request_id = life.standing.request_id if life.standing else ""
        calls = self._client_log.of(life.task_id, request_id) if self._client_log else ()
        return replace(life, lines=[*life.lines, *lines], calls=[*life.calls, *calls])

    def _wrong(self, life: Life) -> Iterator[Violation]:
        terms = self._terms
        if life.unreadable:
            yield from steps(life)
            return
        journaled = self._journal is not None and (terms.all_journaled or bool(life.lines))
        yield from promises(life, retention=terms.retention, now=terms.now)
        yield from steps(life)
        yield from runs(life, gate=terms.gate)
        yield from ends(life, max_lost=terms.max_lost, journaled_until=terms.now if journaled else 0.0)
        yield from self._requests.note(life)
        yield from waits(life, terms.agents, now=terms.now, quiet=terms.quiet)
        yield from cancels(life, within=terms.cancel_within, now=terms.now, quiet=terms.quiet)

    def _note(self, violations: Iterable[Violation]) -> None:
        for violation in violations:
            self._outcomes[violation.invariant.name].note(violation)

    def _outcome(self, invariant: Invariant) -> Outcome:
        lacking = next((one for one in (invariant.needs, invariant.more) if one not in self._have), "")
        return Outcome(invariant, str(lacking), checked=invariant.needs in self._have)
