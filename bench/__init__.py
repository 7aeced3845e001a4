"""Tidemark's crawler and index, measured against what a user could take instead: `python -m bench`."""
