"""Outputs that cannot show every name: another encoding than UTF-8, few columns."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tidemark.cli.output import encoding, terminal
from tidemark.escape import escape

# Names that an escape of code points, or none, shows alike; and our own signs.
NAMES = [
    b"caf\xc3\xa9", b"caf\xe9", b"caf\\xe9", b"caf?", "Ã©".encode(), "日本.txt".encode(), "\u65e5".encode(),
    b"\\u65e5", "✓".encode(), "a\u0301".encode(), "á".encode(), "¥".encode(), b"\\", "‾".encode(), b"~",
    "🌊".encode(), b"\xf0\x9f", b"a\nb", "a\u202eb".encode(),
]  # fmt: skip
ENCODINGS = ["ascii", "latin-1", "cp1252", "koi8-r", "shift_jis", "euc_jp", "iso2022_jp", "gb18030", "utf-8"]


def output(of):
    return io.TextIOWrapper(io.BytesIO(), encoding=of, errors="strict")


@pytest.mark.parametrize("of", ENCODINGS)
@given(
    names=st.lists(
        st.binary(max_size=6) | st.text(max_size=6).map(lambda text: text.encode("utf-8", "replace"))
    )
)
@example(names=NAMES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_any_name_can_be_typed_back_from_what_an_output_shows(of, names, monkeypatch):
    names = [name.replace(b"/", b"").replace(b"\0", b"") for name in names]
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", output(of))
        shown = [terminal.printable(escape(name)) for name in names]
    received = [text.encode(of).decode(of) for text in shown]
    assert [terminal.typed(text) for text in received] == names


def test_unchecked_text_is_escaped_by_the_stream():
    encoding.register()
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors=encoding.ERRORS)
    stream.write("é日\udcff")
    stream.flush()
    assert stream.buffer.getvalue() == rb"\xc3\xa9\xe6\x97\xa5\xff"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Return two indexes of a directory of odd names, and the URL of their repository."""
    directory = tmp_path_factory.mktemp("named")
    root = os.fsencode(directory / "tree")
    for name in NAMES:
        os.makedirs(os.path.join(root, name))  # noqa: PTH103 - pathlib cannot hold these bytes
        with open(os.path.join(root, name, name + b".x"), "wb") as file:
            file.write(b"12345")
    (directory / "repository").mkdir()
    url = f"file://{directory}/repository"
    build = ("index", "build", os.fsdecode(root), "--repository", url)
    before = run("utf-8", *build).stdout.decode().strip()
    for name in NAMES:
        with open(os.path.join(root, name, name + b".x"), "ab") as file:
            file.write(b"6")
    return before, run("utf-8", *build).stdout.decode().strip(), url


def run(of, *arguments):
    command = [sys.executable, "-m", "tidemark.cli.main", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": of, "PYTHONUTF8": "1"}
    return subprocess.run(command, env=environment, capture_output=True, check=True)


def in_terminal(columns, *arguments):
    """Return the output of a command on a terminal of N columns, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    command = [sys.executable, "-m", "tidemark.cli.main", *arguments]
    with subprocess.Popen(
        command, stdout=theirs, stderr=subprocess.DEVNULL, env={**environment, "TERM": "xterm"}
    ):
        os.close(theirs)
        received = b""
        while True:
            try:
                received += os.read(ours, 65_536)
            except OSError:  # the other side is closed
                break
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", received.decode()).replace("\r\n", "\n")


# Commands that name files, and the text before and after a path on a line.
COMMANDS = [
    (("ls", "{index}:/"), r"B  (.+)/"),
    (("search", "--type", "d", "--index", "{index}"), r"-  /(.+)/"),
    (("diff", "{before}", "{index}"), r"~ .*B  /(.+)/.*\.x"),
    (("usage", "{index}"), r"[#█]+ +(.+)/"),
    (("usage", "{index}", "--largest", "99"), r"B +  /(.+)/.*\.x"),
]


@pytest.mark.parametrize(("arguments", "line"), COMMANDS)
@pytest.mark.parametrize("of", ["ascii", "latin-1", "shift_jis"])
def test_every_command_shows_names_that_can_be_typed_back(of, arguments, line, tree):
    before, index, url = tree
    arguments = [each.format(index=index, before=before) for each in arguments]
    shown = run(of, *arguments, "--repository", url).stdout.decode(of)
    found = [match[1] for each in shown.splitlines() if (match := re.search(f"{line}$", each))]
    assert sorted(map(terminal.typed, found)) == sorted(NAMES)
    for name in found[:1]:
        assert run(of, "history", f"/{name}", "--repository", url).stdout.decode(of).count(f"/{name}/") == 1


def test_names_in_errors_and_warnings_can_be_typed_back(tree, tmp_path):
    _, index, url = tree
    (tmp_path / "é").mkdir()
    built = run("ascii", "index", "build", str(tmp_path / "é"), "--repository", url, "--exclude", "ö")
    assert rb"no directory matches --exclude '/**/\xc3\xb6'" in built.stderr
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run("ascii", "ls", f"{index}:/ö", "--repository", url)
    assert rb"/\xc3\xb6" in failed.value.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("index", "list"),
        ("index", "show", "{index}"),
        ("ls", "{index}:/"),
        ("search", "x", "--index", "{index}"),
        ("diff", "{before}", "{index}"),
        ("usage", "{index}"),
        ("history", "/~/~.x"),
    ],
)
def test_nothing_is_broken_at_40_columns(arguments, tree):
    """A terminal gets the same lines as a pipe: it wraps headings and rows alike."""
    before, index, url = tree
    arguments = [each.format(index=index, before=before) for each in arguments]
    piped = run("utf-8", *arguments, "--repository", url).stdout.decode()
    assert in_terminal(40, *arguments, "--repository", url) == piped


def test_the_id_of_a_new_index_is_whole_at_40_columns(tree, tmp_path):
    (tmp_path / "small").mkdir()
    shown = in_terminal(40, "index", "build", str(tmp_path / "small"), "--repository", tree[2])
    assert re.fullmatch(r"fs-\w+-\w+-\w+\n", shown)
