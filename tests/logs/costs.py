"""What a line of log costs in each format, and what logging all steps of tasks in batches does.

python -m tests.logs.costs
"""

import io
import logging
import time
from collections.abc import Callable, Iterator
from functools import partial

import click

from common.cli.console import table
from common.log_formats import JsonLine, TextLine
from common.logs import steps

LINES, ROUNDS = 20_000, 7
BATCH = 200
OWN = {"role": "agent", "member": "agent-1", "pid": 12345, "host": "machine-1"}
SECRETS = ["0123456789abcdef" * 4, "fedcba9876543210" * 2]
ID = "01JC5W3N8Q0000000000000000"

log = logging.getLogger("dts.costs")


class Nowhere(io.StringIO):
    """Takes all and keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)


def one_task() -> None:
    """As an agent says that an attempt has ended."""
    log.info("ended %s%s", "SUCCESS", "", extra={"task_id": ID, "attempt": 1})


def a_batch() -> None:
    """As a manager says of many ends at once."""
    steps(log, "applied", [("SUCCESS", ID, 1)] * BATCH)


def seconds(say: Callable[[], None], times: int) -> float:
    """CPU time of one call, on this thread, where it was least disturbed."""

    def rounds() -> Iterator[float]:
        for _ in range(ROUNDS):
            began = time.thread_time()
            for _ in range(times):
                say()
            yield (time.thread_time() - began) / times

    return min(rounds())


@click.command()
def main() -> None:
    """Print the figures."""
    handler = logging.StreamHandler(Nowhere())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    plain = partial(logging.Formatter, "%(asctime)s %(levelname)s %(name)s %(message)s")
    forms: dict[str, Callable[[], logging.Formatter]] = {
        "logging's own": plain,
        "text": partial(TextLine, SECRETS),
        "json": partial(JsonLine, OWN, SECRETS),
    }
    rows = []
    for name, form in forms.items():
        handler.setFormatter(form())
        line, batch = seconds(one_task, LINES), seconds(a_batch, LINES // BATCH)
        rows.append((name, f"{1e6 * line:.1f}", f"{1 / line:,.0f}", f"{1e6 * batch / BATCH:.2f}"))
    table(("format", "us a line", "lines/s", "us a task in a batch of 200"), rows)


if __name__ == "__main__":
    main()
