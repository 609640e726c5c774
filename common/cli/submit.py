"""`dts submit`: hand over a task and, if wanted, wait for it or watch it."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from common.cli.options import TASK_ID, PairType, json_option, tasks_option

if TYPE_CHECKING:
    from common.cli.where import Place
    from common.domain.task import Submission
    from common.store.submitting import Submitted

BY = "cli"
"""Who asks, in a task's history."""
REPEATS = 3
"""How often a submission is sent until an answer comes; its id makes that harmless."""


@click.command(short_help="Submit a task; with --wait, wait for its end.")
@click.argument("content", nargs=-1)
@click.option("-f", "--file", type=click.File("rb"), help="Read the content from a file.")
@click.option("-t", "--type", metavar="TYPE", help="SHELL, PYTHON or another that agents know; guessed from --file.")
@click.option("-n", "--name", help="What people will call it.")
@click.option("--timeout", type=float, metavar="SECONDS", help="End it when it runs longer than this.")
@click.option("--retries", type=int, metavar="N", help="Run it up to N times more if it fails.")
@click.option(
    "--retry-delay", type=float, metavar="SECONDS", help="Wait about so long before a retry, longer each time."
)
@click.option("--max-retry-delay", type=float, metavar="SECONDS", help="Wait no longer than this before any retry.")
@click.option(
    "--backoff",
    type=click.Choice(["exponential", "fixed"]),
    help="Wait longer each time, by chance more or less (usual), or always just the delay.",
)
@click.option("-e", "--env", type=PairType(), multiple=True, help="Set a variable in its environment (repeatable).")
@click.option("-a", "--arg", "args", metavar="ARG", multiple=True, help="Give the script an argument (repeatable).")
@click.option("--argv", is_flag=True, help="Run CONTENT and all further arguments as a list, without a shell.")
@click.option("--output-limit", type=int, metavar="BYTES", help="Keep this much of its output, head and tail.")
@click.option("--memory", metavar="BYTES", help="End it when all its processes use more memory, like 512MiB.")
@click.option("--processes", type=int, metavar="N", help="Let it have no more processes and threads at once.")
@click.option(
    "--on-agent-lost", type=click.Choice(["requeue", "fail"]), help="What to do if the machine it runs on is lost."
)
@click.option(
    "--label", "labels", type=PairType(), multiple=True, help="Run it only where agents have this label (repeatable)."
)
@click.option("--strategy", metavar="NAME", help="How an agent is chosen for it, like least-load or round-robin.")
@click.option("--priority", type=int, metavar="0-9", help="9 comes first, 0 last; 4 is usual. None waits for ever.")
@click.option("--delay", type=float, metavar="SECONDS", help="Start it so much later.")
@click.option("--start-at", metavar="TIME", help="Start it then, not before, like 2026-11-07T03:00Z.")
@click.option(
    "--start-by", metavar="TIME|SECONDS", help="Give it up if it has not started by then, or so long after it might."
)
@click.option("--tag", "tags", type=PairType(), multiple=True, help="Something to find it by (repeatable).")
@click.option("--task-id", metavar="ID", type=TASK_ID, help="Use this id instead of a new one.")
@click.option("--request-id", metavar="ID", help="Submitting again with the same one makes no second task.")
@click.option("-w", "--wait", is_flag=True, help="Wait for its end, then print its output.")
@click.option("--follow", is_flag=True, help="Print its output as it comes, until its end.")
@json_option
@tasks_option
@click.pass_context
def submit(ctx: click.Context, /, **options: Any) -> None:
    """Submit CONTENT as a task: a shell command line, a script (--file), or what stands on standard input (-).

    Prints the new task's id. With --wait or --follow it prints the task's output instead, and what else
    there is to say goes to standard error.

    \b
    Examples:
      dts submit 'echo hello'
      dts submit --wait --timeout 60 'make test'
      dts submit --file clean.py --arg --all --retries 3 --follow
      dts submit --argv -- ls -l /
      dts submit --memory 512MiB --processes 100 --file build.sh
      dts submit --retries 20 --retry-delay 60 --backoff fixed 'ping -c 1 far.example'
      dts submit --start-at 2026-11-07T03:00+01:00 --start-by 3600 --priority 7 backup.sh
      echo 'date; uptime' | dts submit --wait -
      id=$(dts submit --request-id nightly-2026-11-07 'backup.sh')

    \b
    Exit codes: 0 submitted (with --wait: it succeeded) · 1 it failed or was cancelled
      2 that is no task · 4 refused: the id has another task, or too many wait · 5 no server
    """
    from common.cli.submission import submission_of
    from common.cli.where import place_of
    from common.domain.ids import Ids

    if options["follow"] and options["as_json"]:
        raise click.UsageError("--follow prints output as it comes, --json one document: use --wait with --json.")
    with place_of(ctx, options["redis_url"]) as place:
        own_id = Ids(place.clock).new()
        submitted = _send(place, submission_of(options, own_id), own_id)
        _refuse(submitted, as_json=options["as_json"])
        if options["wait"] or options["follow"]:
            ctx.exit(_watch(place, submitted, follow=options["follow"], as_json=options["as_json"]))
        _tell(place, submitted, as_json=options["as_json"])


