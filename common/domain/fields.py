"""Kinds of values in a request for a task that need more than a type and a bound."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, TypeAdapter, WithJsonSchema

HIGHEST, USUAL = 9, 4
"""Priorities: 9 comes first, 0 last."""
STEP = 60.0
"""Seconds that a level of priority is worth: so much earlier than one a level below does a task come, and no more.

So a task of low priority waits at most `9 * STEP` seconds longer than if all were alike, however many of high priority
come after it. common/store/scripts/prelude.lua has the same number.
"""
MAX_DELAY = 30 * 86_400.0
LEAST_MEMORY, MOST_MEMORY = 2**20, 2**50


def _in_utc(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text.upper())
        if moment.tzinfo is None:
            raise ValueError("no zone")
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        raise ValueError("must be a time with its zone, like 2026-11-07T03:00:00Z or 2026-11-07T03:00+01:00") from None


def _bytes(value: object) -> object:
    """Text like 512MiB as a number; all else as it is, to be judged as a number."""
    return int(TypeAdapter(ByteSize).validate_python(value)) if isinstance(value, str) else value


Instant = Annotated[
    str,
    # One way to write each, so that equal requests have equal digests.
    AfterValidator(_in_utc),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-07T03:00:00Z"]}),
]
"""ISO 8601 with a zone; kept in UTC, to the millisecond."""

Memory = Annotated[
    int,
    Field(ge=LEAST_MEMORY, le=MOST_MEMORY),
    BeforeValidator(_bytes),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": LEAST_MEMORY, "maximum": MOST_MEMORY},
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?[KMGT]i?B$", "examples": ["512MiB"]},
            ]
        }
    ),
]
"""Bytes; also as text with a unit."""
