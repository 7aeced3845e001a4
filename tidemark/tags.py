"""Encrypted metadata in the tags of recovery points.

A recovery point is self-describing, even if every table is lost: eight tags carry its session, policy,
file system, account, Region, creation, retention and index. Read access to tags reveals none of it, and
changes made with write access to tags are detected.

    tidemark                     = <deployment>                              in plain text
    tidemark:<format>:<v>:<name> = base64url(AES-SIV(value))                 eight times

* `<name>` is base64url(AES-SIV(field name)) with format, key version and deployment authenticated.
  It is the same on all points of a deployment and key version, so points can be found by tag key.
* A value is authenticated together with its tag key, the deployment, the ARN of the file system and
  (except the session itself) the session. So a value cannot be moved to another field, another file
  system or another session of the same file system.
* All eight are always present, `index` with an empty value until it is known, so a removed tag is detected.
  The value of `index` is its id and, after a space, the SHA-256 of its manifest, in hexadecimal, so a
  replaced index is detected without any table.
  Not detected: the whole set replaced by the whole set of another session of the same file system, and an
  `index` reset to its earlier empty value.
* `<v>` is the version of the data key (64 bytes: AES-256-SIV), so that keys can be rotated: the newest
  seals, every known one opens. The format and the key version are in the tag key only, which the
  value's authentication covers.

AES-SIV (RFC 5297) is deterministic and needs no nonce, so writing the tags again changes nothing.
Names and values are padded with NUL bytes, so that their lengths reveal little.
Limits (AWS Backup): 10 tags per job, keys <= 128 and values <= 256 of letters, digits, space and +-=._:/@
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import enum
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from tidemark.errors import ForeignTag, TagKeyDamaged

MARKER: Final = "tidemark"  # the plain tag; its value names the deployment
FORMAT: Final = 1
KEY_BYTES: Final = 64
FIELDS: Final = ("session", "policy", "file_system", "account", "region", "created", "retention", "index")

_PREFIX: Final = f"{MARKER}:"
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")
_NAME_BYTES: Final = 16
_VALUE_BLOCK: Final = 32
# 160 padded bytes and 16 of the SIV are 235 characters of base64; the next block would pass 256.
_MAX_VALUE_BYTES: Final = 160


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PointMetadata:
    """The metadata in a recovery point's tags."""

    session: str
    policy: str
    file_system: str  # fs-...
    account: str
    region: str
    created: datetime  # when the session opened; whole seconds, UTC
    retention_days: int | None  # None keeps forever
    index: str | None = None  # None until the index is complete
    manifest_sha256: str | None = None  # of that index; None in tags of earlier versions


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TagKey:
    """One version of a deployment's data key, unwrapped. Keep it in memory only."""

    version: int  # from 1
    secret: bytes = dataclasses.field(repr=False)


class Finding(enum.StrEnum):
    """What is wrong with a tag, or with the set of them."""

    ALTERED = "altered"  # does not authenticate: changed, or moved from elsewhere
    OTHER_INDEX = "other-index"  # names a different index from the records, or none
    MISSING = "missing"
    MIXED_KEYS = "mixed-keys"  # sealed with a different data key from the session field
    UNKNOWN_KEY = "unknown-key"  # a key version that this deployment does not have
    UNKNOWN_FORMAT = "unknown-format"  # written by a newer Tidemark
    OTHER_DEPLOYMENT = "other-deployment"
    UNREADABLE = "unreadable"  # AWS did not return them


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TagProblem:
    """A tag that cannot be trusted, or that is missing."""

    finding: Finding
    tag_key: str  # empty for a missing one
    field: str | None  # one of FIELDS, where that is known
    message: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpenedTags:
    """The opened tags of one recovery point, and the problems with them."""

    metadata: PointMetadata | None  # only when all eight fields authenticate
    key_version: int | None  # the data key that sealed them
    problems: tuple[TagProblem, ...]

    @property
    def ours(self) -> bool:
        """Return whether any tag is in Tidemark's format: False for points made by other tools."""
        return self.metadata is not None or bool(self.problems)


