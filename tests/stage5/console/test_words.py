"""Every text is there in every language, with the same values in it; what pages say is there, and nothing else."""

import re
from pathlib import Path

import pytest

from stage5_ops.console import catalogue
from stage5_ops.console.catalogue import LANGUAGES, words

PACKAGE = Path(catalogue.__file__).parent
LITERAL = re.compile(r"""["']([a-z]+(?:\.[A-Za-z_-]+)+)["']""")
MADE = (
    "status.",
    "state.",
    "unit.",
    "role.",
    "problem.",
    "advice.",
    "health.",
    "nav.",
    "cancel.",
    "retry.",
    "drain.",
    "resume.",
    "submit.",
)
"""How ids begin whose ends are statuses, roles, kinds of problem, answers."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_the_same_texts_with_the_same_values(language: str) -> None:
    shape = {text_id: sorted(re.findall(r"{\w*}", text)) for text_id, text in words(language).texts.items()}
    assert shape == {text_id: sorted(re.findall(r"{\w*}", text)) for text_id, text in words("en").texts.items()}
    assert not [text_id for text_id, text in words(language).texts.items() if not text.strip()]


def test_every_text_is_said_somewhere_and_every_text_that_is_said_is_there() -> None:
    sources = [*PACKAGE.glob("*.py"), *PACKAGE.glob("templates/*.html")]
    said = {text_id for source in sources for text_id in LITERAL.findall(source.read_text())}
    said = {text_id for text_id in said if not text_id.endswith((".html", ".css", ".js", ".svg"))}
    known = set(words("en").texts)
    groups = {text_id.partition(".")[0] for text_id in known if "." in text_id}
    assert {text_id for text_id in said if text_id.partition(".")[0] in groups} <= known
    assert {one for one in known if not one.startswith(MADE)} <= said | {"again"}


def test_no_page_says_anything_that_is_in_no_catalogue() -> None:
    """Beside names of things that are the same in all languages."""
    same = {"dts", "task-api", "args", "again", "–", "→", "·"}
    for page in PACKAGE.glob("templates/*.html"):
        text = re.sub(
            r"{[{%#].*?[}%#]}|<(?:code|pre|svg).*?</(?:code|pre|svg)>|<[^>]*>", " ", page.read_text(), flags=re.DOTALL
        )
        assert set(re.findall(r"[^\W\d_]{2,}(?:-\w+)*", text)) <= same, page.name
