"""L1 of RELIABILITY.md: the scripts against a model in plain Python, by askers who are right, late, wrong or repeat.

After every step the answers and everything that stands in Redis are compared. Waits and leases end when the test
says so: a task that waits is due in a thousand years, until it is made due.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from redis import Redis

from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.reports import Finished, LogChunk
from common.domain.result import Reason, Result, failure, success
from common.domain.status import Answer, Status
from common.domain.task import Submission, Task, TaskSpec
from common.store.codec import task_of
from common.store.granting import Attempt
from common.store.keys import Keys
from common.store.leading import Assignment, Waiting
from common.store.leases import Leases
from common.store.tasks import TaskStore
from common.store.writing import Limits
from tests.store.invariants import Snapshot, contradictions_in, members_in, snapshot, tasks_in
from tests.store.likeness import is_set, rest, rest_of, tasks_of, told
from tests.store.lives import millis
from tests.store.model import FAR, Model

ROUNDS = os.environ.get("MODEL_ROUNDS", "")
"""'20000x60' runs so many examples of so many steps, others each time (CONTRIBUTING.md)."""
EXAMPLES, STEPS = map(int, (ROUNDS or "200x30").split("x"))

LIMITS = Limits(pending=4, lost=2, longest_backoff=3000)
BODIES = [
    {"content": "true"},
    {"content": "true", "retries": 2, "retry_delay": 1000},
    {"content": "false", "retries": 1, "retry_delay": 0, "on_agent_lost": "fail"},
    {"content": "true", "priority": 9, "retries": 9, "retry_delay": 1000, "backoff": "fixed"},
    {"content": "true", "retries": 9, "retry_delay": 1000, "max_retry_delay": 5000},
    {"content": "true", "priority": 0, "delay": 1000},
    {"content": "true", "start_within": 1000},
    {"content": "true", "start_by": "2100-01-01T00:00:00Z", "retries": 1, "retry_delay": 0},
]
RESULTS = [
    success("done\n", 5),
    Result(Status.FAILED, Reason.EXIT_CODE, 3, 'it said "no"', "tail\n", 5),
    failure(Reason.SIGNAL, "killed"),
    failure(Reason.UNKNOWN_TYPE, "no such type"),
    failure(Reason.AGENT_ERROR, "no space left on device"),
    failure(Reason.AGENT_STOPPED, "the agent was stopped"),
    Result(Status.CANCELLED, Reason.CANCELLED, None, "cancelled"),
]
VERBS = {
    *("submit", "assign", "defer", "dispatched", "start", "begun", "report", "requeue", "requeue by a leader"),
    *("log", "cancel", "retry", "evict", "shut"),
}
"""Each of them must have been done in some life, and not only have been refused, or its effect was never compared."""
AGENTS, BOOTS = ("agent-1", "agent-2"), ("x", "y")
# Few, and some more often than others, so that they get far in their lives.
NAMES = st.sampled_from(["a", "a", "a", "b", "b", "c", "made-1"])
PLACES = st.sampled_from([("agent-1", "x")] * 4 + [(agent, boot) for agent in AGENTS for boot in BOOTS])
TERMS = st.sampled_from([0, 0, 0, 0, 1, -1])
FEW = st.integers(1, 3)


@dataclass(frozen=True)
class Asked:
    """Of which task an asker speaks, how many changes ago it looked, and in what it is wrong."""

    task_id: str
    late: int
    wrong: str

    @staticmethod
    def any() -> st.SearchStrategy["Asked"]:
        wrong = st.sampled_from([""] * 12 + ["attempt", "agent", "boot", "status"])
        return st.builds(Asked, NAMES, st.sampled_from([0] * 9 + [1, 2, 3]), wrong)

    def among(self, views: Sequence[Task]) -> Task:
        """The task as this asker believes it to be."""
        seen = views[max(-len(views), -1 - self.late)] if views else absent(self.task_id)
        if self.wrong == "status":
            return replace(seen, status=Status.RUNNING if seen.status is not Status.RUNNING else Status.SCHEDULED)
        other: dict[str, Any] = {
            "attempt": seen.attempt + 1,
            "agent": AGENTS[seen.agent == AGENTS[0]],
            "boot": BOOTS[seen.boot == "x"],
        }
        return replace(seen, **{self.wrong: other[self.wrong]}) if self.wrong else seen


SOME = st.lists(Asked.any(), min_size=1, max_size=3)


class Made(Ids):
    """Ids whose names are known beforehand."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self._numbers = count(1)

    def new(self) -> str:
        return f"made-{next(self._numbers)}"

    def batch(self, count: int) -> list[str]:
        return [self.new() for _ in range(count)]


