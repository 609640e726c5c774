"""The list of tasks, also where it is long; what is done to one or to many, also by two at once; and the form."""

import html
import re
from collections.abc import Callable

import pytest

from common.domain.query import Query
from common.domain.task import Submission
from tests.servers import RedisAt
from tests.stage5.console.conftest import Browser, Opens, Yard

IDS = re.compile(r'<tr data-key="([^"]+)"')


def listed(text: str) -> list[str]:
    return IDS.findall(text)


def test_filters_say_which_tasks_are_shown_and_stand_in_the_form_again(browser: Browser, yard: Yard) -> None:
    yard.submit("a", name="night-1", tags={"team": "blue", "zone": "x"})
    yard.submit("b", name="night-2", tags={"team": "red"})
    yard.submit("c", name="day", type="PYTHON")
    yard.run("b")
    found = {
        query: listed(browser.get(f"/tasks?{query}").text)
        for query in (
            "name=night",
            "tag=team:blue+zone:x",
            "type=PYTHON",
            "agent=agent-1",
            "status=RUNNING&status=SUCCESS",
        )
    }
    assert list(found.values()) == [["b", "a"], ["a"], ["c"], ["b"], ["b"]]
    assert listed(browser.get("/tasks?order=oldest&name=&agent=").text) == ["a", "b", "c"]
    assert 'value="team:blue zone:x"' in browser.get("/tasks?tag=team%3Dblue+zone:x").text


@pytest.mark.parametrize("query", ["status=DONE", "tag=rubbish", "cursor=rubbish", "limit=0", "name=" + "x" * 300])
def test_a_filter_that_can_not_be_read_is_told_on_the_page(browser: Browser, query: str) -> None:
    shown = browser.get(f"/tasks?{query}")
    assert (shown.status, "This can&#39;t be looked for" in shown.text) == (400, True)


def test_all_of_ten_thousand_tasks_are_reached_page_by_page(opens: Opens, redis_of: Callable[[str], RedisAt]) -> None:
    yard = Yard(redis_of("real").client())
    browser = opens(yard.service).browser()
    wanted = [f"t{number:05}" for number in range(10_000)]
    for first in range(0, 10_000, 1000):
        yard.service.submit([Submission.of(task_id=one, content="true") for one in wanted[first : first + 1000]], "me")
    seen, path = [], "/tasks?limit=1000"
    while path:
        text = browser.get(path).text
        seen += listed(text)
        found = re.search(r'rel="next" href="([^"]+)"', text)
        path = html.unescape(found[1]) if found else ""
    assert sorted(seen) == wanted


def test_those_that_are_ticked_are_cancelled_and_run_again(browser: Browser, yard: Yard) -> None:
    for name in "abc":
        yard.submit(name)
    yard.ends(yard.run("c"))
    shown = browser.post("/tasks/cancel", task=["a", "b", "c", "none"], back="/tasks?order=oldest")
    assert shown.headers["Location"] == "/tasks?order=oldest"
    told = browser.followed(shown).text
    assert "2 cancelled." in told
    assert "1 had ended already." in told
    assert "1 are not there any more." in told
    again = browser.followed(browser.post("/tasks/retry", task=["a", "c"])).text
    assert "1 wait to run again." in again
    assert "1 had succeeded" in again
    assert "2 cancelled." not in again


def test_where_nothing_is_ticked_nothing_is_done_and_that_is_said(browser: Browser, yard: Yard) -> None:
    yard.submit("a")
    assert "No task was ticked" in browser.followed(browser.post("/tasks/cancel")).text


def test_of_two_who_cancel_at_once_the_second_is_told_that_somebody_was_quicker(browser: Browser, yard: Yard) -> None:
    yard.submit("t")
    assert "It is cancelled." in browser.followed(browser.post("/tasks/t/cancel")).text
    second = browser.followed(browser.post("/tasks/t/cancel"))
    assert second.status == 200
    assert "Somebody was quicker" in second.text
    assert "It is now Cancelled." in second.text


