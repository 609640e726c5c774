"""A terminal with a person before it."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from typing import Self

from common.lab.until import until
from tests.lesson.conftest import DTS

FOREGROUND = ("env", "--default-signal=INT", "setsid", "--ctty")
"""Starts a program as a shell at a terminal does: in the foreground there, with Ctrl-C as ever."""
CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


class Screen:
    """One run of `dts` on a terminal. What is asked for must come after what was seen before."""

    def __init__(self, args: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (40, 100)) -> None:
        self._terminal, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self._before = termios.tcgetattr(inside)
        self._process = subprocess.Popen(
            [*FOREGROUND, DTS, *args],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env={**environment, "TERM": "xterm-256color"},
        )
        os.close(inside)
        self.raw = ""
        """All that came."""
        self._text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def press(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def interrupt(self) -> None:
        """Ctrl-C: the terminal signals all that is in its foreground; before or after something is, that is nobody."""
        until(lambda: self._in_foreground() or self._process.poll() is not None, 30, what="a program in the foreground")
        self.press("\x03")

    def _in_foreground(self) -> bool:
        return os.tcgetpgrp(self._terminal) > 0

    def as_it_was(self) -> bool:
        """Whether keys are echoed again, as they were before, and the cursor is seen."""
        cursor = self.raw.rpartition("\x1b[?25")[2][:1]
        return cursor != "l" and termios.tcgetattr(self._terminal) == self._before

    def reads_for(self, seconds: float) -> None:
        """Let it go on so long, or until its end."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and self._process.poll() is None:
            self._read(min(left, 0.02))

    def shows(self, text: str, within: float = 30.0) -> None:
        """Wait until `text` appears; what came before it counts no more."""
        deadline = time.monotonic() + within
        while text not in self._text:
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"waited for {text!r} on the screen; it shows {self._text[-3000:]}")
        self._text = self._text.partition(text)[2]

    def ends(self, within: float = 30.0) -> int:
        """Wait for its end, and return its exit code."""
        deadline = time.monotonic() + within
        while self._read(deadline - time.monotonic()):
            pass
        try:
            return self._process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still there after {within:g} s; its screen shows {self.raw[-2000:]}") from None

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, seconds))
        data = b""
        if ready:
            # Reading fails where nobody has the terminal open any more.
            with contextlib.suppress(OSError):
                data = os.read(self._terminal, 65536)
        text = data.decode(errors="replace")
        self.raw += text
        self._text += CONTROL.sub("", text)
        return bool(data)
