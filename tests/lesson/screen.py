"""A terminal with a person before it."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from typing import Self

from tests.lesson.conftest import DTS

CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


class Screen:
    """One run of `dts` on a terminal. What is asked for must come after what was seen before."""

    def __init__(self, args: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (40, 100)) -> None:
        self._terminal, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self._process = subprocess.Popen(
            [DTS, *args], stdin=inside, stdout=inside, stderr=inside, env={**environment, "TERM": "xterm-256color"}
        )
        os.close(inside)
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
        """What Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

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
        return self._process.wait(max(0.1, deadline - time.monotonic()))

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, seconds))
        data = b""
        if ready:
            # Reading fails where nobody has the terminal open any more.
            with contextlib.suppress(OSError):
                data = os.read(self._terminal, 65536)
        self._text += CONTROL.sub("", data.decode(errors="replace"))
        return bool(data)
