"""How much memory of Redis a waiting and a final task take: `python -m tests.stage5.task_memory redis://127.0.0.1:6379/15`.

Uses an empty database of the server that is named, and empties it again.
"""

import sys

from redis import Redis

from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.reports import Finished, LogChunk
from common.domain.result import Result
from common.domain.status import Status
from common.domain.task import Submission
from common.store.leases import Leases
from common.store.tasks import TaskStore
from common.transports.redis_client import connect

MANY = 10_000


def main(url: str) -> None:
    """Print bytes of each task, as it waits and when it has ended with 1 KB of output."""
    with connect(url) as client:
        if client.dbsize():
            raise SystemExit(f"{url} is not empty")
        try:
            measured(client)
        finally:
            client.flushdb()


def measured(client: Redis) -> None:
    store, ids = TaskStore(client), Ids(SystemClock())
    before = used(client)
    for _ in range(MANY // 200):
        store.submit([Submission(type="SHELL", content="echo hello")] * 200, "measure", ids)
    waiting = used(client)
    Leases(client, store.keys).take("agent-1", "boot-1", 600, {"slots": MANY})
    result = Result(Status.SUCCESS, exit_code=0, output="x" * 1000, output_bytes=1000)
    while granted := store.claim("agent-1", "boot-1", 200):
        store.report([Finished(task, result, LogChunk(task, 0, "x" * 1000)) for task in granted], "agent-1")
    ended = used(client)
    sys.stdout.write(
        f"waiting {(waiting - before) / MANY:.0f} bytes a task, ended {(ended - before) / MANY:.0f} "
        f"(1000 of them output in its hash, 1000 in its log), {MANY} tasks each\n"
    )


def used(client: Redis) -> int:
    return int(client.info("memory")["used_memory"])


if __name__ == "__main__":
    main(sys.argv[1])
