"""Persistence for `--state DIR`: accounts, S3 buckets with their objects, DynamoDB tables, KMS keys.

Recovery points are kept by localcloud/backup in the same directory. Nothing else is kept (stacks, functions,
state machines, executions, parameters): deploy again. A stack deployed over kept state adopts the buckets,
tables, keys and vaults of the same names.

    moto.json              the version of moto whose objects are kept
    accounts.pickle, s3.pickle, ...   replaced as a whole; the access keys of accounts are new in each run
    objects/<sha256>       the content of each S3 object, written once
    lock                   locked by the local cloud that uses the directory

State is written at most two seconds after a change, and at shutdown. Pickles run code when they are read: use
only directories that you own.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import io
import json
import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from localcloud.core.clock import ShuttingDown
from localcloud.core.cloud import Cloud
from localcloud.core.errors import CannotServe
from localcloud.services.accounts import create_account

SAVE_SECONDS = 2.0
READING = ("Get", "List", "Head", "Describe", "Query", "Scan", "BatchGet", "Select", "Encrypt", "Decrypt")
ATTEMPTS = 5  # a dict may change size while it is pickled


@dataclass(frozen=True, slots=True)
class _Part:
    """Getter and setter of one service's state."""

    get: Callable[[Cloud], Any]  # returns a picklable object
    put: Callable[[Cloud, Any], None]


def claim(directory: Path) -> IO[bytes]:
    """Create a state directory and lock it for this process until the returned file is closed.

    Raises CannotServe if another local cloud has locked it or it is not writable.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "lock").open("wb")
    except OSError as error:
        raise CannotServe(
            f"cannot write to the state directory {directory} ({error.strerror}); choose another"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise CannotServe(
            f"another local cloud uses the state directory {directory}; stop it, or choose another directory"
        ) from error
    return lock


def install(cloud: Cloud) -> None:
    """Load the kept state and save later changes; does nothing without --state."""
    if not cloud.keeps_state:
        return
    store = _Store(cloud)
    store.load()
    threading.Thread(target=store.run, daemon=True).start()
    cloud.at_shutdown(store.save)


@dataclass(slots=True)
class _Store:
    cloud: Cloud
    seen_calls: int = 0
    seen_revision: int = 0  # of the accounts
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def directory(self) -> Path:
        return self.cloud.state_dir

    def load(self) -> None:
        """Restore the state in the directory. Raises CannotServe."""
        version = importlib.metadata.version("moto")
        marker = self.directory / "moto.json"
        if marker.exists() and (kept := json.loads(marker.read_text())["moto"]) != version:
            raise CannotServe(
                f"{self.directory} was written with moto {kept}, but moto {version} is installed; "
                f"start with another --state directory, or install moto=={kept}"
            )
        marker.write_text(json.dumps({"moto": version}))
        objects = self.directory / "objects"
        objects.mkdir(exist_ok=True)
        for name, part in PARTS.items():
            path = self.directory / f"{name}.pickle"
            if path.exists():
                part.put(self.cloud, _Unpickler(path, objects).load())

    def run(self) -> None:
        """Save after changes, until the local cloud ends."""
        try:
            while True:
                self.cloud.clock.sleep_real(SAVE_SECONDS)
                if self._changed():
                    self.save()
        except ShuttingDown:
            return

    def save(self) -> None:
        """Write everything."""
        with self._lock:
            used: set[str] = set()
            for name, part in PARTS.items():
                path = self.directory / f"{name}.pickle"
                written = path.with_suffix(".new")
                written.write_bytes(self._pickled(part, used))
                written.replace(path)
            for content in (self.directory / "objects").iterdir():
                if content.name not in used:
                    content.unlink()

    def _changed(self) -> bool:
        calls = self.cloud.call_log.all()[self.seen_calls :]
        self.seen_calls += len(calls)
        revision, self.seen_revision = self.seen_revision, self.cloud.accounts.revision
        return revision != self.seen_revision or any(
            call.service in PARTS and not call.operation.startswith(READING) for call in calls
        )

    def _pickled(self, part: _Part, used: set[str]) -> bytes:
        for attempt in range(ATTEMPTS):
            buffer = io.BytesIO()
            try:
                _Pickler(buffer, self.directory / "objects", used).dump(part.get(self.cloud))
            except RuntimeError:  # changed size during iteration
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                break
        return buffer.getvalue()


class _Pickler(pickle.Pickler):
    """Writes S3 contents to separate files, and private keys as PEM."""

    def __init__(self, buffer: io.BytesIO, objects: Path, used: set[str]) -> None:
        super().__init__(buffer)
        self._objects, self._used = objects, used

    def persistent_id(self, obj: object) -> tuple[str, Any] | None:
        """Return the replacement of an object that pickle does not support."""
        from cryptography.hazmat.primitives import serialization
        from moto.s3.models import FakeKey

        if isinstance(obj, FakeKey):
            return "s3", (type(obj), self._without_content(obj), self._content(obj))
        if hasattr(obj, "private_bytes"):
            pem = obj.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            return "private-key", pem
        return None

    def _without_content(self, key: Any) -> dict[str, Any]:  # moto's FakeKey
        return {name: value for name, value in vars(key).items() if name not in ("_value_buffer", "lock")}

    def _content(self, key: Any) -> str:
        """Return the name of the file with an object's content; writes it if it is missing."""
        known = getattr(key, "localcloud_content", None)
        if known is None or known[0] != key.etag:
            value = key.value
            digest = hashlib.sha256(value).hexdigest()
            path = self._objects / digest
            if not path.exists():
                written = path.with_suffix(".new")
                written.write_bytes(value)
                written.replace(path)
            known = key.localcloud_content = (key.etag, digest)
        self._used.add(known[1])
        return str(known[1])


