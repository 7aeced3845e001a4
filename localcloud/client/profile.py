"""A profile for the AWS CLI and SDKs, in files that only this user can read.

Source of the format: AWS SDKs and Tools reference guide, "Shared config and credentials files" and
"Service-specific endpoints" (endpoint_url).
"""

from __future__ import annotations

import configparser
import contextlib
import io
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from localcloud.client.local_cloud import LocalCloud
from localcloud.core.errors import ProfileNotWritten

# These take precedence over the profile or select another one.
HIDE_A_PROFILE = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The files of one running local cloud."""

    name: str
    config: Path
    credentials: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that select the profile in any AWS client; they contain no secret."""
        return {
            "AWS_CONFIG_FILE": str(self.config),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials),
            "AWS_PROFILE": self.name,
        }


@contextmanager
def profile(cloud: LocalCloud, directory: Path, name: str) -> Iterator[Profile]:
    """Write the cloud's endpoint, Region and access key below `directory`, until the block ends.

    The directory gets mode 0700 and the files 0600, regardless of the umask. Files of an earlier run are
    replaced. Raises ProfileNotWritten.
    """
    made = Profile(name=name, config=directory / "config", credentials=directory / "credentials")
    config = {"region": cloud.region, "endpoint_url": cloud.endpoint_url}
    keys = {
        "aws_access_key_id": cloud.access_key_id,
        "aws_secret_access_key": cloud.secret_access_key,
    }
    try:
        try:
            _private(directory)
            _write(made.config, f"profile {name}", config)
            _write(made.credentials, name, keys)
        except OSError as error:
            raise ProfileNotWritten(
                f"cannot write {error.filename or directory} ({error.strerror}); "
                f"remove it, or set HOME to a directory of your own"
            ) from error
        yield made
    finally:
        for path in (made.config, made.credentials):
            with contextlib.suppress(OSError):
                path.unlink()
        with contextlib.suppress(OSError):
            directory.rmdir()


def _private(directory: Path) -> None:
    """Create the directory, or reuse it if this user owns it, with mode 0700; raise OSError."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
        directory.chmod(0o700)  # even if the umask removes the owner's permissions
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise PermissionError(1, "it belongs to another user", str(directory))
        os.fchmod(descriptor, stat.S_IRWXU)
    finally:
        os.close(descriptor)


def _write(path: Path, section: str, values: Mapping[str, str]) -> None:
    """Write or replace a file of one section atomically, with mode 0600."""
    parser = configparser.RawConfigParser()
    parser[section] = values
    text = io.StringIO()
    parser.write(text)
    new = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    # never readable by others, not even before the rename
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, 0o600)  # the same
            file.write(text.getvalue())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
