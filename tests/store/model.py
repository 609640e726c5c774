"""The store in plain Python: every verb as the table in RELIABILITY.md words it, for one task at a time.

Nothing here knows Redis or Lua. Time is not in it either: a wait is a number of milliseconds, and which task
is due is said from outside.
"""

from dataclasses import dataclass, field
from typing import Any

from common.domain.result import Result
from common.domain.status import FINAL, UNDER_WAY, Answer, Status
from common.domain.task import Submission
from common.store.writing import Limits

FAR = 2**52
"""When a task is due that nobody has made due."""

Entry = dict[str, Any]


@dataclass
class Kept:
    """One task, and all that belongs to it."""

    task_id: str
    asked: Submission
    status: Status = Status.PENDING
    attempt: int = 0
    agent: str = ""
    boot: str = ""
    epoch: int = 0
    failures: int = 0
    lost: int = 0
    cancel_requested: bool = False
    reported: int = 0
    """The last attempt whose end was accepted."""
    reason: str = ""
    exit_code: str = ""
    error: str = ""
    output: str = ""
    started: bool = False
    waiting: str = ""
    """The leader's word on why it waits."""
    history: list[Entry] = field(default_factory=list)
    logs: dict[int, str] = field(default_factory=dict)
    late: str = ""
    """By when it should have started, where that is over."""
    aged: int | None = None
    """Its rank among the final ones whose retention is over."""

    @property
    def too_late(self) -> bool:
        return bool(self.late) and not self.started

    def expires(self, by: str) -> None:
        self.reason, self.error = "EXPIRED", f"it had not started by {self.late}"
        self.moved("expire", by, Status.FAILED, reason="EXPIRED")

    def is_of(self, attempt: int, agent: str, boot: str) -> bool:
        return self.attempt > 0 and (self.attempt, self.agent, self.boot) == (attempt, agent, boot)

    def forget_result(self) -> None:
        self.reason = self.exit_code = self.error = self.output = ""

    def moved(self, verb: str, by: str, after: Status, **detail: Any) -> None:
        """The one place where a status changes: with its entry in the history."""
        self.noted(verb, by, after, **detail)
        self.status, self.aged = after, None

    def noted(self, verb: str, by: str, after: Status, **detail: Any) -> None:
        before = self.status if self.history else ""
        self.history.append(
            {"verb": verb, "from": before, "to": after, "attempt": self.attempt, "by": by} | detail
        )  # fmt: skip

    def append(self, offset: int, text: str, attempt: int = 0) -> None:
        had = self.logs.get(attempt or self.attempt, "")
        added = text[max(0, len(had) - offset) :]
        if added:
            self.logs[attempt or self.attempt] = had + added


