"""The indexing worker: what its container image holds besides `tidemark`."""
