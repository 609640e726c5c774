"""The Queue contract, for every implementation."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from common.contracts import Message, Queue
from common.domain.errors import Unavailable
from common.lab.until import until
from tests.contracts.conftest import KEPT_ELSEWHERE, SHARED, Line

SOON = 1.5
"""Seconds in which all is done that waits for nothing."""


def bodies(messages: Sequence[Message[Any]]) -> list[Any]:
    return [message.body for message in messages]


def take_all(queue: Queue[Any]) -> list[Any]:
    found: list[Any] = []
    while messages := queue.take(10, 0):
        found += bodies(messages)
    return found


def test_messages_come_oldest_first_and_never_more_than_asked_for(line: Line) -> None:
    queue = line.handle()
    queue.put([1, 2])
    queue.put([])
    queue.put([3, 4, 5])
    assert bodies(queue.take(2, 0)) == [1, 2]
    assert bodies(queue.take(10, 0)) == [3, 4, 5]
    assert queue.take(10, 0) == []


def test_any_json_comes_back_as_it_was_put(line: Line) -> None:
    queue = line.handle()
    body = {"text": '日本語 \x00 " \\ \n 🙂', "list": [1, None, True, 2.5], "long": "x" * 100_000}
    queue.put([body])
    assert bodies(queue.take(1, 0)) == [body]


def test_an_empty_queue_is_waited_for_as_long_as_said(line: Line) -> None:
    queue = line.handle()
    began = time.monotonic()
    assert queue.take(1, 0) == []
    assert time.monotonic() - began < SOON
    assert queue.take(1, 0.2) == []
    assert 0.15 < time.monotonic() - began < SOON


def test_what_comes_while_one_waits_is_taken_at_once(line: Line) -> None:
    queue, producer = line.handle(), line.handle("producer")
    with ThreadPoolExecutor(1) as waiting:
        taken = waiting.submit(queue.take, 10, 2.0)
        # Whether it comes before or during the wait must make no difference.
        producer.put(["here"])
        assert bodies(taken.result(timeout=10)) == ["here"]


def test_the_rest_is_never_waited_for(line: Line) -> None:
    queue = line.handle()
    queue.put([1])
    began = time.monotonic()
    assert bodies(queue.take(10, 30)) == [1]
    assert time.monotonic() - began < SOON


def test_what_was_not_settled_comes_again_to_the_next_handle_before_anything_new(line: Line) -> None:
    first = line.handle()
    first.put([1, 2, 3, 4])
    taken = [*first.take(2, 0), *first.take(1, 0)]
    first.close()
    second = line.handle()
    second.put([5])
    again = second.take(2, 0)
    assert list(again) == taken[:2]
    assert list(second.take(1, 0)) == taken[2:]
    assert take_all(second) == [4, 5]
    second.ack()
    assert take_all(line.handle()) == []


def test_a_handle_does_not_get_again_what_it_holds_itself(line: Line) -> None:
    queue = line.handle()
    queue.put([1, 2])
    assert bodies(queue.take(1, 0)) == [1]
    assert take_all(queue) == [2]


def test_ack_settles_all_that_was_taken_and_nothing_else(line: Line) -> None:
    queue = line.handle()
    queue.put([1, 2, 3, 4])
    queue.take(1, 0)
    queue.take(1, 0)
    queue.ack()
    queue.take(1, 0)
    assert take_all(line.handle()) == [3, 4]


def test_a_repeated_ack_is_harmless(line: Line) -> None:
    queue = line.handle()
    queue.ack()
    queue.put([1, 2])
    queue.take(1, 0)
    queue.ack()
    queue.ack()
    assert take_all(line.handle()) == [2]


def test_ack_of_what_came_again_settles_only_what_was_taken_again(line: Line) -> None:
    line.handle().put([1, 2, 3])
    line.handle().take(3, 0)
    queue = line.handle()
    assert bodies(queue.take(1, 0)) == [1]
    queue.ack()
    assert take_all(line.handle()) == [2, 3]


@pytest.mark.parametrize("line", SHARED, indirect=True)
def test_two_consumers_never_get_the_same_message(line: Line) -> None:
    queues = [line.handle("agent-1"), line.handle("agent-2")]
    queues[0].put(range(200))
    with ThreadPoolExecutor(2) as threads:
        taken = list(threads.map(take_all, queues))
    assert sorted(taken[0] + taken[1]) == list(range(200))
    # What one holds is no business of the other's next handle.
    assert take_all(line.handle("agent-1")) == taken[0]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"no json", id="no json"),
        pytest.param(b"", id="empty"),
        pytest.param(b'{"name": "\xff\xfe"}', id="invalid utf-8"),
        pytest.param(b"\x00\x01\x02", id="nul bytes"),
        pytest.param(b"[" * 50_000 + b"]" * 50_000, id="deep json"),
        pytest.param(b"x" * 100 * 1024, id="100 KiB"),
        pytest.param(b'{"name": "\\" \'', id="half a json"),
        pytest.param(bytes(range(256)), id="every byte"),
    ],
)
def test_what_can_not_be_read_becomes_a_dead_letter_and_stops_nobody(body: bytes, line: Line) -> None:
    queue = line.handle()
    queue.put([1])
    line.push(body)
    queue.put([2])
    assert take_all(queue) == [1, 2]
    ((kept, reason),) = line.dead()
    assert kept == body
    assert "not JSON" in reason
    queue.ack()
    assert take_all(line.handle()) == []


def test_a_dead_letter_is_gone_even_without_an_ack(line: Line) -> None:
    line.push(b"no json")
    assert take_all(line.handle()) == []
    assert take_all(line.handle()) == []
    assert len(line.dead()) == 1


def test_whatever_decode_raises_becomes_a_dead_letter_too(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: bytes) -> Any:
        raise ZeroDivisionError("nobody thought of this")

    queue = line.handle()
    monkeypatch.setattr(queue, "_decode", broken)
    queue.put([1])
    assert take_all(queue) == []
    assert "nobody thought of this" in line.dead()[0][1]


@pytest.mark.parametrize("line", KEPT_ELSEWHERE, indirect=True)
def test_what_could_not_be_buried_comes_again_with_all_that_was_taken_beside_it(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise Unavailable("just now")

    queue = line.handle()
    queue.put([1])
    line.push(b"no json")
    queue.put([2])
    with monkeypatch.context() as patched:
        patched.setattr(queue, "_bury", away)
        until(lambda: not _takes(queue), SOON, what="the unreadable one to be seen")
    queue.ack()
    assert take_all(queue) == [1, 2]
    queue.ack()
    assert [body for body, _ in line.dead()] == [b"no json"]
    assert take_all(line.handle()) == []


def _takes(queue: Queue[Any]) -> bool:
    try:
        queue.take(10, 0)
    except Unavailable:
        return False
    return True


def test_a_rejected_message_becomes_a_dead_letter_and_the_others_stay(line: Line) -> None:
    queue = line.handle()
    queue.put([{"n": 1}, {"n": "“二”"}, {"n": 3}])
    messages = queue.take(3, 0)
    queue.reject(messages[1], 'it "never" runs: “不”')
    queue.reject(messages[1], "again")
    assert [reason for _, reason in line.dead()] == ['it "never" runs: “不”']
    assert b'{"n": "\\u201c' in line.dead()[0][0]
    assert take_all(line.handle()) == [{"n": 1}, {"n": 3}]


def test_a_settled_message_can_not_be_rejected_any_more(line: Line) -> None:
    queue = line.handle()
    queue.put([1])
    (message,) = queue.take(1, 0)
    queue.ack()
    queue.reject(message, "too late")
    assert line.dead() == []


def test_nothing_is_lost_or_doubled_while_many_produce_and_the_consumer_is_replaced(line: Line) -> None:
    count, producers = 500, 4
    producing = [
        threading.Thread(target=produce, args=(line.handle(f"producer-{number}"), number, count))
        for number in range(producers)
    ]
    for thread in producing:
        thread.start()
    settled: list[Any] = []
    for life in range(10_000):
        queue = line.handle()
        for _ in range(3):
            taken = bodies(queue.take(37, 0.2))
            if life % 3:
                queue.ack()
                settled += taken
        if len(settled) >= count * producers and not taken:
            break
    for thread in producing:
        thread.join()
    by_producer = {number: [n for who, n in settled if who == number] for number in range(producers)}
    assert by_producer == {number: list(range(count)) for number in range(producers)}


def produce(queue: Queue[Any], number: int, count: int) -> None:
    for first in range(0, count, 5):
        queue.put([[number, n] for n in range(first, first + 5)])
