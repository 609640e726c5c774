"""What a stage's composition root wires, read from its source: which part stands in which place.

    inbox = SelfAssign(…)                    place "inbox", part "SelfAssign"
    Recover(store, replay=Replay(spool))     place "Recover" itself, and place "replay", part "Replay"

So two stages can be compared without running either.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from importlib.resources import as_file, files
from pathlib import Path

from common.lab.stages import StageSpec

OURS = ("common", "stage")
"""How the packages of dts begin."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A place in which one stage has other parts than the other; a stage that has no such place has none."""

    place: str
    before: Sequence[str]
    after: Sequence[str]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of dts: its path below the root of the sources, its length, and the first line of its docstring."""

    path: str
    lines: int
    about: str


@dataclass(frozen=True, slots=True)
class Difference:
    """How a stage differs from another."""

    wires: Sequence[Wire]
    files: Sequence[SourceFile]
    """Those that only the second one stands on: of its own, and what its composition root newly takes from common."""
    diff: Sequence[str]
    """The two composition roots as `diff -u` shows them, without line ends."""


def difference(before: StageSpec, after: StageSpec, known: Sequence[StageSpec]) -> Difference:
    """What changes from one stage to the other; `known` are all stages, lowest first."""
    old, new = _Root(before.package), _Root(after.package)
    places = [*new.wires, *(place for place in old.wires if place not in new.wires)]
    wires = [Wire(place, old.wires.get(place, ()), new.wires.get(place, ())) for place in places]
    added = [path for path in _lineage(after, new, known) if path not in set(_lineage(before, old, known))]
    diff = unified_diff(old.source.splitlines(), new.source.splitlines(), old.path, new.path, lineterm="")
    return Difference(
        [wire for wire in wires if set(wire.before) != set(wire.after)], [_file(path) for path in added], list(diff)
    )


class _Root:
    """A composition root as it is written."""

    def __init__(self, package: str) -> None:
        self.path = f"{package}/__main__.py"
        self.source = _text(self.path)
        tree = ast.parse(self.source)
        self.imported = {
            alias.asname or alias.name: statement.module
            for statement in ast.walk(tree)
            if isinstance(statement, ast.ImportFrom) and statement.module and statement.module.startswith(OURS)
            for alias in statement.names
        }
        wires: dict[str, list[str]] = {}
        for place, part in self._placed(tree, ""):
            parts = wires.setdefault(place, [])
            if part not in parts:
                parts.append(part)
        self.wires: Mapping[str, Sequence[str]] = wires

    def _placed(self, node: ast.AST, place: str) -> Iterator[tuple[str, str]]:
        """(place, part) of all parts that are made within `node`, which itself stands in `place`."""
        if isinstance(node, ast.Raise):
            return
        if isinstance(node, ast.Call) and (part := self._part(node.func, named=bool(place))):
            yield place or part, part
        for child, its_place in _children(node, place):
            yield from self._placed(child, its_place)

    def _part(self, made: ast.expr, *, named: bool) -> str:
        """The class of ours that is called; where its outcome gets a name, a function too."""
        if not isinstance(made, ast.Name) or made.id not in self.imported:
            return ""
        return made.id if named or made.id[0].isupper() else ""


def _children(node: ast.AST, place: str) -> Iterator[tuple[ast.AST, str]]:
    """What is directly within, with the place it stands in; both sides of a choice stand where its outcome does."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        yield from _assigned(target, node.value)
    elif isinstance(node, ast.keyword):
        yield node.value, node.arg or ""
    else:
        within = place if isinstance(node, ast.IfExp | ast.BoolOp) else ""
        yield from ((child, within) for child in ast.iter_child_nodes(node))


def _assigned(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[ast.AST, str]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        for one, its_value in zip(target.elts, value.elts, strict=True):
            yield from _assigned(one, its_value)
    elif value is not None:
        yield value, target.id if isinstance(target, ast.Name) else ""


def _lineage(stage: StageSpec, root: _Root, known: Sequence[StageSpec]) -> list[str]:
    """The files of this stage and of those below it, and what its root takes from elsewhere."""
    own = [path for spec in known if spec.number <= stage.number for path in _own_files(spec.package)]
    named = {f"{module}.{name}" for name, module in root.imported.items()} | set(root.imported.values())
    taken = [f"{name.replace('.', '/')}.py" for name in sorted(named) if "." in name]
    return list(dict.fromkeys([*own, *(path for path in taken if _place(path).is_file())]))


def _own_files(package: str) -> list[str]:
    folder = _place(package)
    found = sorted(path.relative_to(folder.parent) for path in folder.rglob("*.py"))
    return [str(path) for path in found if path.stem != "__init__"]


def _file(path: str) -> SourceFile:
    text = _text(path)
    about = ast.get_docstring(ast.parse(text)) or ""
    return SourceFile(path, len(text.splitlines()), about.partition("\n")[0])


def _text(path: str) -> str:
    return _place(path).read_text(encoding="utf-8")


def _place(path: str) -> Path:
    """Where a path below the root of the sources is on this machine."""
    package, *rest = Path(path).parts
    with as_file(files(package)) as folder:
        return folder.joinpath(*rest)
