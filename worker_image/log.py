"""Logs one JSON object per line, which CloudWatch Logs Insights parses by itself."""

from __future__ import annotations

import json
import logging
import sys

_OWN = frozenset(vars(logging.makeLogRecord({})))  # attributes of every record; all others come from `extra`


class JsonLines(logging.Formatter):
    """Formats records as JSON and escapes non-ASCII, so that no name can forge a line or move a cursor."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        line = {
            "level": record.levelname,
            "time": self.formatTime(record),
            "logger": record.name,
            "message": record.getMessage(),
            **{key: value for key, value in vars(record).items() if key not in _OWN},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_json_lines() -> None:
    """Send every log record of the process to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("botocore").setLevel(logging.WARNING)
