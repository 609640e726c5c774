"""A picture of a system as panels: what a person wants to see of it, each with the command that shows the same."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from common.cli.console import STATUS_STYLES, Cell, status_cell
from common.lab.picture import Picture, SeenRegistry, SeenTask, parsed
from common.lab.scenario import AGENTS, BUS, DOOR, PROCESSES, QUEUES, SAID, SCHEDULERS, TASKS
from common.rpc.providers import TASK_MANAGER, group_of

ALL = (TASKS, QUEUES, DOOR, BUS, SCHEDULERS, AGENTS, PROCESSES)
"""The panels of `dts look`, in their order."""
STATE_STYLES = {"running": "green", "frozen": "cyan", "stopped": "yellow", "dead": "bold red"}
MANY, FEW = 4, 2
"""Statuses of a task's trail that are shown, where there is room and where there is little; the last ones count."""
SAID_LINES = 4

Content = str | Cell | tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a panel; `key` tells it from the others, and is the same in the next picture."""

    key: str
    cells: Sequence[Content]
    moving: Content = ""
    """A last cell that always changes, such as the time left; it makes no news."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its rows under column headings; `commands` show the same data."""

    id: str
    commands: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[Row]

    def brief(self, rows: int) -> "Panel":
        """The same with no more than so many rows, and without queues in which nothing waits."""
        full = [row for row in self.rows if self.id != QUEUES or row == self.rows[0] or row.cells[2]]
        return replace(self, rows=full[:rows])


def panels(picture: Picture, which: Sequence[str] = ALL, *, statuses: int = MANY) -> list[Panel]:
    """The panels asked for, in that order. Those of Redis' data are left out while it is away, those that a stage
    has nothing for in any case.
    """
    makers: Mapping[str, Callable[[Picture], Panel]] = {
        TASKS: lambda picture: _tasks(picture, statuses),
        QUEUES: _queues,
        SCHEDULERS: _schedulers,
        BUS: _bus,
        DOOR: _door,
        AGENTS: _agents,
        PROCESSES: _processes,
        SAID: _said,
    }
    known = picture.registry or SeenRegistry()
    has = {SCHEDULERS: bool(known.schedulers), BUS: bool(picture.beats), DOOR: bool(known.managers)}
    there = [name for name in which if has.get(name, True)]
    return [makers[name](picture) for name in there if not picture.away or name in (PROCESSES, SAID)]


def counts(picture: Picture) -> list[Cell]:
    """How many tasks each status has, as far as there are any."""
    found = [status_cell(status) for status, number in picture.counts.items() if number]
    return [Cell(f"{cell.text} {picture.counts[cell.text]}", cell.style) for cell in found]


def plain(content: Content) -> str:
    """A cell's content as text."""
    parts = content if isinstance(content, tuple) else (content,)
    return "".join(part.text if isinstance(part, Cell) else part for part in parts)


def _tasks(picture: Picture, statuses: int) -> Panel:
    names = picture.names
    newest = next(iter(picture.tasks), "<taskId>")
    commands = (
        names.redis_cli("ZRANGE", names.keys.all, 0, 7, "REV"),
        names.redis_cli("HGETALL", names.keys.task(newest)),
        names.redis_cli("LRANGE", names.keys.history(newest), 0, -1),
    )
    rows = [Row(task.id, _task_cells(task, statuses)) for task in picture.tasks.values()]
    return Panel(TASKS, commands, ("task", "status", "attempt", "last_change", "output"), rows)


def _task_cells(task: SeenTask, statuses: int) -> Sequence[Content]:
    last: Mapping[str, Any] = task.history[-1] if task.history else {}
    change = f"{last.get('verb', '')} by {last.get('by', '')}" if last else ""
    return task.id, tuple(_trail(task, statuses)), task.fields.get("attempt", ""), change, _printed(task)


def _trail(task: SeenTask, many: int) -> Iterator[Cell]:
    last = task.trail[-many:] or [task.status]
    if len(task.trail) > many:
        yield Cell("… → ", "dim")
    for place, status in enumerate(last):
        if place:
            yield Cell(" → ", "dim")
        now = place == len(last) - 1
        yield status_cell(status) if now else Cell(status, f"dim {STATUS_STYLES.get(status, '')}")


def _printed(task: SeenTask) -> Content:
    """The last line that it printed; where it failed, why."""
    fields = task.fields
    if fields.get("reason"):
        return Cell(f"{fields['reason']}: {fields.get('error', '')}".rstrip(": "), "red")
    lines = (task.log or fields.get("result", "")).split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")


def _queues(picture: Picture) -> Panel:
    names, keys = picture.names, picture.names.keys
    dead = keys.dead_letters(keys.tasks_queue)
    order = (keys.tasks_queue, keys.pending, keys.delayed, dead)
    commands = (
        names.redis_cli("LRANGE", keys.tasks_queue, 0, -1),
        names.redis_cli("ZRANGE", keys.pending, 0, -1),
        names.redis_cli("ZRANGE", keys.delayed, 0, -1),
        names.redis_cli("LRANGE", dead, 0, -1),
    )
    rows = []
    for key in order:
        queue = picture.queues[key]
        head = next(iter(queue.head), "")
        style = "bold" if queue.length else "dim"
        rows.append(Row(key, (key, Cell(str(queue.length), style), _letter(head) if key == dead else head)))
    return Panel(QUEUES, commands, ("queue", "waiting", "first"), rows)


