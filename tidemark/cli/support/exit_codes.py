"""Exit codes beside those of the errors (tidemark/errors.py)."""

from __future__ import annotations

USAGE = 2  # what every Unix command ends with when it was called wrongly
DEFECT = 70  # EX_SOFTWARE of sysexits.h
NOT_WRITTEN = 74  # EX_IOERR of sysexits.h
INTERRUPTED = 130  # 128 + SIGINT
PIPE_CLOSED = 141  # 128 + SIGPIPE
