"""Checks that start nothing: one module for each subject, each with functions that return results."""
