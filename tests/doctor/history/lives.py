"""Hand-made records: lives of tasks in a few words, and the checker's word on them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from common.doctor.history.checker import Checker, Outcome, Terms
from common.doctor.history.client_log import ClientLog
from common.doctor.history.records import Call, Entry, Life, Line, Standing
from common.doctor.history.rest import Remains
from common.domain.status import Status

DAWN = 1_800_000_000.0
"""When all of them begin."""
NOW = DAWN + 1000
SUBMIT = "0 submit - PENDING 0"
RUN = ("1 assign PENDING SCHEDULED 1", "2 start SCHEDULED RUNNING 1")
AGAIN = ("11 assign PENDING SCHEDULED 2", "12 start SCHEDULED RUNNING 2")
DONE = "5 report RUNNING SUCCESS 1"
DONE_AGAIN = "15 report RUNNING SUCCESS 2"
LOST = "6 requeue RUNNING PENDING 1 reason=AGENT_LOST"
FAILED = "6 report RUNNING PENDING 1 reason=EXIT_CODE"
ONCE, TWICE = ("2.1 start 1", "4 end 1"), ("2.1 start 1", "12.1 start 2", "14 end 2")
WHERE = {"agent": "agent-1", "boot": "b1"}


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(DAWN + seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def entry(step: str) -> Entry:
    """'seconds verb from to attempt [name=value …]', '-' for a task that was not there."""
    at, verb, before, after, attempt, *more = step.split()
    said: dict[str, Any] = {"at": stamp(float(at)), "verb": verb, "from": before.strip("-"), "to": after}
    said |= {"attempt": int(attempt), **(WHERE if verb == "assign" else {})}
    said |= {name: int(value) if value.isdecimal() else value for name, value in (one.split("=") for one in more)}
    return Entry.parse(json.dumps(said))


def lines(texts: Sequence[str], task_id: str) -> list[Line]:
    """'seconds what attempt'."""
    words = [text.split() for text in texts]
    return [Line(what, task_id, int(attempt), 7, float(at), DAWN + float(at)) for at, what, attempt in words]


def call(text: str) -> Call:
    """'seconds op outcome task request [answer]', '-' for what is not known."""
    at, op, outcome, task_id, request_id, *answer = text.split()
    when = DAWN + float(at)
    return Call(op, outcome, task_id.strip("-"), request_id.strip("-"), "".join(answer), when, when)


def life(
    *steps: str, task_id: str = "t", journal: Sequence[str] = (), calls: Sequence[str] = (), **standing: Any
) -> Life:
    """The hash is what the last step says, unless `standing` says otherwise; None where there is to be no hash."""
    entries = [entry(step) for step in steps]
    last = {"status": entries[-1].after, "attempt": entries[-1].attempt} if entries else {}
    hash_says = None if standing.pop("gone", False) else Standing(**{**last, "retries": 0, **standing})
    return Life(task_id, hash_says, entries, "", lines(journal, task_id), [call(text) for text in calls])


def outcomes(*lives: Life, left: Remains | None = None, **terms: Any) -> Sequence[Outcome]:
    log = ClientLog(call for one in lives for call in one.calls)
    journal: dict[str, list[Line]] = {}
    for one in lives:
        journal.setdefault(one.task_id, []).extend(one.lines)
    checker = Checker(Terms(**{"now": NOW, "all_journaled": True, **terms}), journal, log)
    for one in lives:
        checker.look(Life(one.task_id, one.standing, one.entries))
    return checker.finish(left)


def told(*lives: Life, **terms: Any) -> list[str]:
    """Every violation as text, the invariant first."""
    return [str(one) for outcome in outcomes(*lives, **terms) for one in outcome.violations]


def final(status: str, attempt: int = 1) -> dict[str, Any]:
    return {"status": Status(status), "attempt": attempt}