class _Unpickler(pickle.Unpickler):
    def __init__(self, path: Path, objects: Path) -> None:
        super().__init__(io.BytesIO(path.read_bytes()))
        self._objects = objects

    def persistent_load(self, pid: Any) -> Any:
        """Return the object that `persistent_id` replaced."""
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        kind, value = pid
        if kind == "private-key":
            return load_pem_private_key(value, password=None)
        cls, members, digest = value
        key = cls.__new__(cls)
        key.__setstate__({**members, "value": (self._objects / digest).read_bytes()})
        return key


def _get_accounts(cloud: Cloud) -> Any:
    return [
        (account.id, account.name, account.in_organization, account.suspended)
        for account in cloud.accounts.all()
        if account.id != cloud.account_id
    ]


def _put_accounts(cloud: Cloud, kept: Any) -> None:
    for account_id, name, in_organization, suspended in kept:
        create_account(cloud, name, account_id, in_organization=in_organization)
        cloud.accounts.set_suspended(account_id, suspended=suspended)


def _get_buckets(cloud: Cloud, account: str) -> Any:
    from moto.s3.models import s3_backends

    backend = s3_backends[account][cloud.partition]
    # Every deployment fills the CDK's asset buckets again.
    buckets = {name: bucket for name, bucket in backend.buckets.items() if not name.startswith("cdk-")}
    return buckets, backend.tagger


def _put_buckets(cloud: Cloud, account: str, kept: Any) -> None:
    from moto.s3.models import s3_backends

    backend = s3_backends[account][cloud.partition]
    backend.buckets, backend.tagger = kept
    for name in backend.buckets:
        s3_backends.bucket_accounts[name] = (backend.partition, account)


def _get_tables(_: Cloud, account: str) -> Any:
    from moto.dynamodb.models import dynamodb_backends

    return {region: backend.tables for region, backend in list(dynamodb_backends[account].items())}


def _put_tables(_: Cloud, account: str, kept: Any) -> None:
    from moto.dynamodb.models import dynamodb_backends

    for region, tables in kept.items():
        dynamodb_backends[account][region].tables = tables


def _get_keys(_: Cloud, account: str) -> Any:
    from moto.kms.models import kms_backends

    backends = list(kms_backends[account].items())
    return {region: (backend.keys, backend.tagger) for region, backend in backends}


def _put_keys(_: Cloud, account: str, kept: Any) -> None:
    from moto.kms.models import kms_backends

    for region, (keys, tagger) in kept.items():
        kms_backends[account][region].keys = keys
        kms_backends[account][region].tagger = tagger


def _by_account(get: Callable[[Cloud, str], Any], put: Callable[[Cloud, str, Any], None]) -> _Part:
    """Return the part of a service that keeps the state of each account separately."""

    def get_all(cloud: Cloud) -> Any:
        return _Accounts({account.id: get(cloud, account.id) for account in cloud.accounts.all()})

    def put_all(cloud: Cloud, kept: Any) -> None:
        # directories of earlier versions contain the state of the default account only
        accounts = kept if isinstance(kept, _Accounts) else {cloud.account_id: kept}
        for account, state in accounts.items():
            put(cloud, account, state)

    return _Part(get_all, put_all)


class _Accounts(dict[str, Any]):
    """The state of each account, by its id."""


PARTS = {
    "accounts": _Part(_get_accounts, _put_accounts),
    "s3": _by_account(_get_buckets, _put_buckets),
    "dynamodb": _by_account(_get_tables, _put_tables),
    "kms": _by_account(_get_keys, _put_keys),
}