def unreadable_tags(message: str) -> OpenedTags:
    """Return a result for tags that AWS did not return, with only the reason."""
    problem = TagProblem(finding=Finding.UNREADABLE, tag_key="", field=None, message=message)
    return OpenedTags(metadata=None, key_version=None, problems=(problem,))


def seal(metadata: PointMetadata, *, file_system: str, key: TagKey, deployment: str) -> dict[str, str]:
    """Return the nine tags of a recovery point: the marker and one per field. Deterministic.

    `file_system` is the ARN given to StartBackupJob. Raises ValueError if the metadata is of another file
    system, contains a time without zone, or has a field with a NUL or more than 160 bytes (no name that AWS
    allows has either).
    """
    expected = f":{metadata.region}:{metadata.account}:file-system/{metadata.file_system}"
    if not file_system.endswith(expected):
        raise ValueError(f"metadata of {expected} cannot be encrypted for {file_system}")
    tags = {MARKER: deployment}
    for field, text in _texts(metadata).items():
        tag_key = name_tag(field, key=key, deployment=deployment)
        associated = _associated(field, tag_key, file_system, deployment, metadata.session)
        tags[tag_key] = _encode(AESSIV(key.secret).encrypt(_pad_value(field, text), associated))
    return tags


def seal_index(
    tags: Mapping[str, str],
    index_id: str,
    manifest_sha256: str | None,
    *,
    file_system: str,
    keys: Mapping[int, bytes],
    deployment: str,
) -> dict[str, str]:
    """Return the one tag that names a point's index, sealed with the data key of its other tags.

    Raises ForeignTag if the existing tags cannot be trusted.
    """
    opened = open_tags(tags, file_system=file_system, keys=keys, deployment=deployment)
    if opened.metadata is None or opened.key_version is None:
        reasons = "; ".join(problem.message for problem in opened.problems) or "it has no Tidemark tags"
        raise ForeignTag(
            f"index {index_id} was not written to the tags of a point of {file_system}: {reasons}"
        )
    key = TagKey(version=opened.key_version, secret=keys[opened.key_version])
    metadata = dataclasses.replace(opened.metadata, index=index_id, manifest_sha256=manifest_sha256)
    tag_key = name_tag("index", key=key, deployment=deployment)
    return {tag_key: seal(metadata, file_system=file_system, key=key, deployment=deployment)[tag_key]}


def name_tag(field: str, *, key: TagKey, deployment: str) -> str:
    """Return the tag key that carries a field under this data key, for all points of the deployment."""
    if field not in FIELDS:
        raise ValueError(f"{field!r} is not a field of the metadata")
    associated = [b"tidemark tag key", b"%d" % FORMAT, b"%d" % key.version, deployment.encode()]
    sealed = AESSIV(key.secret).encrypt(field.encode().ljust(_NAME_BYTES, b"\0"), associated)
    return f"{_PREFIX}{FORMAT}:{key.version}:{_encode(sealed)}"


