"""Times and spans as people read them. A time that can't be read is shown as it stands."""

from datetime import datetime

MINUTE, HOUR, DAY = 60, 3600, 86_400


def span(seconds: float) -> str:
    """A length of time with one or two units, such as `850 ms`, `3.2 s`, `2 min 5 s`, `3 d 4 h`."""
    if seconds < 1:
        return f"{max(0.0, seconds) * 1000:.0f} ms"
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    for unit, name, part, part_name in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", 1, "s")):
        if seconds >= unit:
            whole, rest = divmod(int(seconds), unit)
            return f"{whole} {name} {rest // part} {part_name}"
    return ""


def ago(stamp: str, now: float) -> str:
    """How long before `now` (seconds since 1970) the ISO 8601 `stamp` lies; '' where there is none."""
    then = _seconds(stamp)
    if then is None:
        return stamp
    return f"in {span(then - now)}" if then > now + 1 else f"{span(now - then)} ago"


def between(start: str, end: str) -> float | None:
    """Seconds from one ISO 8601 stamp to another; None where one is missing."""
    first, last = _seconds(start), _seconds(end)
    return None if first is None or last is None else last - first


def _seconds(stamp: str) -> float | None:
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return None
