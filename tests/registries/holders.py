"""Holders in processes of their own, which a test kills and freezes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from common.lab.until import until

ROOT = Path(__file__).parents[2]
WITHIN = 45.0


class Holder:
    """One process of tests.registries.holder. It ends when this process does, for then its stdin does."""

    def __init__(self, told: Path, member: str, boot: str, settings: Mapping[str, str]) -> None:
        self._told = told
        with told.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.registries.holder", member, boot],
                env={"PATH": os.environ["PATH"], **settings},
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=out,
            )

    def events(self, event: str) -> list[dict[str, Any]]:
        """All of a kind that it has told by now."""
        lines = self._told.read_text().split("\n")[:-1]
        return [told for line in lines if (told := json.loads(line))["event"] == event]

    def told(self, event: str, times: int = 1) -> dict[str, Any]:
        """Wait until it has told this so often; the last of them."""
        return until(lambda: self.events(event)[times - 1 :], WITHIN, what=f"{times} times {event!r}")[-1]

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """On return not one of its threads runs."""
        os.kill(self._process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def thaw(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it as it would end itself; returns when it is told to."""
        assert self._process.stdin
        self._process.stdin.close()

    def end(self) -> None:
        self.close()
        self.kill()


StartHolder = Callable[..., Holder]


@contextmanager
def holders(settings: Mapping[str, str]) -> Iterator[StartHolder]:
    """For the block: starts holders on the registry that the settings name, as `start("agent-1", "b1")`."""
    with ExitStack() as at_the_end:
        folder = Path(at_the_end.enter_context(TemporaryDirectory(prefix="dts-holders-")))
        started: list[Holder] = []

        def start(member: str, boot: str, **other: str) -> Holder:
            holder = Holder(folder / str(len(started)), member, boot, {**settings, **other})
            started.append(holder)
            at_the_end.callback(holder.end)
            return holder

        yield start
