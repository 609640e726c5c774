"""What is said to people, in one catalogue per language: `<language>.toml` in a package, ids joined by dots."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

LANGUAGES = ("en", "zh-CN")


class Texts:
    """One language's texts. A text may name values in braces: "{seconds} s"."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __call__(self, text_id: str, **values: object) -> str:
        """The text with its values filled in. Raises KeyError where there is none of that id, or a value is missing."""
        return self._texts[text_id].format_map(values)

    def get(self, text_id: str, **values: object) -> str:
        """The same, '' where there is none of that id."""
        return self(text_id, **values) if text_id in self._texts else ""

    def items(self) -> Iterator[tuple[str, str]]:
        """All ids with their texts, values not filled in."""
        return iter(self._texts.items())


def load(package: str, language: str) -> Texts:
    """The catalogue of that language which lies in the package."""
    tree = tomllib.loads((files(package) / f"{language}.toml").read_text(encoding="utf-8"))
    return Texts(dict(_flat("", tree)))


def language_of(environ: Mapping[str, str] = os.environ) -> str:
    """The language that the environment asks for, as far as we speak it; else English."""
    # In this order, by POSIX: an empty one does not count.
    wanted = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "zh-CN" if wanted.lower().startswith("zh") else "en"


def _flat(prefix: str, tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", str(value).strip()
