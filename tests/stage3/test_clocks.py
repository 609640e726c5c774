"""Clocks that jump: all processes of a real stage 3 see the time of day leap ahead and back; nothing comes of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.lab.cluster import Cluster
from common.lab.stages import Sizes, stage
from tests.stage1.journal import Journal
from tests.stage2.test_trouble import passed
from tests.stage2.test_whole import Client
from tests.stage3.test_trouble import SETTINGS, load, sound

JUMPS = """
import time
from pathlib import Path

true_time, ahead = time.time, Path(__file__).with_name("ahead")
time.time = lambda: true_time() + float(ahead.read_text())
"""
HOUR = 3600


class Clocks:
    """The time of day as the processes see it that find it in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._ahead = folder / "ahead"
        (folder / "sitecustomize.py").write_text(JUMPS)
        self.jump_to(0)

    def jump_to(self, seconds: float) -> None:
        """Be so far ahead of what is true."""
        draft = self._ahead.with_suffix(".new")
        draft.write_text(str(seconds))
        draft.replace(self._ahead)


@contextmanager
def stage_3(home: Path, clocks: Path) -> Iterator[Client]:
    env = {**SETTINGS, "PYTHONPATH": str(clocks)}
    with Cluster.owned(home, stage("3"), "real", sizes=Sizes(agents=2), env=env) as cluster:
        client = Client(cluster)
        yield client
        client.redis.close()


@pytest.mark.timeout(180)
def test_clocks_that_jump_by_an_hour_under_load_lose_nothing_and_repeat_nothing(
    binary_of: Callable[[str], Path], tmp_path: Path
) -> None:
    binary_of("real")
    folder = tmp_path / "clocks"
    folder.mkdir()
    clocks, journal = Clocks(folder), Journal(tmp_path)
    with stage_3(tmp_path / "home", folder) as client:
        with load(client, journal) as made:
            for ahead in (HOUR, 0, -HOUR, HOUR / 2):
                clocks.jump_to(ahead)
                passed(1.5)
        tasks = sound(client, journal, made)
        assert [task.task_id for task in tasks if task.lost or task.attempt != 1] == []
        for task in tasks:
            stamps = [entry["at"] for entry in client.store.history(task.task_id)]
            assert stamps == sorted(stamps), "all times are those of the store's clock"
        said = {member.name: client.cluster.log(member.name).read_text() for member in client.cluster.members()}
        assert not [name for name in said if "stepped down" in said[name]]
        hours = [line[11:13] for name in ("agent-1", "agent-2") for line in said[name].splitlines()]
        assert len(set(hours)) >= 3, "their log lines bear the times to which the clocks have jumped"
