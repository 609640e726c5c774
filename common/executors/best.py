"""The best way this machine allows to hold the processes of attempts together; says at the start which it is."""

import logging
from collections.abc import Mapping
from pathlib import Path

from common.executors.control_groups import ControlGroups, NoControlGroups
from common.executors.enclosure import NO_LIMITS, Enclosure, Enclosures, TaskLimits
from common.executors.process_trees import ProcessTrees

log = logging.getLogger("dts.executors")


class BestEnclosures:
    """Control groups where we may make some, else process trees. Safe to use from many threads.

    `fence` is the pid of the subreaper above this process. Without one control groups are never used: this process
    may be anybody's, with others beside it in its group.
    """

    def __init__(self, boot: str, fence: int | None, limits: TaskLimits, *, groups: bool = True) -> None:
        self._limits = limits
        self._trees = ProcessTrees(boot, fence)
        self._groups = ControlGroups(boot, fence, limits) if groups and fence is not None else None
        self._used: Enclosures = self._trees

    @property
    def bases(self) -> list[Path]:
        """The control groups below which all of this boot's are; empty where it has none."""
        return self._groups.bases if self._groups and self._used is self._groups else []

    def open(self) -> None:
        why = "switched off" if self._trees.reaper is not None else "without a fence they are not used"
        if self._groups:
            try:
                self._groups.open()
            except NoControlGroups as error:
                why = str(error)
            else:
                self._used = self._groups
                kept = " and ".join(map(str, self._groups.limitings)) or "no limits"
                log.info("each task has a control group of its own, with %s", kept)
                return
        self._trees.open()
        log.warning("no control groups (%s): processes of tasks are looked for in /proc", why)
        if self._limits:
            log.warning("DTS_TASK_MEMORY and DTS_TASK_PROCESSES are not kept: there are no control groups")

    def enclose(self, mark: Mapping[str, str], limits: TaskLimits = NO_LIMITS) -> Enclosure:
        return self._used.enclose(mark, limits)

    def close(self) -> None:
        self._used.close()
