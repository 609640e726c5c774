"""Catalogue: what pages say, in one file per language (words/<language>.toml), ids joined by dots."""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from werkzeug.datastructures import LanguageAccept

LANGUAGES = {"en": "English", "zh-CN": "中文"}
"""By their tags: how each names itself."""


class Words:
    """One language's texts, which may name values in braces."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language, self.texts = language, texts

    def __call__(self, text_id: str, **values: object) -> str:
        """The text with its values filled in; its id, where an API of another version has told of one unknown here."""
        return self.texts.get(text_id, text_id).format_map(values)

    def get(self, text_id: str, otherwise: str = "") -> str:
        """The text, or what is said where there is none."""
        return self.texts.get(text_id, otherwise)


@cache
def words(language: str) -> Words:
    """All texts in that language, one of LANGUAGES."""
    file = files(__package__) / "words" / f"{language}.toml"
    return Words(language, dict(_flat("", tomllib.loads(file.read_text(encoding="utf-8")))))


def language_of(chosen: str, accepted: LanguageAccept) -> str:
    """The one that was chosen by hand, else the one that the browser likes best."""
    if chosen in LANGUAGES:
        return chosen
    # By their first part: who reads another Chinese, or another English, is served best by ours.
    ours = {tag.partition("-")[0]: tag for tag in LANGUAGES}
    return next((ours[wanted] for tag in accepted.values() if (wanted := tag.lower().partition("-")[0]) in ours), "en")


def _flat(prefix: str, tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value
