"""Format entries of an index as lines for people."""

from __future__ import annotations

from rich.text import Text

from tidemark.cli.output import terminal
from tidemark.index.format.entry import Entry

_KINDS = {"p": "FIFO", "s": "socket", "c": "character device", "b": "block device"}


def entry_line(entry: Entry, shown: str, *, subtree_bytes: int | None = None) -> Text:
    """Return an entry as a line: time, size, path. The path of a directory ends with a slash."""
    size = subtree_bytes if entry.type == "d" else entry.size
    amount = "-" if size is None else terminal.size(size)
    # A style of the whole text would also apply to text that is appended.
    text = Text.assemble((f"{terminal.minute(entry.mtime)}  {amount:>7}  ", terminal.QUIET))
    style = {"d": "blue", "l": "cyan", "f": ""}.get(entry.type, terminal.CAREFUL)
    text.append(terminal.printable(shown) + ("/" if entry.type == "d" else ""), style=style)
    if entry.type == "l":
        text.append(f" -> {terminal.printable(entry.target or '')}", style=terminal.QUIET)
    elif entry.type not in "df":
        text.append(f"  ({_KINDS.get(entry.type, entry.type)})", style=terminal.QUIET)
    return text
