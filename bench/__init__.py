"""Benchmarks of Tidemark's crawler and index against alternatives: `python -m bench`."""
