"""Stage 2 as a lesson: its beats, in order. What is said to them stands in lesson/<language>.toml."""

from common.lab.acts import Fault, Push
from common.lab.probes.logs import somebody_says
from common.lab.probes.members import led, process, registered, state_of_agent, unregistered
from common.lab.probes.places import given_to, later_term, moved, terms_in_order
from common.lab.probes.tasks import all_ended, explained, fields, written_by
from common.lab.scenario import AGENTS, PROCESSES, SCHEDULERS, TASKS, Beat, Claim, Do, Gap, Hurt, Ledger, Scenario

HANGS_ONCE = "echo attempt $TASK_ATTEMPT; [ $TASK_ATTEMPT -gt 1 ] || exec sleep 600"
PARTS = tuple(f"part-{number}" for number in range(1, 7))
TURNS = tuple(f"turn-{number}" for number in range(1, 7))
FAR_AWAY = "far-away"
"""A name that consistent-hash gives to agent-3, the one behind the cable."""
HOMES = tuple(f"home-{number}" for number in range(1, 4))

BEATS = (
    Beat(
        "tree",
        Claim("agents", registered("agent", 3), shows="agents-are-known"),
        Claim("schedulers", registered("scheduler", 2), shows="agents-are-known"),
        Claim("leader", led(), shows="one-leader"),
        look=(SCHEDULERS, AGENTS),
    ),
    Beat(
        "spread",
        *(Do(Push(name, "sleep 0.5; echo done")) for name in PARTS),
        Claim("ended", all_ended("SUCCESS", *PARTS), shows="tasks-are-shared"),
        Claim("shared", given_to(3, *PARTS), shows="tasks-are-shared"),
        Claim("why", explained(PARTS[0]), shows="decision-is-kept"),
        look=(TASKS, AGENTS),
    ),
    Beat(
        "strategies",
        *(Do(Push(name, "echo my turn", more={"strategy": "round-robin"})) for name in TURNS),
        Claim("ended", all_ended("SUCCESS", *TURNS)),
        Claim("turns", given_to(3, *TURNS, each=2), shows="strategies-differ"),
        *(Do(Push(name, "echo home", more={"strategy": "consistent-hash", "name": "mine"})) for name in HOMES),
        Claim("home", given_to(1, *HOMES), shows="strategies-differ"),
        look=(TASKS,),
    ),
    Beat(
        "kill-leader",
        Hurt(Fault("kill", "leader")),
        Do(Push("after", "echo somebody else decided")),
        Claim("runs", fields("after", status="SUCCESS", attempt="1"), shows="leader-failover"),
        Claim("term", later_term(PARTS[0], "after"), shows="terms-rise"),
        Claim("leader", led(by="running"), shows="one-leader"),
        look=(SCHEDULERS, TASKS, PROCESSES),
    ),
    Beat(
        "long",
        Do(Fault("start", "dead")),
        Do(Push("report", HANGS_ONCE)),
        Claim("running", fields("report", status="RUNNING", attempt="1")),
        Claim("process", process("report", 1, lives=True)),
        look=(TASKS, AGENTS, PROCESSES),
    ),
    Beat(
        "kill-agent",
        Hurt(Fault("kill", task="report")),
        Claim("dead", state_of_agent("report", "dead")),
        Claim(
            "noticed",
            fields("report", status="SUCCESS", attempt="2"),
            shows="dead-agent-is-noticed",
            closes="dead-agent-unnoticed",
        ),
        Claim("elsewhere", moved("report"), shows="another-agent-takes-over", closes="no-failover"),
        Claim("gone", process("report", 1, lives=False), shows="attempts-never-overlap"),
        look=(TASKS, AGENTS, PROCESSES),
    ),
    Beat(
        "freeze-agent",
        Do(Fault("start", "dead")),
        Do(Push("ice", HANGS_ONCE)),
        Claim("running", process("ice", 1, lives=True)),
        Hurt(Fault("freeze", task="ice")),
        Claim("fenced", process("ice", 1, lives=False), shows="frozen-agent-is-fenced"),
        # Here, or on another agent: the fence has started this one anew.
        Claim("again", fields("ice", status="SUCCESS", attempt="2"), shows="frozen-agent-is-fenced"),
        look=(TASKS, AGENTS, PROCESSES),
    ),
    Beat(
        "cut-off",
        Do(Push("far", HANGS_ONCE, more={"strategy": "consistent-hash", "name": FAR_AWAY})),
        Claim("running", process("far", 1, lives=True)),
        Claim("there", fields("far", agent="agent-3")),
        Hurt(Fault("freeze", "cable")),
        Claim("ended", process("far", 1, lives=False), shows="cut-off-agent-ends-its-own"),
        Claim("again", fields("far", status="SUCCESS", attempt="2"), shows="another-agent-takes-over"),
        Claim("elsewhere", moved("far"), shows="another-agent-takes-over"),
        Do(Fault("thaw", "cable")),
        Claim("back", registered("agent", 3), shows="cut-off-agent-comes-back"),
        Claim("same", fields("far", status="SUCCESS", attempt="2"), shows="cut-off-agent-comes-back"),
        look=(TASKS, AGENTS, PROCESSES),
    ),
    Beat(
        "stale-leader",
        Hurt(Fault("freeze", "leader")),
        Do(Push("meanwhile", "echo a new term")),
        Claim("runs", fields("meanwhile", status="SUCCESS"), shows="leader-failover"),
        Do(Fault("thaw", "frozen")),
        Claim("steps-down", somebody_says("scheduler", "stepped down"), shows="stale-leader-steps-down"),
        Claim("order", terms_in_order(), shows="terms-rise"),
        look=(SCHEDULERS, TASKS, PROCESSES),
    ),
    Beat(
        "stop",
        Do(Push("goodbye", "sleep 0.8; echo goodbye")),
        Claim("running", fields("goodbye", status="RUNNING")),
        Hurt(Fault("stop", task="goodbye")),
        Claim("finished", fields("goodbye", status="SUCCESS", attempt="1"), shows="stop-lets-tasks-end"),
        Claim("left", state_of_agent("goodbye", "stopped"), shows="stopped-agent-leaves-at-once"),
        Claim("registry", unregistered("goodbye"), shows="stopped-agent-leaves-at-once"),
        Gap(
            "agent-writes-its-own-end",
            fields("goodbye", status="SUCCESS"),
            written_by("goodbye", "report", "manager"),
            closed_by=3,
        ),
        look=(AGENTS, TASKS),
    ),
)

LEDGER = Ledger(
    holds=(
        "agents-are-known",
        "one-leader",
        "tasks-are-shared",
        "decision-is-kept",
        "strategies-differ",
        "leader-failover",
        "terms-rise",
        "dead-agent-is-noticed",
        "another-agent-takes-over",
        "attempts-never-overlap",
        "frozen-agent-is-fenced",
        "cut-off-agent-ends-its-own",
        "cut-off-agent-comes-back",
        "stale-leader-steps-down",
        "stop-lets-tasks-end",
        "stopped-agent-leaves-at-once",
    ),
    lacks={"agent-writes-its-own-end": 3},
)

SCENARIO = Scenario(
    BEATS,
    LEDGER,
    texts="stage2_zk.lesson",
    settings={"DTS_LEASE": "2", "DTS_SESSION": "2", "DTS_GRACE": "1", "DTS_SLOTS": "4"},
    next_commands=(
        "dts up 2 -d --agents 4",
        "dts submit 'echo hi from $TASK_ID' --wait",
        "dts look",
        "dts fault kill leader",
        "dts fault freeze cable",
        "dts submit --label gpu=yes 'echo hi'",
        "dts get <taskId> --explain",
        "dts diff 1 2",
        "dts down",
    ),
)