def test_who_cancels_what_another_one_runs_again_meanwhile_sees_what_became_of_it(browser: Browser, yard: Yard) -> None:
    yard.submit("t")
    browser.post("/tasks/t/cancel")
    assert "It waits to run again." in browser.followed(browser.post("/tasks/t/retry")).text
    second = browser.followed(browser.post("/tasks/t/retry"))
    assert second.status == 200
    assert "Somebody was quicker: it waits to run again already." in second.text
    yard.ends(yard.run("t"))
    late = browser.followed(browser.post("/tasks/t/cancel")).text
    assert "it has ended already, as Success" in late


def test_what_is_said_of_a_deed_is_said_once(browser: Browser, yard: Yard) -> None:
    yard.submit("t")
    shown = browser.post("/tasks/t/cancel")
    # A page that looks for news meanwhile does not take it away.
    assert "It is cancelled." not in browser.get("/", **{"X-Live": "1"}).text.partition("<main")[2]
    assert "It is cancelled." in browser.followed(shown).text
    assert "It is cancelled." not in browser.get("/tasks/t").text


def test_a_task_that_is_submitted_is_shown(browser: Browser, yard: Yard) -> None:
    form = {
        "content": "echo hi\r\necho more",
        "name": "hello",
        "retries": "2",
        "timeout": "1.5",
        "priority": "9",
        "delay": "60",
        "tags": "team:blue night=yes",
        "labels": "gpu:yes",
        "env": "A=b c\r\nD=",
    }
    shown = browser.post("/tasks/new", **form)
    (task,) = yard.service.find(Query(), 2, "").tasks
    assert shown.headers["Location"] == f"/tasks/{task['taskId']}"
    wanted = {
        "content": "echo hi\necho more",
        "name": "hello",
        "retries": 2,
        "timeout": 1.5,
        "priority": 9,
        "delay": 60.0,
    }
    assert wanted.items() <= task.items()
    assert (task["tags"], task["env"]) == ({"team": "blue", "night": "yes"}, {"A": "b c", "D": ""})
    assert "It is stored, and will run." in browser.followed(shown).text


def test_a_form_that_is_sent_twice_is_one_task(browser: Browser, yard: Yard) -> None:
    found = re.search(r'name="requestId" value="([^"]+)"', browser.get("/tasks/new").text)
    assert found
    first, second = (browser.post("/tasks/new", content="true", requestId=found[1]) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert "it is the same task" in browser.followed(second).text
    assert yard.store.counts()["PENDING"] == 1  # type: ignore[index]


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("content", " ", "content: say what is to be run"),
        ("retries", "many", "retries: &#39;many&#39; is no whole number"),
        ("retries", "101", "retries: "),
        ("timeout", "soon", "timeout: &#39;soon&#39; is no number"),
        ("timeout", "nan", "timeout: "),
        ("tags", "rubbish", "tags: &#39;rubbish&#39; is not key:value"),
        ("env", "rubbish", "env: &#39;rubbish&#39; is not NAME=value"),
        ("type", "no type", "type: "),
    ],
)
def test_what_is_no_task_is_told_with_the_form_as_it_was(
    browser: Browser, yard: Yard, field: str, text: str, said: str
) -> None:
    shown = browser.post("/tasks/new", **({"content": "echo kept"} | {field: text}))
    assert shown.status == 422
    assert said in shown.text
    assert field == "content" or "echo kept" in shown.text
    assert sum(yard.store.counts().values()) == 0


def test_agents_are_drained_and_resumed_and_a_repeat_is_told(browser: Browser, yard: Yard) -> None:
    yard.agent("agent-1")
    assert "agent-1 gets nothing new" in browser.followed(browser.post("/agents/agent-1/drain")).text
    assert "agent-1 was drained already" in browser.followed(browser.post("/agents/agent-1/drain")).text
    assert "/agents/agent-1/resume" in browser.get("/agents").text
    assert "agent-1 gets tasks again" in browser.followed(browser.post("/agents/agent-1/resume")).text
    assert browser.post("/agents/nobody/drain").status == 404
