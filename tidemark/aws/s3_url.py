"""Parses the URL of a repository in S3, `s3://bucket/prefix`."""

from __future__ import annotations

from urllib.parse import urlsplit


def place_of(repository: str) -> tuple[str, str]:
    """Return the bucket and the key prefix, which is empty or ends with a slash."""
    url = urlsplit(repository)
    prefix = url.path.strip("/")
    return url.netloc, f"{prefix}/" if prefix else ""
