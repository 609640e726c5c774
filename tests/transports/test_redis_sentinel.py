"""Redis behind Sentinels: the master is found, and found again; what was answered survives it."""

import threading
from collections.abc import Iterator

import pytest
from redis import Redis

from common.clock import SystemClock
from common.domain.errors import BadSetting, DtsError, Unanswered, Unavailable, UnfitServer
from common.domain.ids import Ids
from common.domain.status import Answer
from common.domain.task import Submission
from common.lab.until import until
from common.store.tasks import TaskStore
from common.transports.redis_client import connect, redis_errors, refuse_unfit
from tests.conftest import BinaryOf, OwnRedis
from tests.sentinels import DURABLE, Watched, watched

TAKEOVER = 30


@pytest.fixture(scope="module")
def the_pair(binary_of: BinaryOf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(binary_of("real"), tmp_path_factory.mktemp("pair"), *DURABLE) as found:
        yield found


@pytest.fixture
def pair(the_pair: Watched) -> Watched:
    """A master and a replica of the durable profile, empty, and three Sentinels; whatever was hurt before is well."""
    for sentinel in the_pair.sentinels:
        sentinel.start()
    the_pair.await_whole()
    with connect(the_pair.url) as client:
        client.config_set("min-replicas-to-write", 1)
        client.flushall()
    return the_pair


def ask(client: Redis) -> object:
    with redis_errors():
        return client.incr("asked")


def answers(client: Redis) -> bool:
    try:
        return bool(ask(client))
    except Unavailable:
        return False


class Load:
    """Tasks submitted from several threads for as long as it lasts; knows which of them were answered."""

    def __init__(self, url: str) -> None:
        self._client = connect(url)
        self.store = TaskStore(self._client)
        self.acknowledged: set[str] = set()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._submit, args=(number,)) for number in range(4)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._client.close()

    def goes_on(self) -> None:
        """Wait until more is answered."""
        before = len(self.acknowledged)
        until(lambda: len(self.acknowledged) > before + 20, within=TAKEOVER, what="more tasks to be answered")

    def _submit(self, number: int) -> None:
        ids, count = Ids(SystemClock()), 0
        while not self._over.is_set():
            count += 1
            task = Submission(task_id=f"load-{number}-{count}", type="SHELL", content="true")
            try:
                [(task_id, answer)] = [(one.task_id, one.answer) for one in self.store.submit([task], "test", ids)]
            except DtsError:
                continue
            if answer in (Answer.OK, Answer.SAME):
                self.acknowledged.add(task_id)


def missing(load: Load, url: str) -> set[str]:
    """Acknowledged tasks that are not there."""
    with connect(url) as client:
        found = TaskStore(client).get_many(sorted(load.acknowledged))
        return load.acknowledged - {task.task_id for task in found if task}


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://:hidden@h:1",
        "redis+sentinel://:hidden@h:1/s/x",
        "redis+sentinel://:hidden@h:port/s",
        "redis+sentinel://:hidden@,h/s",
        "redis://:hidden@h/0?replicas=many",
    ],
)
def test_what_is_no_such_url_is_refused_and_its_password_not_told(url: str) -> None:
    with pytest.raises(BadSetting, match="not a Redis url") as told:
        connect(url)
    assert "hidden" not in str(told.value)


def test_the_master_is_found_and_found_again_when_it_was_killed(pair: Watched) -> None:
    client, blocking = connect(pair.url), connect(pair.url, blocking=True)
    assert (ask(client), ask(blocking)) == (1, 2)
    old = pair.master()
    # What was answered is copied a moment later; here nobody waits for that.
    until(lambda: pair.other(old).client().get("asked") == "2", within=TAKEOVER, what="the replica to have it")
    old.kill()
    with pytest.raises(Unavailable):
        ask(client)
    new = pair.await_takeover(old)
    pair.rejoin(old, new)
    until(lambda: answers(client) and answers(blocking), within=TAKEOVER, what="both clients to go on")
    assert int(new.client().get("asked") or 0) >= 4
    client.close()
    blocking.close()


def test_what_was_answered_survives_a_master_that_is_killed_under_load(pair: Watched) -> None:
    url = f"{pair.url}?replicas=1"
    with Load(url) as load:
        load.goes_on()
        old = pair.master()
        old.kill()
        pair.rejoin(old, pair.await_takeover(old))
        load.goes_on()
    assert pair.master() is not old
    assert missing(load, url) == set()


def test_what_was_answered_survives_a_master_that_freezes_and_what_it_still_takes_does_not_count(pair: Watched) -> None:
    url = f"{pair.url}?replicas=1"
    with Load(url) as load:
        load.goes_on()
        old = pair.master()
        # A client that had been there before, and asks for nothing meanwhile.
        late = connect(f"{old.url}?replicas=1", repeats=0)
        assert late.ping()
        old.freeze()
        pair.await_takeover(old)
        old.thaw()
        with pytest.raises(Unavailable):
            TaskStore(late).submit(
                [Submission(type="SHELL", content="true", task_id="late")], "test", Ids(SystemClock())
            )
        load.goes_on()
    late.close()
    assert missing(load, url) == set()
    with connect(url) as client:
        assert TaskStore(client).get("late") is None


def test_a_sentinel_that_is_gone_and_one_that_is_frozen_are_done_without(pair: Watched) -> None:
    first, second, third = pair.sentinels
    first.kill()
    second.freeze()
    with connect(pair.url) as client:
        assert ask(client) == 1
        third.kill()
        assert ask(client) == 2
    with connect(pair.url, repeats=0) as client, pytest.raises(Unavailable, match="connecting to the master") as told:
        ask(client)
    assert not isinstance(told.value, Unanswered)


def test_a_service_that_the_sentinels_do_not_know_is_told(pair: Watched) -> None:
    with connect(pair.url.replace("dts-test", "other")) as client, pytest.raises(Unavailable, match="No such master"):
        ask(client)


def test_durable_asks_for_a_master_that_takes_nothing_without_its_replica(pair: Watched) -> None:
    with connect(pair.url) as client:
        refuse_unfit(client, "durable")
        client.config_set("min-replicas-to-write", 0)
        with pytest.raises(UnfitServer, match="min-replicas-to-write 1"):
            refuse_unfit(client, "durable")
        refuse_unfit(client, "fast")


def test_what_no_replica_has_is_not_answered(own_redis: OwnRedis) -> None:
    server = own_redis()
    with connect(f"{server.url}?replicas=1", answer_within=0.2) as client:
        store, task = TaskStore(client), Submission(type="SHELL", content="true", task_id="alone")
        with pytest.raises(Unanswered, match="1 of its replicas should have it and 0 have it"):
            store.submit([task], "test", Ids(SystemClock()))
        assert store.get("alone")
