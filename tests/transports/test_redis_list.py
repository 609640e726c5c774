"""The queue on a Redis list when its connection breaks at the worst moment, and what a person finds with redis-cli."""

import hashlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from common.clock import SystemClock
from common.domain.errors import BadMessage, CorruptTask, Unanswered, Unavailable
from common.domain.ids import Ids
from common.lab.until import until
from common.store.keys import Keys
from common.store.scripts import Scripts, source
from common.transports.redis_list import RedisListQueue
from tests.servers import ServerAt
from tests.severing import Severing, severing

IDS = Ids(SystemClock())
TAKE, BURY = (hashlib.sha1(source(name).encode()).hexdigest().encode() for name in ("take", "bury"))


def decode(raw: bytes) -> str:
    if raw.startswith(b"bad"):
        raise BadMessage("it is bad")
    return raw.decode()


def queue_on(client: Redis, keys: Keys | None = None) -> RedisListQueue[str]:
    keys = keys or Keys()
    return RedisListQueue(client, keys, keys.tasks_queue, "agent-1", ids=IDS, encode=str.encode, decode=decode)


def bodies(messages: Any) -> list[str]:
    return [message.body for message in messages]


def names(redis: Redis) -> set[str]:
    return set(map(str, redis.scan_iter()))


@pytest.fixture
def server(shared_servers: Any) -> Iterator[ServerAt]:
    server: ServerAt = shared_servers("real")
    server.empty()
    yield server
    server.empty()


@pytest.fixture
def way(server: ServerAt) -> Iterator[Severing]:
    # Nothing may have to be sent again in full for want of the script.
    for name in ("take", "bury"):
        server.client().script_load(source(name))
    with severing(server.port) as way:
        yield way


@pytest.fixture
def queue(way: Severing) -> RedisListQueue[str]:
    return queue_on(way.client(blocking=True))


def test_a_take_whose_answer_was_lost_is_given_again(queue: RedisListQueue[str], way: Severing) -> None:
    queue.put(["1", "2", "3"])
    assert bodies(queue.take(1, 0)) == ["1"]
    way.lose_the_answer_to(TAKE)
    with pytest.raises(Unanswered):
        queue.take(10, 0)
    assert bodies(queue.take(10, 0)) == ["1", "2", "3"]


def test_what_moved_while_waiting_in_a_lost_answer_is_given(queue: RedisListQueue[str], way: Severing) -> None:
    queue.put(["1"])
    assert bodies(queue.take(1, 0)) == ["1"]
    queue.ack()
    way.lose_the_answer_to(b"BRPOPLPUSH")
    threading.Timer(0.05, queue_on(way.client()).put, [["2"]]).start()
    with pytest.raises(Unanswered):
        queue.take(1, 2)
    assert way.lost == 1
    assert bodies(queue.take(10, 0)) == ["2"]


def test_a_client_killed_while_it_waits_goes_on(server: ServerAt, queue: RedisListQueue[str]) -> None:
    killer = server.client()

    def kill() -> None:
        waiting = until(
            lambda: [client for client in killer.client_list() if client["cmd"] == "brpoplpush"],
            what="a waiting client",
        )
        killer.client_kill_filter(_id=waiting[0]["id"])

    killing = threading.Thread(target=kill)
    killing.start()
    with pytest.raises(Unavailable):
        queue.take(1, 2)
    killing.join()
    queue.put(["here"])
    assert bodies(queue.take(1, 0)) == ["here"]


def test_an_ack_whose_answer_was_lost_may_be_repeated(queue: RedisListQueue[str], way: Severing) -> None:
    queue.put(["1", "2"])
    queue.take(1, 0)
    way.lose_the_answer_to(b"HDEL")
    with pytest.raises(Unanswered):
        queue.ack()
    queue.ack()
    assert bodies(queue.take(10, 0)) == ["2"]


