"""The ordinary life of a file system: people, logs, releases, a cache and dumps."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass

from bench.damage.file_system import FileSystem

DOCUMENTS = ("docx", "xlsx", "pdf", "pptx", "txt", "jpg", "png", "md", "csv", "eml")
CODE = ("js", "py", "css", "html", "json", "so", "svg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How much happens on a day. Drawn for each file system."""

    users: int
    documents: int  # of each user, on average
    edits: int  # of recent files by each user, per workday
    old_edits: float  # share of edits that concern any file
    creates: int
    deletes: int
    tidy: float  # probability that a user removes a project directory on a day
    logs: int
    release_files: int
    release_every: int  # days
    cache_files: int
    cache_churn: float
    archive_files: int
    photos: int
    weekend: float  # activity on Saturdays and Sundays


def habits(chance: random.Random) -> Habits:
    """Draw the habits of a file system."""
    return Habits(
        users=chance.randint(4, 14),
        documents=chance.randint(150, 600),
        edits=chance.randint(3, 25),
        old_edits=chance.choice((0.02, 0.05, 0.15)),
        creates=chance.randint(1, 12),
        deletes=chance.randint(0, 6),
        tidy=chance.choice((0.0, 0.005, 0.02)),
        logs=chance.randint(8, 40),
        release_files=chance.randint(150, 900),
        release_every=chance.choice((3, 7, 7, 14)),
        cache_files=chance.choice((0, 500, 2_000)),
        cache_churn=chance.uniform(0.1, 0.9),
        archive_files=chance.randint(500, 2_500),
        photos=chance.choice((0, 400, 1_200)),
        weekend=chance.choice((0.0, 0.1, 1.0)),
    )


