"""Judging tasks by three records that know nothing of each other: by the checker that `dts doctor --history` has."""

import time
from collections.abc import Sequence
from typing import Any

from common.doctor.history.checker import Checker, Outcome, Terms
from common.doctor.history.client_log import ClientLog
from common.doctor.history.lives import Lives
from common.doctor.history.rest import Remains
from tests.stage1.desk import Desk
from tests.stage1.journal import Journal


def judged(
    desk: Desk,
    journal: Journal,
    task_ids: Sequence[str],
    *,
    client_log: ClientLog | None = None,
    left: Remains | None = None,
    **terms: Any,
) -> Sequence[Outcome]:
    """What came of each invariant. All of these tasks wrote the journal; `terms` are fields of Terms."""
    now = time.time()
    lives, lines = Lives(desk.redis, desk.keys), journal.by_task()
    checker = Checker(Terms(now, all_journaled=True, agents=lives.agents(), **terms), lines, client_log)
    for life in lives.of(dict.fromkeys([*task_ids, *checker.missing])):
        checker.look(life)
    return checker.finish(left)


def breaches(desk: Desk, journal: Journal, task_ids: Sequence[str], **terms: Any) -> list[str]:
    """The same as one text for each violation."""
    outcomes = judged(desk, journal, task_ids, **terms)
    return [str(violation) for outcome in outcomes for violation in outcome.violations]


def run_again(history: Sequence[dict[str, Any]], attempt: int) -> list[str]:
    """What is wrong with the end of an attempt whose result was on its agent's disk: it is stored, not run again."""
    verbs = [entry["verb"] for entry in history if entry["attempt"] == attempt]
    return [
        *(f"attempt {attempt} was taken back although its end was known" for verb in verbs if verb == "requeue"),
        *([] if "report" in verbs else [f"the end of attempt {attempt} was known, and was never stored"]),
    ]
