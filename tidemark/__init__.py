"""Tidemark: backups of Amazon EFS that know what is in them."""

__version__ = "0.1.0"
