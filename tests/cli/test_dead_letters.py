"""`dts dlq`: messages that were no task."""

import json

import pytest

from common.cli.exits import Exit
from tests.cli.conftest import Dts

pytestmark = pytest.mark.parametrize("dts", ["store"], indirect=True)


def bury(dts: Dts, *letters: str) -> None:
    keys = dts.place.store.keys
    dts.place.redis.lpush(keys.dead_letters(keys.tasks_queue), *letters)


def letter(reason: str, body: str) -> str:
    return json.dumps({"reason": reason, "at": "2026-11-07T10:00:00.000Z", "id": "m1", "body": body})


def test_dead_letters_are_listed_newest_first_with_their_reasons(dts: Dts) -> None:
    bury(dts, letter("not JSON", "{"), letter("no content", '{"name":"\x1b[2J"}'))
    assert dts("dlq", "list").stdout.splitlines() == [
        '1\t2026-11-07T10:00:00.000Z\tqueue:tasks\tno content\t{"name":"\\x1b[2J"}',
        "2\t2026-11-07T10:00:00.000Z\tqueue:tasks\tnot JSON\t{",
    ]
    said = json.loads(dts("dlq", "list", "--json", "--limit", "1").stdout)
    assert [one["reason"] for one in said["deadLetters"]] == ["no content"]


def test_one_letter_is_shown_whole(dts: Dts) -> None:
    bury(dts, letter("not JSON", "{"))
    assert "body\t{\n" in dts("dlq", "show", "1").stdout
    assert json.loads(dts("dlq", "show", "1", "--json").stdout)["body"] == "{"
    assert dts("dlq", "show", "2").exit_code == Exit.NOT_FOUND
    assert dts("dlq", "show", "0").exit_code == Exit.USAGE


def test_what_somebody_else_put_there_is_shown_too(dts: Dts) -> None:
    bury(dts, "not json", "[1]")
    assert [line.split("\t")[4] for line in dts("dlq", "list").stdout.splitlines()] == ["[1]", "not json"]


def test_no_dead_letters_is_no_error(dts: Dts) -> None:
    assert (dts("dlq", "list").exit_code, dts("dlq", "list").stdout) == (Exit.OK, "")


def test_a_letter_goes_back_to_where_it_was_sent(dts: Dts) -> None:
    keys = dts.place.store.keys
    bury(dts, letter("not JSON", "{"), letter("no content", "[]"))
    dts.place.redis.lpush(keys.dead_letters(keys.status_queue), letter("schema is 9", '{"schema":9}'))
    said = json.loads(dts("dlq", "list", "--json").stdout)["deadLetters"]
    of_status = 1 + [one["queue"] for one in said].index(keys.status_queue)
    assert dts("dlq", "replay", str(of_status)).exit_code == Exit.OK
    assert dts.place.redis.lrange(keys.status_queue, 0, -1) == ['{"schema":9}']
    assert len(json.loads(dts("dlq", "list", "--json").stdout)["deadLetters"]) == 2
    assert dts("dlq", "replay", "--all").exit_code == Exit.OK
    assert sorted(dts.place.redis.lrange(keys.tasks_queue, 0, -1)) == ["[]", "{"]
    assert dts("dlq", "list").stdout == ""


def test_a_letter_is_dropped_and_the_others_stay(dts: Dts) -> None:
    bury(dts, letter("not JSON", "{"), letter("no content", "[]"))
    assert dts("dlq", "drop", "1").exit_code == Exit.OK
    assert [line.split("\t")[4] for line in dts("dlq", "list").stdout.splitlines()] == ["{"]
    assert dts("dlq", "drop", "2").exit_code == Exit.NOT_FOUND
    assert dts("dlq", "drop").exit_code == Exit.USAGE
    assert dts("dlq", "drop", "--all", "1").exit_code == Exit.USAGE
    assert dts("dlq", "drop", "--all").exit_code == Exit.OK
    assert dts("dlq", "list").stdout == ""
