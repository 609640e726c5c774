"""Documents as bytes, and the tags by which a client tells that it has one already."""

import hashlib
import json
from typing import Any

from pydantic_core import PydanticSerializationError, to_json
from werkzeug.datastructures import Headers
from werkzeug.http import parse_etags


def encoded(document: Any) -> bytes:
    """JSON; what is no Unicode, as a task may print anything, is replaced."""
    try:
        return to_json(document)
    except PydanticSerializationError:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def tag_of(text: bytes) -> str:
    """Equal for equal documents."""
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def has_already(headers: Headers, text: bytes) -> bool:
    """Whether the client says, in If-None-Match, that it has this."""
    known = headers.get("If-None-Match")
    return known is not None and parse_etags(known).contains_weak(tag_of(text))
