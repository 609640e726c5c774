"""One page of tasks out of several statuses."""

from collections.abc import Sequence

import click

from common.domain.status import Status
from common.domain.task import Task
from common.store.reading import Page, TaskReader


def page_of(store: TaskReader, statuses: Sequence[str], limit: int, cursor: str) -> Page:
    """Up to `limit` tasks: of all, or of `statuses` in that order, each newest first.

    A cursor over statuses is `<STATUS>/<cursor in it>`. Raises click.UsageError or InvalidTask where it is neither.
    """
    if not statuses:
        return store.page(None, limit, cursor)
    wanted = [Status(status) for status in dict.fromkeys(statuses)]
    begin, _, inner = cursor.partition("/")
    if cursor and begin not in wanted:
        raise click.UsageError(f"The cursor {cursor!r} is none of a list of {', '.join(wanted)}.")
    tasks: list[Task] = []
    for status in wanted[wanted.index(Status(begin)) if cursor else 0 :]:
        if len(tasks) >= limit:
            return Page(tasks, f"{status}/")
        page = store.page(status, limit - len(tasks), inner)
        tasks += page.tasks
        if page.next_cursor:
            return Page(tasks, f"{status}/{page.next_cursor}")
        inner = ""
    return Page(tasks, "")
