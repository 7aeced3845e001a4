"""Builds, sorts, merges, compares and sums Arrow rows in memory."""
