"""The console in a real browser: what its scripts do, what the policy of pages forbids, and what people can use."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.common import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from common.domain.result import Reason, failure
from common.lab.errors import MissingServer
from common.lab.until import until
from tests.conftest import give_up
from tests.stage5.console.chromium import chromium
from tests.stage5.console.conftest import Door, Opens, Tokens, Yard

PATIENCE = 30.0
"""Seconds: the machine may be busy with other tests."""
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    try:
        with chromium() as browser:
            yield browser
    except MissingServer as error:
        give_up(error)


@pytest.fixture
def page(chrome: Chrome, opens: Opens) -> Iterator["Page"]:
    """A browser that looks at a console without tokens."""
    shown = Page(chrome, opens())
    yield shown
    complaints = shown.complaints()
    chrome.get("about:blank")
    assert complaints == []


class Page:
    """What somebody sees and does."""

    def __init__(self, chrome: Chrome, door: Door) -> None:
        self.chrome, self.url = chrome, door.serve()
        # What the page before still asks is nothing of this one's.
        chrome.get("about:blank")
        chrome.delete_all_cookies()
        chrome.get_log("browser")  # type: ignore[no-untyped-call]

    def open(self, path: str) -> None:
        self.chrome.get(self.url + path)

    def text(self, selector: str) -> str:
        """'' while it is being replaced."""
        found = self.chrome.find_elements(By.CSS_SELECTOR, selector)
        try:
            return found[0].text if found else ""
        except StaleElementReferenceException:
            return ""

    def shows(self, selector: str, text: str) -> None:
        until(lambda: text in self.text(selector), PATIENCE, what=f"{text!r} in {selector}")

    def click(self, selector: str) -> None:
        self.chrome.find_element(By.CSS_SELECTOR, selector).click()

    def run(self, script: str) -> Any:
        return self.chrome.execute_script(script)

    def complaints(self) -> list[dict[str, Any]]:
        """Of the browser: scripts that failed, and what the policy of the page has kept from being done."""
        found: list[dict[str, Any]] = self.chrome.get_log("browser")  # type: ignore[no-untyped-call]
        return [one for one in found if one["level"] in ("SEVERE", "WARNING")]


def test_somebody_logs_in_comes_to_where_he_wanted_and_logs_out(
    chrome: Chrome, guarded: Door, tokens: Tokens, yard: Yard
) -> None:
    yard.submit("t", name="wanted")
    page = Page(chrome, guarded)
    page.open("/tasks/t")
    page.shows("h1", "Log in")
    assert page.run("return document.activeElement.id") == "token"
    chrome.switch_to.active_element.send_keys(tokens.operator, Keys.ENTER)
    page.shows("h1", "wanted")
    assert page.run("return document.cookie") == ""
    assert tokens.operator not in chrome.page_source + chrome.current_url
    page.click(".who button")
    page.shows(".told", "You are logged out")
    assert page.complaints() == []


def test_what_changes_is_seen_without_reloading(page: Page, yard: Yard) -> None:
    page.open("/")
    page.shows("#pulse", "live")
    page.run("window.stays = true")
    yard.submit("t", name="fresh-one")
    page.shows("#count-PENDING", "1")
    page.shows("main", "fresh-one")
    yard.ends(yard.run("t"))
    page.shows("#count-SUCCESS", "1")
    page.shows("tbody", "Success")
    assert page.run("return window.stays")


def test_what_is_ticked_stays_ticked_while_the_list_changes_and_is_what_is_cancelled(page: Page, yard: Yard) -> None:
    for name in ("a", "b"):
        yard.submit(name)
    page.open("/tasks")
    page.click("input[value=a]")
    yard.submit("c")
    page.shows("tbody", "c")
    ticked = "return [...document.querySelectorAll('input[name=task]:checked')].map((one) => one.value)"
    assert page.run(ticked) == ["a"]
    page.click("button[formaction='/tasks/cancel']")
    page.chrome.switch_to.alert.accept()
    page.shows(".told", "1 cancelled.")
    page.click("[data-all] input")
    assert page.run(ticked) == ["c", "b", "a"]


def test_output_is_seen_as_it_is_printed_through_all_attempts(page: Page, yard: Yard) -> None:
    yard.submit("t", retries=1, retry_delay=0)
    held = yard.run("t")
    yard.prints(held, "before\n")
    page.open("/tasks/t")
    page.shows("#log", "before")
    yard.prints(held, "<b>after</b>\u202e\n", 7)
    page.shows("#log", "<b>after</b>⟨U+202E⟩")
    yard.ends(held, failure(Reason.EXIT_CODE, "exit code 1", exit_code=1), "", 22)
    yard.store.promote("leader")
    again = yard.run("t")
    yard.prints(again, "the second\n")
    page.shows("#log", "attempt 2")
    page.shows("#log", "the second")
    yard.ends(again)
    page.shows("#status", "Success")
    assert not page.run("return document.querySelector('#log b')")


def test_no_script_of_a_task_is_run(page: Page, yard: Yard) -> None:
    hostile = "</pre><img src=x onerror='window.harmed=1'><script>window.harmed=1</script>"
    yard.submit("t", hostile, name=hostile)
    yard.prints(yard.run("t"), hostile + "\n")
    for path in ("/", "/tasks", "/tasks/t"):
        page.open(path)
        page.shows("main", "<script>window.harmed=1</script>")
        page.shows("#pulse", "live")
        assert not page.run("return window.harmed")


def test_a_page_of_another_site_can_neither_frame_it_nor_send_its_forms(page: Page, yard: Yard) -> None:
    yard.submit("t")
    page.open("/tasks/t")
    key = page.run("return document.querySelector('input[name=form_key]').value")
    foreign = page.url.replace("127.0.0.1", "localhost")
    # Another site to the browser: the same server by another name.
    page.chrome.get(f"{foreign}/docs")
    form = {"action": f"{page.url}/tasks/t/cancel", "key": key}
    page.run(
        f"const said = {json.dumps(form)}; const form = document.createElement('form');"
        "form.method = 'post'; form.action = said.action; const key = document.createElement('input');"
        "key.name = 'form_key'; key.value = said.key; form.append(key); document.body.append(form); form.submit();"
    )
    until(lambda: page.chrome.get_log("browser"), PATIENCE, what="the browser complains")  # type: ignore[no-untyped-call]
    assert len(yard.service.history("t")) == 1


def test_a_link_on_another_site_leads_somebody_who_is_logged_in_to_the_page(
    chrome: Chrome, guarded: Door, tokens: Tokens, yard: Yard
) -> None:
    yard.submit("t", name="wanted")
    page = Page(chrome, guarded)
    page.open("/login")
    chrome.switch_to.active_element.send_keys(tokens.viewer, Keys.ENTER)
    page.shows("h1", "Overview")
    chrome.get(f"data:text/html,<a id=link href='{page.url}/tasks/t'>look</a>")
    page.click("#link")
    page.shows("h1", "wanted")


def test_an_end_of_the_session_is_seen_by_a_page_that_is_open(
    chrome: Chrome, guarded: Door, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.tokens.LOOK_EVERY", 0.0)
    page = Page(chrome, guarded)
    page.open("/agents")
    chrome.switch_to.active_element.send_keys(tokens.viewer, Keys.ENTER)
    page.shows("#pulse", "live")
    tokens.path.write_text("")
    page.shows("h1", "Log in")
    page.shows(".told", "does not hold any more")


def test_an_outage_is_seen_and_its_end(page: Page, yard: Yard) -> None:
    page.open("/")
    page.shows("#pulse", "live")
    yard.service.away = "no task-manager answers"
    page.shows("#pulse", "no answer")
    yard.service.away = ""
    page.shows("#pulse", "live")
    assert {one["source"] for one in page.complaints()} == {"network"}


@pytest.mark.parametrize("path", ["/", "/tasks", "/tasks/t", "/tasks/new", "/agents", "/system"])
def test_pages_fit_a_phone(page: Page, yard: Yard, path: str) -> None:
    yard.submit("t", name="a-name-that-is-" + "very-" * 20 + "long", content="x" * 500)
    yard.prints(yard.run("t"), "y" * 500)
    phone = {"width": 375, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    page.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        page.open(path)
        assert page.run("return document.documentElement.scrollWidth") <= 375
    finally:
        page.chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_keyboard_and_a_screen_reader_are_enough(page: Page, yard: Yard) -> None:
    yard.submit("t")
    page.open("/tasks")
    page.chrome.switch_to.active_element.send_keys(Keys.TAB)
    assert page.run("return document.activeElement.className") == "skip"
    page.chrome.switch_to.active_element.send_keys(Keys.ENTER)
    page.chrome.switch_to.active_element.send_keys(Keys.TAB)
    assert page.run("return document.querySelector('main').contains(document.activeElement)")
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    for path in ("/", "/tasks", "/tasks/t", "/tasks/new", "/agents", "/system", "/bus", "/dead-letters"):
        page.open(path)
        tree = page.chrome.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        seen = [(one["role"]["value"], one.get("name", {}).get("value", "")) for one in tree if "role" in one]
        wanted = {"button", "textbox", "checkbox", "combobox", "link", "heading", "table"}
        assert [one for one in seen if one[0] in wanted - {"table"} and not one[1].strip()] == [], path
        assert {"banner", "main", "navigation"} <= {role for role, _ in seen}


def test_pages_say_all_without_scripts(page: Page, yard: Yard) -> None:
    yard.submit("t", name="plain")
    page.chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open("/tasks")
        page.shows("tbody", "plain")
        page.click("input[name=task]")
        page.click("button[formaction='/tasks/cancel']")
        page.shows(".told", "1 cancelled.")
    finally:
        page.chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_the_page_that_describes_the_api_shows_it_and_lets_one_try_it(page: Page, yard: Yard) -> None:
    yard.submit("t", name="<img src=x onerror=alert(1)>")
    page.open("/docs")
    page.shows("#about", "Version")
    page.shows("#operations", "/api/v1/tasks/{taskId}")
    page.click("#getTask summary")
    page.chrome.find_element(By.CSS_SELECTOR, "#getTask [data-name=taskId]").send_keys("t")
    page.click("#getTask button")
    page.shows("#getTask pre", '"name": "<img src=x onerror=alert(1)>"')
    assert page.run("return document.images.length") == 0
    loaded = page.run("return performance.getEntriesByType('resource').map((one) => new URL(one.name).origin)")
    assert set(loaded) == {page.url}, "nothing is loaded from elsewhere"
