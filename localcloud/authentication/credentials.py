"""Access keys of one run of the local cloud: a public id, and a secret that signs requests."""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

CONTROL_SERVICE = "localcloud"  # signing name of the control interface
_ID_CHARACTERS = string.ascii_uppercase + "234567"  # base32, as in AWS's ids


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSession:
    """The attributes of a role session that policies can refer to.

    Source: IAM User Guide, "Pass session tags in AWS STS", "Monitor and control actions taken with assumed
    roles" (source identity), "Session policies".
    """

    name: str = "session"
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_tags: frozenset[str] = frozenset()  # keys that the next session of a chain inherits
    source_identity: str | None = None
    policies: tuple[str, ...] = ()  # session policies, as JSON; they limit the role's permissions


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """One access key and the identity that it represents."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)  # of temporary credentials
    principal: str  # ARN of the role, of the user, or of the account's root user
    expires_at: datetime | None = None  # real time; None: valid until the run ends
    session: RoleSession | None = None  # set if the principal is a role

    @property
    def account_id(self) -> str:
        """The account of the principal."""
        return self.principal.split(":")[4]

    @property
    def arn(self) -> str:
        """The ARN that AWS reports for the caller: that of the session if the principal is a role."""
        if self.session is None:
            return self.principal
        _, partition, _, _, account, role = self.principal.split(":", 5)
        name = role.rpartition("/")[2]
        return f"arn:{partition}:sts::{account}:assumed-role/{name}/{self.session.name}"


class Issuer:
    """Issues the access keys of one run and finds them by their ids."""

    def __init__(self) -> None:
        self._issued: dict[str, Credentials] = {}
        self._others: list[Callable[[str], Credentials | None]] = []
        self._lock = threading.Lock()

    def long_term(self, principal: str) -> Credentials:
        """Return a new access key without a session token."""
        return self._keep(
            Credentials(access_key_id=_new_id("AKIA"), secret_access_key=_new_secret(), principal=principal)
        )

    def temporary(
        self, principal: str, expires_at: datetime | None = None, session: RoleSession | None = None
    ) -> Credentials:
        """Return a new access key with a session token, as issued to a role session.

        If the principal is a role, its session has default attributes unless `session` is given.
        """
        return self._keep(
            Credentials(
                access_key_id=_new_id("ASIA"),
                secret_access_key=_new_secret(),
                session_token=secrets.token_urlsafe(60),
                principal=principal,
                expires_at=expires_at,
                session=_session_of(principal, session),
            )
        )

    def anonymous(self, principal: str) -> Credentials:
        """Return an identity that signs no requests, for a service that acts as a role."""
        return Credentials(
            access_key_id="", secret_access_key="", principal=principal, session=_session_of(principal, None)
        )

    def find(self, access_key_id: str) -> Credentials | None:
        """Return the credentials with this id; None if this run did not issue it."""
        issued = self._issued.get(access_key_id)
        others = (find(access_key_id) for find in self._others)
        return issued or next((found for found in others if found is not None), None)

    def also_find(self, find: Callable[[str], Credentials | None]) -> None:
        """Let `find` look up the ids that this issuer does not know, such as those of IAM users."""
        self._others.append(find)

    def _keep(self, credentials: Credentials) -> Credentials:
        with self._lock:
            self._issued[credentials.access_key_id] = credentials
        return credentials


def _session_of(principal: str, session: RoleSession | None) -> RoleSession | None:
    return (session or RoleSession()) if principal.split(":", 5)[-1].startswith("role/") else None


def _new_id(prefix: str) -> str:
    """Return an id of 20 characters. Source: IAM user guide, "IAM identifiers", unique ids."""
    return prefix + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(16))


def _new_secret() -> str:
    return secrets.token_urlsafe(30)  # 40 characters, like AWS's
