"""The URL of a repository in S3, `s3://bucket/prefix`, in its parts."""

from __future__ import annotations

from urllib.parse import urlsplit


def place_of(repository: str) -> tuple[str, str]:
    """Return the bucket, and what stands before every key: nothing, or a prefix with its slash."""
    url = urlsplit(repository)
    prefix = url.path.strip("/")
    return url.netloc, f"{prefix}/" if prefix else ""
