"""Types of the values in `tidemark.yaml`: what is accepted, and the words for what is not."""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from tidemark.errors import MalformedFileSystemId
from tidemark.exclusions import Exclusion
from tidemark.policy.policy import FILE_SYSTEM_ID, LONGEST_KEEP_DAYS, check_file_system_id
from tidemark.policy.sites import file_system_id_of

_DAYS = {"day": 1, "week": 7, "year": 365}


@dataclasses.dataclass(frozen=True, slots=True)
class _Form:
    """A string that must match a pattern in full; validation errors describe the pattern in words."""

    pattern: str
    what: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(schema) | {"pattern": f"^{self.pattern}$"}

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise ValueError(f"{text!r} is not {self.what}")
        return text


def _file_system_id(text: str) -> str:
    try:
        return check_file_system_id(text)
    except MalformedFileSystemId as error:
        raise ValueError(str(error)) from error


def _file_system_name(text: str) -> str:
    """Return the name of a file system: its id, after a Region, or after an account's name and a Region."""
    *before, _ = text.split("/")
    forms = (_REGION,) if len(before) == 1 else (_ACCOUNT_NAME, _REGION)
    if before and (len(before) > 2 or not all(map(re.fullmatch, forms, before))):
        raise ValueError(
            f"{text!r} does not name a file system; write its id, or <Region>/ID in another Region, or "
            f"<account name>/<Region>/ID in another account"
        )
    _file_system_id(file_system_id_of(text))
    return text


def keep_days(text: Any) -> int | None:
    """Return the days of a text such as `35 days` or `7 years` (of 365 days); None for `forever`.

    Raises ValueError, also for a number without a unit.
    Source: AWS Backup Developer Guide, retention is 1 day to 100 years (36,500 days) or always.
    """
    if text == "forever":
        return None
    match = re.fullmatch(r"([0-9]{1,6}) (day|week|year)s?", text) if isinstance(text, str) else None
    if not match:
        number = text if isinstance(text, int) and not isinstance(text, bool) else 35
        hint = f"{number} day{'' if number == 1 else 's'}"
        raise ValueError(
            f"{text!r} is not a retention period; write '{hint}', '5 weeks', '7 years' or 'forever'"
        )
    days = int(match.group(1)) * _DAYS[match.group(2)]
    if not 1 <= days <= LONGEST_KEEP_DAYS:
        raise ValueError(f"AWS Backup accepts 1 to {LONGEST_KEEP_DAYS} days, not {days}; or write 'forever'")
    return days


def hold_days(text: Any) -> int:
    """Return the days of a text such as `90 days`, as `keep_days` does. Raises ValueError for `forever`."""
    days = keep_days(text)
    if days is None:
        raise ValueError("'forever' is not a time to hold points; write '90 days', '5 weeks' or '1 year'")
    return days


def memory_mib(text: Any) -> int:
    """Return the MiB of a text such as `2 GB` or `512 MB`. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,6}) ?(GB|MB)", text) if isinstance(text, str) else None
    if not match:
        raise ValueError(f"{text!r} is not an amount of memory; write it as '2 GB' or '512 MB'")
    return int(match.group(1)) * (1024 if match.group(2) == "GB" else 1)


def size_bytes(text: Any) -> int:
    """Return the bytes of a text such as `10 GB`, in powers of 1000. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,6}) ?(MB|GB|TB)", text) if isinstance(text, str) else None
    if not match or not int(match.group(1)):
        raise ValueError(f"{text!r} is not a size; write it as '10 GB', '500 MB' or '1 TB'")
    return int(match.group(1)) * {"MB": 10**6, "GB": 10**9, "TB": 10**12}[match.group(2)]


def excluded(text: str) -> str:
    """Return a directory pattern in the normal form of `exclusions`. Raises ValueError."""
    return str(Exclusion.parse(text))


def _no_switch(value: Any) -> Any:
    """Return `value`. Raises ValueError for true and false, which Python treats as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is not a number; write a number")  # noqa: TRY004 - pydantic wants this
    return value


def no_number(value: Any) -> Any:
    """Return `value`. Raises ValueError for a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"{value} should be true or false")  # noqa: TRY004 - likewise
    return value


