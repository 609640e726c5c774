"""L3 of RELIABILITY.md at stage 2: something happens at a crash point; then every task ends and all records agree.

Real schedulers and agents on real Redis and ZooKeeper, under a small load whose tasks keep a journal of their own.
"""

import os
import signal
from contextlib import closing, suppress
from pathlib import Path

from common.lab.cluster import Cluster
from common.lab.stages import Sizes, stage
from common.lab.task_processes import task_processes
from common.lab.until import until
from common.transports.redis_client import connect
from tests.stage1.desk import Desk
from tests.stage1.journal import Journal
from tests.stage1.judging import breaches

T = 1.5
MAX_LOST = 3
WITHIN = 30.0


def survives(point: str, action: str, home: Path, number: str = "2") -> None:
    """Let the action happen at the point, and see that no task is lost, nor runs twice at once or once too often.

    In stage 3 nobody grants a start: there what was given may begin.
    """
    journal, reached = Journal(home), home / "reached"
    times = {"DTS_LEASE": str(T), "DTS_SESSION": str(T), "DTS_GRACE": "0.3", "DTS_SLOTS": "3"}
    settings = {**times, "DTS_MAX_LOST": str(MAX_LOST), "DTS_FAILPOINT": f"{point}:{action}:{reached}"}
    with (
        Cluster.owned(home / "home", stage(number), "real", sizes=Sizes(agents=2), env=settings) as cluster,
        closing(connect(cluster.redis_url)) as redis,
    ):
        person = Desk(redis)
        ids = person.push_many([f"echo hello; {journal.task(0.2)}"] * 8)
        pid = int(until(lambda: reached.exists() and reached.read_text(), WITHIN, what=f"{point} to be reached"))
        if action == "freeze":
            until(lambda: _goes_on_without(person, cluster, pid), WITHIN, what="others to go on")
            # It may have been ended by its fence.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        ids += person.push_many([journal.task()] * 2)
        person.succeeded(*ids, within=WITHIN)

        person.settled("leader")
        journal.check()
        assert breaches(person, journal, ids, max_lost=MAX_LOST, gate=number != "3") == []
        assert task_processes(home / "home") == []


def _goes_on_without(person: Desk, cluster: Cluster, pid: int) -> bool:
    """Whether all that runs has ended or is another's, though that process is frozen: T is over for it."""
    (task_id,) = person.push_many(["true"])
    person.succeeded(task_id, within=WITHIN)
    frozen = [member for member in cluster.members() if pid in (member.pid, member.body.pid)]
    if not frozen or frozen[0].role != "agent":
        return True
    return str(person.redis.hget(person.keys.agent(frozen[0].name), "pid") or "") != str(pid)
