"""Shared by all parts of the local cloud: clock, errors, processes, faults, calls."""
