"""What the store answered to a process, and how long tasks took until they began and ended."""

from collections import Counter as Count
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from common.store.writing import Witness
from stage5_ops.metrics.figures import SECONDS


class StoreFigures:
    """A Witness that counts answers."""

    def __init__(self, own: CollectorRegistry) -> None:
        self._answers = Counter(
            "dts_store_answers",
            "What the store answered, for each verb of a task; whatever is not OK, SAME or REQUESTED was refused.",
            ["verb", "answer"],
            registry=own,
        )

    def __call__(self, verb: str, answers: Sequence[Any]) -> None:
        counted = Count(answer if isinstance(answer, str) else answer[0] for answer in answers)
        for answer, count in counted.items():
            self._answers.labels(verb, answer).inc(count)


class TaskTimes:
    """A Witness that notes when tasks begin and end, for who grants the one and stores the other; `then` another."""

    def __init__(self, own: CollectorRegistry, then: Witness) -> None:
        self._then = then
        self._wait = Histogram(
            "dts_task_wait_seconds",
            "From when a task was made, or was due, until its first attempt was granted.",
            buckets=SECONDS,
            registry=own,
        )
        self._whole = Histogram(
            "dts_task_end_to_end_seconds",
            "From when a task was made, or was due, until its end was stored.",
            ["status"],
            buckets=SECONDS,
            registry=own,
        )

    def __call__(self, verb: str, answers: Sequence[Any]) -> None:
        self._then(verb, answers)
        if verb == "start":
            for seconds in _waits(answers):
                self._wait.observe(seconds)
        elif verb == "report":
            for status, seconds in _lives(answers):
                self._whole.labels(status).observe(seconds)


def _waits(answers: Sequence[Any]) -> Iterator[float]:
    for answer, flat in answers:
        if answer != "OK":
            continue
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        if fields.get("attempt") == "1":
            since = fields.get("dueAt") or fields["createdAt"]
            yield max(0.0, _instant(fields["startedAt"]) - _instant(since))


def _lives(answers: Sequence[Any]) -> Iterator[tuple[str, float]]:
    now = datetime.now(UTC).timestamp()
    for answer, status, *since in answers:
        if answer == "OK" and since[0]:
            # By our clock, where the store's said when it began: by what these differ, this is wrong.
            yield status, max(0.0, now - _instant(since[0]))


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
