"""The store interface of a repository, and its implementation for a directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from tidemark.errors import ConfigurationError


class ObjectMissing(LookupError):
    """The store has no object with this key. Readers convert it to IndexNotFound or IndexDamaged."""


class ObjectExists(Exception):
    """A conditional put failed because the key exists."""


class Store(Protocol):
    """Objects by key below one URL. Keys use "/" and are relative to the URL.

    Every method raises a TidemarkError if the store itself fails (denied, unreachable).
    """

    url: str  # without a trailing slash
    at_once: int  # useful number of concurrent requests

    def put(self, key: str, body: bytes | memoryview, *, only_if_absent: bool = False) -> None:
        """Write an object atomically. With `only_if_absent`, raises ObjectExists if the key exists."""
        ...

    def get(self, key: str) -> bytes:
        """Return a whole object. Raises ObjectMissing."""
        ...

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer if the object ends earlier. Raises ObjectMissing."""
        ...

    def discard(self, key: str) -> None:
        """Remove an object, or replace it with an empty one if deletion is not allowed."""
        ...

    def list_keys(self, prefix: str) -> list[str]:
        """Return the keys of all objects below `prefix` (which ends with "/"), sorted."""
        ...

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Return the sorted names directly below `prefix` (ends with "/") that have objects below them."""
        ...


class FileStore:
    """A repository in a directory: `file:///path`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.at_once = os.cpu_count() or 1
        self.url = directory.absolute().as_uri().rstrip("/")

    def put(self, key: str, body: bytes | memoryview, *, only_if_absent: bool = False) -> None:
        """Write to a temporary name and then rename, so that readers never see a partial file."""
        path = self._directory / key
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            if only_if_absent:
                _link(temporary, path)
            else:
                temporary.rename(path)
        except OSError as error:
            raise _unusable(self.url, error) from error

    def get(self, key: str) -> bytes:
        """Return a whole file."""
        try:
            return (self._directory / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise ObjectMissing(key) from error
        except OSError as error:
            raise _unusable(self.url, error) from error

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """Return a byte range of a file."""
        try:
            with (self._directory / key).open("rb", buffering=0) as file:
                return os.pread(file.fileno(), length, offset)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise ObjectMissing(key) from error
        except OSError as error:
            raise _unusable(self.url, error) from error

    def discard(self, key: str) -> None:
        """Remove a file, and directories that become empty."""
        path = self._directory / key
        try:
            path.unlink(missing_ok=True)
            for above in path.parents:
                if above == self._directory or any(above.iterdir()):
                    break
                above.rmdir()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _unusable(self.url, error) from error

    def list_keys(self, prefix: str) -> list[str]:
        """Return the keys of all files below a directory."""
        files = (path for path in (self._directory / prefix).rglob("*") if path.is_file())
        return sorted(path.relative_to(self._directory).as_posix() for path in files)

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Return the names of the directories below `prefix`."""
        try:
            yield from sorted(path.name for path in (self._directory / prefix).iterdir() if path.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _unusable(self.url, error) from error


def file_store(url: str, *, to_read: bool = False) -> FileStore:
    """Return the store of a `file:///path` URL. Raises ConfigurationError for any other URL.

    With `to_read`, also raises ConfigurationError if the directory does not exist.
    """
    parts = urlsplit(url)
    path = unquote(parts.path)
    if url and not parts.scheme:
        raise ConfigurationError(
            f"{url!r} is not a URL; write {Path(url).absolute().as_uri()}, or s3://bucket/prefix"
        )
    if parts.scheme != "file" or parts.netloc or not path.startswith("/"):
        raise ConfigurationError(f"{url!r} is not a repository; write s3://bucket/prefix or file:///path")
    if to_read and not Path(path).is_dir():
        reason = "it is not a directory" if Path(path).exists() else "no such directory"
        raise ConfigurationError(
            f"cannot read {url}: {reason}; give the URL that its indexes were built with"
        )
    return FileStore(Path(path))


def _link(temporary: Path, path: Path) -> None:
    """Rename a file atomically unless the name exists. Raises ObjectExists."""
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise ObjectExists(path.name) from error
    finally:
        temporary.unlink()


def _unusable(url: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"the repository {url} cannot be used: {error.strerror}; check the path and its permissions"
    )
