"""Profiles for the AWS CLI and SDKs, one for each account, in files that only this user can read.

Source of the format: AWS SDKs and Tools reference guide, "Shared config and credentials files" and
"Service-specific endpoints" (endpoint_url).
"""

from __future__ import annotations

import configparser
import contextlib
import io
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.client.accounts import Account
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

    name: str  # the profile of the default account's root user
    config: Path
    credentials: Path
    accounts: Mapping[str, str] = field(default_factory=dict)  # account id -> its administrator's profile

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that select the profile in any AWS client; they contain no secret."""
        return self._selecting(self.name)

    def environment_of(self, account_id: str) -> dict[str, str]:
        """Return the variables that select an account's administrator; raises KeyError for an unknown one."""
        return self._selecting(self.accounts[account_id])

    def _selecting(self, name: str) -> dict[str, str]:
        return {
            "AWS_CONFIG_FILE": str(self.config),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials),
            "AWS_PROFILE": name,
        }


@contextmanager
def profile(
    cloud: LocalCloud, directory: Path, name: str, accounts: Iterable[Account] = ()
) -> Iterator[Profile]:
    """Write the cloud's endpoint, Region and access keys below `directory`, until the block ends.

    The profile `name` is that of the default account's root user, which cannot assume roles. Each of
    `accounts` (LocalCloud.accounts) has a profile of its administrator: NAME-ACCOUNT, by the account's name
    if a profile can have it, else by its id.

    The directory gets mode 0700 and the files 0600, regardless of the umask. Files of an earlier run are
    replaced. Raises ProfileNotWritten.
    """
    administrators = {_profile_name(name, account): account for account in accounts}
    made = Profile(
        name=name,
        config=directory / "config",
        credentials=directory / "credentials",
        accounts={account.id: profile_name for profile_name, account in administrators.items()},
    )
    holders: dict[str, LocalCloud | Account] = {name: cloud, **administrators}
    config = {"region": cloud.region, "endpoint_url": cloud.endpoint_url}
    keys = {
        profile_name: {
            "aws_access_key_id": holder.access_key_id,
            "aws_secret_access_key": holder.secret_access_key,
        }
        for profile_name, holder in holders.items()
    }
    try:
        try:
            _private(directory)
            _write(made.config, {f"profile {profile_name}": config for profile_name in holders})
            _write(made.credentials, keys)
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


def _profile_name(prefix: str, account: Account) -> str:
    suffix = account.name if re.fullmatch(r"[A-Za-z0-9_.-]+", account.name) else account.id
    return f"{prefix}-{suffix}"


def _write(path: Path, sections: Mapping[str, Mapping[str, str]]) -> None:
    """Write or replace a file of sections atomically, with mode 0600."""
    parser = configparser.RawConfigParser()
    parser.read_dict(sections)
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
