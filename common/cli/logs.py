"""`dts logs`: what a task printed."""

from typing import TYPE_CHECKING, Any

import click

from common.cli.options import TASK_ID, json_option, tasks_option

if TYPE_CHECKING:
    from common.domain.task import Task


@click.command(short_help="Print what a task printed; -f follows it live.")
@click.argument("task_id", metavar="ID", type=TASK_ID)
@click.option("-f", "--follow", is_flag=True, help="Go on until the task has ended, through all its attempts.")
@click.option("--attempt", type=click.IntRange(min=1), metavar="N", help="Of this attempt; default: the latest.")
@click.option("--raw", is_flag=True, help="On a terminal too, print control characters as they are.")
@json_option
@tasks_option
@click.pass_context
def logs(ctx: click.Context, /, task_id: str, **options: Any) -> None:
    """Print what a task printed, both its standard output and its standard error.

    A pipe gets the exact bytes. On a terminal control characters are shown as escapes like \\x1b, because
    a task's output can otherwise do what it likes with your terminal; --raw lets it.

    \b
    Examples:
      dts logs -f 01JC5W3N8Q0000000000000000
      dts logs 01JC5W3N8Q0000000000000000 --attempt 1 | less

    \b
    Exit codes: 0 printed (with -f: and it succeeded) · 1 with -f: it failed or was cancelled
      3 there is no such task or attempt · 5 no server
    """
    from common.cli.console import document, note
    from common.cli.failures import NotFound
    from common.cli.waiting import follow_output, print_output, task_goes_on, tell_end
    from common.cli.watching import Watcher
    from common.cli.where import place_of

    if options["follow"] and options["as_json"]:
        raise click.UsageError("--follow prints output as it comes, --json one document: use one of them.")
    with place_of(ctx, options["redis_url"]) as place:
        task = place.tasks.get(task_id)
        if task is None:
            raise NotFound(f"there is no task {task_id}. `dts list` shows which there are")
        attempt = _attempt(task, options["attempt"])
        watcher = Watcher(place.tasks, place.clock, task_id)
        if options["follow"]:
            with task_goes_on(task_id):
                ctx.exit(tell_end(follow_output(watcher, max(attempt, 1), raw=options["raw"])))
        if options["as_json"]:
            text = "".join(piece for piece, _ in watcher.log(attempt))
            document({"taskId": task_id, "attempt": attempt, "log": text})
        elif attempt:
            print_output(watcher, attempt, raw=options["raw"])
        else:
            note(f"It has not started yet; it is {task.status}.")


def _attempt(task: "Task", asked: int | None) -> int:
    from common.cli.failures import NotFound

    if asked is not None and asked > task.attempt:
        raise NotFound(f"task {task.task_id} has had {task.attempt} attempts so far, so there is no attempt {asked}")
    return asked or task.attempt
