"""How a server in Java is called: quick to start, small, with its log on stderr."""

from collections.abc import Mapping
from pathlib import Path

from common.lab.java.jars import class_path
from common.lab.java.runtime import find_java

SMALL_AND_QUICK = (
    "-XX:+UseSerialGC",
    # Only the quick compiler: with all of them a server needs longer until it answers.
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    # Else a file in /tmp outlives a server that was killed.
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
)
LOG = "-Dorg.slf4j.simpleLogger."
LOGGED = (f"{LOG}showDateTime=true", f"{LOG}dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX", f"{LOG}showThreadName=false")


def java(role: str, jars: Path, heap: int, *options: str) -> list[str]:
    """The beginning of a command line, before the class to run; `heap` is in MB. Raises MissingServer."""
    # Its names of files are in the encoding of the locale, ours are UTF-8.
    start = ["env", "LC_ALL=C.UTF-8", str(find_java().binary), f"-Xmx{heap}m", *SMALL_AND_QUICK, *LOGGED, *options]
    return [*start, "-cp", class_path(role, jars)]


def properties(values: Mapping[str, object]) -> str:
    """The text of a properties file, which is Latin-1: what is not ASCII, and backslashes, are escaped."""
    return "".join(f"{name}={_escaped(str(value))}\n" for name, value in values.items())


def _escaped(text: str) -> str:
    units = text.encode("utf-16-be", "surrogatepass")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "".join(chr(code) if 0x20 <= code < 0x7F and code != ord("\\") else f"\\u{code:04x}" for code in codes)
