"""Roles of stage 5 as an operator starts them, for servers that the lab does not know."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from common.lab.ports import LOOPBACK, free_ports
from common.lab.until import until
from tests.servers import kill_when_we_die

WITHIN = 90.0


class Roles:
    """Processes with the same settings, each with a log of its own."""

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        self._directory, self._at_the_end = directory, ExitStack()
        self._port = next(iter(free_ports()))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DTS_")}
        self._environ = {**inherited, **environ, "DTS_API_LISTEN": f"{LOOPBACK}:{self._port}"}

    def start(self, *names: str) -> None:
        """Run those, like agent-1, and wait until each says that it is ready."""
        for name in names:
            role = name.partition("-")[0]
            own = {f"DTS_{role.upper()}": name, "DTS_HOME": str(self._directory / name), "DTS_LOG_FORMAT": "text"}
            with (self._directory / f"{name}.log").open("w") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "stage5_ops", role], env={**self._environ, **own}, stderr=log
                )
            guard = kill_when_we_die(process.pid)
            self._at_the_end.enter_context(guard)
            self._at_the_end.callback(guard.kill)
            self._at_the_end.callback(process.wait)
            self._at_the_end.callback(process.kill)
        for name in names:
            until(lambda name=name: "ready" in self.log(name), within=WITHIN, what=f"{name}: {self.log(name)}")  # type: ignore[misc]

    def log(self, name: str) -> str:
        return (self._directory / f"{name}.log").read_text()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Of the API; 0 where it does not answer."""
        with closing(http.client.HTTPConnection(LOOPBACK, self._port, timeout=30)) as there:
            try:
                text = None if body is None else json.dumps(body)
                there.request(method, f"/api/v1{path}", text, {"Content-Type": "application/json"})
                answer = there.getresponse()
                return answer.status, json.loads(answer.read() or b"{}")
            except (OSError, http.client.HTTPException):
                return 0, {}

    def ended_well(self, task_id: str) -> bool:
        return bool(self.ask("GET", f"/tasks/{task_id}")[1].get("status") == "SUCCESS")

    def close(self) -> None:
        self._at_the_end.close()


@contextmanager
def roles(directory: Path, environ: Mapping[str, str]) -> Iterator[Roles]:
    found = Roles(directory, environ)
    try:
        yield found
    finally:
        found.close()
