"""Quotas of templates. Source: AWS CloudFormation User Guide, "Understand CloudFormation quotas"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.core.cloud import AwsError

LARGEST_BODY = 51_200  # bytes in the request itself
LARGEST_FILE = 1_000_000  # bytes in S3
MOST = {"Resources": 500, "Outputs": 200, "Parameters": 200, "Mappings": 200}


def check_body(text: str) -> None:
    """Raise AwsError for a template that is too large for a request body."""
    if len(text.encode()) > LARGEST_BODY:
        raise AwsError(
            "ValidationError",
            "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must "
            f"have length less than or equal to {LARGEST_BODY}",
        )


def check_file(content: bytes) -> None:
    """Raise AwsError for a template in S3 that is too large."""
    if len(content) > LARGEST_FILE:
        raise AwsError("ValidationError", f"Template may not exceed {LARGEST_FILE} bytes in size.")


def check_template(template: Mapping[str, Any]) -> None:
    """Raise AwsError for a template with too many parameters, resources or outputs, for example."""
    for section, most in MOST.items():
        count = len(template.get(section) or ())
        if count > most:
            raise AwsError(
                "ValidationError",
                f"Template format error: Number of {section.lower()}, {count}, is greater than maximum "
                f"allowed, {most}",
            )
