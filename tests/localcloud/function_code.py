"""Code of functions, as a caller uploads it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping


def zipped(files: Mapping[str, str], mode: int = 0o644) -> bytes:
    """Return a zip file with these contents by name, each with a mode that Lambda keeps."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            made.writestr(info, content)
    return archive.getvalue()