# The lengths keep names that are built from these within AWS's limits: the bucket
# `<deployment>-repository-<account>-<Region>` within 63, a function within 64, and a session id
# `<policy>-<file system>-<time>`, the name of an execution, within 80. The prefix is part of roles, and of
# the environment of functions and workers.
DeploymentName = Annotated[
    str,
    _Form(
        r"[a-z][a-z0-9-]{0,18}[a-z0-9]",
        "a deployment name: 2-20 of a-z, 0-9 and '-', beginning with a letter",
    ),
]
PolicyName = Annotated[
    str,
    _Form(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?", "a policy name: 1-30 of a-z, 0-9 and '-', such as nightly"),
]
_REGION = r"[a-z]{2,5}(-[a-z]+){1,3}-[0-9]{1,2}"
RegionName = Annotated[str, _Form(_REGION, "an AWS Region, such as eu-central-1")]
VaultName = Annotated[str, _Form(r"[a-zA-Z0-9_-]{2,50}", "a vault name: 2-50 letters, digits, '-' and '_'")]
BucketName = Annotated[
    str,
    _Form(
        r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
        "a bucket name: 3-63 of a-z, 0-9 and '-' (no dots: they break TLS)",
    ),
]
Prefix = Annotated[
    str,
    _Form(
        r"(?=.{0,100}$)([a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+)*)?",
        "a prefix: up to 100 letters, digits, '_' and '-', parts separated by single slashes, none at either "
        "end",
    ),
]
SubnetId = Annotated[str, _Form(r"subnet-[0-9a-f]{8,40}", "a subnet id, such as subnet-0123456789abcdef0")]
SecurityGroupId = Annotated[
    str, _Form(r"sg-[0-9a-f]{8,40}", "a security group id, such as sg-0123456789abcdef0")
]
GravitonType = Annotated[
    str,
    _Form(
        r"(a1|[a-z]+[0-9]+g[a-z]*)\.[0-9a-z-]+",
        "a Graviton instance type; the worker image is built for arm64: choose one such as m7g.large",
    ),
]
EmailAddress = Annotated[str, _Form(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")]
FileSystemId = Annotated[
    str,
    AfterValidator(_file_system_id),
    WithJsonSchema({"type": "string", "pattern": f"^{FILE_SYSTEM_ID.pattern}$"}),
]
_ACCOUNT_NAME = r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?"
FileSystemName = Annotated[
    str,
    AfterValidator(_file_system_name),
    WithJsonSchema(
        {"type": "string", "pattern": f"^(({_ACCOUNT_NAME}/)?{_REGION}/)?{FILE_SYSTEM_ID.pattern}$"}
    ),
]
AccountName = Annotated[
    str,
    _Form(_ACCOUNT_NAME, "a name of an account: 1-20 of a-z, 0-9 and '-', beginning with a letter"),
]
AccountId = Annotated[str, _Form(r"[0-9]{12}", "an account id: 12 digits, in quotes")]
# Source: AWS STS API Reference, AssumeRole, ExternalId. Shorter ones could be guessed.
ExternalId = Annotated[
    str,
    _Form(r"[A-Za-z0-9+=,.@:/_-]{16,256}", "an external id: 16-256 of letters, digits and +=,.@:/_-"),
]
KEEP_SCHEMA = {"type": "string", "pattern": "^([0-9]{1,6} (day|week|year)s?|forever)$"}
Keep = Annotated[
    int | None,
    BeforeValidator(keep_days),
    WithJsonSchema(KEEP_SCHEMA),
]
Hold = Annotated[
    int,
    BeforeValidator(hold_days),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,6} (day|week|year)s?$"}),
]
ExcludePattern = Annotated[
    str, AfterValidator(excluded), WithJsonSchema({"type": "string", "pattern": "^(?!!)/*[^/]"})
]
Memory = Annotated[
    int, BeforeValidator(memory_mib), WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,6} ?(GB|MB)$"})
]


Size = Annotated[
    int,
    BeforeValidator(size_bytes),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,6} ?(MB|GB|TB)$"}),
]


NoSwitch = BeforeValidator(_no_switch)
NoNumber = BeforeValidator(no_number)
