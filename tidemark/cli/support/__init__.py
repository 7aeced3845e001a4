"""What several commands share: connecting, choosing indexes, filters, watching sessions."""
