"""Options that several commands share, so that they are spelt and explained once."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from common.domain.status import Status

F = TypeVar("F", bound=Callable[..., Any])

STATUS = click.Choice([str(status) for status in Status], case_sensitive=False)


class TaskIdType(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.4
    """A task's id; what can't be one is refused before the store is asked for it."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from pydantic import TypeAdapter, ValidationError

        from common.domain.task import TaskId

        try:
            return TypeAdapter[str](TaskId).validate_python(value)
        except ValidationError:
            self.fail(f"{value!r} can't be the id of a task.", param, ctx)


TASK_ID = TaskIdType()


class PairType(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.4
    """NAME=VALUE."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, sign, text = str(value).partition("=")
        if not sign:
            self.fail(f"{value!r} is not NAME=VALUE.", param, ctx)
        return name, text


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")

API_URL = "dts.api_url"
"""Under this name the context keeps what --api-url says."""

server_option = click.option(
    "--redis-url",
    metavar="URL",
    envvar="DTS_REDIS_URL",
    show_envvar=True,
    help="Where the tasks are kept; by default in the stage that `dts up` runs here.",
)


def _keep(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    ctx.meta[API_URL] = value


_api_option = click.option(
    "--api-url",
    metavar="URL",
    expose_value=False,
    callback=_keep,
    help="Ask this API instead, with the token DTS_API_TOKEN.  [default: $DTS_API_URL, else that of `dts up`, if any]",
)


def tasks_option(command: F) -> F:
    """Where the tasks are, by an API or at their Redis."""
    return server_option(_api_option(command))
