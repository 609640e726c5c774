"""Who looks at a registry in a test: what a watch was told, what was led, and who is there now."""

import threading
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from common.contracts import Info, Registry, Term

GROUP = "live-agents"
OFFICE = "scheduler"


def agent(boot: str, **more: Any) -> Info:
    return {"boot": boot, **more}


def boots(registry: Registry) -> dict[str, Any]:
    return {member: info.get("boot") for member, info in registry.members(GROUP).items()}


def sees(registry: Registry, **expected: str) -> Callable[[], bool]:
    """Whether these are the members now, each with its boot."""
    return lambda: boots(registry) == {member.replace("_", "-"): boot for member, boot in expected.items()}


class Seen:
    """What a watch was told, one after the other."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def __call__(self, members: Mapping[str, Info]) -> None:
        self.told.append({member: info.get("boot") for member, info in members.items()})


class Leading:
    """A `lead` that keeps its terms, and leads until it is told to stop or the term is lost."""

    def __init__(self) -> None:
        self.terms: list[Term] = []
        self.began: list[float] = []
        self.acted: list[float] = []
        """When each term that is over was last used."""
        self.enough = threading.Event()
        self.now = 0

    def __call__(self, term: Term) -> None:
        self.began.append(time.monotonic())
        self.terms.append(term)
        self.now += 1
        self.acted.append(act(term, self.enough))
        self.now -= 1

    @property
    def leads(self) -> bool:
        return bool(self.now) and not self.terms[-1].lost.is_set()

    @property
    def epochs(self) -> list[int]:
        return [term.epoch for term in self.terms]


def act(term: Term, enough: threading.Event) -> float:
    """Use a term until it is lost, or enough; when it was used last."""
    acted = 0.0
    while True:
        now = time.monotonic()
        # The time is from before: who is frozen between the two has used it at that time.
        if term.lost.is_set() or enough.is_set():
            return acted
        acted = now
        term.lost.wait(0.005)


def led_one_after_the_other(*everybody: Leading) -> bool:
    """Whether no term was used after the next had begun, and each had a larger epoch. No term goes on any more."""
    terms = sorted(
        (began, epoch, acted)
        for leading in everybody
        for began, epoch, acted in zip(leading.began, leading.epochs, leading.acted, strict=True)
    )
    return all(
        epoch < next_epoch and acted <= next_began for (_, epoch, acted), (next_began, next_epoch, _) in pairwise(terms)
    )
