"""The notes of a release: the section of its version in CHANGELOG.md.

    python -m infra.release v1.2.3        prints them; fails unless the sources are of version 1.2.3

.github/workflows/release.yml calls it first, with nothing installed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tidemark import __version__

SOURCES = Path(__file__).resolve().parents[1]


def release_notes(changelog: str, tag: str, version: str) -> str:
    """Return the text of the section `## [1.2.3] - DATE`, or `## 1.2.3`, of the changelog.

    Raises SystemExit unless the tag is `v` and the version of the sources, and the section has a text.
    """
    if tag != f"v{version}":
        raise SystemExit(
            f"the tag {tag} is not v{version}, the version of the sources; "
            f"set __version__ in tidemark/__init__.py and tag the commit that does"
        )
    sections = re.split(r"^## +\[?([^]\s]+).*$", changelog, flags=re.MULTILINE)[1:]
    notes = dict(zip(sections[::2], sections[1::2], strict=True)).get(version, "").strip()
    if not notes:
        raise SystemExit(f"CHANGELOG.md has no section with a text for {version}; add one above the last")
    return f"{notes}\n"


def main() -> None:
    """Print the notes of the tag that the command line names."""
    (tag,) = sys.argv[1:]
    sys.stdout.write(release_notes((SOURCES / "CHANGELOG.md").read_text(), tag, __version__))


if __name__ == "__main__":
    main()
