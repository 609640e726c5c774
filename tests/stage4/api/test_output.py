"""What a task printed, in pieces and as a stream."""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from common.domain.errors import Unavailable
from common.domain.result import Reason, failure
from common.lab.until import until
from common.store.reading import LogPage
from stage4_api.store_service import StoreService
from tests.stage4.api.conftest import Door, Opens, Yard

TASKS = "/api/v1/tasks"


@dataclass(frozen=True)
class Event:
    name: str
    id: str
    data: Any


class Stream:
    """The events of one stream, as they come, through a real socket."""

    def __init__(self, door: Door, path: str, last: str = "") -> None:
        self.connection = door.connect()
        self.connection.request("GET", path, headers={"Last-Event-ID": last} if last else {})
        self.answer = door.opened.enter_context(self.connection.getresponse())
        self._events = self._read()

    def close(self) -> None:
        """Go away in the middle of it."""
        self.answer.close()
        self.connection.close()

    def next(self) -> Event:
        return next(self._events)

    def rest(self) -> list[Event]:
        return list(self._events)

    def text(self) -> str:
        """What all events to the end have printed."""
        return "".join(event.data["text"] for event in self.rest() if event.name == "log")

    def _read(self) -> Iterator[Event]:
        fields: dict[str, str] = {}
        for raw in self.answer:
            line = raw.decode().rstrip("\n")
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                yield Event(fields["event"], fields["id"], json.loads(fields["data"]))
                fields = {}


def test_a_log_is_read_in_pieces(door: Door, yard: Yard) -> None:
    task_id = door.submit()
    yard.prints(yard.run(task_id), "one\ntwo\nthr🙂e\n")
    path = f"{TASKS}/{task_id}/log"
    whole = door("GET", path).json
    assert whole == {"taskId": task_id, "attempt": 1, "text": "one\ntwo\nthr🙂e\n", "offset": 0, "nextOffset": 17}
    pieces, at = [], 0
    while (piece := door("GET", f"{path}?attempt=1&offset={at}&limit=5").json)["text"]:
        pieces.append(piece["text"])
        at = piece["nextOffset"]
    assert "".join(pieces) == whole["text"]
    assert door("GET", f"{path}?attempt=2").status == 404
    assert door("GET", f"{path}?offset=-1").code == "BAD_QUERY"
    assert door("GET", f"{TASKS}/{door.submit()}/log").json["text"] == ""
    assert door("GET", f"{TASKS}/nobody/log").status == 404


def test_a_stream_tells_what_is_printed_as_it_is_printed_and_ends_with_the_task(door: Door, yard: Yard) -> None:
    task_id = door.submit()
    stream = Stream(door, f"{TASKS}/{task_id}/log/stream")
    assert stream.answer.status == 200
    assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
    held = yard.run(task_id)
    yard.prints(held, "hällo\n")
    assert stream.next() == Event("log", "1:7", {"attempt": 1, "offset": 0, "text": "hällo\n"})
    yard.prints(held, "data: \n\nevent: end\n\n", 7)
    assert stream.next().data["text"] == "data: \n\nevent: end\n\n"
    yard.ends(held, None, "bye", 27)
    assert [event.name for event in stream.rest()] == ["log", "end"]


def test_a_stream_that_was_cut_goes_on_behind_its_last_event(door: Door, yard: Yard) -> None:
    task_id = door.submit()
    held = yard.run(task_id)
    yard.prints(held, "one\n")
    first = Stream(door, f"{TASKS}/{task_id}/log/stream")
    last = first.next().id
    first.close()
    yard.ends(held, None, "two\n", 4)
    second = Stream(door, f"{TASKS}/{task_id}/log/stream", last).rest()
    assert [event.name for event in second] == ["log", "end"]
    assert second[0].data == {"attempt": 1, "offset": 4, "text": "two\n"}
    assert second[1] == Event("end", "1:8", {"taskId": task_id, "status": "SUCCESS", "attempt": 1})


