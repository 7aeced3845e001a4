"""AWS Backup with real bytes: jobs, copies, recovery points and restores of EFS file systems.

Built on moto's vaults and plans. A recovery point is a copy of the file system's directory below the state
directory. A separate process makes it while the job is RUNNING.
"""

from localcloud.backup.service import install

__all__ = ["install"]