def open_tags(
    tags: Mapping[str, str], *, file_system: str, keys: Mapping[int, bytes], deployment: str
) -> OpenedTags:
    """Return the metadata in a recovery point's tags, and every tag that cannot be trusted.

    `tags` are all tags of the point, `file_system` its ResourceArn, `keys` the data keys by version. The
    customer's own tags are ignored. A point without Tidemark tags has no metadata and no problems.
    """
    marker = tags.get(MARKER)
    ours = {tag_key: value for tag_key, value in tags.items() if tag_key.startswith(_PREFIX)}
    if marker is None and not ours:
        return OpenedTags(metadata=None, key_version=None, problems=())
    names = _names(ours, keys, deployment)
    if marker is not None and marker != deployment and not names:
        problem = _problem(
            Finding.OTHER_DEPLOYMENT,
            MARKER,
            None,
            f"the point was made by the deployment {marker}; read it with TIDEMARK_DEPLOYMENT={marker}",
        )
        return OpenedTags(metadata=None, key_version=None, problems=(problem,))

    problems = list(_marker_problems(marker, deployment))
    problems += [_foreign_tag(tag_key, keys) for tag_key in ours if tag_key not in names]
    version = max((v for field, v in names.values() if field == "session"), default=None)
    found: dict[str, str] = {}
    for tag_key, (field, sealed_with) in names.items():
        if version is None or sealed_with == version:
            found[field] = tag_key
        else:
            message = f"{field} is encrypted with data key {sealed_with}, but the session with {version}"
            problems.append(_problem(Finding.MIXED_KEYS, tag_key, field, message))
    for field in FIELDS:
        if field not in found:
            problems.append(_problem(Finding.MISSING, "", field, f"the tag of {field} is missing"))
    if version is None:  # nothing can be checked without the session
        return OpenedTags(metadata=None, key_version=None, problems=tuple(problems))
    values = {field: (tag_key, ours[tag_key]) for field, tag_key in found.items()}
    texts, altered = _open_values(values, AESSIV(keys[version]), file_system, deployment)
    problems += altered
    whole = len(texts) == len(FIELDS)
    return OpenedTags(
        metadata=_metadata(texts) if whole else None,
        key_version=version if whole else None,
        problems=tuple(problems),
    )


