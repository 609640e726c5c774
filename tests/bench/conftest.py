"""A whole run of `dts bench`, as small as it can be, that several tests look at."""

import functools
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from common.bench.figures import Figure, Series
from common.cli.root import root


@dataclass(frozen=True)
class Ran:
    """What it printed and wrote, and the folder in which it had its homes."""

    record: dict[str, Any]
    page: str
    folder: Path


@pytest.fixture(scope="session")
def ran(binary_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Ran:
    binary_of("embedded")
    folder, report = tmp_path_factory.mktemp("homes"), tmp_path_factory.mktemp("report") / "bench.html"
    # The first stage starts soonest; what is measured is measured the same way on all of them.
    words = ["bench", "--stage", "1", "--quick", "--tasks", "4", "--json", "--report", str(report)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        # It has settings of its own, whatever is set outside.
        patch.setenv("DTS_REDIS_URL", "redis://127.0.0.1:1/0")
        patch.setenv("DTS_SLOTS", "none")
        ended = CliRunner().invoke(root, words)
        assert os.environ["DTS_SLOTS"] == "none"
    assert ended.exit_code == 0, ended.output
    return Ran(json.loads(ended.stdout), report.read_text(), folder)


@pytest.fixture
def figure() -> Callable[..., Figure]:
    """Makes a figure; what is not given is something plain."""

    return functools.partial(
        Figure,
        id="drain",
        section="drain",
        title="tasks",
        floor_title="loop",
        unit="tasks/s",
        dts=Series((200.0, 300.0, 100.0)),
        floor=Series((400.0,)),
        others=0.0,
    )
