"""Fifty lives of an agent in one process leave nothing behind: no thread, no descriptor, no directory, no key."""

import gc
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from common.lab.until import until
from common.running import Signals
from common.settings import Settings
from stage1_mvp.__main__ import compose
from stage1_mvp.boot import Boot
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
