"""Stage 4 as a lesson: its beats, in order. What is said to them stands in lesson/<language>.toml."""

from common.lab.acts import Fault, Push
from common.lab.asking import Ask, AskGate, Intrude, Keep
from common.lab.probes.door import answered, listed, one_task, provided, told
from common.lab.probes.members import led, process, registered
from common.lab.probes.tasks import all_ended, fields, trail, written_by
from common.lab.scenario import (
    AGENTS,
    BUS,
    DOOR,
    PROCESSES,
    TASKS,
    Beat,
    Claim,
    Do,
    Gap,
    Hurt,
    Ledger,
    Scenario,
)

TASKS_PATH = "/api/v1/tasks"
ONE = "/api/v1/tasks/{task}"
STANDS = "exec sleep 600"
KEPT = Keep("call", "echo called", 60)

BEATS = (
    Beat(
        "door",
        Claim("agents", registered("agent", 3)),
        Claim("managers", provided(2), shows="managers-are-found"),
        Claim("leader", led()),
        Do(Ask("ready", "GET", "/readyz")),
        Claim("ready", answered("ready", 200)),
        look=(DOOR, AGENTS),
    ),
    Beat(
        "submit",
        Do(Ask("hello", "POST", TASKS_PATH, "hello", {"taskId": "{task}", "name": "hello", "content": "echo hi"})),
        Claim("created", answered("hello", 201), shows="tasks-come-by-the-door"),
        Claim("pending", told("hello", status="PENDING")),
        Claim("ended", fields("hello", status="SUCCESS"), shows="tasks-come-by-the-door"),
        # A quick agent begins before the leader has written DISPATCHED, which then comes too late to stand there.
        Claim("trail", trail("hello", "PENDING", "SCHEDULED", "RUNNING", "SUCCESS", outrun="DISPATCHED")),
        Claim("by", written_by("hello", "submit", "api-")),
        Do(Ask("seen", "GET", ONE, "hello")),
        Claim("seen", told("seen", status="SUCCESS", result="hi\n", exitCode=0), shows="results-go-by-the-door"),
        look=(TASKS, DOOR),
    ),
    Beat(
        "wrong",
        Do(Ask("typo", "POST", TASKS_PATH, body={"content": "echo hi", "retrys": 3})),
        Claim("typo", answered("typo", 422), shows="wrong-is-told"),
        Claim("code", told("typo", code="INVALID_TASK"), shows="wrong-is-told"),
        Do(Ask("nobody", "GET", TASKS_PATH, token=False)),
        Claim("nobody", answered("nobody", 401), shows="only-who-may"),
        look=(TASKS,),
    ),
    Beat(
        "retry",
        Do(Ask("weak", "POST", TASKS_PATH, "weak", {"taskId": "{task}", "content": "exit 3"})),
        Claim("failed", fields("weak", status="FAILED", attempt="1", exitCode="3")),
        Do(Ask("again", "POST", f"{ONE}/retry", "weak")),
        Claim("again", answered("again", 200), shows="retry-by-the-door"),
        Claim("twice", fields("weak", status="FAILED", attempt="2"), shows="retry-by-the-door"),
        Do(Ask("late", "DELETE", ONE, "weak")),
        Claim("late", answered("late", 409), shows="wrong-is-told"),
        look=(TASKS,),
    ),
    Beat(
        "cancel",
        Do(Ask("endless", "POST", TASKS_PATH, "endless", {"taskId": "{task}", "content": STANDS})),
        Claim("running", fields("endless", status="RUNNING")),
        Do(Ask("end", "DELETE", ONE, "endless")),
        Claim("requested", answered("end", 202), shows="cancel-by-the-door"),
        Claim("cancelled", fields("endless", status="CANCELLED"), shows="cancel-by-the-door"),
        Claim("gone", process("endless", 1, lives=False), shows="cancel-by-the-door"),
        look=(TASKS, PROCESSES),
    ),
    Beat(
        "once",
        Do(
            Ask(
                "same",
                "POST",
                TASKS_PATH,
                "once",
                {"requestId": "{task}", "name": "{task}", "content": "echo once"},
                times=50,
            )
        ),
        Claim("taken", answered("same", 200, 201, times=50), shows="one-request-one-task"),
        Claim("one", one_task("same"), shows="one-request-one-task"),
        Do(Ask("list", "GET", f"{TASKS_PATH}?name={{task}}", "once")),
        Claim("list", listed("list", 1), shows="one-request-one-task"),
        look=(TASKS, DOOR),
    ),
    Beat(
        "kill-manager",
        Do(KEPT),
        Hurt(Fault("kill", "manager-1")),
        Claim("taken", answered(KEPT.name, 200, 201, times=KEPT.times), shows="calls-outlive-a-manager"),
        Claim("ended", all_ended("SUCCESS", *KEPT.tasks), shows="calls-outlive-a-manager", within=30),
        Claim("left", provided(1), within=30),
        Do(Fault("start", "manager-1")),
        Claim("back", provided(2), within=30),
        look=(DOOR, TASKS, PROCESSES),
    ),
    Beat(
        "gate",
        Hurt(Fault("stop", "manager-1")),
        Hurt(Fault("stop", "manager-2")),
        Do(Ask("away", "GET", TASKS_PATH)),
        Claim("away", answered("away", 503), shows="wrong-is-told"),
        Do(Push("early", STANDS)),
        Claim("told", fields("early", status="DISPATCHED")),
        Claim("waits", process("early", 1, lives=False)),
        Do(Fault("start", "manager-1")),
        Do(Fault("start", "manager-2")),
        Claim("granted", fields("early", status="RUNNING"), shows="start-is-granted", closes="start-is-not-granted"),
        Claim("runs", process("early", 1, lives=True), shows="start-is-granted"),
        Do(Ask("stop", "DELETE", ONE, "early")),
        Claim("stopped", fields("early", status="CANCELLED")),
        look=(DOOR, TASKS, BUS),
    ),
    Beat(
        "stale",
        Do(Ask("target", "POST", TASKS_PATH, "target", {"taskId": "{task}", "content": STANDS})),
        Claim("running", fields("target", status="RUNNING")),
        Do(AskGate("ghost", "target")),
        Claim("refused", answered("ghost", "FENCED"), shows="stale-agent-is-refused"),
        Do(Intrude("stranger")),
        Claim("unheard", answered("stranger", "refused"), shows="strangers-are-not-heard"),
        Claim("runs", fields("target", status="RUNNING", attempt="1"), shows="stale-agent-is-refused"),
        Do(Ask("finish", "DELETE", ONE, "target")),
        Claim("stopped", fields("target", status="CANCELLED")),
        look=(DOOR, TASKS),
        private=True,
    ),
    Beat(
        "blind",
        Do(Ask("well", "GET", "/readyz")),
        Do(Ask("measures", "GET", "/metrics")),
        Gap("nobody-measures", answered("well", 200), answered("measures", 200), closed_by=5),
        look=(DOOR, PROCESSES),
    ),
)

LEDGER = Ledger(
    holds=(
        "managers-are-found",
        "tasks-come-by-the-door",
        "results-go-by-the-door",
        "wrong-is-told",
        "only-who-may",
        "retry-by-the-door",
        "cancel-by-the-door",
        "one-request-one-task",
        "calls-outlive-a-manager",
        "start-is-granted",
        "stale-agent-is-refused",
        "strangers-are-not-heard",
    ),
    lacks={"nobody-measures": 5},
)

SCENARIO = Scenario(
    BEATS,
    LEDGER,
    texts="stage4_api.lesson",
    settings={
        "DTS_LEASE": "2",
        "DTS_SESSION": "2",
        "DTS_GRACE": "1",
        "DTS_SLOTS": "4",
        "DTS_HEARTBEAT": "0.5",
    },
    next_commands=(
        "dts up 4 -d --profile real",
        'eval "$(dts env)"',
        'curl -H "Authorization: Bearer $DTS_API_TOKEN" "$DTS_API_URL/api/v1/tasks"',
        "dts look",
        "dts fault kill manager-1",
        "dts diff 3 4",
        "dts down",
    ),
)
