"""Who leads has its duties done, who stands by does nothing, and whoever is in doubt stops at once."""

import threading
from collections.abc import Sequence

from common.clock import SystemClock
from common.domain.status import Answer
from common.lab.until import until
from common.service import Service
from stage2_zk.scheduler import Scheduler
from stage2_zk.tenure import Tenure
from tests.stage2.registry import Registry


class Duty(Service):
    def __init__(self, tenure: Tenure) -> None:
        self.tenure = tenure
        self.steps = 0
        self.closed = False

    def step(self) -> float:
        assert not self.closed
        self.steps += 1
        return 0.005

    def close(self) -> None:
        self.closed = True


class Desk:
    """A scheduler, and the duty of each of its terms."""

    def __init__(self, registry: Registry, name: str) -> None:
        self.terms: list[Duty] = []
        self.scheduler = Scheduler(registry, name, self.duties, SystemClock())
        self.scheduler.start()

    def duties(self, tenure: Tenure) -> Sequence[Service]:
        self.terms.append(Duty(tenure))
        return self.terms[-1:]


def test_the_elected_scheduler_works_and_the_other_only_stands_by() -> None:
    registry = Registry()
    first = Desk(registry, "scheduler-1")
    until(lambda: first.terms and first.terms[0].steps > 3)
    second = Desk(registry, "scheduler-2")

    assert second.terms == []

    first.scheduler.stop()
    assert first.terms[0].closed
    until(lambda: second.terms and second.terms[0].steps > 3)
    assert second.terms[0].tenure.epoch > first.terms[0].tenure.epoch
    second.scheduler.stop()


def test_a_leader_in_doubt_stops_and_stands_again() -> None:
    registry = Registry()
    desk = Desk(registry, "scheduler-1")
    until(lambda: desk.terms and desk.terms[0].steps)
    assert registry.term

    registry.term.lost.set()

    until(lambda: len(desk.terms) == 2 and desk.terms[1].steps)
    assert desk.terms[0].closed
    desk.scheduler.stop()


def test_a_leader_that_the_store_refuses_gives_the_office_up() -> None:
    registry = Registry()
    desk = Desk(registry, "scheduler-1")
    until(lambda: desk.terms and desk.terms[0].steps)

    desk.terms[0].tenure.heed([Answer.OK, Answer.FENCED])

    until(lambda: len(desk.terms) == 2)
    desk.scheduler.stop()


def test_no_thread_is_left_of_a_term() -> None:
    before = threading.active_count()
    registry = Registry()
    desk = Desk(registry, "scheduler-1")
    until(lambda: desk.terms and desk.terms[0].steps)
    desk.scheduler.stop()
    assert threading.active_count() == before
