"""Writes the pictures of docs/browse.md: `python -m tests.web.screenshots`. Needs a browser.

The repository is made up: a small company's file server, backed up on four days.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from tests.index.building import directory, index_rows, row
from tests.web.browser import Reader, started_browser
from tests.web.sites import served
from tidemark.index.storage.object_store import FileStore

PICTURES = Path(__file__).parents[2] / "docs" / "images"
DAY = 86_400_000_000
NOW = 1_793_600_000_000_000
PEOPLE = ("ada", "ben", "carla", "dilan")
PROJECTS = ("bridge", "harbour", "lighthouse", "tunnel")


def _files(day: int) -> dict[str, int]:
    """Return the files of the server on a day: path and size in bytes."""
    files = {}
    for number, project in enumerate(PROJECTS):
        for month in range(1, 12):
            files[f"/projects/{project}/plans/plan-2026-{month:02}.dwg"] = (number + 2) * month * 3_100_000
            files[f"/projects/{project}/invoices/invoice 2026-{month:02}.pdf"] = 180_000 + month * 1000
        for photo in range(40 + 20 * number):
            files[f"/projects/{project}/photos/IMG_{photo:04}.jpg"] = 4_200_000 + 17_000 * photo
    for number, person in enumerate(PEOPLE):
        files[f"/home/{person}/mail.mbox"] = 310_000_000 * (number + 1)
        for note in range(12):
            files[f"/home/{person}/notes/note {note:02}.md"] = 2_000 + note
        files[f"/home/{person}/invoice template.xlsx"] = 48_000 + day * 900
    for number in range(60):
        files[f"/logs/app-{number:03}.log.gz"] = 21_000_000 + number * 130_000
    if day < 4:
        files["/home/ada/invoices 2026.xlsx"] = 1_300_000 + 120_000 * day
    if day >= 3:
        files |= {f"/projects/tunnel/survey/scan-{number:02}.las": 96_000_000 for number in range(8)}
    if day >= 4:
        for photo in range(40):
            del files[f"/projects/bridge/photos/IMG_{photo:04}.jpg"]
    return files


def _index(store: FileStore, scratch: Path, day: int) -> None:
    rows = {}
    for path, size in _files(day).items():
        rows[path] = row(path, size=size, mtime_us=NOW - (len(path) * 37 % 300) * DAY)
        for above in list(Path(path).parents)[:-1]:
            rows.setdefault(
                str(above), directory(str(above), mtime_us=NOW - 3 * DAY, inode=hash(above) % 2**40)
            )
    index_rows(store, scratch, [rows[path] for path in sorted(rows)], number=day * 6)


def main() -> None:
    """Write the pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, started_browser() as browser:
        scratch = Path(name)
        (scratch / "indexes").mkdir()
        store = FileStore(scratch / "indexes")
        for day in range(1, 5):
            _index(store, scratch, day)
        with served(store, url="file:///srv/indexes") as guard:
            for picture, address, options in (
                ("find", "/find?q=invoice&every=1", {}),
                ("usage", "/usage?path=/projects", {"color_scheme": "dark"}),
                ("browse", "/browse?path=/projects/tunnel/plans&sort=size", {}),
            ):
                window = Reader(browser, guard.address, **options)
                window.page.set_viewport_size({"width": 1100, "height": 640})
                window.open(address)
                file = PICTURES / f"{picture}.png"
                window.page.screenshot(path=file)
                Image.open(file).quantize(128).save(file, optimize=True)
                window.close()


if __name__ == "__main__":
    main()
