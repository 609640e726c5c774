"""Acts at the door of a stage: requests to its REST API, and calls of its managers by who should not."""

import json
import shlex
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from common.domain.errors import Unavailable
from common.lab.answers import Answered
from common.lab.door import Door
from common.lab.errors import WrongState
from common.lab.names import Names
from common.lab.until import NotYet, until
from common.lab.worlds import World
from common.rpc.line import Line
from common.rpc.providers import TASK_MANAGER, addresses_in, group_of

WITHIN = 15.0
"""Seconds in which an answer must come."""
FEW = 5
"""Requests at once, of those that go on while something else is done."""
URL = '"$DTS_API_URL{path}"'
LET_IN = "-H 'Authorization: Bearer '\"$DTS_API_TOKEN\""
JSON = "'Content-Type: application/json'"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request; its answer is kept under `name`. `{task}` in the path is the id of `task`.

    With `times` the same request is made so often at once.
    """

    name: str
    method: str
    path: str
    task: str = ""
    body: Mapping[str, Any] | None = None
    times: int = 1
    token: bool = True
    """Whether it says who asks."""

    def command(self, names: Names) -> str:
        asked = curl(self.method, self._path(names), _body(self.body, names, self.task))
        asked = asked if self.token else asked.replace(f" {LET_IN}", "")
        return f"for i in $(seq {self.times}); do {asked} & done" if self.times > 1 else asked

    def perform(self, world: World, names: Names) -> None:
        names.answers.ask(self.name, self.command(names))
        door = _door(world) if self.token else replace(_door(world), token="")
        asked = _Request(self.name, self.method, self._path(names), _body(self.body, names, self.task))
        with ThreadPoolExecutor(self.times) as threads:
            list(threads.map(lambda one: _request(door, names, one), [asked] * self.times))

    def _path(self, names: Names) -> str:
        return self.path.format(task=names.id(self.task)) if self.task else self.path


@dataclass(frozen=True, slots=True)
class Keep:
    """Tasks `<name>-1`, `<name>-2` and so on are submitted, a few at once, while the scenario goes on."""

    name: str
    content: str
    times: int

    @property
    def tasks(self) -> list[str]:
        """What they are called."""
        return [f"{self.name}-{number}" for number in range(1, self.times + 1)]

    def command(self, names: Names) -> str:
        body = json.dumps({"taskId": names.id(f"{self.name}-$i"), "content": self.content})
        asked = curl("POST", "/api/v1/tasks", "").replace("-d ''", f"-d {json.dumps(body)}")
        return f"for i in $(seq {self.times}); do {asked}; done &"

    def perform(self, world: World, names: Names) -> None:
        """Returns when the first are answered."""
        names.answers.ask(self.name, self.command(names))
        bodies = iter([json.dumps({"taskId": names.id(task), "content": self.content}) for task in self.tasks])
        lock, door = threading.Lock(), _door(world)
        for _ in range(FEW):
            threading.Thread(target=self._submit, args=(door, names, _shared(bodies, lock)), daemon=True).start()
        try:
            until(lambda: len(names.answers.to(self.name)) >= FEW, WITHIN)
        except NotYet as late:
            raise Unavailable("the API does not answer") from late

    def _submit(self, door: Door, names: Names, bodies: Iterable[str]) -> None:
        for body in bodies:
            _request(door, names, _Request(self.name, "POST", "/api/v1/tasks", body))


@dataclass(frozen=True, slots=True)
class AskGate:
    """Somebody asks a manager by RPC whether a boot that is long gone may start a task."""

    name: str
    task: str

    def command(self, names: Names) -> str:
        asked = {"attempts": [[names.id(self.task), 1]], "agent": "agent-1", "boot": "long-gone"}
        return f'python -m stage4_api ask "$MANAGER" start {shlex.quote(json.dumps(asked))}'

    def perform(self, world: World, names: Names) -> None:
        found = world.registry.members(group_of(TASK_MANAGER)) if world.registry else {}
        addresses = addresses_in(found)
        if not addresses:
            raise WrongState("no task-manager answers calls here")
        names.answers.ask(self.name, self.command(names))
        asked = {"attempts": [[names.id(self.task), 1]], "agent": "agent-1", "boot": "long-gone"}
        with closing(Line(addresses[0], world.api.rpc_secret, TASK_MANAGER, WITHIN)) as line:
            ((answer, _),) = line.call("start", asked, WITHIN)
        names.answers.note(self.name, Answered(answer))


@dataclass(frozen=True, slots=True)
class Intrude:
    """Somebody who does not know the secret calls a manager."""

    name: str

    def command(self, names: Names) -> str:
        return 'DTS_RPC_SECRET=guessed python -m stage4_api ask "$MANAGER" counts'

    def perform(self, world: World, names: Names) -> None:
        names.answers.ask(self.name, self.command(names))
        found = world.registry.members(group_of(TASK_MANAGER)) if world.registry else {}
        for address in addresses_in(found)[:1]:
            try:
                with closing(Line(address, "guessed", TASK_MANAGER, WITHIN)):
                    names.answers.note(self.name, Answered("heard"))
            except Unavailable:
                names.answers.note(self.name, Answered("refused"))


def curl(method: str, path: str, body: str | None = None) -> str:
    """The command line for a request."""
    how = "" if method == "GET" else f" -X {method}"
    data = "" if body is None else f" -H {JSON} -d {shlex.quote(body)}"
    return f"curl -s{how} {URL.format(path=path)} {LET_IN}{data}"


def _door(world: World) -> Door:
    if not world.api.url:
        raise WrongState("there is no REST API here: DTS_API_URL is not set")
    return world.api


def _body(body: Mapping[str, Any] | None, names: Names, task: str) -> str | None:
    if body is None:
        return None
    own = names.id(task) if task else ""
    said = {name: own if value == "{task}" else value for name, value in body.items()}
    return json.dumps(said, ensure_ascii=False)


def _shared(bodies: Iterator[str], lock: threading.Lock) -> Iterator[str]:
    """Each of them once, whoever takes it."""
    while True:
        with lock:
            body = next(bodies, None)
        if body is None:
            return
        yield body


@dataclass(frozen=True, slots=True)
class _Request:
    name: str
    method: str
    path: str
    body: str | None


def _request(door: Door, names: Names, asked: _Request) -> None:
    data = None if asked.body is None else asked.body.encode()
    request = Request(f"{door.url}{asked.path}", method=asked.method, data=data)  # noqa: S310
    if door.token:
        request.add_header("Authorization", f"Bearer {door.token}")
    if data is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urlopen(request, timeout=WITHIN) as answer:  # noqa: S310
            answered = Answered(answer.status, _parsed(answer.read()))
    except HTTPError as refusal:
        with refusal:
            answered = Answered(refusal.code, _parsed(refusal.read()))
    except (OSError, HTTPException):
        answered = Answered(0)
    names.answers.note(asked.name, answered)


def _parsed(raw: bytes) -> Mapping[str, Any]:
    try:
        read = json.loads(raw)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
