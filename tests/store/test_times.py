"""Times as the scripts write them, against Python's calendar."""

import random
from datetime import UTC, datetime, timedelta
from importlib.resources import files

from redis import Redis

from common.domain.status import Status
from common.store.keys import Keys
from common.store.tasks import TaskStore
from tests.store.lives import Life

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANTS = [
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    datetime(2000, 2, 29, 12, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, 1_000, tzinfo=UTC),
    datetime(2026, 11, 24, 6, 49, 56, 829_000, tzinfo=UTC),
    datetime(2027, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    datetime(2028, 1, 1, tzinfo=UTC),
    datetime(2100, 2, 28, 23, 59, 59, tzinfo=UTC),
    datetime(2100, 3, 1, tzinfo=UTC),
    datetime(2400, 2, 29, tzinfo=UTC),
]


def iso_of(redis: Redis, instants: list[datetime]) -> list[str]:
    """What the prelude's `iso` makes of them."""
    prelude = files("common.store.scripts").joinpath("prelude.lua").read_text()
    script = prelude + "local all = {} for i = 3, #ARGV do all[#all + 1] = iso(tonumber(ARGV[i])) end return all"
    indexes = Keys().indexes
    millis = [str((instant - EPOCH) // timedelta(milliseconds=1)) for instant in instants]
    return [str(text) for text in redis.eval(script, len(indexes), *indexes, "", "tester", *millis)]


def text_of(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_an_instant_is_written_as_python_would(redis: Redis) -> None:
    chance = random.Random(1)
    anywhere = [EPOCH + timedelta(milliseconds=chance.randrange(200 * 365 * 86_400_000)) for _ in range(1000)]
    each_day = [datetime(2023, 12, 1, tzinfo=UTC) + timedelta(days=day) for day in range(500)]
    for instants in (INSTANTS, anywhere, each_day):
        assert iso_of(redis, instants) == [text_of(instant) for instant in instants]


def test_a_change_is_stamped_with_the_servers_time(redis: Redis, life: Life) -> None:
    task_id = life.reach(Status.SUCCESS)
    task = life.task(task_id)
    seconds, micros = redis.time()
    now = text_of(datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros // 1000 * 1000))
    assert task.created_at <= task.started_at <= task.finished_at == task.updated_at <= now
    assert task.created_at[:4] == now[:4]


def test_an_index_orders_by_the_time_of_the_change(redis: Redis, store: TaskStore, life: Life) -> None:
    task_id = life.reach(Status.CANCELLED)
    score = redis.zscore("tasks:CANCELLED", task_id)
    assert score
    changed = EPOCH + timedelta(milliseconds=score)
    assert text_of(changed) == life.task(task_id).updated_at == store.history(task_id)[-1]["at"]
