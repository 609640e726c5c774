"""Who is let in, for how long, to do what; and what comes from pages of others is not done."""

import re
import time

import pytest

from common.tokens import Role, append_token, new_token, remove_token
from stage5_ops.console.sessions import LASTS, Seal, Session, new_session, session_in
from tests.stage5.console.conftest import ORIGIN, Browser, Door, Opens, Tokens, Yard

GETS = ("/", "/tasks", "/tasks/t", "/tasks/t/log", "/tasks/t/log/stream", "/agents", "/system", "/bus", "/dead-letters")


@pytest.mark.parametrize("path", [*GETS, "/tasks/new"])
def test_who_is_not_logged_in_is_led_to_the_door_and_back(guarded: Door, tokens: Tokens, path: str) -> None:
    browser = guarded.browser()
    assert browser.get(path).headers["Location"] == f"/login?back={path}"
    assert browser.log_in(tokens.operator, back=path).headers["Location"] == path


def test_a_wrong_token_lets_nobody_in(guarded: Door) -> None:
    browser = guarded.browser()
    shown = browser.log_in("dts_wrong")
    assert (shown.status, "This token lets nobody in" in shown.text) == (401, True)
    assert browser.get("/").status == 303


def test_no_token_is_in_an_address_a_cookie_or_a_page(guarded: Door, tokens: Tokens) -> None:
    browser = guarded.browser()
    shown = browser.log_in(tokens.admin)
    seen = [str(shown.headers), *(str(browser.get(path)) for path in ("/", "/agents", "/tasks/new"))]
    digest = new_token("x", Role.VIEWER)[1].digest
    assert len(digest) == 64
    assert not [text for text in seen if tokens.admin in text or "sha256" in text]


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(guarded: Door) -> None:
    browser = guarded.browser()
    cookie = browser.get("/login").headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", f"Max-Age={LASTS:.0f}", "Path=/"} <= set(cookie.split("; "))
    secure = guarded.browser().get("/login", **{"X-Forwarded-Proto": "https"}).headers["Set-Cookie"]
    assert "Secure" in secure.split("; ")


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("viewer", set()), ("operator", {"submit", "cancel", "retry"}), ("admin", {"submit", "cancel", "retry", "drain"})],
)
def test_each_role_sees_and_does_what_it_may(
    guarded: Door, yard: Yard, tokens: Tokens, role: str, allowed: set[str]
) -> None:
    yard.submit("t")
    yard.run("t")
    browser = guarded.browser()
    browser.log_in(getattr(tokens, role))
    task, agents, new = browser.get("/tasks/t"), browser.get("/agents"), browser.get("/tasks/new")
    shown = {verb for verb in ("cancel", "retry") if f'id="{verb}"' in task.text}
    shown |= ({"drain"} if "/drain" in agents.text else set()) | ({"submit"} if new.status == 200 else set())
    assert shown == allowed
    posts = {
        "submit": ("/tasks/new", {"content": "true"}),
        "cancel": ("/tasks/t/cancel", {}),
        "retry": ("/tasks/retry", {"task": "t"}),
        "drain": ("/agents/agent-1/drain", {}),
    }
    key = browser.form_key() or key_in(task.text)
    done = {verb for verb, (path, form) in posts.items() if browser.post(path, key=key, **form).status == 303}
    assert done == allowed
    history = yard.service.history("t")
    assert ("cancel" in {entry["verb"] for entry in history}) == ("cancel" in allowed)


def test_what_is_done_bears_the_name_of_who_did_it(guarded: Door, yard: Yard, tokens: Tokens) -> None:
    yard.submit("t")
    browser = guarded.browser()
    browser.log_in(tokens.operator)
    browser.post("/tasks/t/cancel")
    assert yard.service.history("t")[-1]["by"] == "api-1/the-operator"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost:81", "Sec-Fetch-Site": "same-site"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Origin": "", "Sec-Fetch-Site": ""},
    ],
)
def test_a_post_from_another_site_is_not_done(
    guarded: Door, yard: Yard, tokens: Tokens, headers: dict[str, str]
) -> None:
    yard.submit("t")
    browser = guarded.browser()
    browser.log_in(tokens.admin)
    assert browser.post("/tasks/t/cancel", headers=headers).status == 403
    assert yard.store.counts()["PENDING"] == 1  # type: ignore[index]


def test_a_post_without_the_key_of_its_own_session_is_not_done(guarded: Door, yard: Yard, tokens: Tokens) -> None:
    yard.submit("t")
    browser, other = guarded.browser(), guarded.browser()
    browser.log_in(tokens.admin)
    other.log_in(tokens.admin)
    for key in ("", "rubbish", "ü", other.form_key()):
        assert browser.post("/tasks/t/cancel", key=key).status == 403
    assert len(yard.service.history("t")) == 1
    assert browser.post("/tasks/t/cancel").status == 303


