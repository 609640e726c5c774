"""`dts get`, `list`, `cancel`, `retry`: looking at tasks, and changing what becomes of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from common.cli.exits import Exit
from common.cli.options import STATUS, TASK_ID, PairType, json_option, tasks_option

if TYPE_CHECKING:
    from common.cli.where import Place
    from common.domain.query import Query
    from common.domain.status import Answer
    from common.store.reading import Page

BY = "cli"
"""Who asks, in a task's history."""

_CANCELLED = {
    "OK": (Exit.OK, "cancelled"),
    "REQUESTED": (Exit.OK, "requested: it runs, and its agent ends it now"),
    "SAME": (Exit.OK, "asked before"),
    "TERMINAL": (Exit.REFUSED, "refused: it has ended already"),
    "NOT_FOUND": (Exit.NOT_FOUND, "not found"),
}
_RETRIED = {
    "OK": (Exit.OK, "waits to run again"),
    "SAME": (Exit.OK, "waits to run again already"),
    "STALE_STATE": (Exit.REFUSED, "refused: it has not ended yet"),
    "TERMINAL": (Exit.REFUSED, "refused: it succeeded; submit it anew to run it again"),
    "NOT_FOUND": (Exit.NOT_FOUND, "not found"),
}


@click.command(short_help="Show one task, and how it came to be as it is.")
@click.argument("task_id", metavar="ID", type=TASK_ID)
@click.option("--history", is_flag=True, help="Show every change of its status too.")
@click.option("--explain", is_flag=True, help="Show why it went to this agent, or to none yet.")
@json_option
@tasks_option
@click.pass_context
def get(ctx: click.Context, task_id: str, history: bool, explain: bool, as_json: bool, redis_url: str | None) -> None:
    """Show one task: what was asked, where it stands, how it ended.

    With --explain also what its scheduler knew when it last decided on it: by which strategy, what the agents held
    that it might have gone to (held/slots, +N where it may hold N more), or what stood in the way with each.

    \b
    Examples:
      dts get 01JC5W3N8Q0000000000000000 --history
      dts get nightly-backup --json | jq -r .status
      dts get nightly-backup --explain

    \b
    Exit codes: 0 shown, whatever its status · 3 there is no such task · 5 no server
    """
    from common.cli.console import details, document, say, table
    from common.cli.explaining import decision_details
    from common.cli.failures import NotFound
    from common.cli.task_view import TIMELINE, history_rows, task_details
    from common.cli.where import place_of
    from common.documents import task_document

    with place_of(ctx, redis_url) as place:
        task = place.tasks.get(task_id)
        if task is None:
            raise NotFound(f"there is no task {task_id}. `dts list` shows which there are")
        changes = place.tasks.history(task_id) if history else []
        decision = (place.tasks.explain(task_id) or {}) if explain else {}
        if as_json:
            shown = {"history": changes} if history else {}
            document({**task_document(task), **shown, **({"decision": decision} if explain else {})})
            return
        details(task_details(task, place.clock.time()))
        if explain:
            say("")
            details(decision_details(decision))
        if history:
            say("")
            table(TIMELINE, history_rows(changes), elastic=["more"])


