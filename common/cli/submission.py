"""From the options of `dts submit` to the submission that they mean."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import click

from common.domain.task import MAX_CONTENT, Submission


def submission_of(options: Mapping[str, Any], task_id: str) -> Submission:
    """What is to be submitted; `task_id` is used where neither --task-id nor --request-id is given.

    Raises InvalidTask, and click.UsageError where options contradict each other.
    """
    content, file = tuple(options["content"]), options["file"]
    values = {name: options[name] for name in _SAME_NAME if options[name] is not None}
    if file is not None:
        values.setdefault("name", Path(file.name).name)
    if options["args"]:
        values["args"] = list(options["args"])
    if options["env"]:
        values["env"] = dict(options["env"])
    for name in ("labels", "tags"):
        if options[name]:
            values[name] = dict(options[name])
    if options["start_by"] is not None:
        values |= _start_by(options["start_by"])
    if "request_id" not in values:
        # An answer may get lost: only with an id is asking again harmless.
        values.setdefault("task_id", task_id)
    return Submission.of(
        content=_content(content, file, argv=options["argv"]), type=_type(options["type"], file), **values
    )


_SAME_NAME = (
    *("name", "timeout", "retries", "retry_delay", "max_retry_delay", "backoff", "output_limit", "memory", "processes"),
    *("on_agent_lost", "strategy", "priority", "delay", "start_at", "task_id", "request_id"),
)


def _start_by(text: str) -> dict[str, Any]:
    try:
        return {"start_within": float(text)}
    except ValueError:
        return {"start_by": text}


def _content(content: Sequence[str], file: IO[bytes] | None, *, argv: bool) -> str | list[str]:
    if file is not None:
        if content or argv:
            raise click.UsageError("Give either CONTENT or --file; arguments for a script go in --arg.")
        return _read(file)
    if not content:
        raise click.UsageError("Nothing to run: give CONTENT, --file FILE, or - to read standard input.")
    if argv:
        return list(content)
    if len(content) > 1:
        raise click.UsageError("CONTENT is one argument: quote it, or use --argv to run a list without a shell.")
    return _read(sys.stdin.buffer) if content[0] == "-" else content[0]


def _read(stream: IO[bytes]) -> str:
    try:
        # One byte too many is enough to be told that it is too long, whatever stands behind the name.
        return stream.read(MAX_CONTENT + 1).decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{getattr(stream, 'name', 'the input')!r} is not UTF-8 text: {error}.") from None


def _type(given: str | None, file: IO[bytes] | None) -> str:
    if given:
        return given.upper()
    return "PYTHON" if file is not None and file.name.endswith(".py") else "SHELL"
