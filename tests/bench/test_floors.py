"""Floors do the same work as dts, and tell where something is not done."""

import os
import subprocess
from collections.abc import Iterator

import pytest
from redis import Redis

from common.bench import kill
from common.bench.floors import BareStore
from common.bench.noop import noops
from common.bench.spawning import bare_spawns
from common.domain.status import Status
from common.store.tasks import TaskStore


def test_the_bare_scripts_bring_every_task_to_its_end(redis: Redis) -> None:
    for drive in ("drain", "stream"):
        redis.flushall()
        bare = BareStore(redis, noops(450))
        if drive == "drain":
            bare.submit()
        assert getattr(bare, drive)() > 0
        counts = TaskStore(redis, bare.keys).counts()
        assert {status for status, count in counts.items() if count} == {Status.SUCCESS}
        assert counts[Status.SUCCESS] == 450


def test_a_single_one_goes_the_whole_way(redis: Redis) -> None:
    bare = BareStore(redis, noops(2))
    bare.one(1)
    (task,) = TaskStore(redis, bare.keys).page().tasks
    assert (task.status, task.attempt) == (Status.SUCCESS, 1)


def test_two_floors_on_one_server_do_not_meet(redis: Redis) -> None:
    first, second = BareStore(redis, noops(3)), BareStore(redis, noops(3))
    first.submit()
    second.submit()
    second.drain()
    assert TaskStore(redis, first.keys).counts()[Status.PENDING] == 3


def test_programs_are_spawned_by_loops_of_their_own() -> None:
    assert bare_spawns(["true"], 3) > 0


def test_a_loop_that_can_not_spawn_is_told() -> None:
    with pytest.raises(RuntimeError, match="should have said 'done'"):
        bare_spawns(["/no/such/program"], 2)


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_a_process_that_survives_is_never_measured_as_gone(
    sleeper: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill, "WITHIN", 0.05)
    with pytest.raises(RuntimeError, match="1 of 1 processes of a task survived"):
        kill.until_gone([sleeper.pid], lambda: None)


def test_the_time_until_gone_ends_with_the_last_process(sleeper: "subprocess.Popen[bytes]") -> None:
    assert kill.until_gone([sleeper.pid], lambda: os.kill(sleeper.pid, 9)) > 0