def _send(place: "Place", submission: "Submission", own_id: str) -> "Submitted":
    """Submit, again where no answer comes. That an id made here is taken already can only have been ourselves."""
    from common.domain.errors import Unanswered
    from common.domain.status import Answer

    for repeats_left in reversed(range(REPEATS)):
        try:
            submitted = place.tasks.submit_all([submission], BY)[0]
            break
        except Unanswered as error:
            if not repeats_left:
                option = f"--request-id {submission.request_id}" if submission.request_id else f"--task-id {own_id}"
                raise Unanswered(f"{error}. To be sure, submit the same again with {option}") from error
    if submitted.answer is Answer.SAME and submitted.task_id == own_id:
        return replace(submitted, answer=Answer.OK)
    return submitted


def _refuse(submitted: "Submitted", *, as_json: bool) -> None:
    from common.cli.console import document
    from common.cli.failures import Refused
    from common.domain.status import Answer

    if submitted.answer.done:
        return
    if as_json:
        document({"taskId": submitted.task_id, "answer": submitted.answer, "status": None})
    if submitted.answer is Answer.CONFLICT:
        raise Refused(
            f"that id belongs to task {submitted.task_id}, which says something else; nothing was submitted. "
            f"`dts get {submitted.task_id}` shows it"
        )
    raise Refused("too many tasks wait already; nothing was submitted. Try again when some have run")


def _tell(place: "Place", submitted: "Submitted", *, as_json: bool) -> None:
    from common.cli.console import document, note, say
    from common.domain.status import Answer, Status

    task_id, status = submitted.task_id, Status.PENDING
    if submitted.answer is Answer.SAME:
        task = place.tasks.get(task_id)
        status = task.status if task else status
        note(f"This was submitted before; it is {status} now.")
    if as_json:
        document({"taskId": task_id, "answer": submitted.answer, "status": status})
        return
    say(task_id)
    if sys.stderr.isatty():
        note(f"`dts logs -f {task_id}` follows it, `dts get {task_id}` shows it.")


def _watch(place: "Place", submitted: "Submitted", *, follow: bool, as_json: bool) -> int:
    """Wait for the task's end and print what it printed, or all of it as a document; returns the exit code."""
    from common.cli.console import document, note
    from common.cli.waiting import follow_output, print_output, task_goes_on, tell_end, wait_for_end
    from common.cli.watching import Watcher
    from common.documents import task_document

    watcher = Watcher(place.tasks, place.clock, submitted.task_id)
    with task_goes_on(submitted.task_id):
        note(f"task {submitted.task_id}")
        if follow:
            return tell_end(follow_output(watcher, attempt=1))
        task = wait_for_end(watcher, place.clock)
        if as_json:
            document({**task_document(task), "answer": submitted.answer})
        else:
            print_output(watcher, task.attempt)
        return tell_end(task)
