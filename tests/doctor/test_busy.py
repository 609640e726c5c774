"""An examination of a system that works meanwhile finds nothing, and disturbs nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.doctor.conftest import Surgery
from tests.servers import RedisAt
from tests.stage1.desk import Desk
from tests.stage1.living import Living, settings_of

VISITS = 20
TASKS_A_VISIT = {"fake": 5, "real": 25}
"""The fake one is slow at scripts."""


@contextmanager
def agent_at(redis_at: RedisAt, desk: Desk, home: Path) -> Iterator[None]:
    living = Living(settings_of(home, executors={"NOOP": "tests.stage1.strangers:Noop"}), redis_at.client)
    living.start()
    try:
        living.ready(desk)
        yield
    finally:
        living.stop()


class Customer:
    """Pushes tasks of all kinds, cancels some, has some run again."""

    def __init__(self, desk: Desk) -> None:
        self.ids: list[str] = []
        self._desk = desk

    def comes(self, count: int) -> None:
        pushed = self._desk.push_many(["."] * (count - 4), type="NOOP")
        pushed.append(self._desk.push("exit 3", retries=1, retryDelay=0.01))
        pushed.append(self._desk.push("echo done", requestId=f"request {len(self.ids)}"))
        pushed += [self._desk.push("exit 4"), self._desk.push("sleep 0.02")]
        self._desk.store.cancel([*pushed[::3], *self.ids[-1:]], "customer")
        self._desk.store.retry(self.ids[-count:], "customer")
        self.ids += pushed

    @property
    def served(self) -> bool:
        return all(task and task.status.final for task in self._desk.store.get_many(self.ids))


def test_an_examination_of_a_busy_system_finds_nothing(redis_at: RedisAt, tmp_path: Path) -> None:
    desk = Desk(redis_at.client())
    customer, surgery = Customer(desk), Surgery(redis_at.client(), desk.keys)
    count, examined = TASKS_A_VISIT[redis_at.kind], 0
    with agent_at(redis_at, desk, tmp_path), ThreadPoolExecutor(1) as meanwhile:
        for _ in range(VISITS):
            coming = meanwhile.submit(customer.comes, count)
            # From before the first is pushed until the last has ended.
            while not (coming.done() and customer.served):
                examination = surgery.examine(repair=examined % 2 == 1)
                assert [group.findings for group in examination.tally.groups.values() if group.count] == []
                assert examination.finished
                examined += 1
            coming.result()
        assert surgery.examine().looked == VISITS * count
    assert examined >= VISITS
    assert surgery.clock.waited == 0
