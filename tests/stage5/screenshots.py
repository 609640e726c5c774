"""The pictures of docs/console.md: a console over a small system that is only played, in a real browser.

python -m tests.stage5.screenshots
"""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from selenium.webdriver import Chrome

from common.clock import SystemClock
from common.domain.ids import Ids
from common.domain.result import Reason, failure
from common.lab.profile import Profile
from common.lab.servers.redis import redis_binary
from common.lab.until import until
from common.settings import Settings
from tests.servers import ServerAt
from tests.stage5.console.chromium import chromium
from tests.stage5.console.conftest import Door, Seen, Yard

IMAGES = Path(__file__).parents[2] / "docs" / "images"
HASTE = 8
"""So much faster does time go for the charts."""
AGENTS = ("agent-1", "agent-2", "agent-3", "agent-4")
WORK = (
    ("thumbnails", "convert photos/*.jpg -resize 320x320 thumbs/"),
    ("nightly-report", "python report.py --day yesterday"),
    ("sync-catalogue", "rsync -a catalogue/ mirror:/srv/catalogue/"),
    ("rebuild-index", "python -m search.rebuild --shard 3"),
    ("send-invoices", "invoices send --month 11"),
)


class Hasty(SystemClock):
    """Charts of five minutes are full in half of one."""

    def monotonic(self) -> float:
        return super().monotonic() * HASTE

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return super().wait(event, seconds / HASTE)


class Played(Seen):
    """What a manager would tell, with schedulers and loads that nobody has."""

    def overview(self) -> dict[str, Any]:
        seen = super().overview()
        for number, agent in enumerate(seen["agents"]):
            cpu = min(1.0, 0.12 + 0.16 * agent["holds"] + 0.05 * number)
            agent["load"] = {"cpu": cpu, "memory": 0.3 + 0.09 * number, "age": 0.2 + 0.17 * number}
            agent["host"] = f"node-{number + 1}"
        host = {"boot": None, "host": "node-1", "pid": 4211, "url": None}
        return seen | {
            "leader": {"scheduler": "scheduler-1", "epoch": 8589934721},
            "schedulers": [{"name": f"scheduler-{n}", **host} for n in (1, 2)],
            "managers": [{"name": f"manager-{n}", "address": f"10.0.0.{n}:7000", **host} for n in (1, 2)],
            "apis": [{"name": "api-1", **host, "url": "http://10.0.0.1:8080"}],
            "traffic": [{"name": "task-status-update-topic", "waiting": 3, "sent": 48210}],
            "letters": [],
            "health": [
                {"name": "store", "kind": "Redis", "ok": True, "took": 0.001, "why": "", "version": "7.0.15"},
                {"name": "registry", "kind": "ZooKeeper", "ok": True, "took": 0.004, "why": ""},
                {"name": "bus", "kind": "Kafka", "ok": True, "took": 0.012, "why": ""},
            ],
        }


def work(yard: Yard, ended: threading.Event) -> None:
    """Tasks come, run and end, now more and now fewer of them."""
    chance, number, held = random.Random(7), 0, []
    while not ended.wait(0.05):
        wave = 2 + 2 * chance.random() * (1 + (number // 90) % 3)
        for _ in range(int(wave)):
            number += 1
            name, content = chance.choice(WORK)
            yard.submit(f"{name}-{number:05}", content, name=name, tags={"team": chance.choice(("blue", "red"))})
            if chance.random() < 0.96:
                held.append(yard.run(f"{name}-{number:05}", chance.choice(AGENTS[:3])))
        while len(held) > 7:
            one = held.pop(chance.randrange(len(held)))
            bad = chance.random() < 0.06
            yard.ends(one, failure(Reason.EXIT_CODE, "exit code 2", exit_code=2) if bad else None, "done\n")


def a_task_worth_seeing(yard: Yard) -> str:
    """It failed, was lost with its agent, and runs a third time."""
    task = yard.submit("reindex-2026-11-28", "python -m search.rebuild --all", name="reindex", retries=3, retry_delay=0)
    first = yard.run(task, "agent-2")
    yard.prints(first, "shard 1 of 4 …\n")
    threading.Event().wait(1.5)
    yard.ends(first, failure(Reason.EXIT_CODE, "exit code 75", exit_code=75), "shard 2 is locked, later again\n", 17)
    yard.store.promote("leader")
    threading.Event().wait(0.6)
    second = yard.run(task, "agent-1")
    threading.Event().wait(1.2)
    yard.ends(second, failure(Reason.TIMEOUT, "ran into its time limit of 60 s"), "shard 1 of 4 …\n")
    yard.store.promote("leader")
    held = {"agent-3": "1/4 busy 31%", "agent-1": "2/4 busy 44%", "agent-2": "3/4 busy 61%"}
    why = {"strategy": "least-load", "because": "load 1/4, the lowest", "candidates": held}
    third = yard.run(task, "agent-3", json.dumps(why))
    lines = [f"{time.strftime('%H:%M:%S')} shard {n} of 4: {n * 12_417:,} documents\n" for n in (1, 2, 3)]
    yard.prints(third, "".join(lines))
    return task


@contextmanager
def played() -> Iterator[tuple[str, str]]:
    """A console that is looked at for a while already: its address, and a task worth seeing."""
    with ExitStack() as at_the_end:
        directory = Path(at_the_end.enter_context(TemporaryDirectory()))
        redis = ServerAt("embedded", redis_binary(Profile.EMBEDDED), directory)
        redis.start()
        at_the_end.callback(redis.kill)
        yard = Yard(redis.client())
        yard.service = Played(yard.store, Ids(SystemClock()))
        for agent in AGENTS:
            yard.agent(agent)
        yard.service.drain("agent-4", "api-1/mia")
        door = Door(yard.service, Settings.load({}, api="api-1", api_listen="127.0.0.1:0"), Hasty())
        at_the_end.callback(door.close)
        glance = door.console.glance
        glance.now()
        ended = threading.Event()
        worker = threading.Thread(target=work, args=(yard, ended))
        worker.start()
        at_the_end.callback(worker.join)
        at_the_end.callback(ended.set)
        until(lambda: len(glance.samples()) >= 270, 300, what="full charts")
        yield door.serve(), a_task_worth_seeing(yard)


def shoot(browser: Chrome, address: str, name: str) -> None:
    browser.get(address)
    until(lambda: browser.execute_script("return document.querySelector('#pulse')?.dataset.how") == "live", 30)
    picture = browser.get_screenshot_as_png()
    (IMAGES / f"console-{name}.png").write_bytes(picture)
    click.echo(f"docs/images/console-{name}.png  {len(picture) / 1024:.0f} KiB")


@click.command()
def main() -> None:
    """Make the pictures of docs/console.md anew."""
    IMAGES.mkdir(exist_ok=True)
    with played() as (url, task):
        with chromium(size="1180,1010") as browser:
            shoot(browser, f"{url}/", "overview")
            shoot(browser, f"{url}/tasks/{task}", "task")
            shoot(browser, f"{url}/agents", "agents")
        with chromium(size="1180,1010", language="zh-CN") as browser:
            shoot(browser, f"{url}/system", "system-zh")
        with chromium(size="1180,1010", dark=True) as browser:
            shoot(browser, f"{url}/tasks?status=RUNNING&status=FAILED", "tasks-dark")


if __name__ == "__main__":
    main()
