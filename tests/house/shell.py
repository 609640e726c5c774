"""A shell on a terminal, as a reader of the pages has it, and the commands that the pages tell to type."""

import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

LOOKS = re.compile(
    r"redis-cli .*\b(H|L|Z|S)?(GET|MGET|GETALL|RANGE|CARD)\b|dts (get|list|logs|trace|ps|dlq)\b"
    r"|^api [^ ]+( \||$)|^figures |stage4_api ask .* counts"
)
"""Commands that change nothing: a reader who is too quick repeats them, and so does the test."""

TOOK = re.compile(r"  \d+\.\d s$")

_ENDED = "\x01"


@dataclass(frozen=True, slots=True)
class Typed:
    """A command on a page, and what the page says it prints; `…` there stands for anything."""

    command: str
    printed: str

    @property
    def only_looks(self) -> bool:
        return bool(LOOKS.match(self.command))

    def fits(self, output: str) -> bool:
        return _pattern(_stripped(self.printed)).fullmatch(_stripped(output)) is not None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some of the lines that a command prints, in their order; `…` stands for anything within a line.

    How long something took may stand behind any of them.
    """

    command: str
    lines: Sequence[str]

    def missing_from(self, output: str) -> str:
        """The first line that is not there, or not in its place; empty where all are."""
        seen = iter(_stripped(output).splitlines())
        for line in self.lines:
            if not any(_pattern(line).fullmatch(TOOK.sub("", printed)) for printed in seen):
                return line
        return ""


def excerpts_on(page: Path) -> Iterator[Excerpt]:
    """The blocks marked `text` below a comment that says what prints them."""
    marked = r"^<!-- printed by: (.+) -->\n```text\n(.*?)^```"
    for command, block in re.findall(marked, page.read_text(), flags=re.MULTILINE | re.DOTALL):
        yield Excerpt(command, _stripped(block).splitlines())


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace("…", ".*?"), flags=re.DOTALL)


def _stripped(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())


def typed_on(page: Path) -> Iterator[Typed]:
    """What stands behind `$ ` in the blocks marked `console`, in the order of the page."""
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield Typed(command, printed)


class Shell:
    """One bash whose output is a terminal. Not for commands that read their input."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._terminal, inside = pty.openpty()
        termios.tcsetwinsize(inside, (40, 100))
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            stdin=subprocess.PIPE,
            stdout=inside,
            stderr=inside,
            cwd=directory,
            env={**environment, "TERM": "dumb"},
            text=True,
        )
        os.close(inside)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._bash.stdin
        self._bash.stdin.close()
        self._bash.wait(10)
        os.close(self._terminal)

    def run(self, command: str, within: float = 60.0) -> str:
        """Type it, and return what it printed."""
        assert self._bash.stdin
        self._bash.stdin.write(f"{{ {command}\n}} </dev/null; printf '\\001'\n")
        self._bash.stdin.flush()
        printed = b""
        deadline = time.monotonic() + within
        while not printed.endswith(_ENDED.encode()):
            ready, _, _ = select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"{command!r} has not ended after {within:g} s; so far: {printed!r}")
            printed += os.read(self._terminal, 65536)
        return printed.decode().removesuffix(_ENDED).replace("\r\n", "\n")
