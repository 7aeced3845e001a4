"""File modes of assets: the same on every machine, and readable by the user that runs a function.

Source: AWS Lambda Developer Guide, "Troubleshoot deployment issues", permission denied: 644 for files, 755
for directories.
"""

from __future__ import annotations

import stat
from pathlib import Path

FILE, PROGRAM = 0o644, 0o755


def make_readable(directory: Path) -> None:
    """Set the modes of a directory and everything below it, regardless of this machine's umask."""
    directory.chmod(PROGRAM)
    for path in directory.rglob("*"):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode):
            path.chmod(PROGRAM if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else FILE)
