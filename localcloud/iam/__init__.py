"""Permissions that a call requires, and the check of its caller."""
