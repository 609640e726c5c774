"""A picture shows what stands in Redis, and taking it leaves no trace."""

import json

from redis import Redis

from common.lab.in_process import InProcessWorld
from common.lab.names import Names, client_command
from common.lab.observer import Observer
from common.lab.probes.bus import length
from common.lab.probes.tasks import fields
from common.lab.worlds import AttachedWorld
from common.store.keys import Keys
from common.store.leases import Leases
from tests.store.invariants import snapshot


def test_looking_changes_nothing(redis: Redis, keys: Keys) -> None:
    _furnish(redis, keys)
    before = snapshot(redis)
    picture = _observer(redis, keys).look()
    assert picture.leases["agent-1"].fields["slots"] == "2"
    assert snapshot(redis) == before


def test_queues_show_first_what_is_taken_first(redis: Redis, keys: Keys) -> None:
    redis.lpush(keys.tasks_queue, "first", "second")
    redis.lpush(keys.dead_letters(keys.tasks_queue), "old", "new")
    queues = _observer(redis, keys).look().queues
    assert queues[keys.tasks_queue].head == ["first", "second"]
    assert queues[keys.tasks_queue].length == 2
    assert queues[keys.dead_letters(keys.tasks_queue)].head == ["new", "old"]


def test_an_agent_is_found_that_nobody_has_spoken_of(redis: Redis) -> None:
    keys = Keys("{here}:")
    Leases(redis, keys).take("lonely", "boot-1", 15, {"slots": 1})
    observer = _observer(redis, keys)
    leases = observer.look().leases
    assert observer.went_round
    assert leases["lonely"].fields["boot"] == "boot-1"
    assert 0 < leases["lonely"].left <= 15


def test_tasks_of_another_namespace_are_not_seen(redis: Redis) -> None:
    _furnish(redis, Keys("{there}:"))
    picture = _observer(redis, Keys("{here}:")).look()
    assert not picture.leases
    assert not any(queue.length for queue in picture.queues.values())


def test_an_outage_is_in_the_picture(inside: InProcessWorld) -> None:
    inside.fault("stop", "redis")
    picture = Observer(inside, Names(Keys())).look()
    assert picture.away
    assert [member.state for member in picture.members] == ["stopped", "running"]


def test_commands_name_the_keys_of_the_namespace_and_the_tasks_of_the_run() -> None:
    names = Names(Keys("{s1}:"), "redis://127.0.0.1:7000/0", prefix="verify-")
    assert fields("hello", status="SUCCESS").ask(names) == "redis-cli -p 7000 HMGET '{s1}:task:verify-hello' status"
    assert length(lambda keys: keys.tasks_queue, 0).ask(names) == "redis-cli -p 7000 LLEN '{s1}:queue:tasks'"
    assert names.ids == ["verify-hello"]


def test_a_command_never_tells_a_password() -> None:
    assert client_command("redis://:secret@127.0.0.1:7000/0") == 'redis-cli -u "$DTS_REDIS_URL"'
    assert client_command("redis://127.0.0.1:6379/0") == "redis-cli"
    assert client_command("redis://127.0.0.1:7000/3") == 'redis-cli -u "$DTS_REDIS_URL"'
    assert client_command("rediss://10.0.0.7/0") == 'redis-cli -u "$DTS_REDIS_URL"'
    assert client_command("unix:///run/redis.sock") == 'redis-cli -u "$DTS_REDIS_URL"'


def _furnish(redis: Redis, keys: Keys) -> None:
    Leases(redis, keys).take("agent-1", "boot-1", 15, {"slots": 2})
    redis.lpush(keys.tasks_queue, json.dumps({"content": "echo hi"}))


def _observer(redis: Redis, keys: Keys) -> Observer:
    return Observer(AttachedWorld(redis, ""), Names(keys))
