"""What an agent knows is not its tasks' to read, though they run as the same user."""

import subprocess
import sys

SCRIPT = """
import ctypes, os, sys
from stage1_mvp import fence

def seen_by_a_task():
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            open(f"/proc/{os.getppid()}/environ", "rb").close()
            os.write(writer, b"read")
        except OSError:
            os.write(writer, b"refused")
        os._exit(0)
    os.wait()
    return os.read(reader, 16).decode()

os.setresuid(65534, 65534, 65534)
# A process that becomes another user is hidden by that alone; an agent that was started as that user is not.
ctypes.CDLL(None).prctl(fence.PR_SET_DUMPABLE, 1, 0, 0, 0)
print(seen_by_a_task())
fence.hide()
print(seen_by_a_task())
"""


def test_a_task_can_not_read_the_secrets_in_its_agent_s_environment() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=60)
    assert ran.stdout.split() == ["read", "refused"], ran.stderr
