"""Ids: unique, in rising order, whatever the clock does."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.clock import SystemClock
from common.domain.ids import Ids


class HandClock(SystemClock):
    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


def zeros(count: int) -> bytes:
    return bytes(count)


def test_an_id_has_the_form_of_a_ulid() -> None:
    clock = HandClock(1469918176.385)
    # The time part of the example in ULID's own specification.
    assert Ids(clock, zeros).new() == "01ARYZ6S41" + "0" * 16
    clock.now = (2**48 - 1) / 1000
    assert Ids(clock, lambda count: b"\xff" * count).new() == "7" + "Z" * 25


def test_ids_of_one_millisecond_rise() -> None:
    ids = Ids(HandClock(1_000.0)).batch(1000)
    assert ids == sorted(set(ids))
    assert len({text[:10] for text in ids}) == 1


def test_a_batch_is_what_one_would_have_got_one_by_one() -> None:
    clock = HandClock(1_000.0)
    one_by_one, batches = Ids(clock, lambda count: b"\x55" * count), Ids(clock, lambda count: b"\x55" * count)
    expected = [one_by_one.new() for _ in range(5000)]
    assert [*batches.batch(1), *batches.batch(0), *batches.batch(2222), *batches.batch(2777)] == expected


def test_ids_rise_with_the_clock() -> None:
    clock = HandClock(1_000.0)
    ids = Ids(clock)
    first = ids.new()
    clock.now += 0.001
    assert ids.new()[:10] > first[:10]


def test_a_clock_that_steps_back_breaks_no_order() -> None:
    clock = HandClock(1_000.0)
    ids = Ids(clock)
    given = [ids.new()]
    for now in (999.0, 500.0, 1_000.0, 1_000.001):
        clock.now = now
        given += ids.batch(3)
    assert given == sorted(set(given))


def test_two_sources_do_not_give_the_same() -> None:
    clock = HandClock(1_000.0)
    assert Ids(clock).new() != Ids(clock).new()


@pytest.mark.parametrize("threads", [8])
def test_many_threads_never_get_the_same(threads: int) -> None:
    ids, together = Ids(SystemClock()), threading.Barrier(threads)

    def draw(_: int) -> list[str]:
        together.wait()
        return ids.batch(2000)

    with ThreadPoolExecutor(threads) as pool:
        given = list(pool.map(draw, range(threads)))
    assert all(batch == sorted(batch) for batch in given)
    assert len({text for batch in given for text in batch}) == threads * 2000
