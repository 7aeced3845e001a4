"""Attacks on a file system, each with parameters that are drawn."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from bench.damage.office import Office

# An attack does one night's work at each step.
Attack = Callable[[Office, random.Random], Iterator[None]]
_SLOW_NIGHTS = 40


def _targets(office: Office, chance: random.Random) -> list[str]:
    """Return the documents of the users, of the archive too in half of the cases; not all are reached."""
    files = office.fs.below("/home/")
    if chance.random() < 0.5:
        files += office.fs.below("/archive/")
    return [path for path in files if chance.random() < chance.choice((0.6, 0.9, 1.0))]


def _one_home(office: Office, chance: random.Random) -> list[str]:
    return office.fs.below(chance.choice(office.homes))


def _extension(chance: random.Random) -> str:
    return "".join(chance.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(chance.randint(4, 8)))


def _note(office: Office, paths: list[str], name: str) -> None:
    for directory in sorted({path.rpartition("/")[0] for path in paths}):
        office.fs.write(f"{directory}/{name}", 1_800)


def _encrypted(office: Office, path: str) -> int:
    return office.fs.files[path].size + 16 + office.chance.choice((0, 256, 512))


def _renamed(office: Office, paths: list[str], rename: Callable[[str], str]) -> None:
    for path in paths:
        size = _encrypted(office, path)
        office.fs.delete(path)
        office.fs.write(rename(path), size)


def _in_place(office: Office, paths: list[str]) -> None:
    for path in paths:
        office.fs.write(path, _encrypted(office, path))


def suffix(office: Office, chance: random.Random) -> Iterator[None]:
    """Encrypt documents and append a new extension; leave a note in each directory."""
    new, paths = _extension(chance), _targets(office, chance)
    _renamed(office, paths, lambda path: f"{path}.{new}")
    _note(office, paths, "HOW_TO_DECRYPT.txt")
    yield


def random_names(office: Office, chance: random.Random) -> Iterator[None]:
    """Encrypt documents under random names with a new extension."""
    new, paths = _extension(chance), _targets(office, chance)
    _renamed(office, paths, lambda path: f"{path.rpartition('/')[0]}/{chance.getrandbits(64):016x}.{new}")
    yield


def names_without_extension(office: Office, chance: random.Random) -> Iterator[None]:
    """Encrypt documents under random names without an extension."""
    paths = _targets(office, chance)
    _renamed(office, paths, lambda path: f"{path.rpartition('/')[0]}/{chance.getrandbits(128):032x}")
    yield


def in_place(office: Office, chance: random.Random) -> Iterator[None]:
    """Encrypt documents under their own names."""
    _in_place(office, _targets(office, chance))
    yield


def in_place_with_times(office: Office, chance: random.Random) -> Iterator[None]:
    """Encrypt documents under their own names, with the same size, and set their times back."""
    for path in _targets(office, chance):
        office.fs.change(path)
    yield


def delete_and_write(office: Office, chance: random.Random) -> Iterator[None]:
    """Write encrypted copies whose extension replaces the old one, and delete the originals."""
    new, paths = _extension(chance), _targets(office, chance)
    _renamed(office, paths, lambda path: f"{path.rpartition('.')[0]}.{new}")
    yield


def known_extension(office: Office, chance: random.Random) -> Iterator[None]:
    """Replace each document by an encrypted archive with a well-known extension."""
    _renamed(office, _targets(office, chance), lambda path: f"{path}.zip")
    yield


def slow_suffix(office: Office, chance: random.Random) -> Iterator[None]:
    """Encrypt 1% to 3% of the documents each night, with a new extension."""
    new, share = _extension(chance), chance.uniform(0.01, 0.03)
    targets = _targets(office, chance)
    chance.shuffle(targets)
    for _ in range(_SLOW_NIGHTS):
        paths, targets = targets[: int(share * len(targets)) + 1], targets[int(share * len(targets)) + 1 :]
        _renamed(office, [path for path in paths if path in office.fs.files], lambda path: f"{path}.{new}")
        yield


def slow_in_place(office: Office, chance: random.Random) -> Iterator[None]:
    """Encrypt 1% to 3% of the documents each night, under their own names."""
    share, targets = chance.uniform(0.01, 0.03), _targets(office, chance)
    chance.shuffle(targets)
    step = int(share * len(targets)) + 1
    for night in range(_SLOW_NIGHTS):
        paths = targets[night * step : (night + 1) * step]
        _in_place(office, [path for path in paths if path in office.fs.files])
        yield


def one_home_suffix(office: Office, chance: random.Random) -> Iterator[None]:
    """Encrypt the documents of one user, with a new extension."""
    new = _extension(chance)
    _renamed(office, _one_home(office, chance), lambda path: f"{path}.{new}")
    yield


def one_home_in_place(office: Office, chance: random.Random) -> Iterator[None]:
    """Encrypt the documents of one user under their own names."""
    _in_place(office, _one_home(office, chance))
    yield


def wipe(office: Office, chance: random.Random) -> Iterator[None]:
    """Delete most documents."""
    for path in _targets(office, chance):
        office.fs.delete(path)
    yield


def empty(office: Office, chance: random.Random) -> Iterator[None]:
    """Truncate documents to nothing."""
    for path in _targets(office, chance):
        office.fs.write(path, 0)
    yield


ATTACKS: dict[str, Attack] = {
    "new extension appended": suffix,
    "random names, new extension": random_names,
    "random names, no extension": names_without_extension,
    "delete and write, new extension": delete_and_write,
    "known extension (.zip)": known_extension,
    "overwritten in place": in_place,
    "in place, size and times kept": in_place_with_times,
    "slow, new extension (1-3% a night)": slow_suffix,
    "slow, in place (1-3% a night)": slow_in_place,
    "one home directory, new extension": one_home_suffix,
    "one home directory, in place": one_home_in_place,
    "documents deleted": wipe,
    "documents truncated": empty,
}
