"""Figures: all that one boot of a role tells, as Prometheus reads it; and what every role tells alike.

Names and units are as Prometheus has them: https://prometheus.io/docs/practices/naming/
"""

import logging
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from common.service import Service

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
"""Upper bounds of what takes from a moment to hours."""


def figures(role: str, member: str) -> CollectorRegistry:
    """Those of one boot, with its process' own in it: processor time, memory, open files, start."""
    # Half of all lines would say when a counter was made; nobody asks.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    own = CollectorRegistry()
    ProcessCollector(registry=own)
    GCCollector(registry=own)
    Info("dts", "Who tells these figures.", registry=own).info(
        {"role": role, "member": member, "version": version("dts")}
    )
    return own


class LogFigures(Service):
    """Counts warnings and errors for as long as it runs: what is often warned of is worth a look at the log."""

    name = "log-figures"

    def __init__(self, own: CollectorRegistry) -> None:
        counter = Counter("dts_log_messages", "Warnings and errors in the log.", ["level"], registry=own)
        self._handler: logging.Handler | None = _Counting(counter)

    def step(self) -> float:
        if self._handler and self._handler not in logging.getLogger().handlers:
            logging.getLogger().addHandler(self._handler)
        return 5.0

    def close(self) -> None:
        if self._handler:
            logging.getLogger().removeHandler(self._handler)


class _Counting(logging.Handler):
    def __init__(self, counter: Counter) -> None:
        super().__init__(logging.WARNING)
        self._levels = {level: counter.labels(level) for level in ("warning", "error")}

    def emit(self, record: logging.LogRecord) -> None:
        self._levels["warning" if record.levelno < logging.ERROR else "error"].inc()
