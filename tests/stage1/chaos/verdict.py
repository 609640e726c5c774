"""What must be true when all is over: nothing lost, nothing twice at once, nothing left running."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.doctor.history.records import Line
from common.domain.status import Status
from common.lab.processes import find
from common.lab.task_processes import task_processes
from common.lab.until import NotYet
from tests.stage1.chaos.blows import AGENT, TICKS, Seen
from tests.stage1.desk import Desk
from tests.stage1.journal import Journal
from tests.stage1.judging import breaches

DRAINED_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was judged, and each thing that is wrong as a sentence."""

    tasks: int
    starts: int
    lost: int
    overlaps: int
    wrong: Sequence[str]


def late(seen: Seen, limit: float) -> list[str]:
    """What took longer than so many seconds."""
    took = f"{seen.kind}: its tasks ran again {seen.again_after:.2f} s after it was back, not within {limit:g} s"
    return [took] if seen.again_after > limit else []


def judge(
    desk: Desk,
    journal: Journal,
    task_ids: Sequence[str],
    *,
    home: Path,
    max_lost: int,
    consumer: str = AGENT,
    gate: bool = True,
) -> Verdict:
    """Wait until all has ended, then compare all records of each task. `consumer` takes what is pushed by hand.

    Where there is no `gate`, what was given to an agent may start.
    """
    wrong, lost = _ended(desk, task_ids)
    lines = journal.lines()
    if not lost:
        wrong += [*_settled(desk, consumer), *breaches(desk, journal, task_ids, max_lost=max_lost, gate=gate)]
    left = [process.pid for process in task_processes(home)] + [line.pid for line in lines if _alive_daemon(line)]
    wrong += [f"{len(left)} processes of tasks are left"] if left else []
    kinds = [line.what for line in lines]
    return Verdict(len(task_ids), kinds.count("start"), lost, kinds.count("overlap"), wrong)


def _ended(desk: Desk, task_ids: Sequence[str]) -> tuple[list[str], int]:
    """What is wrong with their ends, and how many never came to theirs."""
    try:
        ends = [desk.ended(task_id, DRAINED_WITHIN) for task_id in task_ids]
    except NotYet as error:
        return [str(error)], len(task_ids) - desk.store.counts()[Status.SUCCESS]
    bad = [task for task in ends if task.status is not Status.SUCCESS]
    return [f"{task.task_id} is {task.status}: {task.result}" for task in bad], len(bad)


def _settled(desk: Desk, consumer: str) -> list[str]:
    try:
        desk.settled(consumer)
    except AssertionError as error:
        return [str(error)]
    return []


def _alive_daemon(line: Line) -> bool:
    """Whether the very process that wrote it lives: its pid may have been given out again."""
    process = find(line.pid)
    return line.what == "daemon" and process is not None and process.alive() and process.started <= line.at * TICKS + 1
