"""The host of services: whatever a step does, the next one comes; whatever a close does, the next one comes too."""

import logging
import threading
from collections.abc import Callable

import pytest

from common.clock import SystemClock
from common.domain.errors import CorruptTask, Unanswered, Unavailable
from common.lab.until import until
from common.service import Host, Service


class Doing(Service):
    """Does what it is told, one thing a step, and then rests."""

    def __init__(self, name: str = "doing", close: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self.todo: list[Exception | None] = []
        self.steps = 0
        self._close = close

    def step(self) -> float:
        self.steps += 1
        todo = self.todo.pop(0) if self.todo else None
        if todo:
            raise todo
        return 0 if self.todo else 0.01

    def close(self) -> None:
        self._close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("common.service.PAUSE_AFTER_TROUBLE", 0.001)
    caplog.set_level(logging.INFO)


def hosted(service: Service) -> Host:
    host = Host([service], SystemClock())
    host.start()
    return host


def test_a_step_that_raises_is_followed_by_another() -> None:
    service = Doing()
    service.todo = [ValueError("one"), Unavailable("two"), Unanswered("three"), CorruptTask("four"), OSError("five")]
    host = hosted(service)
    until(lambda: service.steps > 7)
    host.stop()


def test_a_server_that_is_away_is_said_once_and_its_return_once(caplog: pytest.LogCaptureFixture) -> None:
    service = Doing()
    service.todo = [Unavailable("Redis is away"), Unanswered("Redis is away: it timed out"), Unavailable("again")]
    host = hosted(service)
    until(lambda: service.steps > 5)
    host.stop()
    assert [record.getMessage() for record in caplog.records] == ["waiting: Redis is away", "going on"]


def test_each_trouble_is_said_again_after_it_was_over(caplog: pytest.LogCaptureFixture) -> None:
    service = Doing()
    service.todo = [Unavailable("away"), None, Unavailable("away")]
    host = hosted(service)
    until(lambda: service.steps > 4)
    host.stop()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["waiting: away", "going on", "waiting: away", "going on"]


def test_what_nobody_foresaw_is_said_with_its_stack_and_once(caplog: pytest.LogCaptureFixture) -> None:
    service = Doing()
    service.todo = [ValueError("one"), ValueError("one"), ValueError("two"), ValueError("two")]
    host = hosted(service)
    until(lambda: service.steps > 5)
    host.stop()
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [str(record.exc_info[1]) for record in failures if record.exc_info] == ["one", "two"]


def test_one_that_does_not_close_well_keeps_no_other_from_closing(caplog: pytest.LogCaptureFixture) -> None:
    closed: list[str] = []

    def badly() -> None:
        closed.append("second")
        raise ValueError("no luck")

    first, second = Doing("first", lambda: closed.append("first")), Doing("second", badly)
    host = Host([first, second], SystemClock())
    host.start()
    host.stop()
    assert closed == ["second", "first"]
    assert "did not close well" in caplog.text


def test_while_one_closes_those_before_it_still_work() -> None:
    first = Doing("first")

    def watching() -> None:
        steps = first.steps
        until(lambda: first.steps > steps + 3)

    host = Host([first, Doing("second", watching)], SystemClock())
    host.start()
    host.stop()


def test_no_step_comes_after_a_close() -> None:
    service = Doing()
    steps_at_close: list[int] = []
    service._close = lambda: steps_at_close.append(service.steps)
    host = hosted(service)
    until(lambda: service.steps)
    host.stop()
    assert [service.steps] == steps_at_close


def test_a_host_that_never_started_can_be_stopped() -> None:
    closed = threading.Event()
    Host([Doing("never", closed.set)], SystemClock()).stop()
    assert closed.is_set()


def test_one_that_is_abandoned_goes_round_no_more_and_closes_nothing() -> None:
    closed = threading.Event()
    service = Doing("left", closed.set)
    host = hosted(service)
    until(lambda: service.steps)
    host.abandon()
    steps = service.steps
    threads = [thread.name for thread in threading.enumerate()]
    assert "left" not in threads
    assert service.steps == steps
    assert not closed.is_set()
