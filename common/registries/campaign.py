"""Standing for an office, leading it, and giving it up: one thread for that, one more for each term.

  stand ◄──────────────── given up
    │ won                    ▲
    ▼                        │ lead has returned; or, for whoever hangs, a second later
lead(term) ── in doubt ── term.lost
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from common.clock import Clock
from common.contracts import Term
from common.registries.lost import Lost
from common.registries.repeating import Repeating

PATIENCE = 1.0
"""Seconds that `lead` has to return before the office is given up without it."""
CLOSE_WITHIN = 10.0
"""Seconds that closing waits for a `lead` that does not return."""
STAND_EVERY = 0.25
"""Seconds between two looks at an office that another holds, where no hint comes."""
AFTER_TERM = 0.2
"""Seconds before one stands again: others get the office first."""

log = logging.getLogger("dts.registry")


@dataclass(frozen=True, slots=True)
class Held:
    """An office that is held: by which epoch, and until when that may be trusted."""

    epoch: int
    until: float


class Candidacy(Protocol):
    """One candidate's place in the line for an office, as a server keeps it. Called from one thread."""

    def stand(self) -> Held | None:
        """Be in the line, and say whether the office is held; its epoch is another where one had to come anew.

        Raises Unavailable.
        """
        ...

    def resign(self) -> None:
        """Leave the line, the office with it; the next `stand` comes as another. Raises Unavailable."""
        ...


class _Term:
    """A term, and the thread that leads through it."""

    def __init__(self, epoch: int, lost: Lost, lead: Callable[["_Term"], None]) -> None:
        self.epoch, self.lost = epoch, lost
        self.resigned = False
        self.thread = threading.Thread(target=lead, args=(self,), name=f"term {epoch}", daemon=True)


class Campaign:
    """Stands for an office until it is closed; `pace` says how many seconds lie between two proofs of a term."""

    def __init__(
        self,
        office: str,
        candidate: str,
        candidacy: Candidacy,
        lead: Callable[[Term], None],
        *,
        pace: Callable[[], float],
        clock: Clock,
    ) -> None:
        self._office, self._candidate = office, candidate
        self._candidacy, self._lead = candidacy, lead
        self._pace, self._clock = pace, clock
        self._term: _Term | None = None
        self.loop = Repeating(f"campaign of {candidate} for {office}", self._step, self._finish, clock)

    def doubt(self) -> None:
        """Leadership can't be trusted any more; may be called from any thread."""
        if term := self._term:
            term.lost.set()
            self.loop.wake()

    def end(self) -> None:
        self.loop.end()
        self.doubt()

    def close(self) -> None:
        self.end()
        if not self._is_led_here():
            self.loop.join()
            self._await_lead()

    def _step(self) -> float:
        if self._term:
            return self._go_on(self._term)
        held = self._candidacy.stand()
        if held is None or self.loop.ending:
            return STAND_EVERY
        self._term = term = _Term(held.epoch, Lost(held.until, self._clock), self._run)
        log.info("%s leads %s", self._candidate, self._office, extra={"epoch": term.epoch})
        term.thread.start()
        return self._pace()

    def _run(self, term: _Term) -> None:
        try:
            self._lead(term)
        except Exception:
            log.exception("%s: leading failed; the office is given up", self._office, extra={"epoch": term.epoch})
        finally:
            term.lost.set()
            self.loop.wake()

    def _go_on(self, term: _Term) -> float:
        if not term.lost.is_set():
            held = self._candidacy.stand()
            if held and held.epoch == term.epoch:
                term.lost.trust(held.until)
                return self._pace()
            term.lost.set()
        return self._give_up(term)

    def _give_up(self, term: _Term) -> float:
        term.thread.join(PATIENCE)
        if not term.resigned:
            self._candidacy.resign()
            term.resigned = True
        if term.thread.is_alive():
            return AFTER_TERM
        log.info("%s leads %s no more", self._candidate, self._office, extra={"epoch": term.epoch})
        self._term = None
        return AFTER_TERM

    def _finish(self) -> None:
        term = self._term
        if term:
            term.lost.set()
            term.thread.join(PATIENCE)
        self._candidacy.resign()

    def _is_led_here(self) -> bool:
        """`lead` itself may close: then there is nobody to wait for."""
        term = self._term
        return bool(term and threading.current_thread() is term.thread)

    def _await_lead(self) -> None:
        if term := self._term:
            term.thread.join(CLOSE_WITHIN)
            if term.thread.is_alive():
                log.error("%s: leading has not returned, though it is lost", self._office)
