"""Across: what only all tasks together can show. I11, I12, I13."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from common.doctor.history.invariants import I11, I12, I13, Invariant, Violation
from common.doctor.history.records import Entry, Life, Line
from common.doctor.history.steps import epoch
from common.domain.status import Verb


@dataclass(slots=True)
class _Reign:
    """From when until when a leader's term, or an agent's boot, is seen in assignments."""

    first: Entry
    last: Entry

    def note(self, entry: Entry) -> None:
        if entry.at < self.first.at:
            self.first = entry
        if entry.at >= self.last.at:
            self.last = entry


class Assignments:
    """When terms gave tasks out or took them back, and when boots got some.

    Keeps two entries of each, however many tasks there are.
    """

    def __init__(self) -> None:
        self._terms: dict[int, _Reign] = {}
        self._boots: dict[str, dict[str, _Reign]] = defaultdict(dict)

    def note(self, life: Life) -> None:
        """Remember what its history says of them."""
        for entry in life.entries:
            if term := epoch(entry):
                self._terms.setdefault(term, _Reign(entry, entry)).note(entry)
            if entry.verb is Verb.ASSIGN:
                agent, boot = entry.boot
                self._boots[agent].setdefault(boot, _Reign(entry, entry)).note(entry)

    def violations(self) -> Iterator[Violation]:
        """Older terms and boots at work when newer ones had begun: nobody comes back."""
        by_number = [(f"epoch {term}", reign) for term, reign in sorted(self._terms.items())]
        yield from _interleaved(I12, by_number, "acted")
        for agent, boots in sorted(self._boots.items()):
            by_time = sorted(boots.items(), key=lambda boot: boot[1].first.at)
            yield from _interleaved(I13, [(f"boot {boot} of {agent}", reign) for boot, reign in by_time], "got a task")


def _interleaved(invariant: Invariant, reigns: list[tuple[str, _Reign]], did: str) -> Iterator[Violation]:
    longest: tuple[str, _Reign] | None = None
    for name, reign in reigns:
        if longest and longest[1].last.at > reign.first.at:
            late = longest[1].last
            seen = f"{longest[0]} {did} {late.at - reign.first.at:.3f} s after {name} had"
            yield Violation(invariant, "", seen, (reign.first.raw, late.raw))
        if longest is None or reign.last.at > longest[1].last.at:
            longest = name, reign


class Crowds:
    """How many tasks ran at once with each agent, by their own account."""

    def __init__(self, slots: Mapping[str, int]) -> None:
        self._slots = slots
        self._moments: dict[str, list[tuple[float, int, Line]]] = defaultdict(list)

    def note(self, life: Life) -> None:
        """Remember its runs; one whose end nobody wrote down was cut short at a moment that nobody knows."""
        ends = {line.attempt: line for line in life.lines if line.what == "end"}
        for line in life.starts:
            given, end = life.granted(line.attempt, Verb.ASSIGN), ends.get(line.attempt)
            if given and end and given.boot[0] in self._slots:
                self._moments[given.boot[0]] += [(line.at, 1, line), (end.at, -1, end)]

    def violations(self) -> Iterator[Violation]:
        """The worst moment of each agent that had too many."""
        for agent, moments in sorted(self._moments.items()):
            now, most, worst = 0, 0, None
            # Ends before starts: a journal tells hundredths of a second.
            for _, step, line in sorted(moments, key=lambda moment: moment[:2]):
                now += step
                if now > most:
                    most, worst = now, line
            if most > self._slots[agent]:
                yield Violation(
                    I13, "", f"{agent} ran {most} tasks at once in {self._slots[agent]} slots", (str(worst),)
                )


class Requests:
    """Which task each requestId stands for."""

    def __init__(self) -> None:
        self._tasks: dict[str, str] = {}

    def note(self, life: Life) -> Iterator[Violation]:
        """Each breach that comes to light with this task."""
        asked = {call.request_id: str(call) for call in life.calls if call.outcome == "ok"}
        if life.standing:
            asked.setdefault(life.standing.request_id, f"hash: requestId {life.standing.request_id}")
        for request_id, told in asked.items():
            other = self._tasks.setdefault(request_id, life.task_id) if request_id else life.task_id
            if other != life.task_id:
                yield Violation(I11, life.task_id, f"requestId {request_id!r} is this task, and {other} too", (told,))
