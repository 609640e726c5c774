"""A process of its own that is present and stands for an office, by a registry's settings in its environment.

What happens to it is a line of JSON each, with CLOCK_MONOTONIC's seconds, which all processes of a machine share.
It ends when its stdin does, and closes its registry then.

python -m tests.registries.holder MEMBER BOOT
"""

import json
import os
import sys
import threading
import time
from typing import Any

from common.contracts import Term
from tests.registries.onlookers import GROUP, OFFICE, act
from tests.registries.served import registry_by


def tell(event: str, at: float, **more: Any) -> None:
    # One write: threads share the line.
    sys.stdout.write(json.dumps({"event": event, "at": at, **more}) + "\n")
    sys.stdout.flush()


def hold(member: str, boot: str) -> None:
    registry = registry_by(os.environ)
    registration = registry.register(GROUP, member, {"boot": boot})
    over = threading.Event()

    def tell_proofs() -> None:
        before = 0.0
        while not over.wait(0.01):
            proved = registration.proved_until
            if proved != before:
                tell("proved" if proved else "unproved", time.monotonic(), until=proved)
            before = proved

    def lead(term: Term) -> None:
        tell("leads", time.monotonic(), epoch=term.epoch)
        acted = act(term, over)
        tell("lost", time.monotonic(), epoch=term.epoch, acted=acted)

    threading.Thread(target=tell_proofs, daemon=True).start()
    registry.campaign(OFFICE, member, lead)
    sys.stdin.read()
    tell("closing", time.monotonic())
    registry.close()
    over.set()
    tell("closed", time.monotonic())


if __name__ == "__main__":
    hold(*sys.argv[1:])