@click.command("list", short_help="List tasks, newest first.")
@click.option("-s", "--status", "statuses", type=STATUS, multiple=True, help="Only those in this status (repeatable).")
@click.option("-t", "--type", "types", metavar="TYPE", multiple=True, help="Only those of this type (repeatable).")
@click.option("-n", "--name", metavar="BEGINNING", default="", help="Only those whose name begins so.")
@click.option("-a", "--agent", "agents", metavar="ID", multiple=True, help="Only those with this agent (repeatable).")
@click.option("--tag", "tags", type=PairType(), multiple=True, help="Only those with this tag (repeatable: with all).")
@click.option("--oldest-first", is_flag=True, help="Oldest first instead of newest first.")
@click.option("-l", "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@click.option("--cursor", default="", help="Go on where the last list ended; it told you this.")
@json_option
@tasks_option
@click.pass_context
def list_tasks(ctx: click.Context, /, **options: Any) -> None:
    """List tasks, newest first: by when they were made or, with --status, by when they got there.

    In a pipe the columns are: id, status, name, type, attempt, agent, created, seconds it ran.

    \b
    Examples:
      dts list --status FAILED --status CANCELLED
      dts list --status PENDING --oldest-first --limit 10
      dts list --tag team=a --tag stage=nightly --type python --name backup-
      dts list --limit 1000 | cut -f1,2
      dts list --json | jq -r '.tasks[].taskId'

    \b
    Exit codes: 0 listed, even if there is none · 2 that is no cursor · 5 no server
    """
    from common.cli.console import document, note, on_terminal, table
    from common.cli.task_view import ROW, task_row
    from common.cli.where import place_of
    from common.documents import task_document

    with place_of(ctx, options["redis_url"]) as place:
        page = _listed(place, _query(options), options["limit"], options["cursor"])
        if options["as_json"]:
            tasks = [task_document(task) for task in page.tasks]
            document({"tasks": tasks, "nextCursor": page.next_cursor or None})
            return
        now = place.clock.time()
        if page.tasks or not on_terminal():
            table(ROW, (task_row(task, now) for task in page.tasks), elastic=["name", "agent"])
        else:
            note("No tasks. `dts submit 'echo hello'` makes one.")
        if page.next_cursor:
            note(f"There are more: --cursor {page.next_cursor}")


def _query(options: Mapping[str, Any]) -> "Query":
    from common.domain.query import Query
    from common.domain.status import Status

    return Query(
        statuses=tuple(map(Status, options["statuses"])),
        types=tuple(type_.upper() for type_ in options["types"]),
        name=options["name"],
        agents=tuple(options["agents"]),
        tags=dict(options["tags"]),
        oldest_first=options["oldest_first"],
    )


def _listed(place: "Place", query: "Query", limit: int, cursor: str) -> "Page":
    """A full page, however many tasks are to be looked at for it; the last one may be shorter."""
    page = place.tasks.find(query, limit, cursor)
    while page.next_cursor and len(page.tasks) < limit:
        more = place.tasks.find(query, limit - len(page.tasks), page.next_cursor)
        page = replace(more, tasks=page.tasks + more.tasks)
    return page


@click.command(short_help="Cancel tasks; running ones are ended.")
@click.argument("task_ids", metavar="ID...", nargs=-1, required=True, type=TASK_ID)
@json_option
@tasks_option
@click.pass_context
def cancel(ctx: click.Context, task_ids: Sequence[str], as_json: bool, redis_url: str | None) -> None:
    """Cancel tasks. One that has not started is cancelled at once; a running one is ended by its agent soon.

    \b
    Examples:
      dts cancel 01JC5W3N8Q0000000000000000
      dts list --status PENDING | cut -f1 | xargs dts cancel

    \b
    Exit codes: 0 cancelled or requested · 3 not found · 4 it had ended already · 5 no server
      With several ids the largest of their codes.
    """
    _each(ctx, redis_url, task_ids, lambda place: place.tasks.cancel(task_ids, BY), _CANCELLED, as_json=as_json)


@click.command(short_help="Run failed or cancelled tasks again.")
@click.argument("task_ids", metavar="ID...", nargs=-1, required=True, type=TASK_ID)
@json_option
@tasks_option
@click.pass_context
def retry(ctx: click.Context, task_ids: Sequence[str], as_json: bool, redis_url: str | None) -> None:
    """Run failed or cancelled tasks again, with all their retries; the history keeps how they ended before.

    \b
    Examples:
      dts retry 01JC5W3N8Q0000000000000000
      dts list --status FAILED | cut -f1 | xargs dts retry

    \b
    Exit codes: 0 it waits to run · 3 not found · 4 it has not ended, or it succeeded · 5 no server
      With several ids the largest of their codes.
    """
    _each(ctx, redis_url, task_ids, lambda place: place.tasks.retry(task_ids, BY), _RETRIED, as_json=as_json)


def _each(
    ctx: click.Context,
    redis_url: str | None,
    task_ids: Sequence[str],
    ask: "Callable[[Place], Sequence[Answer]]",
    meanings: dict[str, tuple[Exit, str]],
    *,
    as_json: bool,
) -> None:
    """Ask for all ids at once, show the answer to each, and end with the worst of their exit codes."""
    from common.cli.console import document, table
    from common.cli.where import place_of

    with place_of(ctx, redis_url) as place:
        answers = ask(place)
    if as_json:
        document([{"taskId": task_id, "answer": answer} for task_id, answer in zip(task_ids, answers, strict=True)])
    else:
        rows = zip(task_ids, (meanings[answer][1] for answer in answers), strict=True)
        table(("task id", "answer"), rows)
    ctx.exit(max(meanings[answer][0] for answer in answers))
