"""What all executors of one agent share."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from common.executors.enclosure import Enclosures
from common.executors.process_trees import ProcessTrees


def _own_environment() -> Mapping[str, str]:
    return dict(os.environ)


@dataclass(frozen=True, slots=True)
class ExecutorContext:
    """Where and how an agent's tasks run. Times are seconds."""

    work_dir: Path
    """Where each attempt gets its private directory; made when it is missing."""
    passthrough: tuple[str, ...] = ()
    """Names of the agent's environment variables that tasks get too."""
    grace: float = 5.0
    """From TERM to KILL, when a time limit is over or a task is cancelled."""
    linger: float = 1.0
    """What processes left behind may still print, once the main process has ended."""
    python: str = sys.executable
    """The interpreter of PYTHON tasks."""
    environ: Mapping[str, str] = field(default_factory=_own_environment)
    """The agent's own environment, from which the few inherited names are taken."""
    enclosures: Enclosures = field(default_factory=ProcessTrees)
    """What holds the processes of each attempt together."""
