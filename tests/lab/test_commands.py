"""`dts up`, `ps`, `env`, `down` and `fault`, as a person runs them, on the real stage 1."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from common.cli.cluster import FAULTS as OFFERED
from common.cli.exits import Exit
from common.lab.faults import FAULTS
from common.lab.home import MARK
from common.lab.processes import fenced_child, find, marked
from common.lab.until import until
from common.transports.redis_client import connect
from tests.lab.members import nothing_left_of

Done = subprocess.CompletedProcess[str]
Dts = Callable[..., Done]
COMMAND = [sys.executable, "-c", "from common.cli.root import main; main()"]


def run_dts(home: Path, *args: str, **env: str) -> Done:
    settings = {**os.environ, "DTS_HOME": str(home), **env}
    return subprocess.run(
        [*COMMAND, *args],
        env=settings,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def dts(home: Path) -> Dts:
    """`dts("ps")` runs a command on the test's home."""
    return lambda *args, **env: run_dts(home, *args, **env)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, binary_of: Callable[[str], Path]) -> Iterator[Dts]:
    """`dts` on a home in which stage 1 is up, for tests that leave it as they found it."""
    binary_of("embedded")
    home = tmp_path_factory.mktemp("running")
    done = run_dts(home, "up", "1", "-d")
    assert done.returncode == Exit.OK, done.stderr
    yield lambda *args, **env: run_dts(home, *args, **env)
    run_dts(home, "down")
    assert nothing_left_of(home)


@pytest.fixture
def up(dts: Dts, binary_of: Callable[[str], Path]) -> None:
    """Stage 1 is up in the test's home."""
    binary_of("embedded")
    done = dts("up", "1", "-d")
    assert done.returncode == Exit.OK, done.stderr


