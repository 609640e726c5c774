"""Somebody who watches a scenario being played, and remembers it."""

from dataclasses import dataclass, field

from common.clock import SystemClock
from common.lab.observer import Observer
from common.lab.picture import Picture
from common.lab.playing import Outcome, Player
from common.lab.scenario import Beat, Claim, Gap
from common.lab.worlds import World, names_of


@dataclass
class Listener:
    """An Audience. `heard` is what it was told, in order."""

    heard: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def opened(self, beat: Beat) -> None:
        self.heard.append(f"opened {beat.id}")

    def doing(self, command: str, *, hurts: bool) -> None:
        self.heard.append(f"{'hurting' if hurts else 'doing'} {command}")

    def awaiting(self, beat: Beat, step: Claim | Gap) -> None:
        self.heard.append(f"awaiting {step.id}")

    def saw(self, picture: Picture) -> None:
        pass

    def judged(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.heard.append(f"{'held' if outcome.held else 'broken'} {outcome.step.id}")

    def closed(self, beat: Beat) -> None:
        self.heard.append(f"closed {beat.id}")


def observer_of(world: World) -> Observer:
    return Observer(world, names_of(world))


def player(world: World, listener: Listener) -> Player:
    return Player(world, observer_of(world), SystemClock(), listener)
