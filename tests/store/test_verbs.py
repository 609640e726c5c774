"""L0 of RELIABILITY.md: every verb, in every state, by every asker: what is answered, and what has changed then.

In the table a row is one verb and one asker, a column the state that the task is in (REQUEUED is PENDING
again, after it ran); STATE and ATTEMPT are STALE_STATE and STALE_ATTEMPT. The askers:

    right     with the task's attempt, the agent's live boot and the newest epoch
    attempt   with an attempt that is not the task's
    boot      for an earlier boot of the agent
    newer     for the agent's next boot, which holds its lease now
    agent     for another agent, which is alive
    epoch     as the leader of an older term
    own       the agent itself, which has no epoch
    lease     right, but the agent's lease is gone
    alive     of a lost agent, though it still holds its lease
    seen      as one who saw the task in another state than it is in
    drained   for an agent that was told to take nothing new
    resting   for an agent that is in quarantine
    full      for an agent that holds as many as it may
    body      with another body
    early     of a task that is to start by a time which is not over; `right` is when it is
    repeat    right, for the second time; the answer is the second one

What an answer means for the store is checked for each cell: a refusal and a SAME change nothing at all.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from redis import Redis

from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.reports import Finished, LogChunk
from common.domain.result import success
from common.domain.status import Answer, Status, Verb, legal
from common.domain.task import Submission, Task, TaskSpec
from common.store.granting import Attempt
from common.store.leading import Assignment
from common.store.tasks import TaskStore
from tests.store.invariants import assert_consistent, difference, snapshot
from tests.store.lives import AGENT, BOOT, EPOCH, Life

TABLE = """
verb        asker    absent     PENDING    REQUEUED   SCHEDULED  DISPATCHED RUNNING    SUCCESS    FAILED     CANCELLED

submit      right    OK         SAME       SAME       SAME       SAME       SAME       SAME       SAME       SAME
submit      repeat   SAME       SAME       SAME       SAME       SAME       SAME       SAME       SAME       SAME
submit      body     OK         CONFLICT   CONFLICT   CONFLICT   CONFLICT   CONFLICT   CONFLICT   CONFLICT   CONFLICT

claim       right    nothing    OK         OK         nothing    nothing    nothing    nothing    nothing    nothing
claim       repeat   nothing    nothing    nothing    nothing    nothing    nothing    nothing    nothing    nothing
claim       boot     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED
claim       lease    FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED
claim       newer    nothing    OK         OK         nothing    nothing    nothing    nothing    nothing    nothing

assign      right    NOT_FOUND  OK         OK         SAME       STATE      STATE      TERMINAL   TERMINAL   TERMINAL
assign      repeat   NOT_FOUND  SAME       SAME       SAME       STATE      STATE      TERMINAL   TERMINAL   TERMINAL
assign      boot     NOT_FOUND  FENCED     FENCED     STATE      STATE      STATE      TERMINAL   TERMINAL   TERMINAL
assign      newer    NOT_FOUND  OK         OK         STATE      STATE      STATE      TERMINAL   TERMINAL   TERMINAL
assign      agent    NOT_FOUND  OK         OK         STATE      STATE      STATE      TERMINAL   TERMINAL   TERMINAL
assign      drained  NOT_FOUND  SHUT       SHUT       SAME       STATE      STATE      TERMINAL   TERMINAL   TERMINAL
assign      resting  NOT_FOUND  SHUT       SHUT       SAME       STATE      STATE      TERMINAL   TERMINAL   TERMINAL
assign      full     NOT_FOUND  FULL       FULL       SAME       STATE      STATE      TERMINAL   TERMINAL   TERMINAL
assign      epoch    FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED
assign      lease    NOT_FOUND  FENCED     FENCED     SAME       STATE      STATE      TERMINAL   TERMINAL   TERMINAL

dispatched  right    NOT_FOUND  STATE      STATE      OK         SAME       STATE      TERMINAL   TERMINAL   TERMINAL
dispatched  repeat   NOT_FOUND  STATE      STATE      SAME       SAME       STATE      TERMINAL   TERMINAL   TERMINAL
dispatched  attempt  NOT_FOUND  ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    TERMINAL   TERMINAL   TERMINAL
dispatched  epoch    FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED

start       right    NOT_FOUND  FENCED     STATE      OK         OK         SAME       TERMINAL   TERMINAL   TERMINAL
start       repeat   NOT_FOUND  FENCED     STATE      SAME       SAME       SAME       TERMINAL   TERMINAL   TERMINAL
start       attempt  NOT_FOUND  ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    TERMINAL   TERMINAL   TERMINAL
start       boot     NOT_FOUND  FENCED     FENCED     FENCED     FENCED     FENCED     TERMINAL   TERMINAL   TERMINAL
start       newer    NOT_FOUND  FENCED     FENCED     FENCED     FENCED     FENCED     TERMINAL   TERMINAL   TERMINAL
start       agent    NOT_FOUND  FENCED     FENCED     FENCED     FENCED     FENCED     TERMINAL   TERMINAL   TERMINAL
start       lease    NOT_FOUND  FENCED     FENCED     FENCED     FENCED     FENCED     TERMINAL   TERMINAL   TERMINAL

report      right    NOT_FOUND  FENCED     STATE      STATE      STATE      OK         SAME       SAME       TERMINAL
report      repeat   NOT_FOUND  FENCED     STATE      STATE      STATE      SAME       SAME       SAME       TERMINAL
report      attempt  NOT_FOUND  ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    TERMINAL   TERMINAL   TERMINAL
report      boot     NOT_FOUND  FENCED     FENCED     FENCED     FENCED     FENCED     TERMINAL   TERMINAL   TERMINAL
report      agent    NOT_FOUND  FENCED     FENCED     FENCED     FENCED     FENCED     TERMINAL   TERMINAL   TERMINAL
report      lease    NOT_FOUND  FENCED     STATE      STATE      STATE      OK         SAME       SAME       TERMINAL

lost        right    NOT_FOUND  SAME       SAME       OK         OK         OK         TERMINAL   TERMINAL   TERMINAL
lost        repeat   NOT_FOUND  SAME       SAME       SAME       SAME       SAME       TERMINAL   TERMINAL   TERMINAL
lost        alive    NOT_FOUND  SAME       SAME       STATE      STATE      STATE      TERMINAL   TERMINAL   TERMINAL
lost        newer    NOT_FOUND  SAME       SAME       OK         OK         OK         TERMINAL   TERMINAL   TERMINAL
lost        attempt  NOT_FOUND  ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    TERMINAL   TERMINAL   TERMINAL
lost        boot     NOT_FOUND  SAME       SAME       STATE      STATE      STATE      TERMINAL   TERMINAL   TERMINAL
lost        epoch    FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED
lost        seen     NOT_FOUND  SAME       SAME       STATE      STATE      STATE      TERMINAL   TERMINAL   TERMINAL

stuck       right    NOT_FOUND  SAME       SAME       OK         OK         OK         TERMINAL   TERMINAL   TERMINAL
stuck       lease    NOT_FOUND  SAME       SAME       OK         OK         OK         TERMINAL   TERMINAL   TERMINAL
stuck       repeat   NOT_FOUND  SAME       SAME       SAME       SAME       SAME       TERMINAL   TERMINAL   TERMINAL
stuck       attempt  NOT_FOUND  ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    TERMINAL   TERMINAL   TERMINAL
stuck       boot     NOT_FOUND  SAME       SAME       STATE      STATE      STATE      TERMINAL   TERMINAL   TERMINAL
stuck       own      NOT_FOUND  SAME       SAME       OK         OK         OK         TERMINAL   TERMINAL   TERMINAL
stuck       epoch    FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED
stuck       seen     NOT_FOUND  SAME       SAME       STATE      STATE      STATE      TERMINAL   TERMINAL   TERMINAL

cancel      right    NOT_FOUND  OK         OK         OK         OK         REQUESTED  TERMINAL   TERMINAL   SAME
cancel      lease    NOT_FOUND  OK         OK         OK         OK         REQUESTED  TERMINAL   TERMINAL   SAME
cancel      repeat   NOT_FOUND  SAME       SAME       SAME       SAME       SAME       TERMINAL   TERMINAL   SAME

retry       right    NOT_FOUND  STATE      STATE      STATE      STATE      STATE      TERMINAL   OK         OK
retry       repeat   NOT_FOUND  STATE      STATE      STATE      STATE      STATE      TERMINAL   SAME       SAME

