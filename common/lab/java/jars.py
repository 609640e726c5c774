"""The jars of the real servers: which there are, as `jars.toml` pins them, and where they stand on this machine."""

import hashlib
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from common.lab.errors import MissingServer

LIST = Path(__file__).with_name("jars.toml")


@dataclass(frozen=True, slots=True)
class Jar:
    """One file of a Maven repository; `size` is in bytes."""

    group: str
    artifact: str
    version: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """What the file is called."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """Where it stands in any Maven repository, local or remote."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.name}"

    def is_at(self, file: Path) -> bool:
        """Whether `file` is this jar, byte for byte. Raises OSError where it is there and can't be read."""
        if not file.is_file() or file.stat().st_size != self.size:
            return False
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == self.sha256


@cache
def pinned() -> dict[str, Sequence[Jar]]:
    """The jars of each server, by its role."""
    return {
        role: tuple(Jar(*coordinates.split(":"), **pins) for coordinates, pins in jars.items())
        for role, jars in tomllib.loads(LIST.read_text()).items()
    }


def all_jars() -> list[Jar]:
    """Each jar once, also where several servers share it."""
    return list(dict.fromkeys(jar for jars in pinned().values() for jar in jars))


def default_folder() -> Path:
    """Where jars are kept unless DTS_JARS says otherwise: once for this user, as caches are on Linux."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dts" / "jars"


def class_path(role: str, folder: Path) -> str:
    """The jars of a server, for `java -cp`. Raises MissingServer where some are not there.

    Only their names and sizes are looked at: they got their names when their checksums had been right.
    """
    jars = pinned()[role]
    missing = [jar for jar in jars if not _is_there(folder / jar.name, jar.size)]
    if missing:
        raise MissingServer(
            f"{role} can't start: {len(missing)} of its {len(jars)} jars are not in {folder}; "
            "`dts infra install` fetches them"
        )
    return os.pathsep.join(str(folder / jar.name) for jar in jars)


def _is_there(file: Path, size: int) -> bool:
    return file.is_file() and file.stat().st_size == size
