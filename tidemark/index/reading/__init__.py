"""Finds the rows that match a condition, with few and small reads."""
