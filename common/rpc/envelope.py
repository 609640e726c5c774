"""What stands in the bytes of a call and of its answer: JSON, and dts' own errors by their names."""

from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from common.domain import errors
from common.domain.errors import DtsError, Unanswered, Unavailable
from common.log_formats import request

TOLD: tuple[type[DtsError], ...] = (
    errors.InvalidTask,
    errors.BadMessage,
    errors.UnfitServer,
    errors.CorruptTask,
    errors.Unready,
    errors.Unanswered,
    errors.Unavailable,
    errors.Rejected,
)
"""Errors that cross; the first of which one is an instance. All else is told as Unanswered: it may have happened."""
_BY_NAME = {kind.__name__: kind for kind in TOLD}


REQUEST = "request"
"""Among the arguments of a call: the id of the request for which it is made."""


class Leaving(Unavailable):
    """That provider stops, and has not begun with this call: another one may be asked."""


class Rubbish(Unanswered):
    """An answer that can't be read."""


def question(arguments: dict[str, Any]) -> bytes:
    """The bytes of a call; the request for which it is made goes with it."""
    asked = request.get()
    return to_json({**arguments, REQUEST: asked} if asked else arguments)


def arguments_of(body: bytes) -> dict[str, Any]:
    """What `question` wrote; raises BadMessage."""
    try:
        read = from_json(body)
    except ValueError as error:
        raise errors.BadMessage(f"not JSON: {error}") from error
    if not isinstance(read, dict):
        raise errors.BadMessage("the arguments of a call are a JSON object")
    return read


def answer(value: Any) -> bytes:
    """The bytes of an answer."""
    try:
        return to_json({"value": value}, inf_nan_mode="constants")
    except PydanticSerializationError as error:
        raise TypeError(f"an answer is what JSON can say: {error}") from error


def leaving() -> bytes:
    """The answer of who is about to stop."""
    return to_json({"error": Leaving.__name__, "text": "it stops"})


def trouble(error: Exception) -> bytes:
    """The answer that something went wrong."""
    for kind in TOLD:
        if isinstance(error, kind):
            return to_json({"error": kind.__name__, "text": str(error)})
    return to_json({"error": Unanswered.__name__, "text": "it failed inside; its log says how"})


def value_of(body: bytes, who: str) -> Any:
    """What the answer says; raises the error that it tells, with `who` told it, Leaving, or Rubbish."""
    try:
        read = from_json(body)
    except ValueError as error:
        raise Rubbish(f"{who} answers rubbish: {error}") from error
    if isinstance(read, dict) and "value" in read:
        return read["value"]
    if isinstance(read, dict) and isinstance(read.get("error"), str):
        text = str(read.get("text", ""))
        if read["error"] == Leaving.__name__:
            raise Leaving(f"{who} stops")
        raise _BY_NAME.get(read["error"], Unanswered)(text)
    raise Rubbish(f"{who} answers rubbish: neither a value nor an error")
