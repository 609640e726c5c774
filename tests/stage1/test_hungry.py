"""Tasks that want more than there is, or all there is: memory, processes, time. The agent serves the others as ever."""

from pathlib import Path

import pytest

from common.domain.result import Reason
from common.domain.status import Status
from common.lab.task_processes import task_processes
from common.lab.until import until
from tests.servers import ServerAt
from tests.stage1.conftest import StartAgent
from tests.stage1.desk import Desk
from tests.stage1.processes import gone

CHILDREN = 200
FORKS = f"""
import os, sys, time
for number in range({CHILDREN}):
    if os.fork() == 0:
        # Every other one leaves its group.
        if number % 2:
            os.setsid()
        with open(sys.argv[1], "a") as pids:
            pids.write(f"{{os.getpid()}}\\n")
        time.sleep(1000)
while len(open(sys.argv[1]).readlines()) < {CHILDREN}:
    time.sleep(0.01)
print("all there", flush=True)
if sys.argv[2] == "stay":
    time.sleep(1000)
"""
EATS = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
print("eating", flush=True)
eaten = []
while True:
    eaten.append(bytearray(10 << 20))
"""


@pytest.fixture
def agent_there(server: ServerAt, agents: StartAgent) -> None:
    agents(server.url, slots=4).ready()


def forked(pids: Path) -> list[int]:
    return [int(line) for line in pids.read_text().split()]


@pytest.mark.usefixtures("agent_there")
def test_a_task_that_may_have_no_more_memory_fails_and_says_why(person: Desk) -> None:
    task = person.ran(type="PYTHON", content=EATS)
    assert task.result
    assert (task.status, task.result.reason, task.result.error) == (Status.FAILED, Reason.EXIT_CODE, "exit code 1")
    assert task.result.output.startswith("eating\n")
    assert task.result.output.endswith("MemoryError\n")
    person.works()


@pytest.mark.usefixtures("agent_there")
@pytest.mark.parametrize("ending", ["end", "cancel", "timeout"])
def test_nothing_is_left_of_two_hundred_children(person: Desk, tmp_path: Path, ending: str) -> None:
    pids = tmp_path / "pids"
    task_id = person.push(
        FORKS,
        type="PYTHON",
        args=[str(pids), "go" if ending == "end" else "stay"],
        timeout=3 if ending == "timeout" else 60,
    )
    if ending == "cancel":
        person.printed(task_id, "all there")
        assert len([pid for pid in forked(pids) if not gone(pid)]) == CHILDREN
        person.cancel(task_id)
    task = person.ended(task_id)
    assert task.status is {"end": Status.SUCCESS, "cancel": Status.CANCELLED, "timeout": Status.FAILED}[ending]
    assert len(forked(pids)) == CHILDREN
    assert [pid for pid in forked(pids) if not gone(pid)] == []
    person.works()


def test_two_hundred_tasks_run_at_once_on_one_agent(
    server: ServerAt, person: Desk, agents: StartAgent, tmp_path: Path
) -> None:
    agent = agents(server.url, slots=200, lease=2).ready()
    gate = tmp_path / "open"
    ids = person.push_many([f"until [ -e {gate} ]; do sleep 0.5; done; echo through"] * 200)
    until(lambda: len({process.task_id for process in task_processes(tmp_path)}) == 200, 50)
    assert person.store.counts()[Status.RUNNING] == 200
    gate.touch()
    tasks = person.succeeded(*ids)
    assert {(task.attempt, task.result and task.result.output) for task in tasks} == {(1, "through\n")}
    assert "lease lost" not in agent.log
    person.settled()


def test_a_thousand_short_tasks_run_while_a_long_one_does(server: ServerAt, person: Desk, agents: StartAgent) -> None:
    agent = agents(server.url, slots=4, lease=2).ready()
    long = person.push("echo begun; exec sleep 60")
    person.printed(long, "begun\n")
    short = person.push_many([f"echo {number}" for number in range(1000)])
    until(lambda: person.store.counts()[Status.SUCCESS] == 1000, 50)
    tasks = [task for task in person.store.get_many(short) if task]
    assert [task.result and task.result.output for task in tasks] == [f"{number}\n" for number in range(1000)]
    assert {task.attempt for task in tasks} == {1}
    assert person.task(long).status is Status.RUNNING
    assert person.task(long).attempt == 1
    assert "lease lost" not in agent.log
    person.cancel(long)
    assert person.ended(long).status is Status.CANCELLED
    person.settled()
