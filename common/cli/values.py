"""What was expected or seen, as one line that a person reads."""

from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len

from common.cli.console import one_line

LONGEST = 400


def shown(value: Any) -> str:
    """A value of a probe, harmless and not too long."""
    if isinstance(value, Mapping):
        text = "  ".join(f"{name}={_word(item)}" for name, item in value.items())
    elif isinstance(value, list):
        text = " → ".join(map(str, value)) or "–"
    else:
        text = _word(value)
    harmless = one_line(text)
    return harmless if len(harmless) <= LONGEST else harmless[:LONGEST] + "…"


def aligned(*labels: str) -> list[str]:
    """Labels filled up with blanks to the width of the widest."""
    widest = max(map(cell_len, labels))
    return [label + " " * (widest - cell_len(label)) for label in labels]


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, str) and (not value or " " in value or "\n" in value) else str(value)
