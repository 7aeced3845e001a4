"""Serve pages on which people find, compare and restore files in a browser, on this machine only."""
