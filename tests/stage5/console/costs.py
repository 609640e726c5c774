"""What pages of the console cost with few tasks and with many, and how soon a change is seen in a browser.

python -m tests.stage5.console.costs
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from selenium.webdriver.common.by import By

from common.cli.console import table
from common.domain.task import Submission
from common.lab.profile import Profile
from common.lab.servers.redis import redis_binary
from common.lab.until import until
from common.settings import Settings
from tests.servers import ServerAt
from tests.stage5.console.chromium import chromium
from tests.stage5.console.conftest import Browser, Door, Yard

FEW, MANY = 100, 100_000
PAGES = (
    *("/", "/tasks", "/tasks?status=PENDING", "/tasks?status=RUNNING", "/tasks?name=night", "/tasks/t0000050"),
    *("/tasks/new", "/agents", "/system", "/bus", "/dead-letters"),
)
ROUNDS = 60
CHANGES = 15


@contextmanager
def console() -> Iterator[tuple[Yard, Door]]:
    """One on a Redis of its own."""
    with ExitStack() as at_the_end:
        directory = Path(at_the_end.enter_context(TemporaryDirectory()))
        redis = ServerAt("embedded", redis_binary(Profile.EMBEDDED), directory)
        redis.start()
        at_the_end.callback(redis.kill)
        yard = Yard(redis.client())
        door = Door(yard.service, Settings.load({}, api="api-1", api_listen="127.0.0.1:0"))
        at_the_end.callback(door.close)
        yield yard, door


def fill(yard: Yard, first: int, last: int) -> None:
    """Tasks with those numbers."""
    for begin in range(first, last, 1000):
        ids = range(begin, min(begin + 1000, last))
        yard.service.submit([Submission.of(task_id=f"t{n:07}", content="true", name="night") for n in ids], "costs")


def seconds(browser: Browser, path: str) -> float:
    begun = time.perf_counter()
    browser.get(path)
    return time.perf_counter() - begun


def costs(few: Browser, many: Browser) -> Iterator[tuple[str, float, float]]:
    """Of each page the quickest of many visits to either console, in seconds: taken in turn, what else the machine does
    delays both alike, and is in neither's quickest.
    """
    for path in PAGES:
        assert few.get(path).status == many.get(path).status == 200
        spent = [(seconds(few, path), seconds(many, path)) for _ in range(ROUNDS)]
        yield path, min(one for one, _ in spent), min(one for _, one in spent)


def delays(yard: Yard, door: Door) -> list[float]:
    """Seconds from a change in the store until a browser shows it."""
    url, found = door.serve(), []
    with chromium() as browser:
        browser.get(url)
        until(lambda: browser.find_element(By.ID, "pulse").get_attribute("data-how") == "live", 30)
        for number in range(CHANGES):
            name = f"seen-{number}"
            yard.submit(name, name=name)
            begun = time.perf_counter()
            shown = f"return !!document.querySelector('[data-key={name}]')"
            until(lambda shown=shown: browser.execute_script(shown), 30)  # type: ignore[misc]
            found.append(time.perf_counter() - begun)
    return found


@click.command()
def main() -> None:
    """Measure it."""
    with console() as (yard, door), console() as (large, other):
        for one, count in ((yard, FEW), (large, MANY)):
            one.agent()
            fill(one, 0, count)
        found = costs(door.browser(), other.browser())
        rows = (
            (path, f"{1000 * few:.1f} ms", f"{1000 * many:.1f} ms", f"{many / few:.2f}") for path, few, many in found
        )
        table(("page", f"{FEW} tasks", f"{MANY:,} tasks", "ratio"), rows, elastic=[])
        seen = sorted(delays(large, other))
        click.echo(f"a change is seen after {seen[len(seen) // 2]:.2f} s, at most {seen[-1]:.2f} s, of {CHANGES}")


if __name__ == "__main__":
    main()
