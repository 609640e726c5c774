"""The client library: what it sends again and what it does not, and what it makes of the API's answers."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from common.client import Client, Refused
from common.documents import task_document
from common.domain.errors import (
    BadSetting,
    CorruptTask,
    InvalidTask,
    NotAllowed,
    Rejected,
    Unanswered,
    Unavailable,
    Unready,
)
from common.domain.query import Query
from common.domain.status import Answer, Status
from common.domain.task import Submission
from common.lab.until import until
from tests.client.yard import Yard


@dataclass
class Script:
    """A server that gives these answers, one after the other, the last one again and again; None: it hangs up."""

    answers: list[tuple[int, Any, Mapping[str, str]] | None]
    seen: list[tuple[str, str, Any]] = field(default_factory=list)


def saying(*answers: Any) -> Script:
    return Script([one if one is None else (one[0], one[1], one[2] if len(one) > 2 else {}) for one in answers])


@pytest.fixture
def serve() -> Iterator[Any]:
    with ExitStack() as at_the_end:

        def served(script: Script) -> str:
            class Handler(BaseHTTPRequestHandler):
                def answer(self) -> None:
                    raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                    script.seen.append((self.command, self.path, json.loads(raw) if raw else None))
                    said = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
                    if said is None:
                        self.close_connection = True
                        return
                    status, body, headers = said
                    data = body if isinstance(body, bytes) else json.dumps(body).encode()
                    self.send_response(status)
                    for name, value in {**headers, "Content-Length": str(len(data))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(data)

                do_GET = do_POST = do_DELETE = answer  # noqa: N815

                def log_message(self, *_: Any) -> None: ...

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            at_the_end.callback(thread.join, 5)
            at_the_end.callback(server.server_close)
            at_the_end.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield served


AWAY = (503, {"code": "UNAVAILABLE", "detail": "no manager"}, {"Retry-After": "0"})
LOST = (503, {"code": "UNANSWERED", "detail": "lost"}, {"Retry-After": "0"})
COUNT: Any = (200, {"agents": []})


def test_a_task_is_submitted_waited_for_and_read(yard: Yard, client: Client) -> None:
    task = client.submit("echo hi", name="hello", retries=2, tags={"for": "me"})
    assert (task.status, task.spec.retries, task.spec.tags) == (Status.PENDING, 2, {"for": "me"})
    assert task.request_id
    assert client.get("none") is None
    held = yard.running(task.task_id)
    seen: list[Status] = []
    waiting = threading.Thread(target=lambda: client.wait(task.task_id, progress=lambda one: seen.append(one.status)))
    waiting.start()
    until(lambda: seen, 10)
    yard.ended(held, "hi\n")
    waiting.join(10)
    assert seen[-1] is Status.SUCCESS
    (found,) = client.tasks("SUCCESS")
    assert found.result
    assert (found.task_id, found.result.output, found.result.exit_code) == (task.task_id, "hi\n", 0)
    assert client.explain(task.task_id)
    assert [entry["verb"] for entry in client.history(task.task_id)] == ["submit", "assign", "start", "report"]


def test_what_comes_is_what_the_store_has(yard: Yard, client: Client) -> None:
    wish = Submission.of(content=["a", "b"], args=["c"], env={"A": "1"}, labels={"l": "x"}, task_id="t", timeout=0.5)
    assert [one.answer for one in client.submit_all([wish])] == [Answer.OK]
    yard.ended(yard.running("t"), "ü\n")
    (stored,) = yard.store.get_many(["t"])
    assert stored
    assert task_document(client.task("t")) == task_document(stored)


def test_a_wait_may_be_given_up(client: Client) -> None:
    task = client.submit("true")
    assert client.wait(task.task_id, timeout=0.2).status is Status.PENDING


def test_output_is_followed_until_the_end(yard: Yard, client: Client) -> None:
    task = client.submit("true")
    held = yard.running(task.task_id)
    yard.prints(held, "one ", 0)
    pieces: list[str] = []
    following = threading.Thread(target=lambda: pieces.extend(client.follow(task.task_id)))
    following.start()
    yard.prints(held, "two ", 4)
    yard.ended(held, "three", 8)
    following.join(10)
    assert "".join(pieces) == "one two three"
    # What can't be an id is asked for as it is, and leads nowhere else.
    for unknown in ("none", "../agents?x=1"):
        with pytest.raises(Rejected):
            list(client.follow(unknown))


def test_a_stream_that_breaks_is_gone_on_with_from_there(serve: Any) -> None:
    def event(name: str, place: str, data: Any) -> bytes:
        return f"event: {name}\nid: {place}\ndata: {json.dumps(data)}\n\n".encode()

    first = b": comment\n\n" + event("log", "1:3", {"text": "one"}) + b"event: log\nid: 1:9\n"
    last = event("log", "1:6", {"text": "two"}) + event("end", "1:6", {"status": "SUCCESS"})
    script = saying((200, first), None, (200, last))
    with Client(serve(script)) as client:
        assert list(client.follow("t")) == ["one", "two"]
    assert len(script.seen) == 3


def test_an_api_that_is_away_is_asked_again_and_the_next_one_too(serve: Any) -> None:
    script = saying(AWAY, AWAY, COUNT)
    with Client(serve(script)) as client:
        assert client.agents() == []
    assert len(script.seen) == 3
    other = saying(COUNT)
    with Client(f"http://127.0.0.1:9, {serve(other)}/") as client:
        assert client.agents() == client.agents() == []


@pytest.mark.parametrize(("trouble", "error"), [(AWAY, Unavailable), (LOST, Unanswered), (None, Unanswered)])
def test_in_the_end_it_says_whether_it_may_have_happened(serve: Any, trouble: Any, error: type[Exception]) -> None:
    with Client(serve(saying(trouble))) as client, pytest.raises(error) as told:
        client.agents()
    assert type(told.value) is error


@pytest.mark.parametrize("trouble", [LOST, None])
def test_what_may_have_happened_is_not_undone_by_a_next_try_that_certainly_did_not(serve: Any, trouble: Any) -> None:
    with Client(serve(saying(trouble, AWAY))) as client, pytest.raises(Unanswered):
        client.submit_all([Submission(content="true", request_id="r")])


def test_a_submission_is_sent_again_for_it_always_has_an_id(serve: Any) -> None:
    script = saying(None, LOST, (200, {"results": [{"status": 201, "taskId": "t"}]}), (404, {"detail": "no task"}))
    with Client(serve(script)) as client, pytest.raises(Rejected, match="no task t"):
        client.submit("true")
    bodies = [body["tasks"] for _, path, body in script.seen if path.endswith(":batch")]
    assert len(bodies) == 3
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0][0]["requestId"]


@pytest.mark.parametrize("trouble", [LOST, None])
def test_a_retry_whose_answer_is_lost_is_not_sent_again(serve: Any, trouble: Any) -> None:
    script = saying(trouble)
    with Client(serve(script)) as client, pytest.raises(Unanswered):
        client.retry(["t"])
    assert len(script.seen) == 1


def test_a_retry_that_certainly_did_not_happen_is_sent_again(serve: Any) -> None:
    script = saying(AWAY, (200, {"results": [{"status": 200, "taskId": "t"}]}))
    with Client(serve(script)) as client:
        assert client.retry(["t"]) == [Answer.OK]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"code": "UNAUTHENTICATED", "detail": "d"}, NotAllowed),
        (403, {"code": "FORBIDDEN", "detail": "d"}, NotAllowed),
        (422, {"code": "INVALID_TASK", "detail": "d"}, InvalidTask),
        (409, {"code": "ID_TAKEN", "detail": "d"}, Refused),
        (503, {"code": "NOT_READY", "detail": "d"}, Unready),
        (500, {"code": "CORRUPT_TASK", "detail": "d"}, CorruptTask),
        (500, {"code": "INTERNAL", "detail": "d"}, Unanswered),
        (200, b"<html>a proxy's page", Unanswered),
        (502, b"Bad Gateway", Unanswered),
        (200, [], Unanswered),
        (301, {}, Refused),
    ],
)
def test_what_the_api_says_is_an_error_of_dts(serve: Any, status: int, body: Any, error: type[Exception]) -> None:
    with Client(serve(saying((status, body, {"Retry-After": "0"})))) as client, pytest.raises(error) as told:
        client.agents()
    assert type(told.value) is error
    if isinstance(told.value, Refused):
        assert (told.value.status, told.value.code) == (status, body.get("code", ""))


def test_a_document_that_is_no_task_is_told_as_such(serve: Any) -> None:
    with Client(serve(saying((200, {"taskId": "t"})))) as client, pytest.raises(Unanswered, match="no task"):
        client.get("t")


def test_only_who_may_is_served_and_the_token_is_in_no_text() -> None:
    with ExitStack() as at_the_end:
        yard = Yard(at_the_end, api_token="the-token")
        with Client(yard.url, "wrong-token") as stranger, pytest.raises(NotAllowed) as told:
            stranger.submit("true")
        assert "token" in str(told.value)
        assert "wrong-token" not in str(told.value)
        with Client(yard.url, "the-token") as client:
            assert client.submit("true").status is Status.PENDING


def test_every_answer_to_many_is_given(yard: Yard, client: Client) -> None:
    same = Submission.of(request_id="r", content="true")
    other = Submission.of(request_id="r", content="false")
    answers = [one.answer for one in client.submit_all([same, same, other])]
    assert answers == [Answer.OK, Answer.SAME, Answer.CONFLICT]
    task_id = client.submit("true").task_id
    yard.running(task_id)
    assert client.cancel([task_id, "none"]) == [Answer.REQUESTED, Answer.NOT_FOUND]
    assert client.retry([task_id, "none"]) == [Answer.STALE_STATE, Answer.NOT_FOUND]
    assert client.drain("agent-1") is client.resume("agent-1") is Answer.OK
    assert client.drain("nobody") is Answer.NOT_FOUND
    with pytest.raises(InvalidTask, match="cursor"):
        client.find(Query(), 10, "rubbish")


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "127.0.0.1:80", "http://x/?a=b", " , "])
def test_what_is_no_address_is_refused_before_anything_is_asked(url: str) -> None:
    with pytest.raises(BadSetting, match="DTS_API_URL"):
        Client(url)


def test_a_hundred_threads_share_one_client(client: Client) -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.append(client.submit("true").task_id)) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(set(made)) == 100
    with closing(client):
        assert sum(1 for _ in client.tasks("PENDING")) == 100
