"""LeaseKeeper: proves that this boot lives, and says at once when it can't any more."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from common.clock import Clock
from common.domain.errors import DuplicateAgent, Unavailable
from common.service import Service
from common.store.leases import Leases

log = logging.getLogger("dts.lease")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease: an agent in one of its lives, and what it says of itself."""

    agent: str
    boot: str
    info: Mapping[str, str | int]
    seconds: float
    """How long the lease lasts without being renewed."""


class LeaseKeeper(Service):
    """Takes the lease before anything else, renews it, and calls `lost` once when it can't be proved.

    `promise` is told each deadline: the time at which what the lease covers must have ended.

    The deadline counts from before the request was sent, on our own clock, less a margin: whoever sees the
    lease gone may then be sure that we have noticed too. A request takes at most `answer_within` seconds.

    `also` tells until when something else proves that this boot lives, where whoever looks for lost boots looks there
    too: then what runs goes on without the lease, and the lease is taken again when it can be had.
    """

    name = "lease"

    def __init__(
        self,
        leases: Leases,
        holder: Holder,
        clock: Clock,
        *,
        answer_within: float,
        lost: Callable[[], None],
        promise: Callable[[float], None],
        also: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._leases, self._holder, self._seconds = leases, holder, holder.seconds
        self._answer_within = answer_within
        self._clock, self._lost, self._promise, self._also = clock, lost, promise, also
        self._margin = min(max(0.5, self._seconds / 10), self._seconds / 3)
        self._deadline = 0.0
        self._over = False
        self._server = ""

    def acquire(self, pause: Callable[[float], bool]) -> bool:
        """Wait for the lease; False if `pause`, which waits about the seconds it is given, says to give up.

        A forerunner that was killed still holds it for up to its length. Raises DuplicateAgent where it is
        still held after that: then another process lives under this id. Waits for a Redis that is away.
        """
        patience = self._clock.monotonic() + self._seconds + self._margin
        said = ""
        while not self._taken():
            waiting_for = self._waiting_for
            if self._away:
                patience = self._clock.monotonic() + self._seconds + self._margin
            elif self._clock.monotonic() > patience:
                raise DuplicateAgent(
                    f"another live process is agent {self._holder.agent!r}; "
                    "stop it, or give this one another id with --id"
                )
            if waiting_for != said:
                said = waiting_for
                log.warning("waiting: %s", waiting_for)
            if pause(0.2):
                return False
        self._look_at_server()
        return True

    def step(self) -> float:
        if self._over:
            return 1.0
        sent = self._clock.monotonic()
        trusted = self._trusted()
        if sent + self._answer_within > trusted:
            # Another request could not be answered before the lease must count as gone.
            self._give_up("it could not be renewed in time")
            return 1.0
        try:
            held = self._renewed(sent)
        except Unavailable:
            # Whoever needs the store says so. We ask again while there is time, and look at the clock before it is up.
            return min(self._seconds / 5, max(0.0, trusted - self._answer_within - self._clock.monotonic()))
        if not held:
            self._give_up("it ran out, or another boot has it")
            self._look_at_server()
            return 1.0
        self._hold_from(sent)
        self._look_at_server()
        return self._seconds / 5

    def close(self) -> None:
        if not self._over:
            try:
                self._leases.release(self._holder.agent, self._holder.boot)
            except Unavailable as error:
                log.warning("lease not given back, it runs out by itself: %s", error)

    def _taken(self) -> bool:
        sent = self._clock.monotonic()
        self._away = False
        try:
            taken = self._leases.take(self._holder.agent, self._holder.boot, self._seconds, self._holder.info)
        except Unavailable as error:
            self._away, self._waiting_for = True, str(error)
            return False
        if taken:
            self._hold_from(sent)
        self._waiting_for = (
            f"the lease of agent {self._holder.agent!r} is still held; it ends within {self._seconds:g} s"
        )
        return taken

    def _renewed(self, now: float) -> bool:
        holder = self._holder
        if self._leases.renew(holder.agent, holder.boot, self._seconds):
            return True
        if self._also() <= now + self._answer_within:
            return False
        taken = self._leases.take(holder.agent, holder.boot, self._seconds, holder.info)
        if taken:
            log.warning("the lease had run out and was taken again; something else proved meanwhile that we live")
        return taken

    def _look_at_server(self) -> None:
        """Say whether another process of Redis answers than when we last looked."""
        try:
            server = self._leases.server()
        except Unavailable:
            return
        if self._server and server != self._server:
            log.warning(
                "Redis was started anew, or a replica took over: what it was told last, or all of it, may be lost"
            )
        self._server = server

    def _hold_from(self, sent: float) -> None:
        self._deadline = sent + self._seconds - self._margin
        self._trusted()

    def _trusted(self) -> float:
        """Until when what the lease covers may run; whoever ends it then is told."""
        until = max(self._deadline, self._also())
        self._promise(until)
        return until

    def _give_up(self, why: str) -> None:
        self._over = True
        log.error("lease lost: %s", why, extra={"agent": self._holder.agent, "boot": self._holder.boot})
        self._lost()