def test_a_put_whose_answer_was_lost_is_there_once(queue: RedisListQueue[str], way: Severing) -> None:
    way.lose_the_answer_to(b"LPUSH")
    with pytest.raises(Unanswered) as told:
        queue.put(["1"])
    assert told.value.may_have_happened
    assert bodies(queue.take(10, 0)) == ["1"]


def test_an_ack_after_a_take_that_failed_settles_nothing_unseen(queue: RedisListQueue[str], way: Severing) -> None:
    queue.put(["1"])
    queue.take(1, 0)
    queue.put(["bad", "2"])
    way.lose_the_answer_to(BURY)
    with pytest.raises(Unanswered):
        queue.take(10, 0)
    queue.ack()
    assert bodies(queue.take(10, 0)) == ["2"]


def test_a_take_that_was_given_up_and_came_late_is_found_at_the_next_ack(redis: Redis, keys: Keys) -> None:
    queue = queue_on(redis)
    queue.put(["1", "2", "3"])
    assert bodies(queue.take(1, 0)) == ["1"]
    moving, held = keys.moving(keys.tasks_queue, "agent-1"), keys.held(keys.tasks_queue, "agent-1")
    Scripts(redis, keys).call("take", "agent-1", [keys.tasks_queue, moving, held], [IDS.new()])
    queue.ack()
    assert bodies(queue.take(1, 0)) == ["2"]
    assert bodies(queue.take(1, 0)) == ["3"]


def test_a_message_that_is_to_come_again_may_be_rejected_before(queue: RedisListQueue[str], way: Severing) -> None:
    queue.put(["1", "2"])
    messages = queue.take(2, 0)
    way.lose_the_answer_to(TAKE)
    with pytest.raises(Unanswered):
        queue.take(1, 0)
    assert bodies(queue.take(1, 0)) == ["1"]
    queue.reject(messages[1], "no")
    assert queue.take(10, 0) == []


def test_a_dead_letter_reads_well_in_redis_cli(redis: Redis) -> None:
    queue = queue_on(redis)
    redis.lpush("queue:tasks", 'bad: "你好"', b"bad: \xff\x00")
    assert queue.take(10, 0) == []
    broken, chinese = (str(letter) for letter in redis.lrange("queue:tasks:dead", 0, -1))
    assert '"reason": "it is bad", "body": "bad: \\"你好\\""' in chinese
    assert broken.isascii()
    letter = json.loads(broken)
    assert letter.keys() == {"id", "at", "reason", "body"}
    assert letter["body"].encode(errors="surrogateescape") == b"bad: \xff\x00"
    assert queue.rejected == 2


def test_only_so_many_dead_letters_are_kept(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.transports.redis_list.KEPT_DEAD_LETTERS", 2)
    queue = queue_on(redis)
    for number in range(3):
        redis.lpush("queue:tasks", f"bad {number}")
        queue.take(1, 0)
    assert [json.loads(letter)["body"] for letter in redis.lrange("queue:tasks:dead", 0, -1)] == ["bad 2", "bad 1"]


def test_what_is_settled_leaves_nothing_behind(redis: Redis) -> None:
    queue = queue_on(redis)
    queue.put(["1", "2", "3"])
    queue.take(10, 0)
    assert queue.take(1, 0.01) == []
    queue.ack()
    assert names(redis) == set()


def test_a_namespace_stands_before_every_key(redis: Redis) -> None:
    queue = queue_on(redis, Keys("{s1}:"))
    queue.put(["1", "bad"])
    queue.take(1, 0)
    assert names(redis) == {"{s1}:queue:tasks", "{s1}:queue:tasks:held:agent-1"}
    queue.take(1, 0)
    queue.ack()
    assert names(redis) == {"{s1}:queue:tasks:dead"}


def test_a_queue_key_of_another_type_is_told_and_waited_out(redis: Redis) -> None:
    queue = queue_on(redis)
    redis.set("queue:tasks", "somebody's text")
    with pytest.raises(CorruptTask, match="queue:tasks: somebody stored something else"):
        queue.take(1, 0)
    redis.delete("queue:tasks")
    queue.put(["1"])
    assert bodies(queue.take(1, 0)) == ["1"]
