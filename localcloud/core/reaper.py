"""Kills registered process groups and removes registered directories when the local cloud has ended.

processes.py runs it as a script. It reads `+PID`, `-PID` and `/DIRECTORY` lines from standard input. When the
input ends, because the local cloud ended in whatever way, it kills every group still listed and then removes
every directory.
"""

import contextlib
import os
import shutil
import signal
import sys


def main() -> None:
    """Read the input to its end, then kill and remove."""
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