expire      early    nothing    nothing    nothing    nothing    nothing    nothing    nothing    nothing    nothing
expire      right    nothing    OK         nothing    nothing    nothing    nothing    nothing    nothing    nothing

log         right    NOT_FOUND  FENCED     OK         OK         OK         OK         OK         OK         OK
log         repeat   NOT_FOUND  FENCED     OK         OK         OK         OK         OK         OK         OK
log         attempt  NOT_FOUND  ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT
log         boot     NOT_FOUND  FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED
log         agent    NOT_FOUND  FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED     FENCED
log         lease    NOT_FOUND  FENCED     OK         OK         OK         OK         OK         OK         OK

begun       right    NOT_FOUND  FENCED     STATE      OK         OK         SAME       TERMINAL   TERMINAL   TERMINAL
begun       repeat   NOT_FOUND  FENCED     STATE      SAME       SAME       SAME       TERMINAL   TERMINAL   TERMINAL
begun       attempt  NOT_FOUND  ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    TERMINAL   TERMINAL   TERMINAL
begun       boot     NOT_FOUND  FENCED     FENCED     FENCED     FENCED     FENCED     TERMINAL   TERMINAL   TERMINAL
begun       agent    NOT_FOUND  FENCED     FENCED     FENCED     FENCED     FENCED     TERMINAL   TERMINAL   TERMINAL
begun       lease    NOT_FOUND  FENCED     STATE      OK         OK         SAME       TERMINAL   TERMINAL   TERMINAL

ungated     right    NOT_FOUND  FENCED     STATE      OK         OK         OK         SAME       SAME       TERMINAL
ungated     repeat   NOT_FOUND  FENCED     STATE      SAME       SAME       SAME       SAME       SAME       TERMINAL
ungated     attempt  NOT_FOUND  ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    ATTEMPT    TERMINAL   TERMINAL   TERMINAL
ungated     boot     NOT_FOUND  FENCED     FENCED     FENCED     FENCED     FENCED     TERMINAL   TERMINAL   TERMINAL
ungated     agent    NOT_FOUND  FENCED     FENCED     FENCED     FENCED     FENCED     TERMINAL   TERMINAL   TERMINAL
ungated     lease    NOT_FOUND  FENCED     STATE      OK         OK         OK         SAME       SAME       TERMINAL
"""

ASKERS = {
    "submit": {"right", "repeat", "body"},
    "claim": {"right", "repeat", "boot", "newer", "lease"},
    "assign": {"right", "repeat", "boot", "newer", "agent", "drained", "resting", "full", "epoch", "lease"},
    "dispatched": {"right", "repeat", "attempt", "epoch"},
    "start": {"right", "repeat", "attempt", "boot", "newer", "agent", "lease"},
    "report": {"right", "repeat", "attempt", "boot", "agent", "lease"},
    "lost": {"right", "repeat", "attempt", "boot", "epoch", "seen", "newer", "alive"},
    "stuck": {"right", "repeat", "attempt", "boot", "own", "epoch", "seen", "lease"},
    "cancel": {"right", "repeat", "lease"},
    "retry": {"right", "repeat"},
    "expire": {"right", "early"},
    "log": {"right", "repeat", "attempt", "boot", "agent", "lease"},
    "begun": {"right", "repeat", "attempt", "boot", "agent", "lease"},
    "ungated": {"right", "repeat", "attempt", "boot", "agent", "lease"},
}
"""The askers that a verb's arguments can tell from the right one."""
IDS = Ids(SystemClock())
ALSO = {"lost": Verb.REQUEUE, "stuck": Verb.REQUEUE, "begun": Verb.START, "ungated": Verb.REPORT}
VERBS = {verb: ALSO.get(verb, verb) for verb in ASKERS}
STATES = ["absent", "PENDING", "REQUEUED", *list(Status)[1:]]
SHORT = {"STATE": "STALE_STATE", "ATTEMPT": "STALE_ATTEMPT"}


@dataclass(frozen=True)
class Cell:
    verb: str
    asker: str
    state: str
    expected: str

    @property
    def status(self) -> Status | None:
        """What the task's hash says."""
        names: dict[str, Status | None] = {"absent": None, "REQUEUED": Status.PENDING}
        return names[self.state] if self.state in names else Status(self.state)


def cells() -> list[Cell]:
    _, *rows = (line.split() for line in TABLE.splitlines() if line.strip())
    return [
        Cell(verb, asker, state, SHORT.get(answer, answer))
        for verb, asker, *answers in rows
        for state, answer in zip(STATES, answers, strict=True)
    ]


