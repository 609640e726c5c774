"""Kinds of values in a request for a task that need more than a type and a bound."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

HIGHEST, USUAL = 9, 4
"""Priorities: 9 comes first, 0 last."""
STEP = 60.0
"""Seconds that a level of priority is worth: so much earlier than one a level below does a task come, and no more.

So a task of low priority waits at most `9 * STEP` seconds longer than if all were alike, however many of high priority
come after it. common/store/scripts/prelude.lua has the same number.
"""
MAX_DELAY = 30 * 86_400.0


def _in_utc(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text.upper())
        if moment.tzinfo is None:
            raise ValueError("no zone")
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        raise ValueError("must be a time with its zone, like 2026-11-07T03:00:00Z or 2026-11-07T03:00+01:00") from None


Instant = Annotated[
    str,
    # One way to write each, so that equal requests have equal digests.
    AfterValidator(_in_utc),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-07T03:00:00Z"]}),
]
"""ISO 8601 with a zone; kept in UTC, to the millisecond."""
