"""Printing what a task printed: as it is into a pipe, made harmless on a terminal."""

import sys

from common.cli.console import many_lines, on_terminal


class TaskOutput:
    """Writes pieces of a log to stdout as they come, each at once. Raises BrokenPipeError where nobody reads."""

    def __init__(self, *, raw: bool = False) -> None:
        self._raw = raw or not on_terminal()
        self._open_line = False

    def write(self, text: str) -> None:
        """Print one piece."""
        if self._raw:
            sys.stdout.flush()
            sys.stdout.buffer.write(text.encode(errors="surrogateescape"))
            sys.stdout.buffer.flush()
        else:
            sys.stdout.write(many_lines(text.replace("\r\n", "\n")))
            sys.stdout.flush()
        self._open_line = not text.endswith("\n") if text else self._open_line

    def end(self) -> None:
        """End a line left open, where a person looks; a pipe gets the exact bytes."""
        if self._open_line and not self._raw:
            self.write("\n")
