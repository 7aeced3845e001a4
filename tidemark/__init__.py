"""Tidemark backs up and indexes Amazon EFS file systems."""

__version__ = "0.1.0"
