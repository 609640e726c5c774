"""Fifty lives of an agent in one process leave nothing behind: no thread, no descriptor, no directory, no key."""

import gc
import math
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from common.domain.result import Reason, failure
from common.domain.status import Status
from common.domain.task import Task, TaskSpec
from common.lab.until import until
from common.running import Signals
from common.settings import Settings
from stage1_mvp.__main__ import compose
from stage1_mvp.boot import Boot
from stage1_mvp.equipment import Equipment
from stage1_mvp.fence import DEADLINE, NAME
from stage1_mvp.tether import Tether
from tests.servers import RedisAt, ServerAt
from tests.stage1.conftest import StartLiving
from tests.stage1.desk import Desk
from tests.stage1.living import settings_of

ROUNDS, AT_ONCE = 10, 5


def begun(settings: Settings, client: Callable[..., object]) -> Boot:
    boot = compose(settings, client, Signals(), Tether())  # type: ignore[arg-type]
    assert boot.begin(lambda _: True)
    return boot


def descriptors() -> int:
    gc.collect()
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_fifty_boots_leave_nothing_behind(server: ServerAt, person: Desk, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    # The first one makes what the whole process keeps.
    begun(settings, server.client).end()
    threads, files = threading.active_count(), descriptors()

    for _ in range(ROUNDS):
        boots = [begun(settings_of(tmp_path, agent=f"agent-{number}"), server.client) for number in range(AT_ONCE)]
        person.succeeded(*person.push_many(["true"] * AT_ONCE))
        ending = [threading.Thread(target=boot.end) for boot in boots]
        for thread in ending:
            thread.start()
        for thread in ending:
            thread.join()
        del boots, ending, thread

    until(lambda: threading.active_count() <= threads)
    assert descriptors() <= files + 1
    assert list((tmp_path / "work").glob("*/*")) == []
    assert [str(key) for key in person.redis.scan_iter("agent:*")] == []
    person.settled()


def test_an_agent_that_loses_its_lease_again_and_again_keeps_nothing_of_its_former_lives(
    desk: Desk, living: StartLiving, tmp_path: Path
) -> None:
    agent = living(lease=0.6)
    desk.works()
    threads, files = threading.active_count(), descriptors()
    boot = agent.ready(desk)
    for _ in range(2):
        former = boot
        desk.redis.delete(desk.keys.agent("agent-1"))
        boot = until(lambda former=former: _another(agent.ready(desk), former))  # type: ignore[misc]
        desk.works()
    assert [path.name for path in (tmp_path / "home" / "work" / "agent-1").iterdir()] == [boot]
    until(lambda: threading.active_count() <= threads)
    until(lambda: descriptors() <= files + 1)


def _another(boot: str, former: str) -> str:
    return "" if boot == former else boot


def test_all_that_was_begun_is_closed_in_order(
    redis_at: RedisAt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    boot = begun(settings_of(tmp_path), redis_at.client)
    for runner in boot.host._runners:
        close = runner._service.close

        def noted(name: str = runner._service.name, close: Callable[[], None] = close) -> None:
            closed.append(name)
            close()

        monkeypatch.setattr(runner._service, "close", noted)
    boot.end()
    assert closed == [
        "intake",
        "agent",
        "recover",
        "inherit",
        "expire",
        "promote",
        "purge",
        "reporter",
        "control",
        "lease",
    ]


def test_an_idle_boot_that_lost_its_lease_is_not_fenced_while_it_looks_for_what_is_left(
    server: ServerAt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fence, line = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with fence, line:
        tether = Tether(line)
        own = Equipment(settings_of(tmp_path), server.client, tether)
        # Where its fence is gone an agent ends its own process, which is ours here.
        tether.when_cut(lambda: None)
        assert fence.recv(NAME) == own.boot.encode()
        own.runs.add([Task("runs", TaskSpec(content="x"), Status.RUNNING, attempt=1)])
        told: list[bytes] = []

        def look(*_: object, **__: object) -> int:
            fence.setblocking(False)
            with suppress(BlockingIOError):
                told.append(fence.recv(NAME))
            return 0

        monkeypatch.setattr("stage1_mvp.equipment.kill_marked", look)
        ending = threading.Thread(target=own.end_all)
        ending.start()
        until(own.lost.is_set)
        (run,) = own.runs.held()
        assert run.cancelled.is_set()
        assert told == [], "what runs is fenced until it has ended"
        own.runs.ended(run, failure(Reason.FENCED, "its lease is over"))
        ending.join(20)
        look()
        assert [DEADLINE.unpack(one) for one in told] == [(math.inf,)]

        told.clear()
        own.end_all()
        assert [DEADLINE.unpack(one) for one in told] == [(math.inf,)], (
            "idle, it was told before anything was looked for"
        )
        own.clients.close()
