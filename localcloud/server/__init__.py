"""The server process: listens, authenticates, dispatches, keeps state."""
