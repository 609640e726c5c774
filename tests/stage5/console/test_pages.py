"""Every page is there and says what there is and what there is not, in both languages, and what is wrong."""

import re

import pytest

from common.domain.result import Reason, failure
from tests.stage5.console.conftest import Browser, Yard

PAGES = ("/", "/tasks", "/tasks/new", "/agents", "/system", "/bus", "/dead-letters")


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_there_before_anything_else_is(browser: Browser, path: str, language: str) -> None:
    shown = browser.get(path, **{"Accept-Language": language})
    assert shown.status == 200
    assert f'<html lang="{language}">' in shown.text
    assert len(re.findall("<h1", shown.text)) == len(re.findall("<main", shown.text)) == 1


def test_who_has_no_task_yet_is_shown_how_to_submit_one(browser: Browser) -> None:
    for path in ("/", "/tasks"):
        text = browser.get(path).text
        assert "No task yet." in text
        assert "dts submit --wait" in text
        assert "/tasks/new?name=hello" in text


def test_a_filter_that_no_task_meets_does_not_say_that_there_are_none(browser: Browser, yard: Yard) -> None:
    yard.submit("t")
    assert "No task is like that" in browser.get("/tasks?status=FAILED").text


def test_a_task_is_told_from_its_begin_to_its_end(browser: Browser, yard: Yard) -> None:
    yard.submit("t", "echo hi", name="hello", tags={"team": "blue"}, retries=1)
    assert "Why not yet" in browser.get("/tasks/t").text
    held = yard.run("t")
    yard.prints(held, "first line\n")
    running = browser.get("/tasks/t").text
    assert "Why here" in running
    assert "first line" in running
    assert 'data-stream="/tasks/t/log/stream?attempt=1&amp;offset=11"' in running
    yard.ends(held, failure(Reason.TIMEOUT, "ran into its time limit"), "last line\n", 11)
    ended = browser.get("/tasks/t").text
    assert "team:blue" in ended
    assert "last line" in ended
    assert "TIMEOUT" in ended
    assert 'class="b-failed"' in ended


def test_of_a_long_output_the_end_is_shown_and_all_of_it_is_a_file(browser: Browser, yard: Yard) -> None:
    yard.submit("t")
    held = yard.run("t")
    text = "".join(f"line {number}\n" for number in range(20_000))
    yard.prints(held, text)
    page = browser.get("/tasks/t").text
    assert "line 19999" in page
    assert "line 7\n" not in page
    assert "Only the end is shown" in page
    whole = browser.get("/tasks/t/log")
    assert whole.text == text
    assert whole.headers["Content-Disposition"] == 'attachment; filename="t.1.txt"'


def test_an_earlier_attempts_output_is_shown_when_it_is_asked_for(browser: Browser, yard: Yard) -> None:
    yard.submit("t", retries=1, retry_delay=0)
    yard.ends(yard.run("t"), failure(Reason.EXIT_CODE, "exit code 1", exit_code=1), "of the first\n")
    yard.store.promote("leader")
    yard.prints(yard.run("t"), "of the second\n")
    assert "of the second" in browser.get("/tasks/t").text
    first = browser.get("/tasks/t?attempt=1").text
    assert "of the first" in first
    assert "data-stream" not in first
    assert browser.get("/tasks/t?attempt=3").status == 404


def test_agents_are_shown_with_what_they_hold(browser: Browser, yard: Yard) -> None:
    yard.submit("t")
    yard.run("t", "agent-7")
    text = browser.get("/agents").text
    assert "agent-7" in text
    assert "1 of 4" in text


def test_dead_letters_are_told_where_they_can_be_seen(browser: Browser, yard: Yard) -> None:
    yard.service.around = {
        "letters": [{"queue": "queue:tasks", "at": "", "reason": "no JSON", "id": "", "body": "rubbish"}],
        "traffic": [{"name": "queue:status", "waiting": 12345, "sent": None}],
    }
    assert "rubbish" in browser.get("/dead-letters").text
    assert "12\u202f345" in browser.get("/bus").text


def test_what_there_is_not_is_told_as_a_page_to_people_and_as_a_problem_to_programs(browser: Browser) -> None:
    page = browser.get("/nowhere", Accept="text/html")
    assert (page.status, "<h1>There is no such thing</h1>" in page.text) == (404, True)
    assert browser.get("/tasks/none").status == 404
    program = browser.get("/api/v1/nowhere", Accept="*/*")
    assert program.headers["Content-Type"] == "application/problem+json"


def test_where_no_manager_answers_pages_say_so_and_come_back(browser: Browser, yard: Yard) -> None:
    yard.service.away = "no task-manager answers"
    shown = browser.get("/")
    assert (shown.status, shown.headers["Retry-After"]) == (503, "1")
    assert "no task-manager answers" in shown.text
    yard.service.away = ""
    assert browser.get("/").status == 200


def test_the_language_is_the_browsers_own_until_one_is_chosen(browser: Browser) -> None:
    assert 'lang="zh-CN"' in browser.get("/", **{"Accept-Language": "zh-TW,zh;q=0.9,en;q=0.5"}).text[:200]
    assert 'lang="en"' in browser.get("/", **{"Accept-Language": "de"}).text[:200]
    chosen = browser.get("/language?to=zh-CN&back=/agents")
    assert chosen.headers["Location"] == "/agents"
    assert 'lang="zh-CN"' in browser.get("/", **{"Accept-Language": "en"}).text[:200]