def key_versions(tags: Mapping[str, str]) -> frozenset[int]:
    """Return the versions of the data keys that tags in this format name."""
    parts = (tag_key.split(":") for tag_key in tags if tag_key.startswith(f"{_PREFIX}{FORMAT}:"))
    return frozenset(int(part[2]) for part in parts if len(part) == 4 and _VERSION.fullmatch(part[2]))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WrappedTagKey:
    """One version of the data key as stored in the repository: wrapped by KMS."""

    version: int
    wrapped: bytes  # KMS's CiphertextBlob
    encryption_context: Mapping[str, str]

    def to_json(self) -> str:
        """Return the text of `tag-keys/<version>.json`."""
        return json.dumps(
            {
                "version": self.version,
                "wrapped": base64.b64encode(self.wrapped).decode(),
                "encryption_context": dict(self.encryption_context),
            },
            indent=2,
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote. Raises TagKeyDamaged."""
        try:
            fields = json.loads(text)
            return cls(
                version=int(fields["version"]),
                wrapped=base64.b64decode(fields["wrapped"], validate=True),
                encryption_context={str(k): str(v) for k, v in fields["encryption_context"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TagKeyDamaged(f"a wrapped key is not readable: {error}") from error


def encryption_context(deployment: str, version: int) -> dict[str, str]:
    """Return the KMS encryption context of a data key, which binds it to this deployment and version."""
    return {
        "tidemark:deployment": deployment,
        "tidemark:purpose": "recovery-point-tags",
        "tidemark:version": str(version),
    }


def _texts(metadata: PointMetadata) -> dict[str, str]:
    if metadata.created.tzinfo is None:
        raise ValueError(f"a time without zone cannot be encrypted: {metadata.created}")
    return {
        "session": metadata.session,
        "policy": metadata.policy,
        "file_system": metadata.file_system,
        "account": metadata.account,
        "region": metadata.region,
        "created": metadata.created.astimezone(UTC).isoformat(timespec="seconds"),
        "retention": "forever" if metadata.retention_days is None else str(metadata.retention_days),
        "index": " ".join(filter(None, (metadata.index, metadata.manifest_sha256))),
    }


def _metadata(texts: Mapping[str, str]) -> PointMetadata:
    """Read authenticated texts; they are what `_texts` wrote."""
    index, _, manifest_sha256 = texts["index"].partition(" ")
    return PointMetadata(
        session=texts["session"],
        policy=texts["policy"],
        file_system=texts["file_system"],
        account=texts["account"],
        region=texts["region"],
        created=datetime.fromisoformat(texts["created"]),
        retention_days=None if texts["retention"] == "forever" else int(texts["retention"]),
        index=index or None,
        manifest_sha256=manifest_sha256 or None,
    )


def _names(ours: Mapping[str, str], keys: Mapping[int, bytes], deployment: str) -> dict[str, tuple[str, int]]:
    """Return field and key version of every tag key that one of our data keys made."""
    made = {
        name_tag(field, key=TagKey(version=version, secret=secret), deployment=deployment): (field, version)
        for version, secret in keys.items()
        for field in FIELDS
    }
    return {tag_key: made[tag_key] for tag_key in sorted(ours) if tag_key in made}


def _open_values(
    values: Mapping[str, tuple[str, str]], cipher: AESSIV, file_system: str, deployment: str
) -> tuple[dict[str, str], list[TagProblem]]:
    """Return the texts that authenticate; `values` are tag key and value by field and include `session`."""
    texts: dict[str, str] = {}
    problems: list[TagProblem] = []
    for field in FIELDS:  # the session comes first: the others are bound to it
        if field not in values:
            continue
        tag_key, value = values[field]
        associated = _associated(field, tag_key, file_system, deployment, texts.get("session", ""))
        text = _open_value(value, cipher, associated)
        if text is not None:
            texts[field] = text
            continue
        message = f"{field} was altered, or copied from another file system or session"
        if field == "session":
            message += "; without it no other field can be checked"
        problems.append(_problem(Finding.ALTERED, tag_key, field, message))
        if field == "session":
            break
    return texts, problems


def _open_value(value: str, cipher: AESSIV, associated: list[bytes]) -> str | None:
    try:
        sealed = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        if _encode(sealed) != value:  # other spellings of the same bytes are changes too
            return None
        return cipher.decrypt(sealed, associated).rstrip(b"\0").decode()
    except (InvalidTag, binascii.Error, ValueError):
        return None


def _associated(field: str, tag_key: str, file_system: str, deployment: str, session: str) -> list[bytes]:
    texts = ["tidemark tag value", tag_key, deployment, file_system]
    if field != "session":
        texts.append(session)
    return [text.encode() for text in texts]


def _marker_problems(marker: str | None, deployment: str) -> Iterator[TagProblem]:
    if marker is None:
        yield _problem(
            Finding.MISSING, MARKER, None, f"the tag {MARKER} that names the deployment is missing"
        )
    elif marker != deployment:
        message = f"the tag {MARKER} names the deployment {marker}, but the other tags are of {deployment}"
        yield _problem(Finding.ALTERED, MARKER, None, message)


def _foreign_tag(tag_key: str, keys: Mapping[int, bytes]) -> TagProblem:
    """Explain a tag key in our format that none of our data keys made."""
    parts = tag_key.split(":")
    if len(parts) == 4 and parts[1].isdecimal() and parts[2].isdecimal():
        if parts[1] != str(FORMAT):
            message = f"the tag {tag_key} has format {parts[1]}, not {FORMAT}; install a newer Tidemark"
            return _problem(Finding.UNKNOWN_FORMAT, tag_key, None, message)
        if int(parts[2]) not in keys:
            message = f"the tag {tag_key} is encrypted with a data key that the repository does not hold"
            return _problem(Finding.UNKNOWN_KEY, tag_key, None, message)
    message = f"the tag {tag_key} was not made by this deployment, or was altered"
    return _problem(Finding.ALTERED, tag_key, None, message)


def _problem(finding: Finding, tag_key: str, field: str | None, message: str) -> TagProblem:
    return TagProblem(finding=finding, tag_key=tag_key, field=field, message=message)


def _pad_value(field: str, text: str) -> bytes:
    value = text.encode()
    if b"\0" in value or len(value) > _MAX_VALUE_BYTES:
        raise ValueError(f"{field} contains a NUL or is longer than {_MAX_VALUE_BYTES} bytes: {text!r}")
    blocks = max(1, -(-len(value) // _VALUE_BLOCK))
    return value.ljust(blocks * _VALUE_BLOCK, b"\0")


def _encode(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
