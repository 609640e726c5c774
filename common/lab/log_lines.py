"""Lines of log, read back: as text or as JSON, as common.log_formats writes them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

HEAD = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z) ([A-Z]+) (\S+) (.*)", re.DOTALL)
FIELD = re.compile(r" (task_id|attempt|agent|boot|epoch|tasks|request_id)=(\S+)$")
SET_IN = "    "
"""What stands before the lines of a stack, in text."""
OWN = ("time", "level", "logger", "event", "role", "member", "exception")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One event, and who logged it; text does not say who."""

    time: str
    level: str
    logger: str
    event: str
    role: str = ""
    member: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    exception: str = ""

    @property
    def text(self) -> str:
        """As the text format has it, for people; its stack is left out."""
        shown = ((name, value) for name, value in self.fields.items() if name not in ("pid", "host"))
        more = "".join(f" {name}={_plain(value)}" for name, value in shown)
        return f"{self.time} {self.level.upper()} {self.logger} {self.event}{more}"

    def attempt_of(self, task_id: str) -> int:
        """Which attempt of this task it is about; 0 where it does not say."""
        attempt = self.fields.get("attempt", 0) if self.fields.get("task_id") == task_id else 0
        named = [one.rpartition("/") for one in self._tasks()]
        attempt = next((number for name, _, number in named if name == task_id), attempt)
        return int(attempt) if str(attempt).isdecimal() else 0

    def _tasks(self) -> list[str]:
        tasks = self.fields.get("tasks", [])
        return [str(one) for one in tasks] if isinstance(tasks, list) else []


def events(lines: Iterable[str]) -> Iterator[LogLine]:
    """The events among these lines, each with its stack; what is no line of ours is passed over."""
    last: LogLine | None = None
    for line in lines:
        if last and line.startswith(SET_IN):
            last = replace(last, exception="\n".join(filter(None, [last.exception, line.removeprefix(SET_IN)])))
            continue
        if last:
            yield last
        last = read(line)
    if last:
        yield last


def read(line: str) -> LogLine | None:
    """One line; None where it is in neither format."""
    return _of_json(line) if line.startswith("{") else _of_text(line)


def readable(line: str) -> str:
    """A line as people read it; what is in no format of ours stays as it is."""
    found = _of_json(line) if line.startswith("{") else None
    return found.text if found else line


def _of_json(line: str) -> LogLine | None:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not {"time", "event"} <= set(said):
        return None
    own = {name: str(said.get(name, "")) for name in OWN}
    return LogLine(**own, fields={str(name): value for name, value in said.items() if name not in OWN})


def _of_text(line: str) -> LogLine | None:
    found = HEAD.fullmatch(line)
    if not found:
        return None
    time, level, logger, event = found.groups()
    fields: dict[str, Any] = {}
    # From the end: what an event itself says may look like a field, too.
    while last := FIELD.search(event):
        name, value = last.groups()
        fields = {name: value.split(",") if name == "tasks" else value, **fields}
        event = event[: last.start()]
    return LogLine(time, level.lower(), logger, event, fields=fields)


def _plain(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
