"""Relief: what waits behind long tasks is asked back as soon as another agent could run it."""

import logging
from collections.abc import Callable, Mapping, Sequence

from common.clock import Clock
from common.contracts import Candidate, Dispatches
from common.domain.messages import Beat, Drain
from common.logs import about
from common.service import Service
from stage3_kafka.pulse import Pulse

log = logging.getLogger("dts.scans")

EVERY = 0.5
"""Seconds between two looks."""
PATIENCE = 2.0
"""Seconds for which something may wait with an agent whose slots are all taken."""

Attempt = tuple[str, int]


class Relief(Service):
    """An agent that ended tasks fast is given a few ahead. Where those it has begun then take long, they wait there.

    It is told to hand them back, not robbed of them: only the agent itself can say that it will not begin them.
    """

    name = "relief"

    def __init__(
        self, dispatches: Dispatches, pulse: Pulse, *, agents: Callable[[], Sequence[Candidate]], clock: Clock
    ) -> None:
        self._dispatches, self._pulse, self._agents, self._clock = dispatches, pulse, agents, clock
        self._since: Mapping[Attempt, float] = {}
        """When each attempt that waits was first seen to do so."""

    def step(self) -> float:
        now = self._clock.monotonic()
        live = {one.agent: one for one in self._agents()}
        beats = {agent: beat for agent, beat in self._pulse.fresh().items() if agent in live}
        waiting = {attempt for beat in beats.values() for attempt in beat.waiting}
        self._since = {attempt: self._since.get(attempt, now) for attempt in waiting}
        late = [beat for beat in beats.values() if beat.free == 0 and self._waits_long(beat, now)]
        if late and any(_has_room(live[agent], beat) for agent, beat in beats.items()):
            self._dispatches.publish([Drain(beat.agent, beat.boot) for beat in late])
            for beat in late:
                log.info("asked %s to hand back what waits there", beat.agent, extra=about(sorted(beat.waiting)))
            # Not again before it can have answered.
            self._since = dict.fromkeys(waiting, now)
        return EVERY

    def _waits_long(self, beat: Beat, now: float) -> bool:
        return any(now - self._since[attempt] >= PATIENCE for attempt in beat.waiting)


def _has_room(agent: Candidate, beat: Beat) -> bool:
    return not agent.shut and beat.free > 0 and not beat.waiting
