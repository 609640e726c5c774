"""Clients of Redis: what went wrong is told as what it means for the asker, and unfit servers are refused."""

import threading
from collections.abc import Callable

import pytest
from redis import Redis, exceptions

from common.domain.errors import BadSetting, CorruptTask, Unanswered, Unavailable, UnfitServer, Unready
from common.lab.until import until
from common.transports.redis_client import connect, redis_errors, refuse_unfit
from tests.conftest import OwnRedis
from tests.servers import RedisAt
from tests.severing import severing


def ask(client: Redis) -> object:
    with redis_errors():
        return client.incr("asked")


def certainly_not(error: Unavailable) -> bool:
    return not error.may_have_happened


@pytest.mark.parametrize("url", ["", "localhost:6379", "http://:hidden@h", "redis://:hidden@h:port", "redis://[::1"])
def test_what_is_no_redis_url_is_refused_and_its_password_not_told(url: str) -> None:
    with pytest.raises(BadSetting, match="not a Redis url") as told:
        connect(url)
    assert "hidden" not in str(told.value)


def test_any_bytes_come_back_as_they_were(redis: Redis) -> None:
    body = bytes(range(256))
    redis.lpush("bytes", body)
    assert str(redis.lindex("bytes", 0)).encode(errors="surrogateescape") == body


def test_a_server_that_is_away_did_nothing(own_redis: OwnRedis) -> None:
    server = own_redis()
    client, fresh = server.client(), server.client()
    ask(client)
    server.stop()
    with pytest.raises(Unavailable) as told:
        ask(fresh)
    assert certainly_not(told.value)
    assert "is away" in str(told.value)


def test_a_client_finds_its_server_again(own_redis: OwnRedis) -> None:
    server = own_redis()
    client = server.client()
    ask(client)
    server.kill()
    with pytest.raises(Unavailable):
        ask(client)
    server.start()
    assert ask(client) == 1


def test_an_ordinary_client_repeats_and_a_blocking_one_tells_that_the_answer_was_lost(own_redis: OwnRedis) -> None:
    server = own_redis()
    with severing(server.port) as way:
        way.lose_the_answer_to(b"INCR")
        assert ask(way.client()) == 2
        way.lose_the_answer_to(b"INCR")
        with pytest.raises(Unanswered) as told:
            ask(way.client(blocking=True))
        assert told.value.may_have_happened
        assert server.client().get("asked") == "3"


def test_an_answer_lost_is_in_doubt_even_if_the_repeat_was_never_sent(own_redis: OwnRedis) -> None:
    server = own_redis()
    with severing(server.port) as way:
        client = way.client()
        ask(client)
        way.lose_the_answer_to(b"INCR", and_close=True)
        with pytest.raises(Unanswered):
            ask(client)
    assert server.client().get("asked") == "2"


def test_a_frozen_server_is_not_waited_for_longer_than_said(own_redis: OwnRedis) -> None:
    server = own_redis()
    client = server.client(repeats=0, answer_within=0.1)
    ask(client)
    server.freeze()
    with pytest.raises(Unanswered):
        ask(client)
    server.thaw()
    until(lambda: server.client().get("asked") == "2", what="the server to do what it was asked while frozen")


def out_of_memory(client: Redis) -> None:
    client.config_set("maxmemory", 1)


def replica_of_nobody(client: Redis) -> None:
    client.replicaof("127.0.0.1", 1)


def locked(client: Redis) -> None:
    client.config_set("requirepass", "secret")


@pytest.mark.parametrize("spoil", [out_of_memory, replica_of_nobody, locked])
def test_a_server_that_refuses_did_nothing(spoil: Callable[[Redis], None], own_redis: OwnRedis) -> None:
    server = own_redis()
    spoil(server.client())
    with pytest.raises(Unavailable) as told:
        ask(server.client())
    assert certainly_not(told.value)
    assert "refuses it now" in str(told.value)


def test_a_server_that_is_busy_with_a_script_did_nothing(own_redis: OwnRedis) -> None:
    server = own_redis("--lua-time-limit", "10")
    endless = threading.Thread(target=run_until_killed, args=(server.client(blocking=True),))
    endless.start()

    def refused() -> bool:
        try:
            ask(server.client())
        except Unanswered:
            return False
        except Unavailable as error:
            return "BUSY" in str(error)
        return False

    until(refused, what="the server to say that it is busy")
    server.client().script_kill()
    endless.join()


def run_until_killed(client: Redis) -> None:
    with pytest.raises(exceptions.ResponseError, match="killed"):
        client.eval("while true do end", 0)


@pytest.mark.parametrize(
    ("error", "meant"),
    [
        (exceptions.BusyLoadingError("Redis is loading the dataset in memory"), Unready),
        (exceptions.ResponseError("MISCONF Redis is configured to save RDB snapshots"), Unready),
        (exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."), Unready),
        (exceptions.ConnectionError("max number of clients reached"), Unready),
        (exceptions.MaxConnectionsError("Too many connections"), Unready),
        (exceptions.TimeoutError("Timeout connecting to server"), Unavailable),
        (exceptions.ConnectionError("Error -2 connecting to nowhere:6379. Name or service not known."), Unavailable),
        (exceptions.TimeoutError("Timeout reading from 127.0.0.1:6379"), Unanswered),
        (exceptions.ConnectionError("Connection closed by server."), Unanswered),
        (ConnectionResetError(104, "Connection reset by peer"), Unanswered),
        (exceptions.ResponseError("ERR unknown command"), exceptions.ResponseError),
    ],
    ids=str,
)
def test_an_error_is_told_as_what_it_means(error: Exception, meant: type[Exception]) -> None:
    with pytest.raises(meant) as told, redis_errors():
        raise error
    assert type(told.value) is meant


def test_a_key_of_another_type_is_told_as_corrupt(redis: Redis) -> None:
    redis.set("text", "value")
    with pytest.raises(CorruptTask), redis_errors():
        redis.hgetall("text")
    pipe = redis.pipeline(transaction=False)
    pipe.hgetall("text")
    with pytest.raises(CorruptTask), redis_errors():
        pipe.execute()
    with pytest.raises(CorruptTask), redis_errors():
        redis.eval("return redis.call('HGETALL', KEYS[1])", 1, "text")


@pytest.mark.parametrize("redis_at", ["embedded", "real"], indirect=True)
def test_a_server_that_never_evicts_is_fit(redis_at: RedisAt) -> None:
    refuse_unfit(redis_at.client(), "fast")


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_server_that_would_evict_is_refused(policy: str, own_redis: OwnRedis) -> None:
    with pytest.raises(UnfitServer, match=f"maxmemory-policy is {policy}.*CONFIG SET"):
        refuse_unfit(own_redis("--maxmemory-policy", policy).client(), "fast")


def test_durable_asks_for_an_append_only_file(own_redis: OwnRedis) -> None:
    server = own_redis()
    refuse_unfit(server.client(), "fast")
    with pytest.raises(UnfitServer, match="appendonly yes"):
        refuse_unfit(server.client(), "durable")
    server.client().config_set("appendonly", "yes")
    refuse_unfit(server.client(), "durable")


def test_a_server_that_is_away_is_not_called_unfit(own_redis: OwnRedis) -> None:
    server = own_redis()
    server.stop()
    with pytest.raises(Unavailable):
        refuse_unfit(server.client(), "fast")
