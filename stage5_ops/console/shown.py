"""How values look on a page: escaped, times as people say them, and no character that works in secret."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape

from stage5_ops.console.catalogue import Words

SECRET = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufff9-\uffff]"
)
"""Characters that a terminal or a browser would obey and not show: controls, and those that turn text around."""


def visible(value: Any) -> Any:
    """Text with such characters spelt out; what is HTML of our own, and what is no text, as it is."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return "" if value is None else value
    return SECRET.sub(lambda found: _spelt(found[0]), value)


def exact(value: str) -> Markup:
    """Escaped, but to the letter: for what a form is to send back."""
    return escape(value)


def _spelt(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return f"⟨U+{code:04X}⟩"


def span(seconds: float | None, words: Words) -> str:
    """A length of time with one or two units."""
    if not isinstance(seconds, int | float):
        return "–"
    if seconds < 1:
        return words("unit.ms", n=round(max(0.0, seconds) * 1000))
    if seconds < 60:
        return words("unit.s", n=f"{seconds:.1f}" if seconds < 10 else int(seconds))
    for unit, name, part, part_name in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit:
            whole, rest = divmod(int(seconds), unit)
            first, second = words(f"unit.{name}", n=whole), words(f"unit.{part_name}", n=rest // part)
            return f"{first} {second}" if rest // part else first
    return ""


def moment(stamp: str | None, now: float, words: Words) -> Markup | str:
    """How long ago an ISO 8601 stamp lies, and when that was where one points at it."""
    then = seconds_of(stamp)
    if not isinstance(stamp, str) or then is None:
        return str(stamp or "–")
    away = span(int(abs(now - then)) if abs(now - then) >= 1 else 0, words)
    told = words("time.in", span=away) if then > now + 1 else words("time.ago", span=away)
    told = words("time.now") if abs(now - then) < 1 else told
    utc = datetime.fromtimestamp(then, UTC)
    exactly = f"{utc:%Y-%m-%d %H:%M:%S}.{utc.microsecond // 1000:03d} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(stamp, exactly, told)


def seconds_of(stamp: str | None) -> float | None:
    """Since 1970; None where that is no time."""
    try:
        return datetime.fromisoformat(stamp).timestamp() if stamp else None
    except (ValueError, TypeError):
        return None


def between(start: str | None, end: str | None) -> float | None:
    """Seconds from one stamp to another."""
    first, last = seconds_of(start), seconds_of(end)
    return None if first is None or last is None else last - first


def size(count: float | None) -> str:
    """Bytes with a unit."""
    if not isinstance(count, int | float):
        return "–"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return ""


def number(value: float | None) -> str:
    """With thin spaces between thousands."""
    if not isinstance(value, int | float):
        return "–"
    return f"{value:,.0f}".replace(",", "\u202f")


def text_of(value: Any) -> str:
    """A value of whatever kind, as JSON."""
    return json.dumps(value, ensure_ascii=False)