class Model:
    """All tasks, queues, leases and requests. A refusal changes nothing."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.tasks: dict[str, Kept] = {}
        self.requests: dict[str, str] = {}
        self.leases: dict[str, str] = {}
        self.evicted: set[str] = set()
        self.drained: set[str] = set()
        self.quarantined: dict[str, bool] = {}
        """Whether each still is; one that is over is forgotten with the next one."""
        self.ready: list[str] = []
        """Highest priority first, then oldest first: a test is over sooner than a level's worth of time."""
        self.delayed: dict[str, int] = {}
        """When each is due."""
        self.dead: list[str] = []
        self.bell = False
        self.epoch = 0

    # A task comes.

    def submit(self, asked: Submission, task_id: str, room: int) -> tuple[Answer, str]:
        """`room` is how many more may wait."""
        if (known := self.requests.get(asked.request_id or "")) is not None:
            return (Answer.SAME if _body(self.tasks[known].asked) == _body(asked) else Answer.CONFLICT), known
        if there := self.tasks.get(task_id):
            same = _body(there.asked) == _body(asked) and asked.request_id in (None, there.asked.request_id)
            return (Answer.SAME if same else Answer.CONFLICT), task_id
        if room <= 0:
            return Answer.FULL, task_id
        task = self.tasks[task_id] = Kept(task_id, asked)
        task.moved("submit", "tester", Status.PENDING)
        if asked.request_id:
            self.requests[asked.request_id] = task_id
        self._waits_in_turn(task_id)
        return Answer.OK, task_id

    def room(self) -> int:
        return self.limits.pending - sum(task.status is Status.PENDING for task in self.tasks.values())

    # It is given out.

    def claim(self, agent: str, boot: str, limit: int) -> list[str] | None:
        if self.leases.get(agent) != boot:
            return None
        late: list[str] = []
        granted: list[str] = []
        while self.ready and len(granted) < limit:
            task_id = self.ready.pop(0)
            (late if self.tasks[task_id].too_late else granted).append(task_id)
        for task_id in late:
            self.tasks[task_id].expires(agent)
        for task_id in granted:
            task = self.tasks[task_id]
            task.attempt, task.agent, task.boot = task.attempt + 1, agent, boot
            task.moved("assign", agent, Status.SCHEDULED, agent=agent, boot=boot)
            self._start(task)
        return granted

    def assign(self, task_id: str, agent: str, boot: str, limit: int, epoch: int) -> tuple[Answer, int]:
        if self._stale_term(epoch):
            return Answer.FENCED, 0
        task = self.tasks.get(task_id)
        if not task:
            return Answer.NOT_FOUND, 0
        if task.status in FINAL:
            return Answer.TERMINAL, task.attempt
        if task.status is not Status.PENDING:
            same = task.status is Status.SCHEDULED and (task.agent, task.boot) == (agent, boot)
            return Answer.SAME if same else Answer.STALE_STATE, task.attempt
        if refused := self._takes_nothing(agent, boot, limit):
            return refused, task.attempt
        if task_id not in self.ready:
            return Answer.STALE_STATE, task.attempt
        self.ready.remove(task_id)
        if task.too_late:
            task.expires("leader")
            return Answer.TERMINAL, task.attempt
        task.waiting = ""
        task.attempt, task.agent, task.boot, task.epoch = task.attempt + 1, agent, boot, epoch
        task.moved("assign", "leader", Status.SCHEDULED, agent=agent, boot=boot, epoch=epoch)
        return Answer.OK, task.attempt

    def _takes_nothing(self, agent: str, boot: str, limit: int) -> Answer | None:
        if self.leases.get(agent) != boot:
            return Answer.FENCED
        if agent in self.drained or self.quarantined.get(agent):
            return Answer.SHUT
        held = sum(self.is_with(task_id, agent) for task_id in self.tasks)
        return Answer.FULL if held >= limit else None

    def is_with(self, task_id: str, agent: str) -> bool:
        task = self.tasks.get(task_id)
        return bool(task and task.agent == agent and task.status in UNDER_WAY)

    def defer(self, task_ids: list[str], why: str, aside: bool, epoch: int) -> Answer:
        if self._stale_term(epoch):
            return Answer.FENCED
        for task_id in task_ids:
            if task_id in self.ready:
                self.tasks[task_id].waiting = why
                if aside:
                    self.ready.remove(task_id)
                    self.delayed[task_id] = FAR
        return Answer.OK

    def dispatched(self, task_id: str, attempt: int, epoch: int) -> Answer:
        if self._stale_term(epoch):
            return Answer.FENCED
        task = self.tasks.get(task_id)
        if not task or task.status in FINAL:
            return Answer.TERMINAL if task else Answer.NOT_FOUND
        if task.attempt != attempt:
            return Answer.STALE_ATTEMPT
        if task.status is Status.DISPATCHED:
            return Answer.SAME
        if task.status is not Status.SCHEDULED:
            return Answer.STALE_STATE
        task.moved("dispatched", "leader", Status.DISPATCHED)
        return Answer.OK

    def start(self, task_id: str, attempt: int, agent: str, boot: str) -> Answer:
        task = self.tasks.get(task_id)
        if not task or task.status in FINAL:
            return Answer.TERMINAL if task else Answer.NOT_FOUND
        if task.attempt != attempt:
            return Answer.STALE_ATTEMPT
        if not task.is_of(attempt, agent, boot) or self.leases.get(agent) != boot:
            return Answer.FENCED
        if task.status is Status.RUNNING:
            return Answer.SAME
        if task.status not in (Status.SCHEDULED, Status.DISPATCHED):
            return Answer.STALE_STATE
        if task.too_late:
            task.expires(agent)
            return Answer.TERMINAL
        self._start(task)
        return Answer.OK

    def begun(self, task_id: str, attempt: int, agent: str, boot: str) -> Answer:
        task = self.tasks.get(task_id)
        if refused := _not_running(task, attempt, agent, boot, reported=False, begins=True):
            return refused
        assert task
        if task.status is Status.RUNNING:
            return Answer.SAME
        self._start(task, "manager")
        return Answer.OK

    # It ends.

    def report(
        self,
        task_id: str,
        attempt: int,
        agent: str,
        boot: str,
        result: Result,
        jitter: float,
        log: str,
        ungated: bool = False,
    ) -> tuple[Answer, Status | None]:
        task = self.tasks.get(task_id)
        if refused := _not_running(task, attempt, agent, boot, reported=True, begins=ungated):
            return refused, task.status if task else None
        assert task
        if task.status is not Status.RUNNING:
            self._start(task, "agent")
        after, wait = self._outcome(task, result, jitter)
        task.append(0, log)
        task.reason = "CANCELLED" if after is Status.CANCELLED else result.reason or ""
        task.exit_code = "" if result.exit_code is None else str(result.exit_code)
        task.error, task.output, task.reported = result.error, result.output, attempt
        detail = {"reason": result.reason, "exitCode": result.exit_code, "error": result.error, "wait": wait}
        said = {name: value for name, value in detail.items() if value not in (None, "")}
        if not wait:
            del said["wait"]
        task.moved("report", "agent", after, **said)
        if after is Status.PENDING and wait:
            self.delayed[task_id] = FAR
        elif after is Status.PENDING:
            self._ready(task_id)
        return Answer.OK, after

    def _outcome(self, task: Kept, result: Result, jitter: float) -> tuple[Status, int]:
        """Where its end takes it, and how many ms it then waits; the budget that this costs."""
        wait = 0.0
        if result.charged:
            if task.failures >= task.asked.retries:
                return result.status, 0
            task.failures += 1
            if task.asked.backoff == "fixed":
                return self._again(task, task.asked.retry_delay * 1000)
            longest = task.asked.max_retry_delay
            wait = task.asked.retry_delay * 2 ** (task.failures - 1)
            wait = min(wait, self.limits.longest_backoff if longest is None else longest)
        elif not result.handed_back:
            return result.status, 0
        elif result.reason == "AGENT_ERROR":
            task.lost += 1
            if task.lost >= self.limits.lost and not task.cancel_requested:
                return result.status, 0
            wait = min(2**task.lost, self.limits.longest_backoff)
        return self._again(task, wait * 1000 * jitter)

    def _again(self, task: Kept, wait: float) -> tuple[Status, int]:
        return (Status.CANCELLED, 0) if task.cancel_requested else (Status.PENDING, int(wait))

    def log(self, task_id: str, attempt: int, agent: str, boot: str, offset: int, text: str) -> Answer:
        task = self.tasks.get(task_id)
        if not task:
            return Answer.NOT_FOUND
        if task.attempt == attempt and not task.is_of(attempt, agent, boot):
            return Answer.FENCED
        had = len(task.logs.get(attempt, ""))
        if task.attempt != attempt and (had == 0 or had < offset or attempt > task.attempt):
            return Answer.STALE_ATTEMPT
        task.append(offset, text, attempt)
        return Answer.OK

    def requeue(
        self, task_id: str, attempt: int, boot: str, seen: Status, reason: str, epoch: int
    ) -> tuple[Answer, Status | None]:
        if epoch and self._stale_term(epoch):
            return Answer.FENCED, None
        task = self.tasks.get(task_id)
        if not task or task.status in FINAL:
            return (Answer.TERMINAL, task.status) if task else (Answer.NOT_FOUND, None)
        if task.attempt != attempt:
            return Answer.STALE_ATTEMPT, task.status
        if task.status is Status.PENDING:
            return Answer.SAME, task.status
        alive = self.leases.get(task.agent) == task.boot
        if (task.status, task.boot) != (seen, boot) or (reason == "AGENT_LOST" and alive):
            return Answer.STALE_STATE, task.status
        after = self._taken_back(task, reason)
        term = {"epoch": epoch} if epoch else {}
        task.moved("requeue", "leader", after, reason=reason, agent=task.agent, boot=boot, **term)
        if after is Status.PENDING:
            self._ready(task_id)
        return Answer.OK, after

    def _taken_back(self, task: Kept, reason: str) -> Status:
        charged = reason == "AGENT_LOST" and task.status is Status.RUNNING
        task.lost += charged
        if task.cancel_requested:
            task.reason = "CANCELLED"
            return Status.CANCELLED
        if charged and (task.asked.on_agent_lost == "fail" or task.lost >= self.limits.lost):
            task.reason, task.error = reason, f"its agent was lost {task.lost} time(s); see its history"
            self.dead.insert(0, task.task_id)
            return Status.FAILED
        return Status.PENDING

    # People.

    def cancel(self, task_id: str) -> Answer:
        task = self.tasks.get(task_id)
        if not task:
            return Answer.NOT_FOUND
        if task.status in FINAL:
            return Answer.SAME if task.status is Status.CANCELLED else Answer.TERMINAL
        if task.status is Status.RUNNING:
            if task.cancel_requested:
                return Answer.SAME
            task.cancel_requested = True
            task.noted("cancel", "tester", Status.RUNNING)
            return Answer.REQUESTED
        self._leaves_queues(task_id)
        task.forget_result()
        task.reason = "CANCELLED"
        task.moved("cancel", "tester", Status.CANCELLED)
        return Answer.OK

    def retry(self, task_id: str) -> Answer:
        task = self.tasks.get(task_id)
        if not task:
            return Answer.NOT_FOUND
        if task.status is Status.PENDING and task.history[-1]["verb"] == "retry":
            return Answer.SAME
        if task.status not in FINAL:
            return Answer.STALE_STATE
        if task.status is Status.SUCCESS:
            return Answer.TERMINAL
        was = {"reason": task.reason, "exitCode": task.exit_code, "error": task.error, "result": task.output}
        task.forget_result()
        task.failures = task.lost = 0
        task.cancel_requested = task.started = False
        task.waiting = ""
        task.late = ""
        task.moved("retry", "tester", Status.PENDING, was=was)
        self._waits_in_turn(task_id)
        return Answer.OK

    # Scans.

    def promote(self, limit: int) -> int:
        due = sorted((at, task_id) for task_id, at in self.delayed.items() if at < FAR)[:limit]
        for _, task_id in due:
            del self.delayed[task_id]
            self._ready(task_id)
        return len(due)

    def enqueue(self, pending: list[str]) -> tuple[int, int]:
        """`pending` are all that are so, in the order in which they are looked at."""
        missing = [task_id for task_id in pending if task_id not in self.ready and task_id not in self.delayed]
        for task_id in missing:
            self._waits_in_turn(task_id)
        return len(missing), len(pending)

    def expire(self, asked: list[str]) -> tuple[int, int]:
        """`asked` are those that are looked at."""
        late = [task for name in asked if (task := self.tasks[name]).too_late and task.status is Status.PENDING]
        for task in late:
            self._leaves_queues(task.task_id)
            task.expires("scan")
        return len(late), len(asked)

    def purge(self, limit: int) -> int:
        gone = 0
        for status in FINAL:
            over = [task for task in self.tasks.values() if task.status is status and task.aged is not None]
            for task in sorted(over, key=lambda task: task.aged or 0)[:limit]:
                del self.tasks[task.task_id]
                self.requests.pop(task.asked.request_id or "", None)
                gone += 1
        return gone

    # Leases: one boot at a time.

    def take(self, agent: str, boot: str) -> bool:
        return boot not in self.evicted and self.leases.setdefault(agent, boot) == boot

    def renew(self, agent: str, boot: str) -> bool:
        return boot not in self.evicted and self.leases.get(agent) == boot

    def release(self, agent: str, boot: str) -> None:
        if self.leases.get(agent) == boot:
            del self.leases[agent]

    def evict(self, agent: str, boot: str, epoch: int) -> Answer:
        if self._stale_term(epoch):
            return Answer.FENCED
        self.release(agent, boot)
        known = boot in self.evicted
        self.evicted.add(boot)
        return Answer.SAME if known else Answer.OK

    # Agents that get nothing new.

    def drain(self, agent: str) -> Answer:
        known = agent in self.drained
        self.drained.add(agent)
        return Answer.SAME if known else Answer.OK

    def quarantine(self, agent: str) -> Answer:
        self.quarantined = {other: True for other, still in self.quarantined.items() if still} | {agent: True}
        return Answer.OK

    def resume(self, agent: str) -> Answer:
        known = agent in self.drained or agent in self.quarantined
        self.drained.discard(agent)
        self.quarantined.pop(agent, None)
        return Answer.OK if known else Answer.SAME

    def _stale_term(self, epoch: int) -> bool:
        stale = epoch < self.epoch
        self.epoch = max(self.epoch, epoch)
        return stale

    def _start(self, task: Kept, by: str = "") -> None:
        if task.attempt > 1:
            task.forget_result()
        task.started = True
        task.moved("start", by or task.agent, Status.RUNNING, agent=task.agent, boot=task.boot)

    def _ready(self, task_id: str) -> None:
        priority = self.tasks[task_id].asked.priority
        before = [other for other in self.ready if self.tasks[other].asked.priority >= priority]
        self.ready.insert(len(before), task_id)
        self.bell = True

    def _waits_in_turn(self, task_id: str) -> None:
        if self.tasks[task_id].asked.delay:
            self.delayed[task_id] = FAR
        else:
            self._ready(task_id)

    def _leaves_queues(self, task_id: str) -> None:
        if task_id in self.ready:
            self.ready.remove(task_id)
        self.delayed.pop(task_id, None)


def _not_running(
    task: Kept | None, attempt: int, agent: str, boot: str, *, reported: bool, begins: bool = False
) -> Answer | None:
    """Why this asker may not speak for this attempt; None where it may."""
    if not task:
        return Answer.NOT_FOUND
    mine = task.is_of(attempt, agent, boot)
    if reported and mine and task.reported == attempt:
        return Answer.SAME
    if task.status in FINAL:
        return Answer.TERMINAL
    if task.attempt != attempt:
        return Answer.STALE_ATTEMPT
    if not mine:
        return Answer.FENCED
    if begins and task.status in (Status.SCHEDULED, Status.DISPATCHED):
        return None
    return None if task.status is Status.RUNNING else Answer.STALE_STATE


def _body(asked: Submission) -> dict[str, Any]:
    return asked.model_dump(exclude={"task_id", "request_id"})
