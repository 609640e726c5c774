"""Glance: the overview, asked once for all who look at the same moment, and how it went during the last minutes."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from common.clock import Clock
from common.domain.errors import DtsError

log = logging.getLogger("dts.api")

FRESH = 0.3
"""Seconds for which one answer does for everybody."""
EVERY, KEPT = 1.0, 300
"""Seconds between two samples, and how many are kept."""
OVER = 5
"""Seconds that a rate is taken over: less would only show how ends fall into seconds."""
UNWATCHED = 600.0
"""Seconds without anybody who looks after which no more samples are taken."""
ENDED = ("SUCCESS", "FAILED", "CANCELLED")


@dataclass(frozen=True, slots=True)
class Sample:
    """How it was at one moment; `rate` is tasks ended a second, during the OVER seconds before."""

    at: float
    """By the monotonic clock."""
    waiting: int
    running: int
    rate: float
    failed: float
    """Of these, those that failed."""


class Glance:
    """Safe to use from many threads. Takes samples in a thread of its own, once somebody looks, until `stopping`."""

    def __init__(self, overview: Callable[[], dict[str, Any]], clock: Clock, stopping: threading.Event) -> None:
        self._overview, self._clock, self._stopping = overview, clock, stopping
        self._asking, self._lock = threading.Lock(), threading.Lock()
        self._seen: dict[str, Any] = {}
        self._at = self._looked = float("-inf")
        self._samples: deque[Sample] = deque(maxlen=KEPT)
        self._before: deque[tuple[float, dict[str, int]]] = deque(maxlen=OVER)
        self._thread: threading.Thread | None = None

    def now(self) -> dict[str, Any]:
        """The overview, FRESH seconds old at most. Raises Unavailable."""
        self._looked = self._clock.monotonic()
        self._begin()
        return self._ask()

    def samples(self) -> Sequence[Sample]:
        """The last minutes, oldest first; nothing where nobody looked."""
        with self._lock:
            return list(self._samples)

    def _ask(self) -> dict[str, Any]:
        with self._asking:
            if self._clock.monotonic() - self._at >= FRESH:
                self._seen = self._overview()
                self._at = self._clock.monotonic()
            return self._seen

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="console-samples", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._clock.wait(self._stopping, EVERY):
            with self._lock:
                if self._clock.monotonic() - self._looked > UNWATCHED:
                    self._thread = None
                    return
            try:
                self._note(self._ask()["counts"])
            except DtsError as error:
                # The pages tell of it; the chart has a gap.
                log.debug("no sample: %s", error)
                self._before.clear()

    def _note(self, counts: dict[str, int]) -> None:
        now = self._clock.monotonic()
        if self._before:
            before, known = self._before[0]
            spent = max(0.001, now - before)
            # Retries and retention take away from what has ended.
            rate = max(0, sum(counts[status] - known[status] for status in ENDED)) / spent
            failed = max(0, counts["FAILED"] - known["FAILED"]) / spent
            sample = Sample(now, counts["PENDING"], counts["RUNNING"], rate, failed)
            with self._lock:
                self._samples.append(sample)
        self._before.append((now, dict(counts)))
