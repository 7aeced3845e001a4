"""AWS on one machine.

from localcloud import LocalCloud

with LocalCloud.start(file_systems={"home": Path("/home")}, time_scale=0.02) as cloud:
    outputs = cloud.deploy(Path("cdk.out"))
    cloud.client("stepfunctions").start_execution(...)
"""

from localcloud.client import FileSystem, LocalCloud
from localcloud.errors import LocalCloudError, NotDeployed, ServerNotStarted
from localcloud.faults import Fault

__all__ = ["Fault", "FileSystem", "LocalCloud", "LocalCloudError", "NotDeployed", "ServerNotStarted"]
