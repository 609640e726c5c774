"""TaskStore: the truth about tasks, on Redis. Every change is one fenced move in one script."""

import json
import logging
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, TypeVar

from redis import Redis

from common.domain.errors import CorruptTask
from common.domain.ids import Ids
from common.domain.reports import Finished, Granted, Held, LogChunk, unreadable
from common.domain.result import Result
from common.domain.status import UNDER_WAY, Answer, Status
from common.domain.task import Submission, Task
from common.store.codec import BRIEF, brief_of, fields_of, task_of
from common.store.keys import Keys
from common.store.reading import TaskReader, readable
from common.store.scripts import Scripts
from common.transports.redis_client import redis_errors

T = TypeVar("T")
Witness = Callable[[str, Sequence[Any]], object]
"""Told of each script that ran on a batch: its name and what it answered, one for each item, as its header says."""
log = logging.getLogger(__name__)

BATCH = 200
"""Tasks per script call: Redis serves nobody else while a script runs."""


EVICTED_FOR = 86_400
"""Seconds for which an evicted boot is remembered; no process sleeps longer."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """The answer to one submission; with SAME and CONFLICT `task_id` is the task that was there before."""

    task_id: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that the store keeps; seconds, counts."""

    pending: int = 1_000_000
    """How many tasks may wait; further ones are answered FULL."""
    lost: int = 3
    """How many agents may be lost with one task before it is given up."""
    longest_backoff: float = 300.0
    """The longest wait before a retry, where its task does not say."""
    retention: float = 7 * 86_400.0
    """How long a final task stays, its history, logs and requestId with it."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A leader's decision: this task to this agent's boot; `why` is the decision as JSON, for explaining it."""

    task_id: str
    agent: str
    boot: str
    limit: int = 1_000_000
    """How many tasks that agent may hold, this one among them."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A leader's word on a ready task that no agent may have now: why, as JSON; for how many seconds it steps aside."""

    task_id: str
    why: str
    aside: float = 0.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one task, as the asker last saw it."""

    task_id: str
    attempt: int


class TaskStore(TaskReader):
    """All verbs of a task (common.domain.status.Verb), each batch one round trip per 200 tasks.

    Safe to share between threads. Raises Unavailable where nothing was done and Unanswered where it may
    have been: every verb but `claim` may simply be called again. `by` names the asker in the history.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys | None = None,
        limits: Limits | None = None,
        jitter: Callable[[], float] = random.random,
        witness: Witness | None = None,
    ) -> None:
        """`witness` is called in the thread that asked, and must return soon."""
        super().__init__(redis, keys)
        self._witness = witness
        self._scripts = Scripts(redis, self.keys)
        self._limits = limits or Limits()
        self._jitter = jitter

    def submit(self, submissions: Sequence[Submission], by: str, ids: Ids) -> list[Submitted]:
        """Make tasks; those without a task_id get one from `ids`.

        OK; SAME where the id or requestId was used for this very body; CONFLICT where for another, or where the
        id's task came with another requestId; FULL.
        To repeat after Unanswered, give a task_id or a request_id.
        """
        keys = self.keys

        def item(submission: Submission) -> tuple[list[str], list[Any]]:
            task_id = submission.task_id or ids.new()
            request, fields = submission.request_id, fields_of(submission)
            task = keys.task(task_id)
            return (
                [task, keys.history(task_id), keys.request(request) if request else task],
                [task_id, submission.digest(), request or "", len(fields), *fields],
            )

        shared = [keys.all, keys.pending, keys.bell, keys.delayed, keys.expiring]
        answers = self._batch("submit", by, shared, [self._limits.pending], map(item, submissions))
        return [Submitted(task_id, Answer(answer)) for answer, task_id in answers]

    def claim(self, agent: str, boot: str, limit: int) -> list[Task] | None:
        """Stage 1: take up to `limit` ready tasks for this boot, RUNNING; None where the lease is not its own.

        One that can't be read back is FAILED at once, with the words what is wrong: nobody could run it.
        After Unanswered the tasks may be granted all the same: `running` finds them.
        """
        keys = [self.keys.pending, self.keys.agent(agent), self.keys.held_tasks(agent), self.keys.task_prefix]
        answer = self._scripts.call("claim", agent, keys, [agent, boot, min(limit, BATCH)])
        if answer[0] == Answer.FENCED:
            return None
        hashes = map(_fields, answer[1:])
        granted = self._read_back(((fields["taskId"], fields) for fields in hashes), agent, boot)
        return [task for task in granted if task]

    def ready(self, limit: int = BATCH) -> list[Task]:
        """Up to `limit` tasks that are ready, in their turn, without what they are to run.

        The queue is only a hint: `assign` says whether they still wait. One that can't be read is told as a
        task of the ordinary kind, for an agent to find out: nothing may block those behind it.
        """
        answers = self._scripts.call("ready", "", [self.keys.pending, self.keys.task_prefix], [limit, *BRIEF])
        return [brief_of(task_id, values) for task_id, *values in answers]

    def assign(self, assignments: Sequence[Assignment], by: str, epoch: int) -> list[tuple[Answer, int]]:
        """Leader: PENDING -> SCHEDULED; answers with the attempt each task is now at."""

        def item(a: Assignment) -> tuple[list[str], list[Any]]:
            agent = [self.keys.agent(a.agent), self.keys.held_tasks(a.agent)]
            return [*self._own(a.task_id), *agent], [a.task_id, a.agent, a.boot, a.limit, a.why]

        answers = self._batch(
            "assign",
            by,
            [self.keys.epoch, self.keys.pending, self.keys.drained, self.keys.quarantined],
            [_epoch(epoch)],
            map(item, assignments),
        )
        return [(Answer(answer), int(attempt)) for answer, attempt in answers]

    def defer(self, waiting: Sequence[Waiting], by: str, epoch: int) -> Answer:
        """Leader: note why these ready tasks wait; those that step aside come back by `promote`. OK or FENCED."""
        keys = [
            self.keys.epoch,
            self.keys.pending,
            self.keys.delayed,
            *(self.keys.task(one.task_id) for one in waiting),
        ]
        args = [arg for one in waiting for arg in (one.task_id, int(one.aside * 1000), one.why)]
        return Answer(self._scripts.call("defer", by, keys, [_epoch(epoch), *args]))

    def drain(self, agent: str, by: str) -> Answer:
        """The agent gets nothing new until `resume`; what it runs goes on."""
        return self._shut(agent, by, "drain")

    def resume(self, agent: str, by: str) -> Answer:
        """The agent gets tasks again, also where it was in quarantine."""
        return self._shut(agent, by, "resume")

    def quarantine(self, agent: str, seconds: float, by: str) -> Answer:
        """The agent gets nothing new for so many seconds."""
        return self._shut(agent, by, "quarantine", int(seconds * 1000))

    def evict(self, agent: str, boot: str, by: str, epoch: int) -> Answer:
        """Leader: that boot may run nothing any more; it can't hold its lease. OK, SAME or FENCED."""
        keys = [self.keys.epoch, self.keys.agent(agent), self.keys.evicted]
        return Answer(self._scripts.call("evict", by, keys, [_epoch(epoch), boot, EVICTED_FOR * 1000]))

    def _shut(self, agent: str, by: str, how: str, *args: int) -> Answer:
        return Answer(self._scripts.call("shut", by, [self.keys.drained, self.keys.quarantined], [agent, how, *args]))

    def dispatched(self, attempts: Sequence[Attempt], by: str, epoch: int) -> list[Answer]:
        """Leader: SCHEDULED -> DISPATCHED, after the message was published."""
        items = ((self._own(a.task_id), [a.task_id, a.attempt]) for a in attempts)
        return _answers(self._batch("dispatched", by, [self.keys.epoch], [_epoch(epoch)], items))

    def start(self, attempts: Sequence[Attempt], agent: str, boot: str) -> list[tuple[Answer, Task | None]]:
        """The start gate: SCHEDULED or DISPATCHED -> RUNNING; with OK and SAME the task to run.

        One that can't be read back is FAILED at once, as with `claim`, and the answer is TERMINAL.
        """
        answers = self.grants(attempts, agent, boot)
        tasks = self._read_back(
            ((a.task_id, fields) for a, (_, fields) in zip(attempts, answers, strict=True)), agent, boot
        )
        return [
            (Answer.TERMINAL if fields and not task else answer, task)
            for (answer, fields), task in zip(answers, tasks, strict=True)
        ]

    def grants(self, attempts: Sequence[Attempt], agent: str, boot: str) -> list[tuple[Answer, dict[str, str]]]:
        """As `start`, with the task's fields as they stand in its hash (codec.task_of), for who passes them on."""
        items = ((self._own(a.task_id), [a.task_id, a.attempt]) for a in attempts)
        answers = self._batch(
            "start", agent, [self.keys.agent(agent), self.keys.held_tasks(agent)], [agent, boot], items
        )
        return [(Answer(answer), _fields(flat)) for answer, flat in answers]

    def begun(self, attempts: Sequence[tuple[Granted, float]], by: str) -> list[Answer]:
        """Attempts began so many seconds ago, where agents tell and don't ask: SCHEDULED or DISPATCHED -> RUNNING."""

        def item(task: Granted, seconds: float) -> tuple[list[str], list[Any]]:
            return self._own(task.task_id), [task.task_id, task.attempt, task.agent, task.boot, _ms(seconds)]

        return _answers(self._batch("begun", by, [], [], (item(*attempt) for attempt in attempts)))

    def report(self, ends: Sequence[Finished], by: str, *, ungated: bool = False) -> list[tuple[Answer, Status | None]]:
        """An attempt ended: RUNNING -> final, or PENDING again while its budget lasts; with the status it now has.

        `ungated`: where agents start without asking, an end tells also that the attempt had begun.
        """
        limits, keys = self._limits, self.keys
        shared_keys = [keys.pending, keys.delayed, keys.bell, keys.dead, keys.cancelling]
        shared_args = [limits.lost, int(limits.longest_backoff * 1000)]
        items = (self._end(end, _ms(end.seconds) if ungated else "") for end in ends)
        answers = self._batch("report", by, shared_keys, shared_args, items)
        return [(Answer(answer), Status(status) if status else None) for answer, status, *_ in answers]

    def requeue(
        self, tasks: Sequence[Task], reason: str, by: str, epoch: int = 0
    ) -> list[tuple[Answer, Status | None]]:
        """Take tasks, as the asker saw them, back from their agents.

        `reason` AGENT_LOST: only where the boot's lease is gone; STUCK, HANDED_BACK: whatever its lease. A leader
        gives its epoch; an agent, which has none, speaks of what is its own.
        """
        keys, limits = self.keys, self._limits

        def item(task: Task) -> tuple[list[str], list[Any]]:
            return (
                [*self._own(task.task_id), keys.agent(task.agent), keys.held_tasks(task.agent)],
                [task.task_id, task.attempt, task.status, task.boot, reason],
            )

        shared = [keys.epoch, keys.pending, keys.bell, keys.dead, keys.cancelling]
        answers = self._batch("requeue", by, shared, [_epoch(epoch), limits.lost], map(item, tasks))
        return [(Answer(answer), Status(status) if status else None) for answer, status in answers]

    def hand_back(self, attempts: Sequence[Granted], by: str) -> list[tuple[Task, Answer, Status | None]]:
        """Their agent has not started these and never will: PENDING again. What is not so any more is left out."""
        wanted = {(one.task_id, one.attempt, one.boot) for one in attempts}
        found = readable(self._hashes([one.task_id for one in attempts])) if attempts else []
        left = [
            task
            for task in found
            if (task.task_id, task.attempt, task.boot) in wanted and task.status in UNDER_WAY - {Status.RUNNING}
        ]
        answers = self.requeue(left, "HANDED_BACK", by)
        return [(task, answer, after) for task, (answer, after) in zip(left, answers, strict=True)]

    def cancel(self, task_ids: Sequence[str], by: str) -> list[Answer]:
        """CANCELLED at once where it has not started; REQUESTED where it runs and its agent must end it."""
        items = ((self._own(task_id), [task_id]) for task_id in task_ids)
        shared = [self.keys.pending, self.keys.delayed, self.keys.agent(""), self.keys.cancelling]
        return _answers(self._batch("cancel", by, shared, [self.keys.control_prefix], items))

    def retry(self, task_ids: Sequence[str], by: str) -> list[Answer]:
        """FAILED or CANCELLED -> PENDING with fresh budgets; the old result stays in the history (F-API-04)."""
        items = ((self._own(task_id), [task_id]) for task_id in task_ids)
        shared = [self.keys.pending, self.keys.bell, self.keys.delayed, self.keys.expiring]
        return _answers(self._batch("retry", by, shared, [], items))

    def log(self, chunks: Sequence[LogChunk], by: str) -> list[Answer]:
        """More output of running attempts; pieces that are there already are not written twice."""

        def item(chunk: LogChunk) -> tuple[list[str], list[Any]]:
            task = chunk.task
            keys = [self.keys.task(task.task_id), self.keys.log(task.task_id, task.attempt)]
            return keys, [task.attempt, task.agent, task.boot, chunk.offset, chunk.text]

        return _answers(self._batch("log", by, [], [], map(item, chunks)))

    def promote(self, by: str, limit: int = BATCH) -> int:
        """Make tasks ready whose wait, for their time or for a retry, is over; returns how many."""
        return int(self._scripts.call("promote", by, self._queues(), [limit]))

    def expire(self, by: str, limit: int = BATCH) -> tuple[int, int]:
        """PENDING -> FAILED, of up to `limit` tasks that should have started by now.

        Returns how many were ended, and how many were looked at. What is with an agent is looked at again.
        """
        keys = [self.keys.expiring, self.keys.pending, self.keys.delayed, self.keys.task_prefix]
        ended, looked = self._scripts.call("expire", by, keys, [limit])
        return int(ended), int(looked)

    def enqueue(self, by: str, first: int = 0, limit: int = BATCH) -> tuple[int, int]:
        """Put PENDING tasks that stand in no queue back into one; looks at `limit` from rank `first` on.

        Returns how many were put back, and how many were looked at.
        """
        back, looked = self._scripts.call("enqueue", by, self._queues(), [first, limit])
        return int(back), int(looked)

    def tidy(self, agent: str, task_ids: Sequence[str], by: str) -> int:
        """Take those of these off the agent's list that are not with it; returns how many."""
        keys = [self.keys.held_tasks(agent), *map(self.keys.task, task_ids)]
        return int(self._scripts.call("tidy", by, keys, [agent, *task_ids])) if task_ids else 0

    def purge(self, by: str, limit: int = BATCH) -> int:
        """Remove up to `limit` final tasks of each status whose retention is over; returns how many."""
        with redis_errors():
            seconds, _ = self._redis.time()
        before = int((seconds - self._limits.retention) * 1000)
        return sum(self._purge(by, status, before, limit) for status in Status if status.final)

    def _purge(self, by: str, status: Status, before: int, limit: int) -> int:
        with redis_errors():
            ids = self._redis.zrange(self.keys.index(status), "-inf", f"({before}", byscore=True, offset=0, num=limit)
        keys: list[str] = []
        args: list[str | int] = []
        for task_id, attempts, request_id in self._belongings([str(task_id) for task_id in ids]):
            own = [
                *self._own(task_id),
                *(self.keys.log(task_id, attempt + 1) for attempt in range(attempts)),
                *([self.keys.request(request_id)] if request_id else []),
            ]
            keys += own
            args += [task_id, len(own)]
        return (
            int(self._scripts.call("purge", by, [self.keys.all, self.keys.expiring, *keys], [before, status, *args]))
            if keys
            else 0
        )

    def _belongings(self, task_ids: list[str]) -> Iterator[tuple[str, int, str]]:
        """Per id its attempts and requestId, as far as they can be read: what was spoilt must go too."""
        for task_id, fields in zip(task_ids, self._hashes(task_ids), strict=True):
            readable = fields if isinstance(fields, dict) else {}
            attempts = readable.get("attempt", "")
            yield task_id, int(attempts) if attempts.isdecimal() else 0, readable.get("requestId", "")

    def _read_back(self, granted: Iterable[tuple[str, dict[str, str]]], agent: str, boot: str) -> list[Task | None]:
        """Per task id and fields the task, which runs with that boot now; None where there are no fields.

        None also for one that can't be read: it is FAILED at once, with the words what is wrong.
        """
        tasks: list[Task | None] = []
        spoilt: list[Finished] = []
        for task_id, fields in granted:
            try:
                tasks.append(task_of(fields) if fields else None)
            except CorruptTask as error:
                tasks.append(None)
                spoilt.append(_unreadable(Held(task_id, int(fields["attempt"]), agent, boot), error))
        if spoilt:
            self.report(spoilt, agent)
        return tasks

    def applied(self, numbers: Mapping[str, tuple[str, int]], refused: Mapping[Answer, int]) -> None:
        """Managers: note for each agent the boot and number of its newest status update that is applied.

        `refused` counts updates by the answer they got.
        """
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            if numbers:
                pipe.hset(
                    self.keys.applied, mapping={agent: f"{boot} {number}" for agent, (boot, number) in numbers.items()}
                )
            for answer, count in refused.items():
                pipe.hincrby(self.keys.refused, answer, count)
            pipe.execute()

    def _end(self, end: Finished, ran: str | int) -> tuple[list[str], list[Any]]:
        task, result = end.task, end.result
        exit_code = "" if result.exit_code is None else result.exit_code
        return (
            [*self._own(task.task_id), self.keys.log(task.task_id, task.attempt), self.keys.held_tasks(task.agent)],
            [
                *(task.task_id, task.attempt, task.agent, task.boot),
                *(result.status, result.reason or "", exit_code, result.error, result.output, result.output_bytes),
                *(_budget(result), self._jitter(), end.log.offset, end.log.text),
                json.dumps(result.proof.record()) if result.proof else "",
                ran,
            ],
        )

    def _own(self, task_id: str) -> list[str]:
        return [self.keys.task(task_id), self.keys.history(task_id)]

    def _queues(self) -> list[str]:
        return [self.keys.delayed, self.keys.pending, self.keys.bell, self.keys.task_prefix]

    def _batch(
        self,
        name: str,
        by: str,
        shared_keys: list[str],
        shared_args: list[Any],
        items: Iterable[tuple[list[str], list[Any]]],
    ) -> list[Any]:
        answers: list[Any] = []
        for part in _parts(items, BATCH):
            keys = chain(shared_keys, *(own_keys for own_keys, _ in part))
            args = chain(shared_args, *(own_args for _, own_args in part))
            told = self._scripts.call(name, by, list(keys), list(args))
            if self._witness:
                self._witness(name, told)
            answers += told
        return answers


def _unreadable(claimed: Held, error: CorruptTask) -> Finished:
    log.warning("given up: %s", error, extra={"task_id": claimed.task_id, "attempt": claimed.attempt})
    return unreadable(claimed, error)


def _parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(items)
    while part := list(islice(remaining, size)):
        yield part


def _fields(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _answers(texts: Iterable[str]) -> list[Answer]:
    return [Answer(text) for text in texts]


def _ms(seconds: float) -> int:
    return max(0, int(seconds * 1000))


def _epoch(epoch: int) -> str:
    return str(epoch) if epoch else ""


def _budget(result: Result) -> str:
    """Which of the task's budgets this end is charged to; '' where it is an end for good."""
    if result.charged:
        return "retries"
    if not result.handed_back:
        return ""
    return "lost" if result.reason == "AGENT_ERROR" else "none"
