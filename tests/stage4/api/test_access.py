"""Who is let in: tokens, roles, rates, other people's pages, and what is told to whom."""

import logging
from pathlib import Path
from typing import Any

import pytest

from common.domain.errors import BadSetting
from common.lab.until import until
from common.settings import Settings
from common.tokens import Role, append_token, new_token, remove_token
from stage4_api.api.access import address_of
from stage4_api.api.app import ROUTES
from tests.stage4.api.conftest import Answer, Door, Opens, Yard

TASKS = "/api/v1/tasks"


@pytest.fixture
def guarded(opens: Opens, tmp_path: Path) -> tuple[Door, dict[str, str]]:
    """An API that asks for tokens, and one for each role; and one whose time is over."""
    secrets = {}
    for role in Role:
        secrets[role.value], token = new_token(f"a-{role}", role)
        append_token(tmp_path / "tokens", token)
    from datetime import UTC, datetime

    secrets["old"], token = new_token("old", Role.ADMIN, datetime(2026, 1, 1, tzinfo=UTC).date())
    append_token(tmp_path / "tokens", token)
    return opens(api_tokens=tmp_path / "tokens"), secrets


def asked(door: Door, secret: str, method: str, path: str, body: Any = None) -> Answer:
    return door(method, path, body, {"Authorization": f"Bearer {secret}"})


def test_each_role_may_do_what_it_is_for(guarded: tuple[Door, dict[str, str]], yard: Yard) -> None:
    door, secrets = guarded
    yard.agent()
    acts = [("GET", TASKS, None), ("POST", TASKS, {"content": "x"}), ("POST", "/api/v1/agents/agent-1/drain", None)]
    may = {role: [asked(door, secrets[role], *act).status < 400 for act in acts] for role in Role}
    assert may == {"viewer": [True, False, False], "operator": [True, True, False], "admin": [True, True, True]}
    refused = asked(door, secrets["viewer"], "POST", TASKS, {"content": "x"})
    assert (refused.status, refused.code) == (403, "FORBIDDEN")
    assert "operator" in refused.json["detail"]
    assert yard.store.history(yard.store.page().tasks[0].task_id)[0]["by"] == "api-1/a-admin"


def test_every_request_but_those_of_probes_and_pages_needs_a_token(guarded: tuple[Door, dict[str, str]]) -> None:
    door, secrets = guarded
    for route in ROUTES:
        path = route.path.replace("{taskId}", "x").replace("{agent}", "x")
        answer = door(route.method, path)
        if route.role is None:
            assert answer.status == 200, path
            continue
        assert (answer.status, answer.code) == (401, "UNAUTHENTICATED"), path
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    for wrong in ("Bearer", "Bearer ", "Bearer x", f"Basic {secrets['admin']}", secrets["admin"], "Bearer \xff"):
        assert door("GET", TASKS, headers={"Authorization": wrong}).status == 401
    old = asked(door, secrets["old"], "GET", TASKS)
    assert (old.status, old.code) == (401, "UNAUTHENTICATED")
    assert "2026-01-01" in old.json["detail"]


def test_a_removed_token_lets_nobody_in_any_more(guarded: tuple[Door, dict[str, str]], tmp_path: Path) -> None:
    door, secrets = guarded
    assert asked(door, secrets["admin"], "GET", TASKS).status == 200
    remove_token(tmp_path / "tokens", "a-admin")
    until(lambda: asked(door, secrets["admin"], "GET", TASKS).status == 401, within=3)


def test_a_token_that_asks_too_often_is_told_when_to_ask_again_and_harms_no_other(opens: Opens, tmp_path: Path) -> None:
    one, two = new_token("one", Role.VIEWER), new_token("two", Role.VIEWER)
    for _, token in (one, two):
        append_token(tmp_path / "tokens", token)
    door = opens(api_tokens=tmp_path / "tokens", api_rate=5)
    answers = [asked(door, one[0], "GET", TASKS) for _ in range(7)]
    assert [answer.status for answer in answers[:5]] == [200] * 5
    assert (answers[6].status, answers[6].code) == (429, "RATE_LIMITED")
    assert int(answers[6].headers["Retry-After"]) >= 1
    assert asked(door, two[0], "GET", TASKS).status == 200
    until(lambda: asked(door, one[0], "GET", TASKS).status == 200, within=5, every=0.3)


@pytest.mark.parametrize(
    ("headers", "served"),
    [
        ({"Host": "127.0.0.1:8080"}, True),
        ({"Host": "localhost"}, True),
        ({"Host": "[::1]:8080"}, True),
        ({"Host": "evil.example"}, False),
        ({"Host": "127.0.0.1.evil.example"}, False),
        ({"Host": "evil.example@127.0.0.1:x"}, False),
        ({"Host": "[nonsense"}, False),
        ({"Origin": "http://localhost:3000"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://[x"}, False),
    ],
)
def test_without_tokens_other_peoples_pages_are_not_served(door: Door, headers: dict[str, str], served: bool) -> None:
    answer = door("GET", TASKS, headers=headers)
    assert answer.status == (200 if served else 403)
    if not served:
        assert answer.code == "FOREIGN_CALLER"


def test_pages_of_others_may_ask_only_where_they_are_named(opens: Opens) -> None:
    ours, theirs = {"Origin": "https://console.example"}, {"Origin": "https://evil.example"}
    door = opens(api_token="s3cret", api_origins=("https://console.example",))
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = door("OPTIONS", TASKS, headers=ours | preflight)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, "https://console.example")
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    answer = door("GET", TASKS, headers=ours | {"Authorization": "Bearer s3cret"})
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "https://console.example")
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
    assert "Origin" in answer.headers["Vary"]
    for method in ("OPTIONS", "GET"):
        answer = door(method, TASKS, headers=theirs | preflight)
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Origin" not in opens(api_token="s3cret")("GET", TASKS, headers=ours).headers


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080", "192.0.2.7:80", "api.example:80"])
def test_without_tokens_nothing_is_served_beyond_this_machine(listen: str) -> None:
    with pytest.raises(BadSetting, match="dts token new"):
        address_of(Settings.load({}, api_listen=listen))
    address_of(Settings.load({}, api_listen=listen, api_token="s3cret"))


@pytest.mark.parametrize("listen", ["", "8080", "localhost", "127.0.0.1:", "127.0.0.1:99999", "a b:1", "x@127.0.0.1:1"])
def test_an_address_that_is_none_is_refused(listen: str) -> None:
    with pytest.raises(BadSetting, match="DTS_API_LISTEN"):
        address_of(Settings.load({}, api_listen=listen))


def test_nothing_of_tasks_or_tokens_is_logged(
    guarded: tuple[Door, dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    door, secrets = guarded
    made = asked(door, secrets["admin"], "POST", TASKS, {"content": "echo h1dden", "name": "h1dden"})
    asked(door, secrets["admin"], "GET", f"{TASKS}/{made.json['taskId']}")
    door("GET", f"{TASKS}?name=h1dden", headers={"Authorization": "Bearer h1dden"})
    assert "h1dden" not in caplog.text
    assert secrets["admin"] not in caplog.text
    lines = [record for record in caplog.records if record.name == "dts.api"]
    assert len(lines) == 3
    assert all(record.levelno == logging.DEBUG for record in lines)
    assert lines[0].getMessage().startswith(f"POST {TASKS} 201 ")
