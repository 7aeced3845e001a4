"""Permissions: what a call requires, and whether its caller has it."""
