"""Browse: a page at the door of a stage is opened, for whoever watches the lesson with a browser at hand."""

from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import Request, urlopen

from common.lab.answers import Answered
from common.lab.names import Names
from common.lab.worlds import World

WITHIN = 15.0


@dataclass(frozen=True, slots=True)
class Browse:
    """Asks for a page as a browser does; what came back is kept under `name`."""

    name: str
    path: str

    def command(self, names: Names) -> str:
        return f"xdg-open {names.door.url}{self.path}   # token: {names.door.token}"

    def perform(self, world: World, names: Names) -> None:
        url = f"{world.api.url}{self.path}"
        names.answers.ask(self.name, self.command(names))
        try:
            with urlopen(Request(url, headers={"Accept": "text/html"}), timeout=WITHIN) as answer:  # noqa: S310
                kind = answer.headers.get_content_type()
            names.answers.note(self.name, Answered(kind))
        except URLError as error:
            names.answers.note(self.name, Answered(getattr(error, "code", 0)))
        names.show_page(url)
