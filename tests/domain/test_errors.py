"""The tree of errors: what each promises about what happened."""

import inspect

from common.domain import errors
from common.domain.errors import DtsError

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, DtsError)]


def drawn() -> dict[str, str]:
    """Each error with the one that it stands under in the module's docstring."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in str(errors.__doc__).splitlines():
        if "──" in line or line.strip() == "DtsError":
            name = line.partition("── ")[2].split()[0] if "──" in line else "DtsError"
            depth = line.index(name)
            above = [(column, other) for column, other in above if column < depth]
            parents[name] = above[-1][1] if above else ""
            above.append((depth, name))
    return parents


def test_the_tree_that_is_drawn_is_the_one_that_there_is() -> None:
    assert drawn() == {kind.__name__: kind.__bases__[0].__name__ if kind is not DtsError else "" for kind in KINDS}


def test_only_a_lost_answer_leaves_in_doubt() -> None:
    assert [kind.__name__ for kind in KINDS if kind.may_have_happened] == ["Unanswered"]
