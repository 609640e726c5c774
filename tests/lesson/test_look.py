"""`dts look` shows what is there and changes nothing."""

import json
import re
from collections.abc import Iterator

import pytest
from redis import Redis

from common.lab.until import until
from common.transports.redis_client import connect
from tests.lesson.conftest import Dts
from tests.lesson.screen import Screen

HOSTILE = "\x1b[2J\x07[bold red]gotcha[/]\u202e\n"


@pytest.fixture
def redis(running: Dts) -> Iterator[Redis]:
    with connect(json.loads(running("env", "--json").stdout)["DTS_REDIS_URL"]) as client:
        yield client
        # The agent goes on, so its lease stays.
        client.delete(*[key for key in client.scan_iter() if key != "agent:agent-1"])


def test_one_snapshot_shows_all_panels_each_with_its_command(running: Dts, redis: Redis) -> None:
    _run(redis, "hello", "echo hi")
    redis.lpush("queue:tasks", "no task at all")
    until(lambda: redis.llen("queue:tasks:dead"))
    ended = running("look")
    assert ended.returncode == 0, ended.stderr
    assert "\x1b" not in ended.stdout
    lines = ended.stdout.splitlines()
    assert lines[0] == "# counts\tSUCCESS 1"
    assert re.match(
        r"# tasks\tredis-cli -p \d+ ZRANGE tasks:all 0 7 REV ; redis-cli -p \d+ HGETALL task:hello", lines[1]
    )
    assert lines[2] == "hello\tPENDING → SCHEDULED → RUNNING → SUCCESS\t1\treport by agent-1\thi"
    assert re.search(r"^# queues\t.*LRANGE queue:tasks 0 -1", ended.stdout, re.MULTILINE)
    assert re.search(r"^queue:tasks:dead\t1\tnot JSON.* ← no task at all$", ended.stdout, re.MULTILINE)
    assert re.search(r"^# agents\tredis-cli -p \d+ HGETALL agent:agent-1", ended.stdout, re.MULTILINE)
    assert re.search(r"^agent-1\theld\t0\t2\t\d+\t\w{26}\t(?:[01]\.\d|2\.0) s$", ended.stdout, re.MULTILINE)
    assert re.search(r"^# processes\tdts ps", ended.stdout, re.MULTILINE)
    assert re.search(r"^redis\trunning\t\d+$", ended.stdout, re.MULTILINE)


def test_looking_changes_nothing(running: Dts, redis: Redis) -> None:
    _run(redis, "hello", "echo hi")
    before = _all(redis)
    assert running("look").returncode == 0
    assert running("look", "--json").returncode == 0
    assert _all(redis) == before


def test_the_document_has_the_same_for_programs(running: Dts, redis: Redis) -> None:
    _run(redis, "hello", "echo hi")
    redis.lpush("queue:tasks", '{"taskId":"long","content":"exec sleep 600"}')
    until(lambda: redis.hget("task:long", "status") == "RUNNING")
    document = json.loads(running("look", "--json").stdout)
    assert document["counts"]["SUCCESS"] == 1
    assert [task["taskId"] for task in document["tasks"]] == ["long", "hello"]
    assert document["tasks"][1]["history"][-1]["by"] == "agent-1"
    assert document["queues"]["queue:tasks"] == {"length": 0, "first": []}
    assert document["agents"][0]["held"] is True
    assert {member["name"]: member["state"] for member in document["members"]} == {
        "redis": "running",
        "agent-1": "running",
    }
    assert [(process["taskId"], process["attempt"]) for process in document["taskProcesses"]] == [("long", 1)]
    running("cancel", "long")
    until(lambda: redis.hget("task:long", "status") == "CANCELLED")


@pytest.mark.parametrize("args", [("look",), ("look", "--json")], ids=["plain", "json"])
def test_what_a_task_prints_can_do_no_harm(running: Dts, redis: Redis, args: tuple[str, ...]) -> None:
    _print_hostile(redis)
    ended = running(*args)
    assert ended.returncode == 0
    assert not set(ended.stdout) & {"\x1b", "\x07", "\u202e"}


def test_on_a_terminal_changes_are_seen_as_they_happen_and_q_ends_it(running: Dts, redis: Redis) -> None:
    with Screen(["look"], running.environment(), size=(50, 140)) as screen:
        screen.shows("q or Ctrl-C ends")
        redis.lpush("queue:tasks", '{"taskId":"slow","content":"sleep 1; echo done"}')
        screen.shows("PENDING → SCHEDULED → RUNNING ")
        screen.shows("start by agent-1")
        screen.shows("PENDING → SCHEDULED → RUNNING → SUCCESS")
        screen.shows("report by agent-1")
        _print_hostile(redis)
        screen.shows(r"\x1b[2J\x07[bold red]gotcha[/]\u202e")
        screen.press("q")
        assert screen.ends() == 0


def test_on_a_terminal_an_outage_is_told_and_looked_through(up: Dts) -> None:
    with Screen(["look"], up.environment(), size=(50, 140)) as screen:
        screen.shows("queue:tasks")
        up("fault", "stop", "redis")
        screen.shows("Redis is away")
        up("fault", "start", "redis")
        screen.shows("queue:tasks")
        screen.interrupt()
        assert screen.ends() == 0


def test_where_nothing_runs_it_says_what_to_do(dts: Dts) -> None:
    ended = dts("look")
    assert ended.returncode == 5
    assert "dts up 1 -d" in ended.stderr


def test_where_redis_is_away_a_snapshot_fails(up: Dts) -> None:
    up("fault", "stop", "redis")
    ended = up("look", "--once")
    assert ended.returncode == 5
    assert "Redis is away" in ended.stderr


def _run(redis: Redis, task_id: str, content: str) -> None:
    redis.lpush("queue:tasks", json.dumps({"taskId": task_id, "content": content}))
    until(lambda: redis.hget(f"task:{task_id}", "status") == "SUCCESS", what=f"{task_id} to succeed")


def _print_hostile(redis: Redis) -> None:
    script = f"import sys; sys.stdout.write({HOSTILE!r})"
    redis.lpush("queue:tasks", json.dumps({"taskId": "bad", "type": "PYTHON", "content": script}))
    until(lambda: redis.hget("task:bad", "status") == "SUCCESS", what="it to print")


def _all(redis: Redis) -> dict[str, object]:
    kinds = {str(key): redis.type(str(key)) for key in redis.scan_iter()}
    # Dumped as they stand, and without the lease, which is renewed meanwhile.
    return {key: redis.object("encoding", key) if key == "agent:agent-1" else redis.dump(key) for key in kinds}
