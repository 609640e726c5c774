"""Requests to the REST API: pooled connections, bounded waits, and only what is safe is asked again."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
)

from common.clock import Clock
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

CONNECT_WITHIN, ANSWER_WITHIN = 3.0, 75.0
"""Seconds; an answer may be waited for as long as the API lets it wait, and some more."""
TRIES = 4
REST = 0.2
"""Seconds before the second try; twice as many before each further one."""
LONGEST_REST = 5.0
"""Seconds that the API may ask to be left alone, for a request to be asked again."""
NOT_SENT = (NewConnectionError, ConnectTimeoutError, NameResolutionError, ProxyError)

Document = dict[str, Any]


class Refused(Rejected):
    """The API's answer is a problem (RFC 9457), and nothing was done; asking again the same way won't help."""

    def __init__(self, problem: Mapping[str, Any], status: int) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or f"HTTP {status}"))
        self.status = status
        self.code = str(problem.get("code", ""))
        """What programs compare, like ALREADY_FINAL; docs/rest-api.md and the API's /docs list them."""
        self.problem = problem


@dataclass(frozen=True, slots=True)
class _Question:
    method: str
    path: str
    body: Document | bytes | None
    headers: Mapping[str, str]


class Http:
    """One API, or several that serve the same tasks, of which the next is asked where one is away.

    Safe to use from many threads; each request blocks for ANSWER_WITHIN a try at most. Raises BadSetting where `urls`,
    "http://a:8080,http://b:8080", is none.
    """

    def __init__(self, urls: str, token: str, clock: Clock) -> None:
        self._bases = [_base(url.strip()) for url in urls.split(",") if url.strip()]
        if not self._bases:
            raise BadSetting("DTS_API_URL: names no API; it is like http://127.0.0.1:8080")
        self._headers = {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        self._clock = clock
        timeout = urllib3.Timeout(connect=CONNECT_WITHIN, read=ANSWER_WITHIN)
        self._pool = urllib3.PoolManager(maxsize=16, block=False, retries=False, timeout=timeout)
        self._first = 0

    def ask(
        self,
        method: str,
        path: str,
        body: Document | bytes | None = None,
        *,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        again: bool = True,
    ) -> Document:
        """The answer's JSON. `body` is a document, or the bytes of one. `again`: whether it may be done twice, so that
        a lost answer is asked for again.

        Raises Refused, NotAllowed, InvalidTask; Unavailable where nothing was done, Unanswered where it may have been.
        """
        asked = _Question(method, f"{path}?{urlencode(query)}" if query else path, body, headers or {})
        answer: Document = self._tried(lambda base: self._asked(base, asked), again=again)
        return answer

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[Iterator[bytes]]:
        """The lines of an answer as they come, for the block; raises as `ask` does."""
        answer = self._tried(lambda base: self._opened(base, path, headers), again=True)
        try:
            yield _lines(answer)
        finally:
            answer.close()

    def close(self) -> None:
        """Let go of all connections."""
        self._pool.clear()

    def _tried(self, ask: Callable[[str], Any], *, again: bool) -> Any:
        doubt: Unanswered | None = None
        for number in range(TRIES):
            base = self._bases[(self._first + number) % len(self._bases)]
            try:
                value = ask(base)
            except Unavailable as error:
                rest = getattr(error, "rest", REST * 2**number)
                may_repeat = again or not error.may_have_happened
                # What may have happened is not undone by a next try that certainly did not.
                doubt = error if isinstance(error, Unanswered) else doubt
                if number == TRIES - 1 or not may_repeat or rest > LONGEST_REST:
                    raise doubt or error from None
            else:
                self._first = (self._first + number) % len(self._bases)
                return value
            if number >= len(self._bases) - 1:
                self._clock.wait(threading.Event(), rest)
        raise AssertionError("the last try returns or raises")

    def _asked(self, base: str, asked: _Question) -> Document:
        sent = self._headers | dict(asked.headers)
        data = None
        if asked.body is not None:
            data = asked.body if isinstance(asked.body, bytes) else json.dumps(asked.body).encode()
            sent |= {"Content-Type": "application/json"}
        with _http_errors(base):
            answer = self._pool.request(asked.method, f"{base}{asked.path}", body=data, headers=sent, redirect=False)
        return _read(answer.status, answer.data, answer.headers, base)

    def _opened(self, base: str, path: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        sent = self._headers | {"Accept": "text/event-stream"} | dict(headers)
        with _http_errors(base):
            answer = self._pool.request("GET", f"{base}{path}", headers=sent, redirect=False, preload_content=False)
        if answer.status != 200:
            with _http_errors(base):
                data = answer.read()
            answer.close()
            _read(answer.status, data, answer.headers, base)
        return answer


def _base(url: str) -> str:
    try:
        parsed = urllib3.util.parse_url(url)
    except LocationParseError as error:
        raise BadSetting(f"DTS_API_URL: {url!r} is no address: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise BadSetting(f"DTS_API_URL: {url!r} is not like http://127.0.0.1:8080")
    return url.rstrip("/")


@contextmanager
def _http_errors(base: str) -> Iterator[None]:
    try:
        yield
    except NOT_SENT as error:
        raise Unavailable(f"can't reach the API at {base}: {_brief(error)}") from error
    except (HTTPError, OSError) as error:
        raise Unanswered(f"the API at {base} has not answered: {_brief(error)}") from error


def _read(status: int, data: bytes, headers: Mapping[str, str], base: str) -> Document:
    try:
        document = json.loads(data or b"{}")
    except ValueError as error:
        # Something between us and the API, which says what it likes.
        raise Unanswered(f"{base} answers with what is no JSON (HTTP {status}); is that dts' API?") from error
    if not isinstance(document, dict):
        raise Unanswered(f"{base} answers with what is no object (HTTP {status}); is that dts' API?")
    if status < 300:
        return document
    raise _refusal(status, document, headers)


def _refusal(status: int, problem: Document, headers: Mapping[str, str]) -> Exception:
    text, code = str(problem.get("detail") or problem.get("title") or f"HTTP {status}"), problem.get("code")
    if status == 503 or (status == 429 and code == "RATE_LIMITED"):
        kinds: dict[object, type[Unavailable]] = {"UNAVAILABLE": Unavailable, "UNANSWERED": Unanswered}
        error = kinds.get(code, Unready)(text)
        after = headers.get("Retry-After", "")
        if after.isdecimal():
            error.rest = float(after)  # type: ignore[attr-defined]  # for `_tried` alone
        return error
    if code == "CORRUPT_TASK":
        return CorruptTask(text)
    if code == "INVALID_TASK":
        return InvalidTask(text)
    if status in (401, 403):
        return NotAllowed(text)
    if status >= 500:
        return Unanswered(f"the API failed: {text}")
    return Refused(problem, status)


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Without their ends; raises Unanswered where the connection breaks."""
    left = b""
    try:
        for piece in answer.stream(65_536):
            *whole, left = (left + piece).split(b"\n")
            yield from whole
    except (HTTPError, OSError) as error:
        raise Unanswered(f"the stream broke: {_brief(error)}") from error


def _brief(error: Exception) -> str:
    """Without the objects of the library that stand in its texts."""
    return str(error).rpartition(">: ")[2] or type(error).__name__
