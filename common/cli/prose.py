"""Breaks prose into lines: between words, and in Chinese between any two characters that may part."""

import re
from collections.abc import Iterator

from rich.cells import cell_len

_WIDE = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\u2014\u2018-\u201d\u2026"
_NOT_FIRST = "，。；：！？、）》」』】”’…—"
"""May not begin a line."""
_NOT_LAST = "（《「『【“‘"
"""May not end one."""
# A wide character with what must stay beside it, or a word with the blanks after it.
_PIECE = re.compile(f"[{_NOT_LAST}]*(?:[{_WIDE}]|[^{_WIDE}\\s]+)[{_NOT_FIRST}]*\\s*")


def paragraphs(text: str, width: int) -> list[str]:
    """The lines of a text whose paragraphs are parted by blank lines; its other line ends mean nothing."""
    # Between Chinese characters nothing takes the place of a line end.
    joined = re.sub(f"(?<=[{_WIDE}])\\n(?!\\n)", "", text)
    return [line for part in joined.split("\n\n") for line in _lines(part.replace("\n", " "), width)]


def _lines(paragraph: str, width: int) -> Iterator[str]:
    line = ""
    for piece in _PIECE.findall(paragraph):
        if line and cell_len(line + piece.rstrip()) > width:
            yield line.rstrip()
            line = ""
        line += piece
    yield line.rstrip()
