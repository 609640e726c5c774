"""Stage 3 as a lesson: its beats, in order. What is said to them stands in lesson/<language>.toml."""

from common.lab.acts import Babble, Cancel, Fault, Forge, Push, Replay
from common.lab.probes.bus import beating, busy, refused, unread_by_managers, waits_for_managers
from common.lab.probes.members import led, process, registered
from common.lab.probes.places import avoided, given_to
from common.lab.probes.tasks import all_ended, explained, fields, ran_once, trail, written_by
from common.lab.scenario import (
    AGENTS,
    BUS,
    PROCESSES,
    REAL_PROCESSES,
    TASKS,
    Beat,
    Claim,
    Do,
    Gap,
    Hurt,
    Ledger,
    Scenario,
)

SPIN = "while :; do :; done & while :; do :; done"
STANDS = "exec sleep 600"
SHARED = tuple(f"shared-{number}" for number in range(1, 7))
QUIET = ("quiet-1", "quiet-2")
LIGHT = ("light-1", "light-2")
UNHEARD = tuple(f"unheard-{number}" for number in range(1, 21))

BEATS = (
    Beat(
        "bus",
        Claim("agents", registered("agent", 3)),
        Claim("beats", beating(3), shows="agents-are-heard"),
        Claim("leader", led()),
        look=(BUS, AGENTS),
    ),
    Beat(
        "path",
        *(Do(Push(name, "sleep 0.3; echo done")) for name in SHARED),
        Claim("ended", all_ended("SUCCESS", *SHARED), shows="tasks-travel-by-the-bus"),
        Claim("shared", given_to(3, *SHARED), shows="tasks-travel-by-the-bus"),
        # A quick agent begins before the leader has written DISPATCHED, which then comes too late to stand there.
        Claim("trail", trail(SHARED[0], "PENDING", "SCHEDULED", "RUNNING", "SUCCESS", outrun="DISPATCHED")),
        Claim(
            "manager",
            written_by(SHARED[0], "report", "manager"),
            shows="managers-own-the-state",
            closes="agent-writes-its-own-end",
        ),
        Claim("drained", waits_for_managers(0), shows="managers-own-the-state"),
        look=(TASKS, BUS),
    ),
    Beat(
        "load",
        Do(Push("spin", SPIN)),
        Claim("spins", process("spin", 1, lives=True)),
        *(Do(Push(name, STANDS)) for name in QUIET),
        Claim("quiet", given_to(2, *QUIET)),
        Claim("heard", busy("spin"), shows="load-steers"),
        *(Do(Push(name, "echo light")) for name in LIGHT),
        Claim("light", all_ended("SUCCESS", *LIGHT)),
        Claim("steered", avoided("spin", *LIGHT), shows="load-steers"),
        Claim("why", explained(LIGHT[0])),
        *(Do(Cancel(name)) for name in ("spin", *QUIET)),
        look=(AGENTS, TASKS),
        private=True,
        needs=REAL_PROCESSES,
    ),
    Beat(
        "cancel",
        Do(Push("endless", STANDS)),
        Claim("running", fields("endless", status="RUNNING")),
        Do(Cancel("endless")),
        Claim("cancelled", fields("endless", status="CANCELLED"), shows="cancel-reaches-its-agent"),
        Claim("gone", process("endless", 1, lives=False), shows="cancel-reaches-its-agent"),
        look=(TASKS, PROCESSES),
    ),
    Beat(
        "kill-manager",
        Hurt(Fault("kill", "manager-1")),
        Do(Push("after", "echo the other one does it")),
        Claim("runs", fields("after", status="SUCCESS", attempt="1"), shows="manager-failover"),
        Claim("other", written_by("after", "report", "manager-2"), shows="manager-failover"),
        look=(BUS, TASKS, PROCESSES),
    ),
    Beat(
        "no-manager",
        Hurt(Fault("stop", "manager-2")),
        Do(Push("early", STANDS)),
        Gap(
            "start-is-not-granted",
            process("early", 1, lives=True),
            fields("early", status="RUNNING"),
            closed_by=4,
        ),
        *(Do(Push(name, "sleep 0.1; echo nobody hears me")) for name in UNHEARD),
        Claim("lag", waits_for_managers(3), shows="what-is-told-waits"),
        Do(Fault("start", "manager-1")),
        Do(Fault("start", "manager-2")),
        Claim("ended", all_ended("SUCCESS", *UNHEARD), shows="what-is-told-waits"),
        Claim("drained", waits_for_managers(0), shows="what-is-told-waits"),
        Claim("once", ran_once(*UNHEARD), shows="nothing-runs-twice"),
        Claim("early", fields("early", status="RUNNING")),
        Do(Cancel("early")),
        Claim("stopped", fields("early", status="CANCELLED")),
        look=(BUS, TASKS),
    ),
    Beat(
        "replay",
        Do(Replay(UNHEARD)),
        Claim("refused", refused("SAME"), shows="replay-changes-nothing"),
        Claim("unchanged", ran_once(*UNHEARD), shows="replay-changes-nothing"),
        look=(BUS, TASKS),
        private=True,
    ),
    Beat(
        "forged",
        Do(Push("target", STANDS)),
        Claim("running", fields("target", status="RUNNING")),
        Do(Forge("target")),
        Claim("refused", refused("FENCED"), shows="forged-is-refused"),
        Claim("runs", fields("target", status="RUNNING", attempt="1"), shows="forged-is-refused"),
        Do(Babble("this is no message")),
        Claim("dead", unread_by_managers(1), shows="unreadable-is-kept"),
        Do(Cancel("target")),
        Claim("stopped", fields("target", status="CANCELLED")),
        look=(BUS, TASKS),
        private=True,
    ),
    Beat(
        "no-broker",
        Do(Push("bridge", "sleep 2; echo across")),
        Claim("running", fields("bridge", status="RUNNING")),
        Hurt(Fault("stop", "kafka")),
        Do(Push("later", "echo later")),
        Do(Fault("start", "kafka")),
        Claim("bridge", fields("bridge", status="SUCCESS", attempt="1", result="across\n"), within=30),
        Claim("later", fields("later", status="SUCCESS", attempt="1"), within=30),
        look=(TASKS, BUS, PROCESSES),
        needs="kafka",
    ),
)

LEDGER = Ledger(
    holds=(
        "agents-are-heard",
        "tasks-travel-by-the-bus",
        "managers-own-the-state",
        "load-steers",
        "cancel-reaches-its-agent",
        "manager-failover",
        "what-is-told-waits",
        "nothing-runs-twice",
        "replay-changes-nothing",
        "forged-is-refused",
        "unreadable-is-kept",
    ),
    lacks={"start-is-not-granted": 4},
)

SCENARIO = Scenario(
    BEATS,
    LEDGER,
    texts="stage3_kafka.lesson",
    settings={
        "DTS_LEASE": "2",
        "DTS_SESSION": "2",
        "DTS_GRACE": "1",
        "DTS_SLOTS": "4",
        "DTS_HEARTBEAT": "0.5",
    },
    next_commands=(
        "dts up 3 -d --profile real",
        "dts submit 'echo hi from $TASK_ID' --wait",
        "dts look",
        "dts fault kill manager-1",
        "dts dlq list",
        "dts diff 2 3",
        "dts down",
    ),
)
