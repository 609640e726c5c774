"""What a check may come to."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How one check ended."""

    OK = "ok"
    WARN = "warn"
    """Nothing is broken, but somebody should know."""
    BAD = "bad"
    UNKNOWN = "unknown"
    """It could not be told."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was looked at: what was seen, and where it is not as it should be, what to do."""

    name: str
    verdict: Verdict
    seen: str
    advice: str = ""


def ok(name: str, seen: str) -> Checked:
    """As it should be."""
    return Checked(name, Verdict.OK, seen)


def warn(name: str, seen: str, advice: str) -> Checked:
    """Usable, but worth knowing."""
    return Checked(name, Verdict.WARN, seen, advice)


def bad(name: str, seen: str, advice: str) -> Checked:
    """Not as it must be."""
    return Checked(name, Verdict.BAD, seen, advice)


def unknown(name: str, why: str, advice: str = "") -> Checked:
    """It could not be told."""
    return Checked(name, Verdict.UNKNOWN, why, advice)
