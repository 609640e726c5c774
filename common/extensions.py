"""What third parties add by a name: an entry point of an installed package, or an import string in the settings."""

import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from common.domain.errors import BadSetting

T = TypeVar("T")

_IMPORT_STRING = re.compile(r"[\w.]+:[\w.]+")


def extensions(
    kind: str, group: str, settings: Mapping[str, str], installed: Iterable[EntryPoint] | None = None
) -> dict[str, EntryPoint]:
    """Those that installed packages offer in the group, by name; one that `settings` name replaces theirs.

    `kind` is what they are called in an error's text, like "executor". Raises BadSetting where a text is no import
    string, or two packages offer the same name and the settings don't say which is meant.
    """
    named = {name: _named(kind, name, text, group) for name, text in settings.items()}
    points = entry_points(group=group) if installed is None else installed
    offered: dict[str, EntryPoint] = {}
    for point in points:
        rival = offered.setdefault(point.name, point)
        if rival.value != point.value and point.name not in named:
            raise BadSetting(
                f"{kind} {point.name}: two installed packages offer it ({rival.value}, {point.value}); "
                "remove one, or name the one you mean in the settings"
            )
    return {**offered, **named}


def made(kind: str, point: EntryPoint, make: Callable[[Any], T]) -> T:
    """What `make` makes of the object that it names. Raises BadSetting, which names it, whatever goes wrong."""
    try:
        return make(point.load())
    # Other people's code may fail in any way; the setting that named it is what has to be changed.
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise BadSetting(f"{kind} {point.name}: {point.value!r} can't be loaded: {why}") from error


def _named(kind: str, name: str, text: str, group: str) -> EntryPoint:
    if not _IMPORT_STRING.fullmatch(text):
        raise BadSetting(f'{kind} {name}: {text!r} is no import string; write "module:attr"')
    return EntryPoint(name, text, group)
