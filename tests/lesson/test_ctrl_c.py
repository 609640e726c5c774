"""Ctrl-C at random moments of `dts up` and `dts demo`, as a terminal sends it: nothing is left, and no word is wild.

DTS_CTRL_C=50 .venv/bin/pytest tests/lesson/test_ctrl_c.py   at length: so many moments of each
DTS_SEED=…                                                   the moments of an earlier run again
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from common.cli.exits import Exit
from common.lab.ports import is_free
from common.lab.until import until
from tests.lesson.conftest import Dts, place
from tests.lesson.screen import Screen

MOMENTS = int(os.environ.get("DTS_CTRL_C", "6"))
SEED = int(os.environ.get("DTS_SEED", random.randrange(10**6)))
AT_ONCE = 3
UP_WITHIN, DEMO_WITHIN = 2.5, 11.0
"""Seconds from the start until `up` has been up for a while, and until a demo is over."""
BY_SIGNAL = -2
"""The exit code of a program that Ctrl-C ended before it could do anything about it."""
PYTHON_STARTS = re.compile(r"\^C(Traceback|Fatal Python error)")
WILD = ("Traceback", "Exception ignored", "KeyboardInterrupt")


@dataclass(frozen=True)
class Moment:
    """When Ctrl-C is pressed, in seconds from the start, and on which servers the program runs."""

    at: float
    profile: str


def moments(within: float) -> Iterator[Moment]:
    """One in each part of the time, so that they are spread from the start to the end."""
    chance = random.Random(SEED)
    for number in range(MOMENTS):
        yield Moment(within * (number + chance.random()) / MOMENTS, ("embedded", "real")[number % 2])


@pytest.fixture(autouse=True)
def _servers(binary_of: Callable[[str], Path]) -> None:
    binary_of("embedded")
    binary_of("real")


@pytest.fixture
def busy_data(tmp_path: Path) -> Path:
    """What an earlier `dts up` left: an agent that finds it has tasks to run at once, and one escapes its group."""
    with place(tmp_path / "before") as dts:
        assert dts("up", "1", "-d", "--profile", "real").returncode == 0
        assert dts("fault", "stop", "agent-1").returncode == 0
        for content in ("exec sleep 60", "setsid sleep 60 & wait", "trap '' TERM INT; sleep 60; sleep 60"):
            assert dts("submit", content).returncode == 0
        assert dts("down", "--keep-data").returncode == 0
        return shutil.copytree(dts.home / "cluster.data", tmp_path / "cluster.data")


@pytest.mark.timeout(900)
def test_up_leaves_nothing_at_any_moment(tmp_path: Path, busy_data: Path) -> None:
    def interrupted(moment: Moment) -> None:
        with place(tmp_path / f"{moment.at:.4f}") as dts:
            shutil.copytree(busy_data, dts.home / "cluster.data")
            with Screen(["up", "1", "--profile", moment.profile], dts.environment()) as screen:
                code = ctrl_c(screen, dts, moment)
                if "Ctrl-C ends it all" in screen.raw:
                    assert code == Exit.OK, screen.raw
                    assert "Stopped agent-1, redis; nothing of it is left." in screen.raw
                    assert dts.left_behind() == [], screen.raw
                else:
                    assert code in (Exit.INTERRUPTED, BY_SIGNAL), screen.raw
                seemly(screen)
            # Before it had begun, the data of the one before is not its own to remove.
            begun = "starting" in screen.raw
            nothing_left(dts, *([] if begun or not dts.home.exists() else [dts.home]))

    at_each(moments(UP_WITHIN), interrupted)


@pytest.mark.timeout(900)
def test_a_demo_leaves_nothing_at_any_moment(tmp_path: Path) -> None:
    def interrupted(moment: Moment) -> None:
        with place(tmp_path / f"{moment.at:.4f}") as dts:
            with Screen(["demo", "1", "--auto", "--profile", moment.profile], dts.environment()) as screen:
                code = ctrl_c(screen, dts, moment)
                over = "Now you" in screen.raw
                assert code in (Exit.INTERRUPTED, BY_SIGNAL, *([Exit.OK] if over else [])), screen.raw[-2000:]
                seemly(screen)
            nothing_left(dts)

    at_each(moments(DEMO_WITHIN), interrupted)


DROPPED = """
import signal, sys
from common.cli.entry import main
from common.lab import launch

number = int(sys.argv.pop(1))

class Dying:
    def __del__(self):
        signal.raise_signal(number)

def ready(*args, usual=launch.ready):
    launch.ready = usual
    Dying()
    return usual(*args)

launch.ready = ready
main()
"""
"""Runs `dts`; the signal that is its first argument comes while it looks for its members, in a finalizer."""


@pytest.mark.parametrize(
    ("number", "args"),
    [
        (signal.SIGINT, ("up", "1")),
        (signal.SIGINT, ("up", "1", "-d")),
        (signal.SIGTERM, ("up", "1")),
        (signal.SIGINT, ("demo", "1", "--auto")),
    ],
)
def test_one_that_python_drops_comes_through_all_the_same(dts: Dts, number: int, args: tuple[str, ...]) -> None:
    program = ("env", "--default-signal=INT", sys.executable, "-c", DROPPED, str(int(number)), *args)
    ended = subprocess.run(
        program, env=dts.environment(), cwd=dts.tmp.parent, capture_output=True, text=True, timeout=40, check=False
    )
    assert ended.returncode == Exit.INTERRUPTED, ended.stderr
    assert not [word for word in WILD if word in ended.stderr]
    assert dts.left_behind() == []


def ctrl_c(screen: Screen, dts: Dts, moment: Moment) -> int:
    """Press it at that moment, and wait for the end; nobody listens any more where its servers did."""
    screen.reads_for(moment.at)
    ports = dts.ports()
    screen.interrupt()
    code = screen.ends()
    until(lambda: all(is_free(port) for port in ports), what=f"ports {ports} to be free")
    return code


def seemly(screen: Screen) -> None:
    """No stack of ours, and the terminal is as it was."""
    # Python itself, before the first line of dts has run, has a stack to show.
    ours = not PYTHON_STARTS.match(screen.raw) or "common/cli/root.py" in screen.raw
    assert not (ours and [word for word in WILD if word in screen.raw]), screen.raw[-2000:]
    assert screen.as_it_was(), repr(screen.raw[-500:])


def nothing_left(dts: Dts, *but: Path) -> None:
    until(lambda: dts.left_behind() == [str(path) for path in but], what="nothing to be left", within=15)


def at_each(chosen: Iterator[Moment], act: Callable[[Moment], object]) -> None:
    """Do it at each moment, several at once, and tell at which it failed."""

    def told(moment: Moment) -> str:
        try:
            act(moment)
        except AssertionError as failed:
            return f"\nat {moment.at:.4f} s on {moment.profile}: {failed}"
        except Exception as failed:  # noqa: BLE001  told with the others, for a thread would keep it to itself
            return f"\nat {moment.at:.4f} s on {moment.profile}: {failed!r}"
        return ""

    with ThreadPoolExecutor(AT_ONCE) as pool:
        failures = [failure for failure in pool.map(told, chosen) if failure]
    assert not failures, f"seed {SEED}, {len(failures)} of {MOMENTS} moments:{''.join(failures)}"
