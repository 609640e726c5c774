"""What members say of themselves, as text: the same in every registry."""

import json

from common.contracts import Info
from common.domain.errors import BadSetting

MOST = 65_536
"""Bytes; all members are read by every watcher."""


def encode(member: str, info: Info) -> bytes:
    """`info` as JSON. Raises BadSetting where it is none, or too long."""
    try:
        text = json.dumps(dict(info), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadSetting(f"what {member} says of itself is no JSON: {error}") from error
    if len(text) > MOST:
        raise BadSetting(f"what {member} says of itself is {len(text)} bytes of JSON, of {MOST}; shorten its labels")
    return text


def decode(text: bytes | str) -> Info:
    """The info in `text`; an empty one where somebody wrote what is none."""
    try:
        info = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return info if isinstance(info, dict) else {}
