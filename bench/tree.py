"""A synthetic tree: office names, many of them repeated, directories of 3 to 100 files, 14 levels at most."""

from __future__ import annotations

import os
import random
from pathlib import Path

_WORDS = """report invoice photo draft data image log backup note budget plan minutes letter scan export cache
index main test util müller größe projekt client server module kernel driver vendor assets static""".split()  # noqa: SIM905 - a list of quoted words is no easier to read
_ENDINGS = "txt pdf xlsx docx jpg png py c h html json xml csv log gz o".split()  # noqa: SIM905 - likewise
_DEEPEST = 14


def make_tree(top: Path, entries: int, seed: int = 5) -> None:
    """Create a directory with about `entries` entries, unless it exists."""
    if top.exists():
        return
    chance = random.Random(seed)
    top.mkdir(parents=True)
    directories, made = [(str(top), 0)], 0
    while made < entries:
        above, depth = chance.choice(directories)
        directory = f"{above}/{chance.choice(_WORDS)}{chance.randrange(1000)}"
        if depth == _DEEPEST or os.path.exists(directory):  # noqa: PTH110 - a million
            continue
        os.mkdir(directory)  # noqa: PTH102 - a million
        directories.append((directory, depth + 1))
        made += 1
        for _ in range(chance.choice([3, 10, 20, 40, 100])):
            word, other, ending = chance.choice(_WORDS), chance.choice(_WORDS), chance.choice(_ENDINGS)
            name = f"{directory}/{word}_{other}{chance.randrange(10_000)}.{ending}"
            fd = os.open(name, os.O_CREAT | os.O_WRONLY)
            os.ftruncate(fd, int(chance.expovariate(1e-5)))
            moment = 1_600_000_000_000_000_000 + chance.randrange(10**17)
            os.utime(fd, ns=(moment, moment))
            os.close(fd)
            made += 1


def make_directory(top: Path, entries: int) -> None:
    """Create one directory with `entries` empty files, unless it exists."""
    if top.exists():
        return
    top.mkdir(parents=True)
    for number in range(entries):
        os.close(os.open(f"{top}/scan_{number:07}.tif", os.O_CREAT | os.O_WRONLY))
