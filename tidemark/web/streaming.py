"""Send a page while its answer is still being computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from flask import Response, stream_template

FLUSH = "<!-- flush -->"  # in a template: send what precedes it now
_LARGEST = 32_000  # characters that are collected; a template yields a piece for each of its expressions


def streamed(template: str, **context: Any) -> Response:
    """Return a page that is sent in pieces, each up to a FLUSH of the template."""
    return Response(joined(stream_template(template, **context)), mimetype="text/html")


def joined(pieces: Iterator[str]) -> Iterator[str]:
    """Return the pieces, joined up to each FLUSH; closes them if the browser leaves."""
    waiting, size = list[str](), 0
    with closing(pieces):  # type: ignore[type-var]  # a generator, which has a `close`
        for piece in pieces:
            waiting.append(piece)
            size += len(piece)
            if FLUSH in piece or size > _LARGEST:
                yield "".join(waiting)
                waiting, size = [], 0
        yield "".join(waiting)
