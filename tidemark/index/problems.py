"""errors.parquet: what the crawl could not, or not reliably, read."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from tidemark.crawl.batch import Problem
from tidemark.index.columns import raw_column
from tidemark.index.escape import escape
from tidemark.index.files import SideFileWriter
from tidemark.index.folder import Folder
from tidemark.index.manifest import File

ERRORS = "errors.parquet"
ERRORS_SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("path_raw", pa.binary()),
        pa.field("operation", pa.string(), nullable=False),
        pa.field("errno", pa.int32(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
    ]
)
_ROW_GROUP_ROWS = 65_536


class ProblemsBuilder:
    """Gathers problems and counts them by kind."""

    def __init__(self) -> None:
        self._writer = SideFileWriter(ERRORS, ERRORS_SCHEMA, dictionary_columns=["operation", "kind"])
        self._waiting: list[Problem] = []
        self.counts = {"unreadable": 0, "vanished": 0, "changed": 0}

    def add(self, problems: Iterable[Problem]) -> None:
        """Add problems, in any order."""
        for problem in problems:
            self.counts[problem.kind] += 1
            self._waiting.append(problem)
        if len(self._waiting) >= _ROW_GROUP_ROWS:
            self._flush()

    def close(self, folder: Folder) -> File:
        """Put the file."""
        self._flush()
        return self._writer.close(folder)

    def _flush(self) -> None:
        path = pa.array([escape(problem.path) for problem in self._waiting], pa.string())
        self._writer.write(
            pa.table(
                {
                    "path": path,
                    "path_raw": raw_column(path),
                    "operation": pa.array([problem.operation for problem in self._waiting], pa.string()),
                    "errno": pa.array([problem.errno for problem in self._waiting], pa.int32()),
                    "kind": pa.array([problem.kind for problem in self._waiting], pa.string()),
                }
            )
        )
        self._waiting = []
