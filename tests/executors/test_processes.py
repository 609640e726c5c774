"""Processes as /proc shows them: who stands below whom."""

import os
import signal
import subprocess
import threading

from common.executors.processes import below
from common.lab.until import until


def test_all_that_stands_below_a_process_is_found_whichever_thread_started_it() -> None:
    started: list[subprocess.Popen[str]] = []
    over = threading.Event()

    def start() -> None:
        command = ["sh", "-c", "sleep 60 & echo $!; wait"]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True))
        # A child is its thread's for as long as that lives.
        over.wait(60)

    thread = threading.Thread(target=start)
    thread.start()
    (child,) = until(lambda: started)
    try:
        assert child.stdout
        grandchild = int(child.stdout.readline())
        assert {child.pid, grandchild} <= set(below(os.getpid()))
        assert below(child.pid) == [grandchild]
    finally:
        over.set()
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        thread.join()


def test_below_what_is_gone_there_is_nothing() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert below(gone.pid) == []
