"""AgentFigures: what an agent runs, how its attempts end, and how safe it is of its lease."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from common.clock import Clock
from common.contracts import Report
from common.domain.reports import Finished, Granted, LogChunk
from common.domain.result import Reason
from common.domain.task import Task
from common.settings import Settings
from stage1_mvp.runs import Runs
from stage2_zk.told import Told
from stage5_ops.metrics.figures import SECONDS


class AgentFigures:
    """Those of one boot; what changes all the time is looked at when it is asked for."""

    def __init__(self, own: CollectorRegistry, clock: Clock, runs: Runs, told: Told, settings: Settings) -> None:
        self._clock, self._until = clock, 0.0
        _seen(own, "dts_agent_slots", "Tasks that the agent runs at once.", lambda: settings.slots)
        _seen(own, "dts_agent_running", "Tasks that it runs now.", runs.executing)
        _seen(own, "dts_agent_unreported", "Attempts that ended and whose end is not told yet.", lambda: _ended(runs))
        _seen(own, "dts_agent_waiting", "Attempts that it was told of and has not begun.", lambda: len(told))
        _seen(own, "dts_agent_lease_margin_seconds", "Until its lease would end, were it not renewed.", self._margin)
        _seen(own, "dts_agent_lease_seconds", "How long its lease lasts when it is fresh.", lambda: settings.lease)
        self.attempts = Counter(
            "dts_agent_attempts",
            "Attempts that ended here; no type where this agent does not know it.",
            ["type", "status", "reason"],
            registry=own,
        )
        self.output = Counter("dts_agent_output_bytes", "What tasks have printed here.", registry=own)
        self.run = Histogram(
            "dts_agent_run_seconds", "How long attempts ran.", ["status"], buckets=SECONDS, registry=own
        )

    def promising(self, promise: Callable[[float], None]) -> Callable[[float], None]:
        """Of a LeaseKeeper's promises, made to `promise`, the last one is remembered."""

        def promised(until: float) -> None:
            self._until = until
            promise(until)

        return promised

    def _margin(self) -> float:
        return self._until - self._clock.monotonic()


class MeteredReport:
    """A Report that counts what it has told."""

    def __init__(self, report: Report, seen: AgentFigures) -> None:
        self._report, self._seen = report, seen

    def started(self, attempts: Sequence[tuple[Granted, float]]) -> None:
        self._report.started(attempts)

    def logs(self, chunks: Sequence[LogChunk]) -> None:
        self._report.logs(chunks)

    def finished(self, ends: Sequence[Finished]) -> None:
        self._report.finished(ends)
        # Only now: what could not be told is told again.
        for end in ends:
            result = end.result
            self._seen.attempts.labels(_type(end), result.status, result.reason or "").inc()
            self._seen.run.labels(result.status).observe(end.seconds)
            self._seen.output.inc(result.output_bytes)

    def returned(self, attempts: Sequence[Granted]) -> None:
        self._report.returned(attempts)


def _seen(own: CollectorRegistry, name: str, about: str, look: Callable[[], float]) -> None:
    Gauge(name, about, registry=own).set_function(look)


def _type(end: Finished) -> str:
    # Whoever submits can make up a type, and there is no end of them; an agent's own are few.
    if end.result.reason is Reason.UNKNOWN_TYPE or not isinstance(end.task, Task):
        return ""
    return end.task.spec.type


def _ended(runs: Runs) -> int:
    return len(runs.held()) - len(runs.running())
