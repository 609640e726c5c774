"""Nothing that a task, an agent or a stranger says is obeyed by a browser; pages load nothing but what is ours."""

import re
from html.parser import HTMLParser

import pytest

from common.domain.result import Reason, failure
from stage5_ops.console.shown import visible
from tests.stage5.console.conftest import Browser, Yard

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{7*7}}${1}"
BIDI = "safe\u202etxt.exe\u2066\u200b\x1b[31mred\x07"
PAGES = (
    "/",
    "/tasks",
    "/tasks?name=%22%3E%3Cscript%3E&tag=a%3A%3Cb%3E",
    "/tasks/t",
    "/tasks/new",
    "/agents",
    "/system",
    "/nowhere",
)


class Elements(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def hostile(browser: Browser, yard: Yard) -> Browser:
    """A system in which everything that can be chosen was chosen by somebody who means harm."""
    yard.submit(
        "t", f"echo '{HOSTILE}{BIDI[:4]}'", name=HOSTILE[:200], args=[HOSTILE], env={"A": HOSTILE}, request_id=HOSTILE
    )
    held = yard.run("t")
    yard.ends(held, failure(Reason.EXIT_CODE, f"{HOSTILE} {BIDI}", exit_code=1), f"{HOSTILE}\n{BIDI}\n")
    yard.redis.hset("task:t", mapping={"agent": HOSTILE, "name": HOSTILE + BIDI})
    return browser


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_a_script_a_style_or_a_handler_in_itself(hostile: Browser, path: str) -> None:
    shown = hostile.get(path, Accept="text/html")
    found = Elements(shown.text).found
    assert {attrs.get("src", "") for tag, attrs in found if tag == "script"} <= {
        attrs["src"] for _, attrs in found if (attrs.get("src") or "").startswith("/assets/console.js?v=")
    }
    assert not [tag for tag, _ in found if tag in ("style", "img", "iframe", "object", "base")]
    assert not [name for _, attrs in found for name in attrs if name.startswith("on") or name == "style"]
    addresses = [
        attrs[name] or "" for _, attrs in found for name in ("href", "src", "action", "formaction") if name in attrs
    ]
    assert not [address for address in addresses if not re.match(r"/(?!/)|[?#]|$", address)]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_says_what_it_may_load_and_do(hostile: Browser, path: str) -> None:
    headers = hostile.get(path, Accept="text/html").headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_what_a_task_says_is_shown_to_the_letter(hostile: Browser) -> None:
    text = hostile.get("/tasks/t").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "{{7*7}}" in text


def test_characters_that_work_in_secret_are_spelt_out(hostile: Browser) -> None:
    text = hostile.get("/tasks/t").text
    assert not re.search("[\u202e\u2066\u200b\x1b\x07]", text)
    assert "safe⟨U+202E⟩txt.exe⟨U+2066⟩⟨U+200B⟩␛[31mred␇" in text


def test_text_without_any_stays_as_it_is() -> None:
    assert visible("grüße, 你好 🎉\n\tmore") == "grüße, 你好 🎉\n\tmore"
    assert visible("\ud800") == "⟨U+D800⟩"


def test_what_was_filled_in_comes_back_to_the_letter(browser: Browser) -> None:
    shown = browser.post("/tasks/new", content=f"a\u202eb\n{HOSTILE}", retries="many")
    assert shown.status == 422
    assert "a\u202eb\n&lt;/pre&gt;&lt;script&gt;" in shown.text


def test_a_form_that_is_too_large_is_refused(browser: Browser) -> None:
    assert browser.post("/tasks/new", content="x" * 5_000_000).status == 413
    assert browser.post("/tasks/cancel", task="x" * 300_000).status == 413


@pytest.mark.parametrize("path", ["/assets/../guard.py", "/assets/%2e%2e/guard.py", "/assets/console.py", "/assets/"])
def test_only_assets_are_served_as_such(browser: Browser, path: str) -> None:
    assert browser.get(path).status == 404


def test_assets_are_kept_by_browsers_until_they_change(browser: Browser) -> None:
    address = next(
        attrs["href"] for _, attrs in Elements(browser.get("/").text).found if "console.css" in str(attrs.get("href"))
    )
    shown = browser.get(str(address))
    assert "immutable" in shown.headers["Cache-Control"]
    assert browser.get("/assets/console.css", **{"If-None-Match": shown.headers["ETag"]}).status == 304
