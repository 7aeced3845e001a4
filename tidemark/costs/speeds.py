"""The speeds of AWS Backup with EFS, and the windows that follow from them.

Source: EFS User Guide, "Backing up EFS file systems", "Backup performance": at most these speeds, whichever
is slower, of an assumed distribution of sizes. AWS documents no time for finding the changes, and none for
restores from cold storage.
"""

from __future__ import annotations

BACKUP_FILES_PER_SECOND = 2_000
BACKUP_BYTES_PER_SECOND = 400_000_000
RESTORE_FILES_PER_SECOND = 1_500
RESTORE_BYTES_PER_SECOND = 200_000_000
# Assumed: launching an instance, or a task with an image of 100 MB, and mounting.
WORKER_START_SECONDS = 120


def backup_seconds(files: int, size: int) -> int:
    """Return the seconds that AWS Backup needs to back up files of `size` bytes in all."""
    return max(_ceil(files, BACKUP_FILES_PER_SECOND), _ceil(size, BACKUP_BYTES_PER_SECOND))


def restore_seconds(files: int, size: int) -> int:
    """Return the seconds that AWS Backup needs to restore files of `size` bytes in all."""
    return max(_ceil(files, RESTORE_FILES_PER_SECOND), _ceil(size, RESTORE_BYTES_PER_SECOND))


def _ceil(amount: int, per: int) -> int:
    return -(-amount // per)
