"""The accounts of the local cloud, and the organization that they form.

The first account, the default one, manages the organization. An account can be created outside the
organization, and can be suspended, as AWS does with a closed account for 90 days.
Source: AWS Organizations User Guide, "Close a member account in an organization with AWS Organizations".
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from localcloud.authentication.credentials import Credentials, Issuer
from localcloud.core.partitions import global_arn

ADMINISTRATOR = "administrator"  # the IAM user of each account's own access key
_ID = re.compile(r"[0-9]{12}")
_NAME = re.compile(r"[ -~]{1,50}")  # source: CreateAccount, AccountName


@dataclass(slots=True, kw_only=True)
class Account:
    """One account."""

    id: str
    name: str
    administrator: Credentials  # of the IAM user `administrator`, who may do everything
    joined_at: datetime
    in_organization: bool = True
    suspended: bool = False


class Accounts:
    """All accounts, in the order of their creation; safe to use from several threads."""

    def __init__(self, issuer: Issuer, *, default_id: str, region: str) -> None:
        self._issuer, self._region = issuer, region
        self._accounts: dict[str, Account] = {}
        self._lock = threading.Lock()
        self.revision = 0  # increases with each change
        self.management_id = default_id
        self.create("default", default_id)

    @property
    def organization_id(self) -> str:
        """The id of the organization, which is the same in each run."""
        return f"o-{hashlib.sha256(self.management_id.encode()).hexdigest()[:10]}"

    def create(self, name: str, account_id: str | None = None, *, in_organization: bool = True) -> Account:
        """Create an account; a random id if none is given.

        Raises ValueError for an invalid or known id or name.
        """
        with self._lock:
            chosen = account_id or _new_id(self._accounts)
            if not _ID.fullmatch(chosen):
                raise ValueError(f"{chosen!r} is not an account id; account ids have 12 digits")
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not an account name; use 1 to 50 ASCII characters")
            if chosen in self._accounts or any(one.name == name for one in self._accounts.values()):
                raise ValueError(f"account {name} ({chosen}) exists; choose another name and id")
            user = global_arn("iam", self._region, chosen, f"user/{ADMINISTRATOR}")
            account = Account(
                id=chosen,
                name=name,
                administrator=self._issuer.long_term(user),
                joined_at=datetime.now(UTC),
                in_organization=in_organization,
            )
            self._accounts[chosen] = account
            self.revision += 1
        return account

    def find(self, name_or_id: str) -> Account | None:
        """Return an account by its id or name."""
        with self._lock:
            known = self._accounts.get(name_or_id)
            return known or next((one for one in self._accounts.values() if one.name == name_or_id), None)

    def named(self, name_or_id: str) -> Account:
        """Return an account by its id or name; raises ValueError."""
        account = self.find(name_or_id)
        if account is None:
            raise ValueError(f"there is no account {name_or_id}; create it first")
        return account

    def all(self) -> list[Account]:
        """Return all accounts."""
        with self._lock:
            return list(self._accounts.values())

    def set_suspended(self, account_id: str, *, suspended: bool) -> None:
        """Suspend or reopen an account; raises ValueError for an unknown and for the management account."""
        account = self.named(account_id)
        if account.id == self.management_id:
            raise ValueError("the management account cannot be closed while it has member accounts")
        with self._lock:
            account.suspended = suspended
            self.revision += 1

    def is_suspended(self, account_id: str) -> bool:
        """Return whether an account is suspended; False for one that does not exist."""
        account = self._accounts.get(account_id)
        return account is not None and account.suspended

    def organization_of(self, account_id: str) -> str | None:
        """Return the id of the organization that an account belongs to; None without one."""
        account = self._accounts.get(account_id)
        return self.organization_id if account is not None and account.in_organization else None


def _new_id(known: Iterable[str]) -> str:
    while (made := "".join(secrets.choice("0123456789") for _ in range(12))) in known:
        pass
    return made
