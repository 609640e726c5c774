"""Prometheus and Alertmanager beside one dts on this machine, for as long as a block lasts."""

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from common.lab.errors import StartFailed
from common.lab.launch import log_tail
from common.lab.ports import LOOPBACK, free_ports, is_free
from common.lab.until import NotYet, until
from stage5_ops.monitoring.configuration import ALERTMANAGER, PROMETHEUS, Site, write
from stage5_ops.monitoring.programs import program
from stage5_ops.monitoring.receiver import Receiver, Told

READY_WITHIN = 60.0
ENDS_WITHIN = 10.0


@dataclass(frozen=True, slots=True)
class Watch:
    """Who watches, and where."""

    prometheus: str
    alertmanager: str
    processes: Sequence["subprocess.Popen[bytes]"]

    @property
    def works(self) -> bool:
        """Whether both still run."""
        return all(process.poll() is None for process in self.processes)


@contextmanager
def watching(api_url: str, token: str, told: Told, hurry: int = 1) -> Iterator[Watch]:
    """Watch the dts with this API; `told` hears a line for each alert that fires or is over.

    Nothing of it is left after the block, or after this process, even if that is killed, files in the temporary
    directory aside. Raises MissingServer, StartFailed, NoFreePort.
    """
    prometheus, alertmanager = program("prometheus"), program("alertmanager")
    with ExitStack() as at_the_end:
        folder = Path(tempfile.mkdtemp(prefix="dts-monitor-"))
        at_the_end.callback(shutil.rmtree, folder, ignore_errors=True)
        receiver = at_the_end.enter_context(_listening(told))
        there, port = f"{LOOPBACK}:{receiver.server_address[1]}", 0

        def alerts(at: int) -> list[str]:
            write(folder, Site(api_url, token, f"{LOOPBACK}:{at}", there, hurry))
            own = ["--config.file", ALERTMANAGER, "--storage.path", "alertmanager", "--cluster.listen-address="]
            return [str(alertmanager), *own, f"--web.listen-address={LOOPBACK}:{at}"]

        def figures(at: int) -> list[str]:
            own = ["--config.file", PROMETHEUS, "--storage.tsdb.path", "prometheus", "--log.level=warn"]
            return [str(prometheus), *own, f"--web.listen-address={LOOPBACK}:{at}"]

        first, port = at_the_end.enter_context(_running(folder, "alertmanager", alerts))
        second, at = at_the_end.enter_context(_running(folder, "prometheus", figures))
        yield Watch(f"http://{LOOPBACK}:{at}", f"http://{LOOPBACK}:{port}", (first, second))


@contextmanager
def _listening(told: Told) -> Iterator[Receiver]:
    with Receiver(LOOPBACK, 0, told) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.1,), name="alerts", daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


@contextmanager
def _running(
    folder: Path, name: str, command: Callable[[int], Sequence[str]]
) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """Started on a port that nobody else took before it did, and ready."""
    for port in free_ports():
        with _process(folder, name, command(port)) as process:
            if _ready(process, port):
                yield process, port
                return
            if process.poll() is None or is_free(port):
                raise StartFailed(
                    f"{name} did not get ready within {READY_WITHIN:g} s", log_tail(folder / f"{name}.log")
                )


@contextmanager
def _process(folder: Path, name: str, command: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / f"{name}.log").open("ab") as log:
        # A session of its own: Ctrl-C is for us, and we end it.
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    # The pipe closes when this process is gone, however it went.
    guard = subprocess.Popen(
        ["sh", "-c", f"read _; kill -9 {process.pid}"], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield process
    finally:
        guard.kill()
        guard.communicate()
        process.terminate()
        try:
            process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Whether it became so in time; it did not where it ended."""

    def answers() -> bool:
        try:
            with urlopen(f"http://{LOOPBACK}:{port}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    try:
        until(lambda: process.poll() is not None or answers(), READY_WITHIN, every=0.05)
    except NotYet:
        return False
    return process.poll() is None