class Askers(RuleBasedStateMachine):
    """Everybody who may ask anything of the store, one at a time."""

    reached: ClassVar[set[tuple[str, Answer]]] = set()
    """What was answered to which verb, in all lives together."""

    def __init__(self, redis: Redis) -> None:
        super().__init__()
        redis.flushall()
        self.redis, self.keys = redis, Keys()
        self.jitter = 1.0
        self.store = TaskStore(redis, self.keys, LIMITS, jitter=lambda: self.jitter)
        self.holders = Leases(redis, self.keys)
        self.model = Model(LIMITS)
        self.ids, self.expected_ids = Made(), Made()
        self.views: dict[str, list[Task]] = {}
        self.marks = count(1)
        self.last: Callable[[], None] = lambda: None

    def ask(self, verb: str, expected: Callable[[], Any], answered: Callable[[], Any]) -> None:
        def both() -> None:
            said = answered()
            assert said == expected()
            self.reached.update((verb, answer) for answer in _answers(said))

        self.last = both
        both()

    def seen(self, asked: Sequence[Asked]) -> list[Task]:
        return [one.among(self.views.get(one.task_id, [])) for one in asked]

    def term(self, newer: int) -> int:
        return max(0, self.model.epoch + newer)

    @initialize(
        bodies=st.lists(st.sampled_from(BODIES), min_size=3, max_size=3),
        leased=st.booleans(),
        running=st.integers(0, 3),
        ends=st.lists(st.sampled_from([None, *RESULTS]), min_size=3, max_size=3),
        unwanted=st.booleans(),
        come=st.sampled_from(["", "assigned", "dispatched", "started", "taken back"]),
    )
    def begin(
        self,
        bodies: list[dict[str, Any]],
        leased: bool,
        running: int,
        ends: list[Result | None],
        unwanted: bool,
        come: str,
    ) -> None:
        for name, body in zip("abc", bodies, strict=True):
            self._submit([Submission.of(task_id=name, **body)])
        for agent in AGENTS[: 1 + leased]:
            self.lease("take", (agent, "x"))
        self._order_as_stored(snapshot(self.redis))
        self.claim(("agent-1", "x"), running, heard=False)
        if unwanted:
            self.cancel(["a"])
        for task, end in zip(self.store.get_many("abc"), ends, strict=True):
            if task and end and task.status is Status.RUNNING:
                self._end([task], end, 1.0, "")
        if come:
            self._come_as_far_as(come)

    def _come_as_far_as(self, come: str) -> None:
        """What still waits is given to an agent; rules alone rarely get a task that far."""
        given = [Asked(name, 0, "") for name in "abc" if self.model.tasks[name].status is Status.PENDING]
        if not given:
            return
        self.assign([one.task_id for one in given], ("agent-1", "x"), limit=9, newer=1)
        self.the_store_is_as_the_model_says()
        if come == "dispatched":
            self.dispatched(given, newer=0)
        elif come == "started":
            self.start(given)
        elif come == "taken back":
            self.requeue(given, "STUCK", newer=0, leads=True)

    @rule(
        names=st.lists(st.one_of(st.none(), NAMES), min_size=1, max_size=2),
        body=st.sampled_from(BODIES),
        request=st.sampled_from([None, "r1", "r2"]),
    )
    def submit(self, names: list[str | None], body: dict[str, Any], request: str | None) -> None:
        self._submit([Submission.of(task_id=name, request_id=request, **body) for name in names])

    def _submit(self, asked: list[Submission]) -> None:
        def expected() -> list[tuple[str, Answer]]:
            room, answers = self.model.room(), []
            for one in asked:
                answer, task_id = self.model.submit(one, one.task_id or self.expected_ids.new(), room)
                room -= answer is Answer.OK
                answers.append((task_id, answer))
            return answers

        self.ask(
            "submit",
            expected,
            lambda: self._queued([(one.task_id, one.answer) for one in self.store.submit(asked, "tester", self.ids)]),
        )

    @rule(place=PLACES, limit=FEW, heard=st.booleans())
    def claim(self, place: tuple[str, str], limit: int, heard: bool) -> None:
        if heard:
            self.model.bell = False
            self.redis.lpop(self.keys.bell)

        def answered() -> list[str] | None:
            granted = self.store.claim(*place, limit)
            if granted is None:
                return None
            assert granted == self.store.get_many([task.task_id for task in granted])
            return [task.task_id for task in granted]

        def expected() -> list[str] | None:
            return self.model.claim(*place, limit)

        self.ask("claim", expected, answered)

    @rule(
        names=st.lists(NAMES, min_size=1, max_size=2),
        place=PLACES,
        limit=st.sampled_from([9, 9, 9, 2, 1, 0]),
        newer=TERMS,
    )
    def assign(self, names: list[str], place: tuple[str, str], limit: int, newer: int) -> None:
        epoch = self.term(newer)
        self.ask(
            "assign",
            lambda: [self.model.assign(name, *place, limit, epoch) for name in names],
            lambda: self.store.assign([Assignment(name, *place, limit) for name in names], "leader", epoch),
        )

    @rule(
        names=st.lists(NAMES, min_size=1, max_size=2),
        why=st.sampled_from(["full", "odd"]),
        aside=st.booleans(),
        newer=TERMS,
    )
    def defer(self, names: list[str], why: str, aside: bool, newer: int) -> None:
        epoch = self.term(newer)

        def answered() -> Answer:
            answer = self.store.defer([Waiting(name, why, 1000.0 * aside) for name in names], "leader", epoch)
            self._due_when_it_is_said()
            return answer

        self.ask("defer", lambda: self.model.defer(names, why, aside, epoch), answered)

    @rule(some=SOME, newer=TERMS)
    def dispatched(self, some: list[Asked], newer: int) -> None:
        tasks, epoch = self.seen(some), self.term(newer)
        self.ask(
            "dispatched",
            lambda: [self.model.dispatched(task.task_id, task.attempt, epoch) for task in tasks],
            lambda: self.store.dispatched([Attempt(task.task_id, task.attempt) for task in tasks], "leader", epoch),
        )

    @rule(some=SOME)
    def start(self, some: list[Asked]) -> None:
        tasks = self.seen(some)
        place = tasks[0].agent, tasks[0].boot

        def answered() -> list[str]:
            answers = self.store.start([Attempt(task.task_id, task.attempt) for task in tasks], *place)
            for task, (answer, granted) in zip(tasks, answers, strict=True):
                assert granted == (self.store.get(task.task_id) if answer.done else None)
            return [answer for answer, _ in answers]

        self.ask("start", lambda: [self.model.start(task.task_id, task.attempt, *place) for task in tasks], answered)

    @rule(some=SOME)
    def begun(self, some: list[Asked]) -> None:
        tasks = self.seen(some)
        self.ask(
            "begun",
            lambda: [self.model.begun(task.task_id, task.attempt, task.agent, task.boot) for task in tasks],
            lambda: self.store.begun([(task, 0.5) for task in tasks], "manager"),
        )

    @rule(
        some=SOME,
        result=st.sampled_from(RESULTS),
        jitter=st.sampled_from([1.0, 0.5, 0.0]),
        log=st.sampled_from(["", "out", "output"]),
        ungated=st.booleans(),
    )
    def report(self, some: list[Asked], result: Result, jitter: float, log: str, ungated: bool) -> None:
        self._end(self.seen(some), result, jitter, log, ungated)

    def _end(self, tasks: Sequence[Task], result: Result, jitter: float, log: str, ungated: bool = False) -> None:
        self.ask(
            "report",
            lambda: [
                self.model.report(task.task_id, task.attempt, task.agent, task.boot, result, jitter, log, ungated)
                for task in tasks
            ],
            lambda: self._report([Finished(task, result, LogChunk(task, 0, log)) for task in tasks], jitter, ungated),
        )

    def _report(self, ends: list[Finished], jitter: float, ungated: bool) -> Any:
        self.jitter = jitter
        answers = self.store.report(ends, "agent", ungated=ungated)
        for task_id, due in self._due_when_it_is_said().items():
            assert due == millis(self.store.history(task_id)[-1]["retryAt"])
        return answers

    def _queued(self, answered: Any) -> Any:
        """What was answered, when tasks may have been put where they wait until they are due."""
        for task_id, due in self._due_when_it_is_said().items():
            assert due == millis(self.store.get_many([task_id])[0].due_at)  # type: ignore[union-attr]
        return answered

    def _due_when_it_is_said(self) -> dict[str, float]:
        """What the store says of when tasks are due; from now on it is this test that says so."""
        waits = members_in(snapshot(self.redis), self.keys.delayed)
        said = {task_id: due for task_id, due in waits.items() if due != FAR and not is_set(due)}
        if said:
            self.redis.zadd(self.keys.delayed, dict.fromkeys(said, FAR))
        return said

    @rule(
        some=SOME, reason=st.sampled_from([Reason.AGENT_LOST, "STUCK", "HANDED_BACK"]), newer=TERMS, leads=st.booleans()
    )
    def requeue(self, some: list[Asked], reason: str, newer: int, leads: bool) -> None:
        # Of which agent it is stands in the same hash as its boot: nobody has the one right and the other wrong.
        tasks = self.seen([replace(one, wrong="") if one.wrong == "agent" else one for one in some])
        epoch = self.term(newer) if leads else 0
        self.ask(
            "requeue by a leader" if epoch else "requeue",
            lambda: [
                self.model.requeue(task.task_id, task.attempt, task.boot, task.status, reason, epoch) for task in tasks
            ],
            lambda: self.store.requeue(tasks, reason, "leader", epoch),
        )

    @rule(some=SOME, offset=st.integers(0, 8), text=st.sampled_from(["", "out", "output"]))
    def log(self, some: list[Asked], offset: int, text: str) -> None:
        tasks = self.seen(some)
        self.ask(
            "log",
            lambda: [self.model.log(task.task_id, task.attempt, task.agent, task.boot, offset, text) for task in tasks],
            lambda: self.store.log([LogChunk(task, offset, text) for task in tasks], "agent"),
        )

    @rule(names=st.lists(NAMES, min_size=1, max_size=2))
    def cancel(self, names: list[str]) -> None:
        self.ask(
            "cancel", lambda: [self.model.cancel(name) for name in names], lambda: self.store.cancel(names, "tester")
        )

    @rule(names=st.lists(NAMES, min_size=1, max_size=2))
    def retry(self, names: list[str]) -> None:
        self.ask(
            "retry",
            lambda: [self.model.retry(name) for name in names],
            lambda: self._queued(self.store.retry(names, "tester")),
        )

    @rule()
    def repeat(self) -> None:
        """Its answer was lost, so the last one asks again."""
        self.last()

    # What scans and agents do unasked, and time that passes.

    @rule(due=st.lists(NAMES, max_size=3), limit=FEW)
    def promote(self, due: list[str], limit: int) -> None:
        for name in sorted(self.model.delayed.keys() & set(due)):
            at = self.model.delayed[name] = next(self.marks)
            self.redis.zadd(self.keys.delayed, {name: at})
        self.ask("promote", lambda: self.model.promote(limit), lambda: self.store.promote("scan", limit))

    @rule(late=st.lists(NAMES, max_size=2), limit=FEW)
    def expire(self, late: list[str], limit: int) -> None:
        """For these it gets too late, if they are to have started by some time; a scan looks at such."""
        for name in late:
            task = self.model.tasks.get(name)
            if task and self.redis.hget(self.keys.task(name), "expiresAt"):
                at = next(self.marks)
                task.late = f"1970-01-01T00:00:{at // 1000:02}.{at % 1000:03}Z"
                self.redis.hset(self.keys.task(name), "expiresAt", task.late)
                self.redis.zadd(self.keys.expiring, {name: at})
        due: list[str] = []

        def answered() -> tuple[int, int]:
            due[:] = [name for name, at in members_in(snapshot(self.redis), self.keys.expiring).items() if is_set(at)]
            return self.store.expire("scan", limit)

        self.ask("expire", lambda: self.model.expire(due[:limit]), answered)

    @rule(lost=st.booleans())
    def enqueue(self, lost: bool) -> None:
        """The queue is lost with its bell, or it is not; a scan looks at its first task, then at the others."""
        if lost:
            self.model.ready.clear()
            self.model.bell = False
            self.redis.delete(self.keys.pending, self.keys.bell)

        def answered() -> tuple[int, int]:
            parts = self._queued([self.store.enqueue("scan", 0, 1), self.store.enqueue("scan", 1)])
            return sum(back for back, _ in parts), sum(looked for _, looked in parts)

        def expected() -> tuple[int, int]:
            return self.model.enqueue(list(members_in(snapshot(self.redis), self.keys.index(Status.PENDING))))

        self.ask("enqueue", expected, answered)

    @rule(aged=st.lists(NAMES, max_size=2), limit=FEW)
    def purge(self, aged: list[str], limit: int) -> None:
        for task in [self.model.tasks[name] for name in aged if name in self.model.tasks]:
            if task.status.final:
                task.aged = next(self.marks)
                self.redis.zadd(self.keys.index(task.status), {task.task_id: task.aged})
        self.ask("purge", lambda: self.model.purge(limit), lambda: self.store.purge("scan", limit))

    @rule(verb=st.sampled_from(["take", "take", "take", "renew", "release", "expire"]), place=PLACES)
    def lease(self, verb: str, place: tuple[str, str]) -> None:
        if verb == "expire":
            self.model.leases.pop(place[0], None)
            self.redis.pexpire(self.keys.agent(place[0]), 0)
        elif verb == "release":
            self.ask("lease", lambda: self.model.release(*place), lambda: self.holders.release(*place))
        elif verb == "renew":
            self.ask("lease", lambda: self.model.renew(*place), lambda: self.holders.renew(*place, 1000))
        else:
            self.ask("lease", lambda: self.model.take(*place), lambda: self.holders.take(*place, 1000, {"slots": 4}))

    @rule(place=PLACES, newer=TERMS, forgotten=st.sampled_from([True, True, True, False]))
    def evict(self, place: tuple[str, str], newer: int, forgotten: bool) -> None:
        epoch = self.term(newer)
        self.ask("evict", lambda: self.model.evict(*place, epoch), lambda: self.store.evict(*place, "leader", epoch))
        if forgotten:
            self.model.evicted.discard(place[1])
            self.redis.zrem(self.keys.evicted, place[1])

    @rule(verb=st.sampled_from(["drain", "resume", "resume", "quarantine", "over"]), agent=st.sampled_from(AGENTS))
    def shut(self, verb: str, agent: str) -> None:
        if verb == "over":
            self.model.quarantined |= dict.fromkeys(self.model.quarantined.keys() & {agent}, False)
            self.redis.zadd(self.keys.quarantined, {agent: next(self.marks)}, xx=True)
        elif verb == "quarantine":
            self.ask("shut", lambda: self.model.quarantine(agent), lambda: self.store.quarantine(agent, 1000, "leader"))
        elif verb == "drain":
            self.ask("shut", lambda: self.model.drain(agent), lambda: self.store.drain(agent, "tester"))
        else:
            self.ask("shut", lambda: self.model.resume(agent), lambda: self.store.resume(agent, "tester"))

    @rule(agent=st.sampled_from(AGENTS), names=st.sets(NAMES, max_size=3))
    def tidy(self, agent: str, names: set[str]) -> None:
        """These stand in the agent's list, with it or not; a scan looks at them."""
        if names:
            self.redis.zadd(self.keys.held_tasks(agent), dict.fromkeys(names, 0), nx=True)
        strays = sum(not self.model.is_with(name, agent) for name in names)
        assert self.store.tidy(agent, list(names), "scan") == strays

    @invariant()
    def the_store_is_as_the_model_says(self) -> None:
        stored = snapshot(self.redis)
        assert contradictions_in(stored, self.keys) == []
        self._order_as_stored(stored)
        assert tasks_of(stored, self.keys) == {name: told(task) for name, task in self.model.tasks.items()}
        assert rest_of(stored, self.keys) == rest(self.model)
        for name, fields in tasks_in(stored, self.keys).items():
            views = self.views.setdefault(name, [])
            if not views or views[-1] != task_of(fields):
                views.append(task_of(fields))

    def _order_as_stored(self, stored: Snapshot) -> None:
        """Those of one priority that became ready in one millisecond stand in the order of their ids."""
        scores = members_in(stored, self.keys.pending)
        assert scores.keys() == set(self.model.ready)
        assert len(scores) == len(self.model.ready)
        assert [scores[name] for name in self.model.ready] == sorted(scores.values())
        self.model.ready = list(scores)


def _answers(said: Any) -> Iterator[Answer]:
    """All that stand in it."""
    if isinstance(said, Answer):
        yield said
    elif isinstance(said, list | tuple):
        for part in said:
            yield from _answers(part)


def absent(task_id: str) -> Task:
    return Task(task_id, TaskSpec(content="true"), Status.RUNNING, attempt=1, agent="agent-1", boot="x")


@pytest.mark.timeout(0 if ROUNDS else 120)
def test_the_scripts_do_what_the_model_does(redis: Redis) -> None:
    class AskersOfThis(Askers):
        reached: ClassVar[set[tuple[str, Answer]]] = set()

        def __init__(self) -> None:
            super().__init__(redis)

    run_state_machine_as_test(
        AskersOfThis,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=not ROUNDS,
            # Explaining a failure costs more time than shrinking it, and says nothing here.
            phases=[Phase.generate, Phase.shrink],
            database=None,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    done = {verb for verb, answer in AskersOfThis.reached if answer is Answer.OK}
    assert done >= VERBS, f"never done in {EXAMPLES} lives of {STEPS} steps: {VERBS - done}"