def test_where_nobody_has_to_log_in_posts_need_the_key_all_the_same(browser: Browser, yard: Yard) -> None:
    yard.submit("t")
    assert browser.post("/tasks/t/cancel", key="rubbish").status == 403
    assert browser.post("/tasks/t/cancel").status == 303


def test_a_session_ends_in_time_and_what_was_sent_after_it_is_not_done(
    guarded: Door, yard: Yard, tokens: Tokens
) -> None:
    yard.submit("t")
    browser = guarded.browser()
    browser.log_in(tokens.admin)
    key = browser.form_key()
    seal = Seal("shared")
    found = browser.client.get_cookie(f"dts_session_{seal.mark}")
    assert found
    session = session_in(found.value, seal, time.time())
    assert session
    over = Session(session.id, time.time() - 1, session.name, session.proof)
    browser.client.set_cookie(f"dts_session_{seal.mark}", over.sealed(seal))
    shown = browser.post("/tasks/t/cancel", key=key, headers={"Referer": f"{ORIGIN}/tasks/t"})
    assert shown.headers["Location"] == "/login?back=/tasks/t"
    assert "The session has ended" in browser.followed(shown).text
    assert len(yard.service.history("t")) == 1


def test_a_session_ends_with_its_token(guarded: Door, tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.tokens.LOOK_EVERY", 0.0)
    browser = guarded.browser()
    browser.log_in(tokens.operator)
    assert browser.get("/").status == 200
    remove_token(tokens.path, "the-operator")
    assert browser.get("/", **{"X-Live": "1"}).status == 401
    # One of the same name is another one.
    append_token(tokens.path, new_token("the-operator", Role.OPERATOR)[1])
    shown = browser.get("/")
    assert shown.status == 303
    assert browser.get("/").headers["Location"].startswith("/login")


def test_a_role_that_changes_counts_at_once(guarded: Door, tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.tokens.LOOK_EVERY", 0.0)
    browser = guarded.browser()
    browser.log_in(tokens.operator)
    assert browser.get("/tasks/new").status == 200
    tokens.path.write_text(tokens.path.read_text().replace("the-operator operator", "the-operator viewer"))
    assert browser.get("/tasks/new").status == 403


def test_several_apis_know_each_others_sessions_and_one_with_another_secret_does_not(
    opens: Opens, tokens: Tokens
) -> None:
    first, second = (opens(api_tokens=tokens.path, rpc_secret="shared") for _ in range(2))
    stranger = opens(api_tokens=tokens.path, rpc_secret="another")
    browser = first.browser()
    browser.log_in(tokens.viewer)
    mark = Seal("shared").mark
    found = browser.client.get_cookie(f"dts_session_{mark}")
    assert found
    for door, status in ((second, 200), (stranger, 303)):
        other = door.browser()
        other.client.set_cookie(f"dts_session_{mark}", found.value)
        other.client.set_cookie(f"dts_session_{Seal('another').mark}", found.value)
        assert other.get("/").status == status


@pytest.mark.parametrize("cookie", ["", "x", "a.b", "ü.ü", "e30=.e30=", "." * 3000])
def test_a_forged_cookie_is_no_session(guarded: Door, cookie: str) -> None:
    browser = guarded.browser()
    browser.client.set_cookie(f"dts_session_{Seal('shared').mark}", cookie)
    browser.client.set_cookie(f"dts_told_{Seal('shared').mark}", cookie)
    assert browser.get("/").status == 303
    seal = Seal("other")
    assert session_in(new_session(seal, 0.0).sealed(seal), Seal("shared"), 0.0) is None


def test_who_logs_out_is_out(guarded: Door, tokens: Tokens) -> None:
    browser = guarded.browser()
    browser.log_in(tokens.admin)
    assert "You are logged out" in browser.followed(browser.post("/logout")).text
    assert browser.get("/").status == 303


@pytest.mark.parametrize(
    "back",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/x\r\nSet-Cookie: a", ""],
)
def test_nobody_is_led_to_another_site_after_logging_in(guarded: Door, tokens: Tokens, back: str) -> None:
    assert guarded.browser().log_in(tokens.viewer, back=back).headers["Location"] == "/"


def test_a_link_on_another_site_does_not_end_a_session(guarded: Door) -> None:
    # The browser does not send the session along, so this may not put another one in its place.
    shown = guarded.browser().get("/tasks", **{"Sec-Fetch-Site": "cross-site"})
    assert shown.status == 200
    assert "Set-Cookie" not in shown.headers
    assert 'http-equiv="refresh"' in shown.text


def test_where_nobody_has_to_log_in_a_foreign_name_of_this_machine_is_refused(browser: Browser) -> None:
    assert browser.get("/", Host="evil.example").status == 403


def key_in(text: str) -> str:
    found = re.search(r'name="form_key" value="([^"]+)"', text)
    return found[1] if found else ""