def _letter(text: str) -> Content:
    letter = parsed(text)
    if not letter:
        return text
    return (Cell(str(letter.get("reason", "")), "red"), Cell(" ← ", "dim"), Cell(str(letter.get("body", ""))))


def _schedulers(picture: Picture) -> Panel:
    known, names = picture.registry or SeenRegistry(), picture.names
    rows = []
    for name, info in sorted(known.schedulers.items()):
        leads = name == known.leader
        role = Cell("leads", "bold green") if leads else Cell("stands by", "dim")
        rows.append(Row(name, (name, role, str(known.epoch) if leads else "", str(info.get("pid", "")))))
    commands = (names.members("live-schedulers"), names.leader("scheduler"))
    return Panel(SCHEDULERS, commands, ("scheduler", "role", "epoch", "pid"), rows)


def _bus(picture: Picture) -> Panel:
    names = picture.names
    rows = []
    for one in picture.traffic:
        style = "bold" if one.waiting else "dim"
        sent = "" if one.sent is None else str(one.sent)
        rows.append(Row(one.name, (one.name, Cell(str(one.waiting), style)), moving=sent))
    refused = ", ".join(f"{answer} {count}" for answer, count in sorted(picture.refused.items()))
    if refused:
        rows.append(Row("refused", (Cell("refused", "dim"), Cell(refused, "dim"))))
    return Panel(BUS, (names.waiting_for_managers(), names.heartbeats()), ("destination", "waiting", "sent"), rows)


def _door(picture: Picture) -> Panel:
    known, names = picture.registry or SeenRegistry(), picture.names
    rows = [
        Row(address, (str(info.get("manager", "")), unquote(address), str(info.get("pid", ""))))
        for address, info in sorted(known.managers.items())
    ]
    commands = (names.members(group_of(TASK_MANAGER)), 'curl "$DTS_API_URL/readyz"')
    return Panel(DOOR, commands, ("manager", "address", "pid"), rows)


def _agents(picture: Picture) -> Panel:
    names = picture.names
    any_agent = next(iter(picture.leases), "<agentId>")
    key = names.keys.agent(any_agent)
    commands = [names.redis_cli("HGETALL", key), names.redis_cli("PTTL", key)]
    known = picture.registry if picture.registry and picture.registry.schedulers else None
    if known:
        commands.append(names.members("live-agents"))
    rows = []
    for name, lease in picture.leases.items():
        state = Cell("held", "green") if lease.fields else Cell("over", "bold red")
        seen = ([Cell("yes", "green") if name in known.agents else Cell("no", "bold red")]) if known else []
        facts = [lease.fields.get(field, "") for field in ("slots", "pid", "boot")]
        left = f"{lease.left:.1f} s" if lease.fields else ""
        holds = str(picture.held.get(name, 0))
        beat = picture.beats.get(name)
        load = [f"{beat.own:.0%}" if beat else ""] if picture.beats else []
        rows.append(Row(name, (name, *seen, state, holds, *facts), moving="  ".join([left, *load])))
    last = "left_and_load" if picture.beats else "left"
    columns = ("agent", *(["registered"] if known else []), "lease", "holds", "slots", "pid", "boot", last)
    return Panel(AGENTS, commands, columns, rows)


def _processes(picture: Picture) -> Panel:
    rows = [
        Row(member.name, (member.name, Cell(member.state, STATE_STYLES.get(member.state, "")), str(member.pid or "")))
        for member in picture.members
    ]
    for process in picture.processes:
        what = f"task {process.task_id}, attempt {process.attempt}: {process.name}"
        rows.append(Row(what, (what, Cell("running", "green"), str(process.pid))))
    return Panel(PROCESSES, ("dts ps", "ps axeww | grep '[T]ASK_ID='"), ("process", "state", "pid"), rows)


def _said(picture: Picture) -> Panel:
    rows = [
        Row(f"{agent} {place}", (agent, line))
        for agent, lines in picture.said.items()
        for place, line in enumerate(lines[-SAID_LINES:])
    ]
    commands = [f"tail {_log(picture.names.home, agent)}" for agent in picture.said]
    return Panel(SAID, commands, ("agent", "log"), rows)


def _log(home: Path, agent: str) -> Path:
    return home / "cluster.run" / f"{agent}.log"


class News:
    """Remembers the rows of former pictures, and so tells which have just changed. For one thread."""

    def __init__(self, fresh_for: float) -> None:
        self._fresh_for = fresh_for
        self._known: dict[tuple[str, str], tuple[Sequence[Content], float]] = {}
        self._seen: set[str] = set()

    def mark(self, shown: Sequence[Panel], now: float) -> set[tuple[str, str]]:
        """(panel, key) of the rows that changed within the last `fresh_for` seconds.

        In a panel that is shown for the first time nothing is new.
        """
        fresh = set()
        for panel in shown:
            for row in panel.rows:
                place = panel.id, row.key
                cells, since = self._known.get(place, ((), float("-inf")))
                if cells != row.cells:
                    since = now if panel.id in self._seen else float("-inf")
                    self._known[place] = (row.cells, since)
                if now - since < self._fresh_for:
                    fresh.add(place)
            self._seen.add(panel.id)
        return fresh
