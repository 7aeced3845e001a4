"""Queries of an index: search, list, compare, sum, verify."""