@pytest.fixture
def foreground(home: Path, binary_of: Callable[[str], Path]) -> Iterator["subprocess.Popen[str]"]:
    """A `dts up 1` that has come up and shown its members."""
    binary_of("embedded")
    process = subprocess.Popen(
        [*COMMAND, "up", "1"],
        env={**os.environ, "DTS_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert [process.stdout.readline().split("\t")[0] for _ in range(2)] == ["redis", "agent-1"]
    yield process
    process.kill()
    process.communicate()


def shown(dts: Dts) -> dict[str, Mapping[str, Any]]:
    return {member["name"]: member for member in json.loads(dts("ps", "--json").stdout)}


def test_what_is_up_is_listed_for_people_and_programs(running: Dts) -> None:
    members = shown(running)
    assert [(one["name"], one["role"], one["state"]) for one in members.values()] == [
        ("redis", "redis", "running"),
        ("agent-1", "agent", "running"),
    ]
    assert all(find(one["pid"]) for one in members.values())
    assert running("ps").stdout == "".join(
        f"{one['name']}\t{one['role']}\t{one['pid']}\t{one['state']}\n" for one in members.values()
    )


def test_a_shell_can_evaluate_the_addresses(running: Dts) -> None:
    lines = running("env").stdout.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("export DTS_REDIS_URL='redis://127.0.0.1:")
    url = shlex.split(lines[0])[1].removeprefix("DTS_REDIS_URL=")
    assert json.loads(running("env", "--json").stdout) == {"DTS_REDIS_URL": url}
    with connect(url) as redis:
        assert redis.hget("agent:agent-1", "pid") == str(shown(running)["agent-1"]["pid"])


def test_a_task_runs_on_what_is_up_without_being_told_where(running: Dts) -> None:
    done = running("submit", "--wait", "echo hello")
    assert (done.returncode, done.stdout) == (Exit.OK, "hello\n")


@pytest.mark.usefixtures("up")
def test_after_down_nothing_is_left_also_of_running_tasks(dts: Dts, home: Path, tmp_path: Path) -> None:
    dts("submit", f"echo $$ > {tmp_path}/task; cd /; sleep 1000")
    until(lambda: (tmp_path / "task").is_file() and (tmp_path / "task").read_text())
    done = dts("down")
    assert done.returncode == Exit.OK
    assert "Stopped agent-1, redis" in done.stderr
    assert nothing_left_of(home)
    assert find(int((tmp_path / "task").read_text())) is None


@pytest.mark.usefixtures("up")
def test_down_ends_the_task_of_an_agent_that_was_killed_by_hand(dts: Dts, home: Path, tmp_path: Path) -> None:
    dts("submit", f"echo $$ > {tmp_path}/task; cd /; sleep 1000")
    until(lambda: (tmp_path / "task").is_file() and (tmp_path / "task").read_text())
    for member in shown(dts).values():
        process = find(member["pid"])
        assert process
        # Frozen: it can't end its task when its fence is gone.
        (fenced_child(process) or process).send(signal.SIGSTOP)
        process.send(signal.SIGKILL)
    until(lambda: {one["state"] for one in shown(dts).values()} == {"dead"})
    assert {one["pid"] for one in shown(dts).values()} == {None}
    done = dts("down")
    assert done.returncode == Exit.OK
    assert "processes left behind" in done.stderr
    assert nothing_left_of(home)


def test_faults_show_in_the_states(running: Dts) -> None:
    def states() -> list[str]:
        return [one["state"] for one in shown(running).values()]

    assert running("fault", "freeze", "redis", "agent-1").stdout == "redis is frozen\nagent-1 is frozen\n"
    assert states() == ["frozen", "frozen"]
    assert running("fault", "thaw", "agent-1", "redis").returncode == Exit.OK
    assert running("fault", "stop", "agent-1").stdout == "agent-1 is stopped\n"
    assert running("fault", "kill", "redis").stdout == "redis is dead\n"
    assert states() == ["dead", "stopped"]
    assert running("fault", "start", "redis", "agent-1").stdout == "redis is running\nagent-1 is running\n"
    assert states() == ["running", "running"]


def test_faults_that_are_not_possible_are_refused_before_any_is_done(running: Dts) -> None:
    unknown = running("fault", "kill", "agent-1", "agent-2")
    assert unknown.returncode == Exit.NOT_FOUND
    assert unknown.stderr == "dts: there is no 'agent-2' in this cluster; members: redis, agent-1.\n"
    assert shown(running)["agent-1"]["state"] == "running"
    again = running("fault", "start", "agent-1")
    assert (again.returncode, again.stderr) == (Exit.REFUSED, "dts: can't start agent-1: it is running.\n")


def test_a_second_up_is_refused_and_harms_nothing(running: Dts) -> None:
    before = shown(running)
    for args in (("up", "1", "-d"), ("up", "1"), ("up", "1", "--agents", "2"), ("up", "2")):
        assert running(*args).returncode in (Exit.REFUSED, Exit.USAGE)
    assert "already" in running("up", "1", "-d").stderr
    assert shown(running) == before


@pytest.mark.usefixtures("up")
def test_two_homes_run_side_by_side(running: Dts, dts: Dts, home: Path) -> None:
    assert dts("env").stdout != running("env").stdout
    assert dts("down").returncode == Exit.OK
    assert nothing_left_of(home)
    assert running("submit", "--wait", "echo still").stdout == "still\n"


@pytest.mark.usefixtures("up")
def test_data_is_kept_where_one_asks_for_it(dts: Dts, home: Path) -> None:
    task = json.loads(dts("submit", "--json", "--wait", "true").stdout)["taskId"]
    assert "Data is kept in" in dts("down", "--keep-data").stderr
    assert sorted(path.name for path in home.iterdir()) == ["cluster.data"]
    again = dts("up", "1", "-d")
    assert "goes on with the data that an earlier one left" in again.stderr
    assert json.loads(dts("get", "--json", task).stdout)["status"] == "SUCCESS"
    dts("down")
    assert nothing_left_of(home)


def test_where_nothing_is_up_every_command_says_so(dts: Dts, home: Path) -> None:
    down, listed = dts("down"), dts("ps", "--json")
    assert (down.returncode, down.stderr) == (Exit.OK, "Nothing was running here.\n")
    assert (listed.returncode, listed.stdout) == (Exit.OK, "[]\n")
    for args in (("env",), ("fault", "kill", "redis")):
        done = dts(*args)
        assert (done.returncode, done.stdout) == (Exit.NOT_FOUND, "")
        assert done.stderr == f"dts: nothing is up in {home}; `dts up 1 -d` starts stage 1.\n"


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_foreground_that_is_interrupted_leaves_nothing(
    foreground: "subprocess.Popen[str]", home: Path, sign: signal.Signals
) -> None:
    foreground.send_signal(sign)
    _, said = foreground.communicate(timeout=20)
    assert foreground.returncode == Exit.OK
    assert "Stopped agent-1, redis; nothing of it is left." in said
    assert nothing_left_of(home)


def test_a_foreground_under_nohup_outlives_its_terminal(home: Path, binary_of: Callable[[str], Path]) -> None:
    binary_of("embedded")
    command = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *COMMAND, "up", "1"]
    environment = {**os.environ, "DTS_HOME": str(home)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline().startswith("redis\t")
    status = Path(f"/proc/{process.pid}/status").read_text()
    ignored = int(status.split("SigIgn:")[1].split()[0], 16)
    assert ignored & 1 << signal.SIGHUP - 1
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == Exit.OK
    assert nothing_left_of(home)


def test_a_foreground_that_is_killed_leaves_nothing(foreground: "subprocess.Popen[str]", home: Path) -> None:
    foreground.kill()
    until(lambda: nothing_left_of(home))


def test_a_foreground_tells_what_becomes_of_its_members_and_ends_with_down(
    foreground: "subprocess.Popen[str]", dts: Dts, home: Path
) -> None:
    assert foreground.stderr
    assert "Ctrl-C ends it all" in foreground.stderr.readline()
    dts("fault", "freeze", "agent-1")
    assert foreground.stderr.readline() == "agent-1 is frozen\n"
    dts("fault", "kill", "agent-1")
    assert foreground.stderr.readline() == "agent-1 is dead\n"
    assert dts("down").returncode == Exit.OK
    foreground.wait(20)
    assert foreground.returncode == Exit.OK
    assert "Somebody took it down" in foreground.stderr.read()
    assert nothing_left_of(home)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_an_up_that_ended_while_it_started(
    dts: Dts, home: Path, binary_of: Callable[[str], Path], sign: signal.Signals
) -> None:
    binary_of("embedded")
    starting = subprocess.Popen([*COMMAND, "up", "1", "-d"], env={**os.environ, "DTS_HOME": str(home)})
    until(lambda: marked(MARK, str(home)), every=0.001)
    starting.send_signal(sign)
    assert starting.wait(20) == (Exit.INTERRUPTED if sign == signal.SIGINT else -sign)
    if sign == signal.SIGKILL:
        assert dts("down").returncode == Exit.OK
    assert nothing_left_of(home)


def test_stage_1_has_one_agent_and_says_where_more_come(dts: Dts, home: Path) -> None:
    done = dts("up", "1", "-d", "--agents", "3")
    assert done.returncode == Exit.USAGE
    assert "stage 1 has one agent, not 3" in done.stderr
    assert "stage 2" in done.stderr
    assert not home.exists()


def test_a_stage_that_is_not_there_is_answered_with_those_that_are(dts: Dts) -> None:
    done = dts("up", "99")
    assert done.returncode == Exit.USAGE
    assert "there is no stage '99' here; stages: 1 (a task pushed into Redis runs)" in done.stderr


def test_a_home_that_can_not_be_written_is_told(dts: Dts) -> None:
    done = dts("up", "1", "-d", DTS_HOME="/proc/dts")
    assert done.returncode == Exit.USAGE
    assert "set DTS_HOME to a directory that can be written to" in done.stderr


def test_a_server_that_is_missing_is_told(dts: Dts, home: Path) -> None:
    done = dts("up", "1", "-d", "--profile", "real", PATH="/nowhere")
    assert done.returncode == Exit.UNREACHABLE
    assert "apt-get install redis-server" in done.stderr
    assert nothing_left_of(home)


def test_a_member_that_does_not_start_is_told_with_its_log_and_nothing_is_left(
    dts: Dts, home: Path, binary_of: Callable[[str], Path]
) -> None:
    binary_of("embedded")
    done = dts("up", "1", "-d", DTS_EXECUTORS='{"X": "no_such_module:run"}')
    assert done.returncode == Exit.FAILED
    assert "no_such_module" in done.stderr
    assert done.stderr.endswith("agent-1 ended as soon as it was started; above are the last lines of its log.\n")
    assert nothing_left_of(home)


def test_the_command_offers_all_faults_there_are() -> None:
    assert set(OFFERED) == {*FAULTS, "start"}


LIVES = {
    "ends by the signal": "exec sleep 60",
    "deaf": "trap '' TERM; while :; do sleep 0.05; done",
    "escaped": "setsid sleep 60 & wait",
}
"""What a task is doing, in its first attempt, when every process gets SIGTERM."""


def test_sigterm_to_all_at_once_ends_all_and_no_task_is_lost(
    dts: Dts, home: Path, binary_of: Callable[[str], Path]
) -> None:
    binary_of("embedded")
    quick = {"DTS_DRAIN": "0.5", "DTS_GRACE": "0.3", "DTS_LEASE": "2", "DTS_SLOTS": "4"}
    assert dts("up", "1", "-d", **quick).returncode == Exit.OK
    tasks = [submitted(dts, f"[ $TASK_ATTEMPT -gt 1 ] && exit; echo there; {life}") for life in LIVES.values()]
    for task in tasks:
        until(lambda task=task: dts("logs", task).stdout == "there\n")  # type: ignore[misc]
    before = marked(MARK, str(home))
    for process in before:
        process.send(signal.SIGTERM)
    until(lambda: marked(MARK, str(home)) == [], within=20)
    assert [one["state"] for one in shown(dts).values()] == ["dead", "dead"]
    assert len(before) >= 3 + len(tasks)

    assert dts("fault", "start", "redis", "agent-1").returncode == Exit.OK
    until(lambda: all(json.loads(dts("get", "--json", task).stdout)["finishedAt"] for task in tasks), within=20)
    for task in tasks:
        ended = json.loads(dts("get", "--json", task).stdout)
        # The signal reached it as well, and it ended of that; or it was handed back, and ran again.
        assert (ended["status"], ended["attempt"]) in {("FAILED", 1), ("SUCCESS", 2)}
        assert ended.get("reason") in {None, "", "SIGNAL"}
    assert dts("down").returncode == Exit.OK
    assert nothing_left_of(home)


def test_sigterm_to_all_and_to_the_foreground_leaves_nothing(
    foreground: "subprocess.Popen[str]", dts: Dts, home: Path
) -> None:
    task = submitted(dts, "trap '' TERM; echo there; while :; do sleep 0.05; done")
    until(lambda: dts("logs", task).stdout == "there\n")
    for process in marked(MARK, str(home)):
        process.send(signal.SIGTERM)
    foreground.send_signal(signal.SIGTERM)
    foreground.communicate(timeout=30)
    assert foreground.returncode == Exit.OK
    assert nothing_left_of(home)


def submitted(dts: Dts, content: str) -> str:
    return str(json.loads(dts("submit", "--json", content).stdout)["taskId"])
