"""Whether this machine could run the real servers that are written in Java."""

from pathlib import Path

from common.doctor.verdicts import Checked, ok, warn
from common.lab.errors import MissingServer
from common.lab.java.jars import all_jars, class_path, pinned
from common.lab.java.runtime import find_java

NAME = "real servers"


def check_java(folder: Path) -> Checked:
    """Java and the jars in `folder`; that nothing is installed is all right, as only some need it."""
    if not any((folder / jar.name).exists() for jar in all_jars()):
        return ok(NAME, "ZooKeeper and Kafka are not installed (`dts infra install`, for `--profile real`)")
    try:
        for role in pinned():
            class_path(role, folder)
    except MissingServer as error:
        return warn(NAME, f"some jars are missing in {folder}", f"{error}")
    try:
        java = find_java()
    except MissingServer as error:
        return warn(NAME, f"{len(all_jars())} jars, but no Java that will do", f"{error}")
    return ok(NAME, f"ZooKeeper and Kafka, {len(all_jars())} jars in {folder}; Java {java.version} at {java.binary}")
