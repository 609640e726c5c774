"""Reads the parts of the documentation that tests check."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def between(page: Path, name: str) -> str:
    """What stands between `<!-- name, … -->` and `<!-- /name -->` on a page."""
    text = page.read_text()
    begin = text.index("-->\n", text.index(f"<!-- {name},")) + len("-->\n")
    return text[begin : text.index(f"<!-- /{name} -->")].strip()