def test_the_table_has_every_verb_and_asker() -> None:
    rows = {(cell.verb, cell.asker) for cell in cells()}
    assert rows == {(verb, asker) for verb, askers in ASKERS.items() for asker in askers}
    assert set(VERBS.values()) - {"claim", "log"} == set(Verb)
    assert TABLE.split()[2:11] == STATES


@pytest.mark.parametrize("cell", cells(), ids=lambda cell: f"{cell.verb}-{cell.asker}-{cell.state}")
def test_a_verb_answers_and_changes_as_the_table_says(cell: Cell, redis: Redis, store: TaskStore, life: Life) -> None:
    bystander = life.running(task_id="bystander")
    task = task_in(cell.state, life)
    # The bystander's leader has told the store its epoch, so an older one can be known.
    assert redis.get(store.keys.epoch) == str(EPOCH)
    ask = ASK[cell.verb]
    prepare(cell, store, life)
    if cell.asker == "repeat":
        ask(store, task, "right")
    before, entries = snapshot(redis), store.history("subject")

    answer = ask(store, task, cell.asker)

    assert answer == cell.expected
    changed = difference(before, snapshot(redis))
    if cell.verb == "expire":
        # A hint of what to look at, and when.
        changed -= {store.keys.expiring}
    new = store.history("subject")[len(entries) :]
    assert store.history("subject")[: len(entries)] == entries
    assert store.keys.task(bystander) not in changed
    if answer == "OK" and cell.verb == "log":
        assert (changed, new) == (set() if cell.asker == "repeat" else {store.keys.log("subject", 1)}, [])
    elif answer in ("OK", "REQUESTED"):
        assert_one_step(cell, new, life.task("subject").status)
    else:
        assert changed == set()
    assert_consistent(redis, store.keys)


def prepare(cell: Cell, store: TaskStore, life: Life) -> None:
    """Make true what the asker is known by."""
    if cell.asker in ("lease", "newer") or (cell.verb == "lost" and cell.asker != "alive"):
        life.leases.release(AGENT, BOOT)
    if cell.verb == "expire":
        redis = store._redis
        redis.zadd(store.keys.expiring, {"subject": 1})
        if cell.status:
            at = "1970-01-01T00:00:00.001Z" if cell.asker == "right" else "2100-01-01T00:00:00.000Z"
            redis.hset(store.keys.task("subject"), "expiresAt", at)
    if cell.asker == "newer":
        assert life.leases.take(AGENT, NEWER, 60, {})
    if cell.asker == "agent":
        assert life.leases.take(OTHER, OTHER_BOOT, 60, {})
    if cell.asker == "drained":
        assert store.drain(AGENT, "tester") is Answer.OK
    if cell.asker == "resting":
        assert store.quarantine(AGENT, 60, "tester") is Answer.OK


def assert_one_step(cell: Cell, new: list[dict[str, Any]], reached: Status) -> None:
    steps = [(entry["verb"], entry["from"], entry["to"]) for entry in new]
    if cell.verb == "claim":
        assert steps == [("assign", "PENDING", "SCHEDULED"), ("start", "SCHEDULED", "RUNNING")]
    elif cell.verb == "ungated" and cell.status is not Status.RUNNING:
        assert steps == [("start", cell.status, "RUNNING"), ("report", "RUNNING", "SUCCESS")]
    elif cell.expected == "REQUESTED":
        assert steps == [("cancel", "RUNNING", "RUNNING")]
    else:
        ((verb, before, after),) = steps
        assert (verb, before or None, after) == (VERBS[cell.verb], cell.status, reached)
        assert legal(Verb(verb), cell.status, reached)


def task_in(state: str, life: Life) -> Task:
    if state == "absent":
        return ABSENT
    if state != "REQUEUED":
        return life.task(life.reach(Status(state), task_id="subject"))
    task = life.task(life.running(task_id="subject"))
    assert life.store.requeue([task], "STUCK", "leader", EPOCH) == [(Answer.OK, Status.PENDING)]
    return life.task("subject")


NEWER = "boot-2"
OTHER, OTHER_BOOT = "agent-2", BOOT  # so that only its name tells it apart
ABSENT = Task("subject", TaskSpec(content="true"), Status.RUNNING, attempt=1, agent=AGENT, boot=BOOT)


