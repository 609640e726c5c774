"""The console script `dts`. Before the command itself stands, and when all of it is over, Ctrl-C does no harm."""

import signal


def main() -> None:
    """Run one command line; ends the process with its exit code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # While modules load there is nothing to clear away: it just ends us, without a stack of ours to read.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from common.cli.root import main as run

    try:
        run()
    finally:
        # All has been said and done; what would be interrupted now is the interpreter's own end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
