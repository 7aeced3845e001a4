"""The indexing worker: the code of its container image in addition to `tidemark`."""
