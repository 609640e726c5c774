"""The floor under tasks that are programs: os.posix_spawn in a loop, as many loops as there are cores.

`python -m common.bench.spawning COUNT PROGRAM [ARGUMENT]...` is one of those loops. It says when it is ready, waits
for a line, and says when it has done them all.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence


def bare_spawns(argv: Sequence[str], count: int) -> float:
    """Programs a second, each started by the kernel's quickest way and waited for; about `count` of them in all."""
    loops = len(os.sched_getaffinity(0))
    each = -(-count // loops)
    command = [sys.executable, "-m", "common.bench.spawning", str(each), *argv]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(loops)
    ]
    try:
        for child in children:
            _hear(child, "ready")
        begun = time.perf_counter()
        for child in children:
            _start(child)
        for child in children:
            _hear(child, "done")
        return loops * each / (time.perf_counter() - begun)
    finally:
        for child in children:
            child.kill()
            child.communicate()


def _hear(child: "subprocess.Popen[str]", word: str) -> None:
    heard = child.stdout.readline().strip() if child.stdout else ""
    if heard != word:
        raise RuntimeError(f"a loop that spawns should have said {word!r}, and said {heard!r}")


def _start(child: "subprocess.Popen[str]") -> None:
    if child.stdin:
        child.stdin.write("go\n")
        child.stdin.flush()


def main(count: int, argv: Sequence[str]) -> None:
    """One loop; run by `bare_spawns`."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for _ in range(count):
        os.waitpid(os.posix_spawnp(argv[0], list(argv), os.environ), 0)
    sys.stdout.write("done\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