def submit(store: TaskStore, task: Task, asker: str) -> str:
    content = "false" if asker == "body" else "true"
    return store.submit([Submission.of(task_id=task.task_id, content=content)], "tester", IDS)[0].answer


def claim(store: TaskStore, task: Task, asker: str) -> str:
    granted = store.claim(*_place(asker), 10)
    if granted is None:
        return "FENCED"
    assert [granted_task.task_id for granted_task in granted] in ([], [task.task_id])
    return "OK" if granted else "nothing"


def assign(store: TaskStore, task: Task, asker: str) -> str:
    # The bystander runs on the agent.
    limit = 1 if asker == "full" else 10
    return store.assign([Assignment(task.task_id, *_place(asker), limit)], "leader", _epoch(asker))[0][0]


def dispatched(store: TaskStore, task: Task, asker: str) -> str:
    return store.dispatched([_attempt(task, asker)], "leader", _epoch(asker))[0]


def start(store: TaskStore, task: Task, asker: str) -> str:
    answer, granted = store.start([_attempt(task, asker)], *_place(asker))[0]
    assert bool(granted) == answer.done
    assert granted is None or granted == store.get(task.task_id)
    return answer


def report(store: TaskStore, task: Task, asker: str) -> str:
    task = _as_asked(task, asker)
    return store.report([Finished(task, success("hi", 2), LogChunk(task, 0, "hi"))], AGENT)[0][0]


def requeue(reason: str) -> Callable[[TaskStore, Task, str], str]:
    def ask(store: TaskStore, task: Task, asker: str) -> str:
        # Of a newer boot the leader knows nothing: what it names is the one that it saw.
        task = _as_asked(task, "right" if asker == "newer" else asker)
        if asker == "seen":
            other = Status.SCHEDULED if task.status is not Status.SCHEDULED else Status.DISPATCHED
            task = replace(task, status=other)
        return store.requeue([task], reason, "leader", _epoch(asker))[0][0]

    return ask


def cancel(store: TaskStore, task: Task, _: str) -> str:
    return store.cancel([task.task_id], "tester")[0]


def retry(store: TaskStore, task: Task, _: str) -> str:
    return store.retry([task.task_id], "tester")[0]


def expire(store: TaskStore, _: Task, __: str) -> str:
    ended, looked = store.expire("tester")
    assert looked == 1
    return "OK" if ended else "nothing"


def log(store: TaskStore, task: Task, asker: str) -> str:
    return store.log([LogChunk(_as_asked(task, asker), 0, "hello\n")], AGENT)[0]


def begun(store: TaskStore, task: Task, asker: str) -> str:
    return store.begun([(_as_asked(task, asker), 1.5)], "manager")[0]


def ungated(store: TaskStore, task: Task, asker: str) -> str:
    task = _as_asked(task, asker)
    end = Finished(task, success("hi", 2), LogChunk(task, 0, "hi"), seconds=1.5)
    return store.report([end], "manager", ungated=True)[0][0]


ASK: dict[str, Callable[[TaskStore, Task, str], str]] = {
    "submit": submit,
    "claim": claim,
    "assign": assign,
    "dispatched": dispatched,
    "start": start,
    "report": report,
    "lost": requeue("AGENT_LOST"),
    "stuck": requeue("STUCK"),
    "cancel": cancel,
    "retry": retry,
    "expire": expire,
    "log": log,
    "begun": begun,
    "ungated": ungated,
}


def _place(asker: str) -> tuple[str, str]:
    """The agent and boot for which it asks."""
    places = {"boot": (AGENT, "boot-0"), "newer": (AGENT, NEWER), "agent": (OTHER, OTHER_BOOT)}
    return places.get(asker, (AGENT, BOOT))


def _epoch(asker: str) -> int:
    return {"epoch": EPOCH - 1, "own": 0}.get(asker, EPOCH)


def _attempt(task: Task, asker: str) -> Attempt:
    return Attempt(task.task_id, task.attempt + 1 if asker == "attempt" else task.attempt)


def _as_asked(task: Task, asker: str) -> Task:
    """The task as this asker believes it to be."""
    agent, boot = _place(asker)
    return replace(task, attempt=_attempt(task, asker).attempt, agent=agent, boot=boot)
