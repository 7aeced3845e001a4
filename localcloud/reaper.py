"""Kills the process groups it was told of, once the pipe to the local cloud breaks.

Run as a script by processes.py: `+PID` and `-PID` lines on standard input; at its end (the local cloud
has ended, however) every group still listed is killed.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    """Read until the end of the input, then kill."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        pid = int(line[1:])
        if line[0] == "+":
            groups.add(pid)
        else:
            groups.discard(pid)
    for pid in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
