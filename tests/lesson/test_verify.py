"""`dts verify` tells of what runs now: it holds, it is broken, or it can't be told."""

import json
import re

import pytest
from redis import Redis

from common.lab.home import Home
from common.lab.until import until
from common.transports.redis_client import connect
from tests.conftest import OwnRedis
from tests.lesson.conftest import Dts
from tests.lesson.imposter import Imposter

HARMLESS = 15
"""Claims that can be checked without hurting anybody."""


def test_all_claims_hold_on_a_stage_that_runs_and_each_shows_what_was_asked_and_what_came_back(running: Dts) -> None:
    ended = running("verify", "1")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(re.findall("^  ✓ ", ended.stdout, re.MULTILINE)) == HARMLESS
    assert f"{HARMLESS} of {HARMLESS} claims hold" in ended.stdout
    assert re.search(r"^  \$ redis-cli -p \d+ LPUSH queue:tasks '\{\"taskId\":\"verify-", ended.stdout, re.MULTILINE)
    assert re.search(
        r"^      \$ redis-cli -p \d+ HMGET task:verify-\w+-hello status exitCode\n"
        r"      got       status=SUCCESS  exitCode=0$",
        ended.stdout,
        re.MULTILINE,
    )


def test_it_leaves_its_own_tasks_and_nothing_else_and_says_so(running: Dts) -> None:
    with _redis(running) as redis:
        redis.lpush("queue:tasks", '{"taskId":"mine","content":"echo hi"}')
        until(lambda: redis.hget("task:mine", "status") == "SUCCESS")
        tasks, letters = redis.zrange("tasks:all", 0, -1), redis.llen("queue:tasks:dead")
        ended = running("verify", "1", "--json")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        left = json.loads(ended.stdout)["leftBehind"]
        assert sorted(redis.zrange("tasks:all", 0, -1)) == sorted([*tasks, *left["tasks"]])
        assert left["deadLetters"] == redis.llen("queue:tasks:dead") - letters == 2
        assert all(task.startswith("verify-") for task in left["tasks"])


def test_it_can_be_asked_again_and_again(running: Dts) -> None:
    assert [running("verify", "1").returncode for _ in range(2)] == [0, 0]


def test_the_document_has_each_claim_with_its_command_and_both_values(running: Dts) -> None:
    document = json.loads(running("verify", "1", "--json").stdout)
    assert document["verdict"] == "held"
    assert (document["held"], document["broken"], document["unknown"]) == (HARMLESS, 0, 0)
    claim = next(claim for claim in document["claims"] if claim["id"] == "push.succeeds")
    assert claim["verdict"] == "held"
    assert claim["expected"] == claim["got"] == {"status": "SUCCESS", "exitCode": "0"}
    assert claim["asked"][0].startswith("redis-cli -p ")
    assert "HMGET task:verify-" in claim["command"]


def test_a_broken_claim_is_told_with_expected_and_got_and_the_others_are_checked_all_the_same(
    own_redis: OwnRedis, dts: Dts
) -> None:
    server = own_redis()
    with Imposter(server.url):
        ended = dts("verify", "1", "--redis-url", server.url, "--within", "0.5")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert re.search(r"✗ The command ran and ended well\.\n.*\n +expected  status=SUCCESS .*\n +got  ", ended.stdout)


@pytest.mark.parametrize("as_json", [False, True])
def test_where_nothing_runs_it_cannot_be_told(dts: Dts, as_json: bool) -> None:
    ended = dts("verify", "1", *(["--json"] if as_json else []))
    assert ended.returncode == 2
    assert "could not tell" in ended.stderr
    if as_json:
        assert json.loads(ended.stdout)["verdict"] == "unknown"
    else:
        assert ended.stdout == ""


def test_where_redis_is_away_it_cannot_be_told(up: Dts) -> None:
    up("fault", "stop", "redis")
    ended = up("verify", "1")
    assert ended.returncode == 2
    assert "Redis is away" in ended.stderr


def test_where_no_agent_is_there_it_cannot_be_told(up: Dts, own_redis: OwnRedis) -> None:
    up("fault", "kill", "agent-1")
    ended = up("verify", "1")
    assert ended.returncode == 2
    assert "agent-1 is dead" in ended.stderr
    ended = up("verify", "1", "--redis-url", own_redis().url)
    assert ended.returncode == 2
    assert "nobody holds a lease" in ended.stderr


def test_where_all_slots_are_taken_it_cannot_be_told(up: Dts) -> None:
    for _ in range(2):
        assert up("submit", "sleep 600").returncode == 0
    ended = up("verify", "1", "--within", "1")
    assert ended.returncode == 2, ended.stdout
    assert "all 2 slots are taken" in ended.stdout
    assert "✗" not in ended.stdout


def test_where_another_stage_runs_it_cannot_be_told(up: Dts) -> None:
    state = Home(up.home).run / "state.json"
    state.write_text(state.read_text().replace('"stage": 1,', '"stage": 2,'))
    ended = up("verify", "1")
    assert ended.returncode == 2
    assert "stage 2" in ended.stderr


def test_a_stage_that_there_is_not_is_answered_with_those_that_there_are(dts: Dts) -> None:
    ended = dts("verify", "7")
    assert ended.returncode == 2
    assert "1 (a task pushed into Redis runs)" in ended.stderr


def _redis(dts: Dts) -> Redis:
    address = dts("env", "--json")
    return connect(json.loads(address.stdout)["DTS_REDIS_URL"])
