"""What waiting for a replica costs each answer: `python -m tests.stage5.copies_cost`, on servers of its own.

Both servers are on this machine: between machines add the time of one round trip.
"""

import sys
import tempfile
import time
from pathlib import Path

from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.task import Submission
from common.lab.profile import Profile
from common.lab.servers.redis import redis_binary
from common.store.tasks import TaskStore
from common.transports.redis_client import connect
from tests.sentinels import DURABLE, watched

MANY, ROUNDS = 400, 3


def main() -> None:
    """Print the median and the slowest hundredth of single submissions, without and with a replica's word."""
    with (
        tempfile.TemporaryDirectory() as directory,
        watched(redis_binary(Profile.REAL), Path(directory), *DURABLE) as pair,
    ):
        for _ in range(ROUNDS):
            for words, url in (("the master alone", pair.url), ("and a replica", f"{pair.url}?replicas=1")):
                times = sorted(_timed(url))
                sys.stdout.write(f"{words}: p50 {times[MANY // 2]:.2f} ms, p99 {times[MANY * 99 // 100]:.2f} ms\n")


def _timed(url: str) -> list[float]:
    taken = []
    with connect(url) as client:
        store, ids = TaskStore(client), Ids(SystemClock())
        for _ in range(MANY):
            began = time.perf_counter()
            store.submit([Submission(type="SHELL", content="true")], "measure", ids)
            taken.append((time.perf_counter() - began) * 1000)
    return taken


if __name__ == "__main__":
    main()
