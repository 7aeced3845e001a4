"""The exit codes that belong to no error class (for those see tidemark/errors/)."""

from __future__ import annotations

USAGE = 2  # the Unix convention for invalid arguments
DEFECT = 70  # EX_SOFTWARE of sysexits.h
NOT_WRITTEN = 74  # EX_IOERR of sysexits.h
INTERRUPTED = 130  # 128 + SIGINT
PIPE_CLOSED = 141  # 128 + SIGPIPE
