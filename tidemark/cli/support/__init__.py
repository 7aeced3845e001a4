"""Code shared by several commands: connecting, choosing indexes, filters, watching sessions."""
