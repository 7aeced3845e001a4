"""Kills the process groups and removes the directories it was told of when the local cloud has ended.

Run as a script by processes.py: `+PID`, `-PID` and `/DIRECTORY` lines on standard input; at its end (the
local cloud has ended, however) every group still listed is killed, then every directory is removed.
"""

import contextlib
import os
import shutil
import signal
import sys


def main() -> None:
    """Read until the end of the input, then kill."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    groups: set[int] = set()
    directories: list[str] = []
    for line in sys.stdin:
        match line[0]:
            case "+":
                groups.add(int(line[1:]))
            case "-":
                groups.discard(int(line[1:]))
            case _:
                directories.append(line[1:].rstrip("\n"))
    for pid in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