class Office:
    """A file system with its habits; `day` lets one day pass."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.habits, self.fs = chance, habits(chance), FileSystem()
        self.releases: list[int] = []
        self._number = 0
        self._populate()

    @property
    def homes(self) -> list[str]:
        """The directories of the users that have files."""
        users = (f"/home/user{number:02}/" for number in range(self.habits.users))
        return [path for path in users if self.fs.totals.get(path, [0])[0]]

    def day(self) -> None:
        """Let one day pass."""
        weekday = self.fs.day % 7
        activity = self.habits.weekend if weekday >= 5 else self.chance.uniform(0.5, 1.5)
        for home in self.homes:
            self._work(home, activity)
        self._rotate_logs()
        self._dump()
        self._churn()
        if self.fs.day % self.habits.release_every == 0:
            self.release()

    def release(self) -> None:
        """Add a release, and remove the oldest one beyond four."""
        number = self.releases[-1] + 1 if self.releases else 1
        self.releases.append(number)
        for each in range(int(self.habits.release_files * self.chance.uniform(0.9, 1.1))):
            age = self.chance.uniform(0, 2)
            path = f"/srv/app/releases/{number:04}/lib/m{each % 20}/file{each}.{CODE[each % len(CODE)]}"
            self.fs.write(path, self.chance.randint(200, 90_000), age_days=age)
        if len(self.releases) > 4:
            for path in self.fs.below(f"/srv/app/releases/{self.releases.pop(0):04}/"):
                self.fs.delete(path)

    def name(self) -> str:
        """Return a new file name without extension."""
        self._number += 1
        word = self.chance.choice(("report", "budget", "notes", "plan", "scan", "draft", "letter"))
        return f"{word}-{self._number}"

    def _populate(self) -> None:
        chance, fs = self.chance, self.fs
        for user in range(self.habits.users):
            for _ in range(int(self.habits.documents * chance.uniform(0.4, 1.6))):
                directory = f"/home/user{user:02}/project{chance.randint(0, 9)}/"
                self._document(directory, chance.expovariate(1 / 250) + 1)
        for number in range(self.habits.archive_files):
            year = 2016 + number % 9
            fs.write(
                f"/archive/{year}/box{number % 7}/{self.name()}.{chance.choice(DOCUMENTS)}",
                self._size(),
                age_days=365 * (2026 - year),
            )
        for number in range(self.habits.photos):
            fs.write(f"/photos/{number % 12:02}/img{number}.tiff", chance.randint(10**6, 10**7), age_days=200)
        for number in range(self.habits.logs):
            for kept in range(8):
                suffix = f".{kept}" + (".gz" if kept > 1 else "") if kept else ""
                fs.write(f"/var/log/app{number}.log{suffix}", self._size(), age_days=kept)
        for number in range(self.habits.cache_files):
            fs.write(f"/srv/cache/{number % 16:x}/{chance.getrandbits(64):016x}", self._size())
        for kept in range(7):
            fs.write(f"/backup/db-{kept}.sql.gz", chance.randint(10**7, 10**8), age_days=kept + 1)
        for _ in range(4):
            self.release()
        fs.next_day()

    def _work(self, home: str, activity: float) -> None:
        chance, fs, habits = self.chance, self.fs, self.habits
        files = fs.below(home)
        recent = heapq.nlargest(max(20, len(files) // 20), files, key=lambda path: fs.files[path].mtime_us)
        for _ in range(int(habits.edits * activity * chance.uniform(0.3, 1.7))):
            path = chance.choice(files if chance.random() < habits.old_edits else recent)
            if path in fs.files:
                fs.write(path, max(1, fs.files[path].size + chance.randint(-2_000, 5_000)))
        for _ in range(int(habits.creates * activity * chance.uniform(0, 2))):
            self._document(chance.choice(files).rpartition("/")[0] + "/", 0)
        for _ in range(int(habits.deletes * activity * chance.uniform(0, 2))):
            path = chance.choice(files)
            if path in fs.files:
                fs.delete(path)
        if activity and chance.random() < habits.tidy:
            for path in fs.below(chance.choice(files).rpartition("/")[0] + "/"):
                fs.delete(path)

    def _document(self, directory: str, age_days: float) -> None:
        kind = self.chance.choice(DOCUMENTS)
        self.fs.write(f"{directory}{self.name()}.{kind}", self._size(), age_days=age_days)

    def _size(self) -> int:
        return int(self.chance.lognormvariate(10, 1.5)) + 1

    def _rotate_logs(self) -> None:
        fs = self.fs
        for number in range(self.habits.logs):
            log = f"/var/log/app{number}.log"
            if number % 3 == 0 or fs.day % 7 == 0:  # some daily, some weekly
                rotate(fs, log)
            fs.write(log, self._size())

    def _dump(self) -> None:
        for kept in range(6, 0, -1):
            if f"/backup/db-{kept - 1}.sql.gz" in self.fs.files:
                self.fs.put(f"/backup/db-{kept}.sql.gz", self.fs.files[f"/backup/db-{kept - 1}.sql.gz"])
        self.fs.write("/backup/db-0.sql.gz", self.chance.randint(10**7, 10**8))

    def _churn(self) -> None:
        fs, chance = self.fs, self.chance
        cached = fs.below("/srv/cache/")
        for path in chance.sample(
            cached, int(len(cached) * self.habits.cache_churn * chance.uniform(0.5, 1))
        ):
            fs.delete(path)
            fs.write(f"{path.rpartition('/')[0]}/{chance.getrandbits(64):016x}", self._size())


def rotate(fs: FileSystem, log: str) -> None:
    """Rotate a log: seven kept ones, the second and older ones compressed."""
    for kept in range(7, 2, -1):
        if f"{log}.{kept - 1}.gz" in fs.files:
            fs.put(f"{log}.{kept}.gz", fs.files[f"{log}.{kept - 1}.gz"])
    if f"{log}.1" in fs.files:
        first = fs.files[f"{log}.1"]
        fs.write(f"{log}.2.gz", first.size // 8 + 1, age_days=1)
    if log in fs.files:
        fs.put(f"{log}.1", fs.files[log])
