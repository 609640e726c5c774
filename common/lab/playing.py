"""Plays a scenario on a world: does what is to be done, and holds every claim to what is really there."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from common.clock import Clock
from common.domain.errors import DtsError
from common.lab.acts import Act
from common.lab.observer import Observer
from common.lab.picture import Picture
from common.lab.probe import Probe
from common.lab.scenario import Beat, Claim, Do, Gap, Hurt, Step
from common.lab.until import NotYet, until
from common.lab.worlds import World

EVERY = 0.03
"""Seconds between two looks while a claim is awaited."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a claim or a gap was found."""

    beat: Beat
    step: Claim | Gap
    held: bool
    expected: Any
    seen: Any
    command: str
    seconds: float
    picture: Picture


class ClaimBroken(DtsError):
    """The system does not do what the scenario says of it; `outcome` has all that is known."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(
            f"{outcome.beat.id}.{outcome.step.id}: expected {outcome.expected!r}, seen {outcome.seen!r} "
            f"after {outcome.seconds:.1f} s; {outcome.command}"
        )
        self.outcome = outcome


class Audience(Protocol):
    """Whoever listens while a scenario is played. Called from the player's thread."""

    def opened(self, beat: Beat) -> None: ...

    def doing(self, command: str, *, hurts: bool) -> None: ...

    def awaiting(self, beat: Beat, step: Claim | Gap) -> None: ...

    def saw(self, picture: Picture) -> None: ...

    def judged(self, outcome: Outcome) -> None: ...

    def closed(self, beat: Beat) -> None:
        """Called when all of the beat held; may wait for a person."""
        ...


class Player:
    """Plays beats one after the other, in the calling thread."""

    def __init__(
        self, world: World, observer: Observer, clock: Clock, audience: Audience, *, patience: float = math.inf
    ) -> None:
        """`patience` is how many seconds any claim may take at most, whatever it asks for itself."""
        self._world, self._observer, self._clock, self._audience = world, observer, clock, audience
        self._patience = patience
        self._names = observer.names

    def play(self, beats: Sequence[Beat]) -> list[Outcome]:
        """All of it, or up to the first claim that is false: raises ClaimBroken. Raises DtsError where an act fails."""
        return [outcome for beat in beats for outcome in self.play_beat(beat)]

    def play_beat(self, beat: Beat) -> list[Outcome]:
        """One beat; raises as `play` does."""
        self._audience.opened(beat)
        outcomes = [outcome for step in beat.steps if (outcome := self._step(beat, step))]
        self._audience.closed(beat)
        return outcomes

    def _step(self, beat: Beat, step: Step) -> Outcome | None:
        if isinstance(step, Do):
            self._perform(step.act, hurts=False)
            return None
        if isinstance(step, Hurt):
            self._perform(step.fault, hurts=True)
            return None
        self._audience.awaiting(beat, step)
        outcome = self._claim(beat, step) if isinstance(step, Claim) else self._gap(beat, step)
        self._audience.judged(outcome)
        if not outcome.held:
            raise ClaimBroken(outcome)
        return outcome

    def _perform(self, act: Act, *, hurts: bool) -> None:
        self._audience.doing(act.command(self._names), hurts=hurts)
        act.perform(self._world, self._names)

    def _claim(self, beat: Beat, claim: Claim) -> Outcome:
        begun = self._clock.monotonic()
        held, picture = self._await(claim.probe, claim.within)
        return self._outcome(beat, claim, claim.probe, picture, begun, held=held)

    def _gap(self, beat: Beat, gap: Gap) -> Outcome:
        begun = self._clock.monotonic()
        held, picture = self._await(gap.when, gap.within)
        if not held:
            return self._outcome(beat, gap, gap.when, picture, begun, held=False)
        closed, picture = self._await(gap.missing, gap.patience)
        return self._outcome(beat, gap, gap.missing, picture, begun, held=not closed)

    def _await(self, probe: Probe, within: float) -> tuple[bool, Picture]:
        picture = Picture(self._names)

        def holds() -> bool:
            nonlocal picture
            picture = self._observer.look()
            self._audience.saw(picture)
            return bool(probe.seen(picture) == probe.expect)

        try:
            return until(holds, min(within, self._patience), every=EVERY), picture
        except NotYet:
            return False, picture

    def _outcome(
        self, beat: Beat, step: Claim | Gap, probe: Probe, picture: Picture, begun: float, *, held: bool
    ) -> Outcome:
        return Outcome(
            beat,
            step,
            held,
            probe.expect,
            probe.seen(picture),
            probe.ask(self._names),
            self._clock.monotonic() - begun,
            picture,
        )
