"""Large changes of a file system that are no damage."""

from __future__ import annotations

import random
from collections.abc import Callable

from bench.damage.file_system import DAY_US
from bench.damage.office import CODE, DOCUMENTS, Office, rotate

Event = Callable[[Office, random.Random], None]


def rsync(office: Office, chance: random.Random) -> None:
    """Synchronize the archive with another file system, whose files keep their times."""
    for path in office.fs.below("/archive/"):
        if chance.random() < 0.6:
            age = chance.uniform(30, 300)
            office.fs.write(path, office.fs.files[path].size + chance.randint(1, 9_000), age_days=age)
    for number in range(chance.randint(100, 800)):
        office.fs.write(f"/archive/synced/{number % 9}/{office.name()}.pdf", 40_000, age_days=100)


def rsync_without_times(office: Office, chance: random.Random) -> None:
    """Copy the same archive again, with new times."""
    for path in office.fs.below("/archive/"):
        office.fs.write(path, office.fs.files[path].size)


def first_deployment(office: Office, chance: random.Random) -> None:
    """Deploy another application, with many new files."""
    for number in range(chance.randint(500, 3_000)):
        path = f"/srv/shop/current/vendor/p{number % 30}/f{number}.{chance.choice((*CODE, 'wasm', 'map'))}"
        office.fs.write(path, chance.randint(100, 50_000), age_days=chance.uniform(0, 400))


def upgrade_in_place(office: Office, chance: random.Random) -> None:
    """Replace most files of the newest release, with the times of the build of an hour ago."""
    for path in office.fs.below(f"/srv/app/releases/{office.releases[-1]:04}/"):
        if chance.random() < 0.7:
            office.fs.write(path, office.fs.files[path].size + chance.randint(0, 900), age_days=0.04)


def rotate_all_logs(office: Office, chance: random.Random) -> None:
    """Rotate all logs several times."""
    for _ in range(chance.randint(1, 3)):
        for number in range(office.habits.logs):
            rotate(office.fs, f"/var/log/app{number}.log")
            office.fs.write(f"/var/log/app{number}.log", chance.randint(1, 100_000))


def chmod(office: Office, chance: random.Random) -> None:
    """Change the permissions of all documents."""
    for path in office.fs.below("/home/"):
        office.fs.change(path, mode=0o640)


def chown(office: Office, chance: random.Random) -> None:
    """Change the owner of all files of the archive."""
    for path in office.fs.below("/archive/"):
        office.fs.change(path, uid=chance.randint(2_000, 2_003))


def chown_to_the_same(office: Office, chance: random.Random) -> None:
    """Set the owner of all documents to the owner that they have."""
    for path in office.fs.below("/home/"):
        office.fs.change(path)


def rotate_backups(office: Office, chance: random.Random) -> None:
    """Begin to keep three copies of the archive in numbered directories, and rotate them."""
    files = office.fs.below("/archive/")
    for kept in range(3):
        for path in files:
            office.fs.put(f"/backup/daily.{kept}{path}", office.fs.files[path])


def big_import(office: Office, chance: random.Random) -> None:
    """Import many files of a kind that the file system does not have yet."""
    kind = chance.choice(("dcm", "heic", "parquet", "nc"))
    for number in range(chance.randint(1_000, 5_000)):
        office.fs.write(
            f"/data/import/{number % 40}/scan{number}.{kind}", chance.randint(10**5, 10**6), age_days=900
        )


def clean_archive(office: Office, chance: random.Random) -> None:
    """Delete the oldest years of the archive."""
    for year in range(2016, 2016 + chance.randint(1, 5)):
        for path in office.fs.below(f"/archive/{year}/"):
            office.fs.delete(path)


def clean_old_files(office: Office, chance: random.Random) -> None:
    """Delete the documents of all users that are older than a limit."""
    limit = chance.choice((400, 700)) * DAY_US
    now = office.fs.now_us()
    for path in office.fs.below("/home/"):
        if now - office.fs.files[path].mtime_us > limit:
            office.fs.delete(path)


def user_leaves(office: Office, chance: random.Random) -> None:
    """Delete the home directory of a user."""
    for path in office.fs.below(chance.choice(office.homes)):
        office.fs.delete(path)


def move_home(office: Office, chance: random.Random) -> None:
    """Move a home directory to the archive."""
    home = chance.choice(office.homes)
    for path in office.fs.below(home):
        office.fs.move(path, f"/archive/left/{path.removeprefix('/home/')}")


def rename_documents(office: Office, chance: random.Random) -> None:
    """Give all files of a user another prefix."""
    for path in office.fs.below(chance.choice(office.homes)):
        parent, _, name = path.rpartition("/")
        office.fs.move(path, f"{parent}/2026-{name}")


def convert(office: Office, chance: random.Random) -> None:
    """Convert photos or old documents to another format, and delete the originals."""
    paths, kind = office.fs.below("/photos/"), "webp"
    if not paths:
        paths, kind = office.fs.below("/archive/2016/"), "pdf"
    for path in paths:
        size = office.fs.files[path].size // 3
        office.fs.delete(path)
        office.fs.write(f"{path.rpartition('.')[0]}.{kind}", size)


def compress(office: Office, chance: random.Random) -> None:
    """Compress the files of some years of the archive."""
    for year in range(2016, 2016 + chance.randint(1, 4)):
        for path in office.fs.below(f"/archive/{year}/"):
            size = office.fs.files[path].size // 3
            office.fs.delete(path)
            office.fs.write(f"{path}.gz", size, age_days=300)


def mass_edit(office: Office, chance: random.Random) -> None:
    """Edit a third of the text files of one project of a user with a script."""
    files = [
        path
        for path in office.fs.below(chance.choice(office.homes))
        if path.endswith((".txt", ".md", ".csv"))
    ]
    for path in files:
        office.fs.write(path, office.fs.files[path].size + 12)


def new_user(office: Office, chance: random.Random) -> None:
    """Copy the documents of a new user."""
    for _ in range(chance.randint(200, 1_500)):
        path = f"/home/new/project{chance.randint(0, 9)}/{office.name()}.{chance.choice(DOCUMENTS)}"
        office.fs.write(path, chance.randint(100, 10**6), age_days=chance.uniform(1, 900))


EVENTS: dict[str, Event] = {
    "rsync with times": rsync,
    "rsync without times, of the archive": rsync_without_times,
    "another application deployed": first_deployment,
    "release upgraded in place": upgrade_in_place,
    "all logs rotated": rotate_all_logs,
    "chmod of all documents": chmod,
    "chown of the archive": chown,
    "chown to the same owner": chown_to_the_same,
    "copies of the archive begun": rotate_backups,
    "big import": big_import,
    "old years of the archive deleted": clean_archive,
    "old documents of all users deleted": clean_old_files,
    "home directory deleted": user_leaves,
    "home directory moved": move_home,
    "documents of a user renamed": rename_documents,
    "files converted to another format": convert,
    "years of the archive compressed": compress,
    "script edits the text files of a user": mass_edit,
    "new user with documents": new_user,
}
