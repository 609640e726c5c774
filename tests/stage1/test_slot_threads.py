"""The threads of an agent's slots: as many as are needed at once, and no more than one is woken for nothing."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from common.domain.status import Status
from common.domain.task import Task, TaskSpec
from common.executors.output import TaskOutput
from common.lab.until import until
from stage1_mvp.runs import Run
from stage1_mvp.slots import Slots

Make = Callable[[Callable[[Run], None]], Slots]


@pytest.fixture
def refused() -> list[Run]:
    return []


@pytest.fixture
def slots(refused: list[Run]) -> Iterator[Make]:
    made: list[Slots] = []
    before = threading.active_count()

    def make(work: Callable[[Run], None]) -> Slots:
        made.append(Slots(work, lambda run, _: refused.append(run)))
        return made[-1]

    yield make
    for one in made:
        one.close()
    until(lambda: threading.active_count() <= before, 10)


def runs(count: int) -> list[Run]:
    spec = TaskSpec(content="x")
    return [Run(Task(f"task-{number}", spec, Status.RUNNING, attempt=1), TaskOutput(1024)) for number in range(count)]


def test_each_is_run_once_whoever_gives_them(slots: Make) -> None:
    done: list[Run] = []
    pool = slots(done.append)
    given = [runs(500) for _ in range(4)]

    def give(own: list[Run]) -> None:
        for run in own:
            pool.run([run])

    givers = [threading.Thread(target=give, args=[own]) for own in given]
    for giver in givers:
        giver.start()
    until(lambda: len(done) == 2000, 20)
    assert Counter(map(id, done)) == Counter(id(run) for own in given for run in own)


def test_those_that_wait_for_each_other_have_a_thread_each(slots: Make) -> None:
    together = threading.Barrier(65)

    def work(_: Run) -> None:
        together.wait(20)

    slots(work).run(runs(64))
    together.wait(20)


def test_those_that_end_at_once_need_no_thread_each(slots: Make) -> None:
    names: set[int] = set()
    done = threading.Semaphore(0)

    def work(_: Run) -> None:
        names.add(threading.get_ident())
        done.release()

    pool = slots(work)
    for run in runs(200):
        pool.run([run])
        assert done.acquire(timeout=20)
    assert len(names) <= 3


def test_a_quick_one_waits_for_nobody_where_nobody_is_at_work(slots: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stage1_mvp.slots.GLANCE", 60.0)
    done = threading.Semaphore(0)
    pool = slots(lambda _: done.release())
    for run in runs(50):
        pool.run([run])
        assert done.acquire(timeout=20)
        until(lambda: pool._asleep == 1)


def test_a_long_one_holds_up_no_other(slots: Make) -> None:
    go_on = threading.Event()
    done: list[str] = []

    def work(run: Run) -> None:
        if run.task.task_id == "task-0":
            go_on.wait(20)
        done.append(run.task.task_id)

    slots(work).run(runs(1000))
    until(lambda: len(done) == 999, 20)
    go_on.set()
    until(lambda: len(done) == 1000, 20)
    assert done[-1] == "task-0"


def test_what_there_is_no_thread_for_is_refused_and_the_next_is_tried_again(
    slots: Make, refused: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Run] = []
    pool = slots(done.append)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _starved)
        first = runs(3)
        pool.run(first)
        assert refused == first
    pool.run(runs(1))
    until(lambda: len(done) == 1, 20)
    assert refused == first


def _starved(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
