"""Two agents of one id: the one that lives stays, unhurt; the other says why it goes."""

import time
from pathlib import Path

from common.domain.errors import DuplicateAgent
from common.domain.status import Status
from common.lab.until import until
from common.store.keys import Keys
from tests.servers import ServerAt
from tests.stage1.conftest import StartAgent, StartLiving
from tests.stage1.desk import Desk

LEASE = 1.2


def test_the_second_ends_with_a_clear_word_and_the_first_goes_on(
    server: ServerAt, person: Desk, bare_agents: StartAgent
) -> None:
    first = bare_agents(server.url, lease=LEASE).ready()
    task_id = person.push("touch precious; echo started; until [ -e go ]; do sleep 0.02; done; ls; echo $PWD")
    person.printed(task_id, "started\n")
    boot = person.task(task_id).boot

    second = bare_agents(server.url, lease=LEASE)

    assert second.exit_code() == 1
    assert (
        "Error: another live process is agent 'agent-1'; stop it, or give this one another id with --id" in second.log
    )
    assert second.log.count("waiting: the lease of agent 'agent-1' is still held") == 1
    assert "Traceback" not in second.log
    assert first.lives
    # Its directory is still there, with all that is in it.
    (directory,) = Path(first.home, "work", "agent-1", boot).iterdir()
    (directory / "go").touch()
    (task,) = person.succeeded(task_id)
    assert (task.attempt, task.boot) == (1, boot)
    assert person.log(task_id) == f"started\ngo\nprecious\n{directory}\n"
    person.works()


def test_it_takes_over_when_the_first_was_killed(server: ServerAt, person: Desk, bare_agents: StartAgent) -> None:
    first = bare_agents(server.url, lease=LEASE).ready()
    task_id = person.push("[ $TASK_ATTEMPT = 2 ] || exec sleep 60")
    person.running(task_id)
    second = bare_agents(server.url, lease=LEASE)
    second.says("waiting: the lease")
    first.kill()
    second.ready()
    assert person.succeeded(task_id)[0].attempt == 2


def test_it_takes_over_at_once_when_the_first_was_stopped(
    server: ServerAt, person: Desk, bare_agents: StartAgent
) -> None:
    first = bare_agents(server.url, lease=30).ready()
    second = bare_agents(server.url, lease=30)
    second.says("waiting: the lease")
    asked = time.monotonic()
    first.term()
    second.ready()
    assert time.monotonic() - asked < 5
    assert first.exit_code() == 0
    person.works()


def test_agents_of_other_ids_share_a_home_and_do_not_hurt_each_other(
    server: ServerAt, person: Desk, bare_agents: StartAgent, tmp_path: Path
) -> None:
    bare_agents(server.url, slots=1).ready()
    first = person.push(f"touch precious; echo started; until [ -e {tmp_path}/go ]; do sleep 0.05; done; ls")
    person.printed(first, "started\n")
    bare_agents(server.url, agent="agent-2").ready()
    second = person.push("true")
    assert person.succeeded(second)[0].agent == "agent-2"
    (tmp_path / "go").touch()
    assert person.succeeded(first)[0].agent == "agent-1"
    assert person.log(first) == "started\nprecious\n"


def test_agents_of_two_platforms_may_have_one_id_and_one_home(
    server: ServerAt, person: Desk, bare_agents: StartAgent, tmp_path: Path
) -> None:
    """As two people do who try dts in the same directory of the same machine."""
    bare_agents(server.url).ready()
    first = person.push(f"touch precious; echo started; until [ -e {tmp_path}/go ]; do sleep 0.05; done; ls")
    person.printed(first, "started\n")
    dead = tmp_path / "work" / "agent-1" / "a-boot-that-is-gone"
    dead.mkdir()
    bare_agents(server.url, namespace="other:").ready()
    until(lambda: not dead.exists())
    Desk(server.client(), Keys("other:")).works()
    (tmp_path / "go").touch()
    (task,) = person.succeeded(first)
    assert task.attempt == 1
    assert person.log(first) == "started\nprecious\n"


def test_in_this_process_too_the_second_is_refused(desk: Desk, living: StartLiving) -> None:
    living(lease=1)
    second = living(lease=1)
    second.gone()
    assert isinstance(second.error, DuplicateAgent)
    desk.works()
    assert desk.store.counts()[Status.SUCCESS] == 1
