"""Every text is there in every language, with the same values in it, and is used."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.lab.scenario import Claim, Gap
from common.lab.stages import load_stages
from common.lab.texts import LANGUAGES, Texts, language_of, load

PHRASES = "common.cli.phrases"
CLI = Path(__file__).parents[2] / "common" / "cli"
PLACEHOLDER = re.compile(r"\{(\w*)\}")


def _lessons() -> Iterator[str]:
    for spec in load_stages().values():
        if spec.scenario:
            yield spec.scenario().texts


PACKAGES = [PHRASES, *_lessons()]


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_the_same_texts_with_the_same_values(package: str, language: str) -> None:
    assert _shape(load(package, language)) == _shape(load(package, "en"))


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty(package: str, language: str) -> None:
    assert [text_id for text_id, text in load(package, language).items() if not text] == []


def test_a_lesson_has_a_text_for_all_that_it_speaks_of_and_for_nothing_else() -> None:
    for spec in load_stages().values():
        if spec.scenario is None:
            continue
        scenario = spec.scenario()
        spoken = {"title", "intro"}
        for beat in scenario:
            spoken |= {f"{beat.id}.title", f"{beat.id}.say"}
            spoken |= {f"{beat.id}.{step.id}" for step in beat.steps if isinstance(step, Claim | Gap)}
        spoken |= {f"ledger.{name}" for name in [*scenario.ledger.holds, *scenario.ledger.lacks]}
        assert {text_id for text_id, _ in load(scenario.texts, "en").items()} == spoken


def test_every_phrase_is_used_and_every_phrase_that_is_used_is_there() -> None:
    used = {literal for literal in _literals() if re.fullmatch(r"(demo|verify|look|diff|panel|column)\.\w+", literal)}
    # Made of the names of profiles, panels, columns and verdicts.
    used |= {f"demo.{name}" for name in ("embedded", "real")}
    used |= {
        f"panel.{name}" for name in ("tasks", "queues", "bus", "door", "schedulers", "agents", "processes", "said")
    }
    used |= {f"verify.{name}" for name in ("held", "broken", "unknown")}
    used |= {f"column.{name}" for name in _columns()}
    assert {text_id for text_id, _ in load(PHRASES, "en").items()} == used


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh-CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW"}, "zh-CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh-CN"),
    ],
)
def test_the_language_is_the_one_that_the_environment_asks_for(environ: dict[str, str], language: str) -> None:
    assert language_of(environ) == language


def _shape(texts: Texts) -> dict[str, list[str]]:
    return {text_id: sorted(PLACEHOLDER.findall(text)) for text_id, text in texts.items()}


def _literals() -> Iterator[str]:
    for path in CLI.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def _columns() -> set[str]:
    from dataclasses import replace

    from common.cli.panels import panels
    from common.domain.messages import Beat
    from common.lab.names import Names
    from common.lab.picture import Picture, SeenQueue, SeenRegistry
    from common.lab.scenario import AGENTS, BUS, DOOR, PROCESSES, QUEUES, SAID, SCHEDULERS, TASKS
    from common.store.keys import Keys

    keys = Keys()
    order = (keys.tasks_queue, keys.pending, keys.delayed, keys.dead_letters(keys.tasks_queue))
    known = SeenRegistry(schedulers={"scheduler-1": {}}, managers={"rpc%3A%2F%2F127.0.0.1%3A1": {}})
    empty = Picture(Names(keys), queues={key: SeenQueue(key, 0) for key in order}, registry=known)
    beat = Beat("agent-1", "b", 1, 0, 0, 4, 0.0, 0.0, 0.0, 0.0, False, frozenset(), frozenset())
    pictures = (empty, replace(empty, beats={"agent-1": beat}))
    shown = [
        panel
        for picture in pictures
        for panel in panels(picture, (TASKS, QUEUES, BUS, DOOR, SCHEDULERS, AGENTS, PROCESSES, SAID))
    ]
    return {column for panel in shown for column in panel.columns}
