"""The player holds every claim to what is there, and says all there is to say when one is false."""

import pytest

from common.domain.errors import Unavailable
from common.lab.acts import Fault, Push
from common.lab.errors import NoSuchMember
from common.lab.in_process import InProcessWorld
from common.lab.playing import ClaimBroken
from common.lab.probes.bus import length
from common.lab.probes.members import lease, member, process
from common.lab.probes.tasks import fields
from common.lab.scenario import TASKS, Beat, Claim, Do, Gap, Hurt
from tests.scenarios.listening import Listener, observer_of, player

HELD = lease("agent-1", held=True)
RAN = fields("hello", status="SUCCESS")


def test_acts_and_claims_come_in_the_order_in_which_they_are_written(inside: InProcessWorld) -> None:
    listener = Listener()
    beat = Beat("push", Claim("there", HELD), Do(Push("hello", "echo hi")), Claim("ran", RAN), look=(TASKS,))
    player(inside, listener).play([beat])
    assert listener.heard == [
        "opened push",
        "awaiting there",
        "held there",
        """doing redis-cli LPUSH queue:tasks '{"taskId":"hello","type":"SHELL","content":"echo hi"}'""",
        "awaiting ran",
        "held ran",
        "closed push",
    ]


def test_a_false_claim_tells_what_was_expected_what_was_seen_and_the_command(inside: InProcessWorld) -> None:
    listener = Listener()
    wrong = Claim("wrong", fields("hello", status="FAILED", exitCode="0"), within=1.0)
    beat = Beat("push", Do(Push("hello", "echo hi")), wrong, Claim("never", HELD), look=(TASKS,))
    with pytest.raises(ClaimBroken) as broken:
        player(inside, listener).play([beat])
    outcome = broken.value.outcome
    assert outcome.expected == {"status": "FAILED", "exitCode": "0"}
    assert outcome.seen == {"status": "SUCCESS", "exitCode": "0"}
    assert outcome.command == "redis-cli HMGET task:hello status exitCode"
    assert outcome.seconds >= 1.0
    assert listener.heard[-1] == "broken wrong"


def test_a_gap_that_is_closed_is_told(inside: InProcessWorld) -> None:
    beat = Beat("gap", Do(Push("hello", "echo hi")), Gap("no-runs", HELD, RAN, closed_by=2, patience=5), look=(TASKS,))
    with pytest.raises(ClaimBroken, match=r"gap\.no-runs"):
        player(inside, Listener()).play([beat])


def test_a_gap_is_not_looked_for_before_it_could_have_been_closed(inside: InProcessWorld) -> None:
    never = lease("nobody", held=True)
    beat = Beat("gap", Gap("no-runs", never, RAN, closed_by=2, within=0.3), look=(TASKS,))
    with pytest.raises(ClaimBroken) as broken:
        player(inside, Listener()).play([beat])
    assert broken.value.outcome.expected is True


@pytest.mark.parametrize(
    "vacuous",
    [lease("agent-1", held=False), length(lambda keys: keys.tasks_queue, 0), fields("hello", status="")],
    ids=["lease", "length", "fields"],
)
def test_a_claim_about_redis_does_not_come_true_by_redis_being_away(inside: InProcessWorld, vacuous: object) -> None:
    claim = Claim("empty", vacuous, within=0.3)  # type: ignore[arg-type]
    beat = Beat("away", Hurt(Fault("stop", "redis")), Claim("stopped", member("redis", "stopped")), claim, look=())
    with pytest.raises(ClaimBroken, match=r"away\.empty"):
        player(inside, Listener()).play([beat])


def test_an_act_that_cannot_be_done_is_raised(inside: InProcessWorld) -> None:
    away = Beat("away", Hurt(Fault("stop", "redis")), Do(Push("hello", "echo hi")), look=())
    with pytest.raises(Unavailable):
        player(inside, Listener()).play([away])
    with pytest.raises(NoSuchMember, match="agent-1"):
        player(inside, Listener()).play([Beat("odd", Hurt(Fault("kill", "agent-7")), look=())])


def test_a_beat_that_stops_or_starts_something_is_private_by_itself() -> None:
    assert Beat("a", Hurt(Fault("kill", "agent-1")), look=()).private
    assert Beat("a", Do(Fault("start", "agent-1")), look=()).private
    assert Beat("a", Gap("g", HELD, RAN, closed_by=2), look=()).private
    assert not Beat("a", Do(Push("hello", "echo hi")), Claim("ran", RAN), look=()).private


def test_the_commands_of_a_killed_agent_end_with_it_and_its_successor_runs_them_again(inside: InProcessWorld) -> None:
    hang = Push("hang", "[ $TASK_ATTEMPT -gt 1 ] || exec sleep 600")
    player(inside, Listener()).play(
        [
            Beat("run", Do(hang), Claim("runs", process("hang", 1, lives=True)), look=()),
            Beat("kill", Hurt(Fault("kill", "agent-1")), Claim("gone", process("hang", 1, lives=False)), look=()),
            Beat(
                "start",
                Do(Fault("start", "agent-1")),
                Claim("again", fields("hang", status="SUCCESS", attempt="2")),
                look=(),
            ),
        ]
    )
    assert observer_of(inside).look().member("agent-1")
