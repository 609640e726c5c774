"""Ending: what agents, or managers in their names, tell of attempts, and how tasks come back from agents."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from common.domain.reports import Finished, Granted, LogChunk
from common.domain.result import Result
from common.domain.status import UNDER_WAY, Answer, Status
from common.domain.task import Task
from common.store.reading import readable
from common.store.writing import TaskWriter, answers_of, epoch_of, milliseconds
from common.transports.redis_client import redis_errors


class Ending(TaskWriter):
    """The verbs of those who know how an attempt goes on."""

    def begun(self, attempts: Sequence[tuple[Granted, float]], by: str) -> list[Answer]:
        """Attempts began so many seconds ago, where agents tell and don't ask: SCHEDULED or DISPATCHED -> RUNNING."""

        def item(task: Granted, seconds: float) -> tuple[list[str], list[Any]]:
            return self._own(task.task_id), [task.task_id, task.attempt, task.agent, task.boot, milliseconds(seconds)]

        return answers_of(self._batch("begun", by, [], [], (item(*attempt) for attempt in attempts)))

    def log(self, chunks: Sequence[LogChunk], by: str) -> list[Answer]:
        """More output of running attempts; pieces that are there already are not written twice."""

        def item(chunk: LogChunk) -> tuple[list[str], list[Any]]:
            task = chunk.task
            keys = [self.keys.task(task.task_id), self.keys.log(task.task_id, task.attempt)]
            return keys, [task.attempt, task.agent, task.boot, chunk.offset, chunk.text]

        return answers_of(self._batch("log", by, [], [], map(item, chunks)))

    def report(self, ends: Sequence[Finished], by: str, *, ungated: bool = False) -> list[tuple[Answer, Status | None]]:
        """An attempt ended: RUNNING -> final, or PENDING again while its budget lasts; with the status it now has.

        `ungated`: where agents start without asking, an end tells also that the attempt had begun.
        """
        limits, keys = self._limits, self.keys
        shared_keys = [keys.pending, keys.delayed, keys.bell, keys.dead, keys.cancelling]
        shared_args = [limits.lost, int(limits.longest_backoff * 1000)]
        items = (self._end(end, milliseconds(end.seconds) if ungated else "") for end in ends)
        answers = self._batch("report", by, shared_keys, shared_args, items)
        return [(Answer(answer), Status(status) if status else None) for answer, status, *_ in answers]

    def requeue(
        self, tasks: Sequence[Task], reason: str, by: str, epoch: int = 0
    ) -> list[tuple[Answer, Status | None]]:
        """Take tasks, as the asker saw them, back from their agents.

        `reason` AGENT_LOST: only where the boot's lease is gone; STUCK, HANDED_BACK: whatever its lease. A leader
        gives its epoch; an agent, which has none, speaks of what is its own.
        """
        keys, limits = self.keys, self._limits

        def item(task: Task) -> tuple[list[str], list[Any]]:
            return (
                [*self._own(task.task_id), keys.agent(task.agent), keys.held_tasks(task.agent)],
                [task.task_id, task.attempt, task.status, task.boot, reason],
            )

        shared = [keys.epoch, keys.pending, keys.bell, keys.dead, keys.cancelling]
        answers = self._batch("requeue", by, shared, [epoch_of(epoch), limits.lost], map(item, tasks))
        return [(Answer(answer), Status(status) if status else None) for answer, status in answers]

    def hand_back(self, attempts: Sequence[Granted], by: str) -> list[tuple[Task, Answer, Status | None]]:
        """Their agent has not started these and never will: PENDING again. What is not so any more is left out."""
        wanted = {(one.task_id, one.attempt, one.boot) for one in attempts}
        found = readable(self._hashes([one.task_id for one in attempts])) if attempts else []
        left = [
            task
            for task in found
            if (task.task_id, task.attempt, task.boot) in wanted and task.status in UNDER_WAY - {Status.RUNNING}
        ]
        answers = self.requeue(left, "HANDED_BACK", by)
        return [(task, answer, after) for task, (answer, after) in zip(left, answers, strict=True)]

    def applied(self, numbers: Mapping[str, tuple[str, int]], refused: Mapping[Answer, int]) -> None:
        """Managers: note for each agent the boot and number of its newest status update that is applied.

        `refused` counts updates by the answer they got.
        """
        with redis_errors(), self._redis.pipeline(transaction=False) as pipe:
            if numbers:
                pipe.hset(
                    self.keys.applied, mapping={agent: f"{boot} {number}" for agent, (boot, number) in numbers.items()}
                )
            for answer, count in refused.items():
                pipe.hincrby(self.keys.refused, answer, count)
            pipe.execute()

    def _end(self, end: Finished, ran: str | int) -> tuple[list[str], list[Any]]:
        task, result = end.task, end.result
        exit_code = "" if result.exit_code is None else result.exit_code
        return (
            [*self._own(task.task_id), self.keys.log(task.task_id, task.attempt), self.keys.held_tasks(task.agent)],
            [
                *(task.task_id, task.attempt, task.agent, task.boot),
                *(result.status, result.reason or "", exit_code, result.error, result.output, result.output_bytes),
                *(_budget(result), self._jitter(), end.log.offset, end.log.text),
                json.dumps(result.proof.record()) if result.proof else "",
                ran,
            ],
        )


def _budget(result: Result) -> str:
    """Which of the task's budgets this end is charged to; '' where it is an end for good."""
    if result.charged:
        return "retries"
    if not result.handed_back:
        return ""
    return "lost" if result.reason == "AGENT_ERROR" else "none"
