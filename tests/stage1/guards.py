"""Each guard switched off, one at a time: what proves that it is needed must turn red.

python -m tests.stage1.guards          or with words from their names, to try only those
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from common.cli.console import table

ROOT = Path(__file__).parents[2]
COPIED = ("common", "stage*_*", "tests", "pyproject.toml")
KILLED, FROZEN = "tests/stage1/test_crash_points_killed.py", "tests/stage1/test_crash_points_frozen.py"
NO_CRASH = "test_no_crash_loses_a_task_or_runs_it_twice_at_once"
NO_FREEZE = "test_no_freeze_loses_a_task_or_runs_it_twice_at_once"


@dataclass(frozen=True, slots=True)
class Guard:
    """A protection: where it stands, what stands there without it, and the tests of which one at least must fail."""

    name: str
    file: str
    lines: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]

    def switch_off(self, root: Path) -> None:
        """Raises ValueError where what is to be replaced does not stand there exactly once."""
        path = root / self.file
        text = path.read_text()
        for old, new in self.lines:
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: {old!r} stands {text.count(old)} times in {self.file}")
            text = text.replace(old, new)
        path.write_text(text)


def _killed(*points: str) -> tuple[str, ...]:
    return tuple(f"{KILLED}::{NO_CRASH}[{point}]" for point in points)


def _frozen(*points: str) -> tuple[str, ...]:
    return tuple(f"{FROZEN}::{NO_FREEZE}[{point}]" for point in points)


GUARDS = (
    Guard(
        "an end is on disk before it is sent",
        "stage1_mvp/reporter.py",
        (("self._spool.keep(list(new.values()))", "pass"),),
        _killed("kill-C15"),
    ),
    Guard(
        "a new boot reports what is on disk",
        "stage1_mvp/inherit.py",
        (("            self._spool.replay(self._report)\n", ""),),
        _killed("kill-C15") + _frozen("C16"),
    ),
    Guard(
        "what an earlier boot ran is taken back",
        "stage1_mvp/scans.py",
        (("if task.boot != self._boot", "if False"),),
        _killed("kill-C12"),
    ),
    Guard(
        "grants whose answer was lost are found",
        "stage1_mvp/inbox.py",
        (("            self._take_back_unseen()\n", ""),),
        _killed("lose-C10"),
    ),
    Guard(
        "messages that were taken and not settled come again",
        "common/transports/redis_list.py",
        (("for message_id, body in held.items())", "for message_id, body in ())"),),
        _killed("kill-C1"),
    ),
    Guard(
        "a message that comes again makes no second task",
        "common/store/scripts/submit.lua",
        (("if redis.call('EXISTS', task) == 1 then", "if false then"),),
        _killed("kill-C2", "lose-C2"),
    ),
    Guard(
        "an end is counted once",
        "common/store/scripts/report.lua",
        (
            ("elseif found.reported == attempt and mine then", "elseif false then"),
            ("elseif final[found.status] then", "elseif false then"),
            (
                "elseif found.status ~= 'RUNNING' and (ARGV[at + 15] == '' or not begin[found.status]) then",
                "elseif false then",
            ),
        ),
        _killed("kill-C16", "lose-C16"),
    ),
    Guard(
        "an end is taken only of the attempt and boot that stand there",
        "common/store/scripts/report.lua",
        (("elseif found.attempt ~= attempt then", "elseif false then"), ("elseif not mine then", "elseif false then")),
        (
            "tests/stage1/test_killed.py::test_a_frozen_agent_is_replaced_and_ends_itself_when_it_wakes",
            "tests/store/test_verbs.py",
        ),
    ),
    Guard(
        "a claim needs the lease",
        "common/store/scripts/claim.lua",
        (("if redis.call('HGET', KEYS[9], 'boot') ~= boot then", "if false then"),),
        ("tests/store/test_leases.py", "tests/store/test_verbs.py", "tests/store/test_model.py"),
    ),
    Guard(
        "the fence ends what outlives the lease of a frozen agent",
        "stage1_mvp/fence.py",
        (("elif time.monotonic() >= deadline:", "elif False:"),),
        _frozen("C12", "C11"),
    ),
    Guard(
        "the fence ends what a killed agent ran",
        "stage1_mvp/fence.py",
        (("proof = end_descendants()", "proof = Proof(BY, certain=True)"),),
        _killed("kill-C12"),
    ),
    Guard(
        "an agent that can't renew its lease ends its tasks by itself",
        "stage1_mvp/lease.py",
        (("if sent + self._answer_within > trusted:", "if False:"),),
        ("tests/stage1/test_fence.py",),
    ),
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("words", nargs=-1)
def guards(words: Sequence[str]) -> None:
    """Switch each guard off in a copy of the tree, and run the tests that should notice; some minutes.

    Exit codes: 0 each was missed by a test · 1 the tests are green without one of them.
    """
    rows = []
    for guard in GUARDS:
        if not words or any(word in guard.name for word in words):
            red = _red_without(guard)
            click.echo(f"{'red' if red else 'GREEN'} without: {guard.name}", err=True)
            rows.append((guard.name, guard.file, ", ".join(red) or "NONE"))
    table(("guard", "in", "tests that fail without it"), rows, elastic=("tests that fail without it",))
    sys.exit(0 if all(row[-1] != "NONE" for row in rows) else 1)


def _red_without(guard: Guard) -> list[str]:
    """The tests that failed."""
    with tempfile.TemporaryDirectory(prefix="dts-guard-") as folder:
        root = Path(folder)
        for source in (found for pattern in COPIED for found in ROOT.glob(pattern)):
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, root / source.name)
        guard.switch_off(root)
        command = [sys.executable, "-m", "pytest", "--tb=no", "-x", *guard.tests]
        told = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout
    failed = [line.split()[1] for line in told.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return [name.rpartition("::")[2] for name in failed]


if __name__ == "__main__":
    guards(prog_name="python -m tests.stage1.guards")
