"""Every key that dts builds is known again, and no other is."""

import re

import pytest

from common.doctor.keyspace import KeySpace, Kind
from common.domain.status import Status
from common.store import keys as documented
from common.store.keys import Keys

KINDS = {
    "task:<taskId>": Kind.TASK,
    "task:<taskId>:history": Kind.HISTORY,
    "task:<taskId>:log:<n>": Kind.LOG,
    "request:<requestId>": Kind.REQUEST,
    "agent:<agentId>": Kind.LEASE,
    "agent:<agentId>:tasks": Kind.HOLDING,
    "queue:agent:<agentId>": Kind.INBOX,
    "queue:tasks:moving": Kind.MOVING,
    "queue:tasks:held": Kind.HELD,
    "registry:<group>": Kind.MEMBERS,
    "registry:<group>:info": Kind.INFOS,
    "office:<office>": Kind.OFFICE,
}
"""Those of which there are many; of all others there is one."""


@pytest.mark.parametrize("namespace", ["", "{s1}:"])
def test_every_key_of_the_documentation_is_known_with_its_type(namespace: str) -> None:
    space = KeySpace(Keys(namespace))
    rows = re.findall(r"^    (\S+) +(\w+) ", documented.__doc__ or "", flags=re.MULTILINE)
    assert len(rows) > 10
    for row, kind in rows:
        for status in Status if "STATUS" in row else [""]:
            name = namespace + example(row).replace("STATUS", status)
            key = space.read(name)
            assert kind == "channel" or key.kind is KINDS.get(row, Kind.FIXED), name
            assert key.kind is not Kind.FIXED or space.types[name] == kind


def example(row: str) -> str:
    suffix = ":agent-1" if row in ("queue:tasks:moving", "queue:tasks:held") else ""
    return re.sub(r"<(\w+)>", r"\1", row.replace("<n>", "12")) + suffix


def test_a_key_tells_whom_it_is_of() -> None:
    read = KeySpace(Keys("n:")).read
    assert read("n:task:a.b:log:3").of == "a.b"
    assert read("n:task:a.b:history").of == "a.b"
    assert read("n:task:log:1").kind is Kind.FOREIGN
    assert read("n:request:a:b c").of == "a:b c"
    assert read("n:agent:a").of == "a"
    assert read("n:agent:a:tasks").of == "a"
    assert [read(f"n:queue:agent:a{rest}").of for rest in ("", ":held:a", ":moving:a", ":dead")] == ["a"] * 4
    assert read("n:queue:tasks:held:a:b").of == "a:b"
    assert read("n:registry:live-agents:info").of == "live-agents"


@pytest.mark.parametrize(
    "name",
    [
        *("", "x", "task:", "task:a b", "task:a:", "task:a:log:", "task:a:log:x", "task:a:logs", "task:a:history:1"),
        *(
            "task:-a",
            "task:" + "a" * 129,
            "request:",
            "agent:",
            "agent:a:b",
            "queue:agent:a:b",
            "queue:tasks:held:",
            "tasks:DANCING",
            "TASK:a",
        ),
        *("registry:", "registry::info", "registry:g:x", "registry:g:info:x", "office:"),
    ],
)
def test_no_other_key_is_taken_for_one_of_dts(name: str) -> None:
    assert KeySpace(Keys()).read(name).kind is Kind.FOREIGN
