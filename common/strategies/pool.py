"""The agents that a scheduler may give tasks to, and for each kind of task those that it may go to now."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from common.contracts import Candidate
from common.domain.task import Task
from common.strategies.least import Least

MOST_VIEWS = 64
"""Kinds of task for which candidates are kept; those of others are found anew."""
MOST_RULES = 4
"""Functions for which one view keeps a `Least`."""

Asked = tuple[str, tuple[tuple[str, str], ...]]
"""What a task asks of its agent: that it runs this type, and has these labels."""


class Pool:
    """Knows the candidates and what each holds. A choice costs the same however many there are. For one thread.

    pool.update(live)                        # whenever who lives has changed
    pool.note("agent-1", held=3)             # whenever the store has said so
    candidates = pool.candidates(task)       # none: it has to wait
    pool.chose(strategy(task, candidates))   # counted at once, so that the next choice knows
    """

    def __init__(self) -> None:
        self._members: dict[str, Candidate] = {}
        self._views: dict[Asked, View] = {}
        self._turn = 0

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._members.values())

    def get(self, agent: str) -> Candidate | None:
        """The candidate of that id, whether it has room or not."""
        return self._members.get(agent)

    def update(self, live: Iterable[Candidate]) -> None:
        """Take these, and no others, as those there are. Of a boot that is known already the known one stays."""
        former, members = self._members, {}
        for one in sorted(live, key=_id):
            known = former.get(one.agent)
            members[one.agent] = known if known and known.boot == one.boot else one
        if list(members.values()) != list(former.values()):
            self._members = members
            for view in self._views.values():
                view.update(members)

    def note(self, agent: str, held: int, window: int | None = None, busy: float | None = None) -> None:
        """What the store says that it holds; `window` and `busy` where they are known. Unknown agents are ignored."""
        one = self._members.get(agent)
        if one is None or (held == one.held and window in (None, one.window) and busy in (None, one.busy)):
            return
        one.held, one.window = held, one.window if window is None else window
        one.busy = one.busy if busy is None else busy
        self._changed(one)

    def shut(self, agent: str, why: str = "") -> None:
        """It gets nothing new, for this reason; or again, where there is no reason."""
        one = self._members.get(agent)
        if one and one.shut != why:
            one.shut = why
            self._changed(one)

    def candidates(self, task: Task) -> "View":
        """Those the task may go to; empty where none has room. The same object for each task that asks the same."""
        asked = _asked(task)
        view = self._views.pop(asked, None) or View(asked, self._members)
        self._views[asked] = view
        if len(self._views) > MOST_VIEWS:
            self._views.pop(next(iter(self._views)))
        return view

    def chose(self, candidate: Candidate) -> None:
        """Count a task as its own from now on."""
        self._turn += 1
        candidate.turn = self._turn
        candidate.held += 1
        if candidate.room <= 0:
            self._changed(candidate)

    def _changed(self, candidate: Candidate) -> None:
        for view in self._views.values():
            view.changed(candidate)


class View:
    """The Candidates of one kind of task, each in its place in the order of ids."""

    def __init__(self, asked: Asked, members: Mapping[str, Candidate]) -> None:
        self._asked = asked
        self._rules: dict[Callable[[Candidate], Any], Least] = {}
        self.update(members)

    def __len__(self) -> int:
        return len(self._open)

    def __getitem__(self, index: int, /) -> Candidate:
        return self._open[index]

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._open)

    @property
    def members(self) -> Sequence[Candidate]:
        return self._fitting

    def get(self, agent: str) -> Candidate | None:
        one = self._by_id.get(agent)
        return one if one and one.room > 0 else None

    def least(self, by: Callable[[Candidate], Any]) -> Candidate:
        rule = self._rules.get(by)
        if rule is None:
            rule = self._rules[by] = Least(by, self._open)
            if len(self._rules) > MOST_RULES:
                self._rules.pop(next(iter(self._rules)))
        return rule.find()

    def update(self, members: Mapping[str, Candidate]) -> None:
        """Look at all members anew; these come in the order of their ids."""
        self._fitting = tuple(one for one in members.values() if fits(one, self._asked))
        self._by_id = {one.agent: one for one in self._fitting}
        self._open = [one for one in self._fitting if one.room > 0]
        self._rules.clear()

    def changed(self, candidate: Candidate) -> None:
        """Heed that a candidate holds more or less than before, if it is one of these."""
        if self._by_id.get(candidate.agent) is not candidate:
            return
        place = bisect_left(self._open, candidate.agent, key=_id)
        known = place < len(self._open) and self._open[place] is candidate
        if candidate.room > 0:
            if not known:
                self._open.insert(place, candidate)
            for rule in self._rules.values():
                rule.heed(candidate)
        elif known:
            del self._open[place]
            for rule in self._rules.values():
                rule.drop(candidate)


def fits(candidate: Candidate, asked: Asked) -> bool:
    """Whether it runs tasks of that type and has all the labels asked for."""
    type_, labels = asked
    return (not candidate.types or type_ in candidate.types) and all(
        candidate.labels.get(name) == value for name, value in labels
    )


def _asked(task: Task) -> Asked:
    return task.spec.type, tuple(task.spec.labels.items())


def _id(candidate: Candidate) -> str:
    return candidate.agent