def test_a_stream_goes_on_through_further_attempts(door: Door, yard: Yard) -> None:
    task_id = door.submit(retries=1, retryDelay=0)
    stream = Stream(door, f"{TASKS}/{task_id}/log/stream")
    yard.ends(yard.run(task_id), failure(Reason.EXIT_CODE, "it failed", exit_code=1), "first\n")
    yard.store.promote("agent-1")
    yard.ends(yard.run(task_id), None, "second\n")
    events = stream.rest()
    assert [event.data.get("text") for event in events][-2:] == ["second\n", None]
    assert events[-1].data["attempt"] == 2
    again = Stream(door, f"{TASKS}/{task_id}/log/stream?attempt=1").text()
    assert again == "first\nsecond\n"


def test_a_task_cancelled_before_it_began_ends_its_stream(door: Door) -> None:
    task_id = door.submit()
    stream = Stream(door, f"{TASKS}/{task_id}/log/stream")
    door("DELETE", f"{TASKS}/{task_id}")
    assert stream.rest() == [Event("end", "0:0", {"taskId": task_id, "status": "CANCELLED", "attempt": 0})]


@pytest.mark.parametrize("last", ["nonsense", "1", "1:-1", "１:1", "9:0", "1:99999999999999"])
def test_an_id_that_is_none_of_the_streams_is_refused(door: Door, last: str) -> None:
    task_id = door.submit()
    answer = door("GET", f"{TASKS}/{task_id}/log/stream", headers={"Last-Event-ID": last.encode().decode("latin-1")})
    assert answer.code in ("BAD_HEADER", "NOT_FOUND")


def test_a_stream_of_a_task_that_is_not_there_is_not_found(door: Door) -> None:
    assert door("GET", f"{TASKS}/nobody/log/stream").status == 404


class Weak(StoreService):
    """Its logs can be away."""

    away = False
    refused = 0

    def log(self, task_id: str, attempt: int, offset: int, limit: int) -> LogPage:
        if self.away:
            self.refused += 1
            raise Unavailable("no manager can be reached")
        return super().log(task_id, attempt, offset, limit)


def test_a_stream_waits_through_an_outage(opens: Opens, yard: Yard) -> None:
    service = Weak(yard.store, yard.service._ids)
    door = opens(service)
    task_id = door.submit()
    held = yard.run(task_id)
    yard.prints(held, "one\n")
    stream = Stream(door, f"{TASKS}/{task_id}/log/stream")
    assert stream.next().data["text"] == "one\n"
    service.away = True
    yard.ends(held, None, "two\n", 4)
    until(lambda: service.refused >= 3)
    service.away = False
    assert stream.text() == "two\n"


def test_many_streams_hold_up_nobody_and_one_too_many_is_told_when_to_come_again(opens: Opens, yard: Yard) -> None:
    door = opens(api_threads=2)
    task_id = door.submit()
    held = yard.run(task_id)
    streams = [Stream(door, f"{TASKS}/{task_id}/log/stream") for _ in range(16)]
    connection = door.connect()
    connection.request("GET", f"{TASKS}/{task_id}/log/stream")
    refused = connection.getresponse()
    assert refused.status == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert json.loads(refused.read())["code"] == "TOO_MANY_STREAMS"
    connection.request("GET", f"{TASKS}/{task_id}")
    assert connection.getresponse().status == 200
    connection.close()
    yard.ends(held, None, "bye")
    assert [stream.text() for stream in streams] == ["bye"] * 16


def test_a_client_that_goes_away_gives_its_place_back(opens: Opens, yard: Yard) -> None:
    door = opens(api_threads=1)
    task_id = door.submit()
    held = yard.run(task_id)
    for _ in range(8):
        Stream(door, f"{TASKS}/{task_id}/log/stream").close()
    offset = 0

    def served() -> bool:
        nonlocal offset
        # What can't be sent tells the server that nobody listens.
        yard.prints(held, "x" * 100_000, offset)
        offset += 100_000
        try:
            stream = Stream(door, f"{TASKS}/{task_id}/log/stream?offset={offset}")
        except http.client.HTTPException:
            return False
        stream.close()
        return stream.answer.status == 200

    until(served, within=20, every=0.1)
