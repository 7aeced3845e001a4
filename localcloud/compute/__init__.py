"""ECS tasks and EC2 instances whose containers are real processes of this machine.

There is no container engine: an image is its build context, its Dockerfile says what to run, and where a file
system would be mounted, environment and arguments name the file system's directory instead.
"""

from localcloud.compute.service import install

__all__ = ["install"]
